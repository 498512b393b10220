"""A network on a batch, cached so that one neuron after another can be judged and replaced."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tdyn import losses
from tdyn.nets import MLP, Params
from tdyn.swarm.heads import SquaresHead, make_head

__all__ = ["Context"]


class Context:
    r"""A network with cached activations: what a swarm of one neuron needs to know of the others.

    Replacing neuron :math:`(\ell, i)` by :math:`u` moves its activation by
    :math:`\delta = \sigma(u^\top\tilde h_{\ell-1}) - h_{\ell,i}`, and with it the next
    pre-activations by the rank-1 term :math:`\delta\otimes w_{\ell+1,\cdot i}`. So all particles
    of a neuron are scored at once, without running the layers below. For the mean squared error
    the class axis disappears, :math:`\lVert E+\delta v^\top\rVert^2 = \lVert E\rVert^2
    + 2\,\delta\cdot Ev + \lVert v\rVert^2\lVert\delta\rVert^2`, and an output neuron is judged by
    a quadratic form :math:`u^\top Au-2b^\top u` whose cost does not depend on the batch.

    Args:
        net: The network.
        params: Parameters, with or without ensemble axes; not changed.
        x: Inputs ``(n, d)``, or one batch a member ``(*ensemble, n, d)``.
        y: Labels or targets of ``x``, for all members or one set a member, as ``x``.
        loss: A loss of :mod:`tdyn.losses`, or any function with its shapes.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> from tdyn import inits
        >>> net = MLP((2, 4, 2), activation=torch.tanh)
        >>> params = inits.initialize(net, inits.uniform, seed=0)
        >>> x, y = torch.randn(50, 2), torch.arange(50) % 2
        >>> context = Context(net, params, x, y)
        >>> context.score(1, 3, torch.randn(10, 3)).shape  # ten candidates for the last neuron
        torch.Size([10])
    """

    def __init__(
        self,
        net: MLP,
        params: Mapping[str, Tensor],
        x: Float[Tensor, "... n d"],
        y: Shaped[Tensor, "..."],
        loss: Callable[[Tensor, Tensor], Tensor] = losses.cross_entropy,
    ) -> None:
        net._check(params, x)
        self.net, self.ensemble = net, params["W1"].shape[:-2]
        shared = x.ndim == 2
        if not shared and x.shape[:-2] != self.ensemble:
            raise ValueError(f"x has shape {tuple(x.shape)}, the ensemble {tuple(self.ensemble)}")
        if y.shape[: x.ndim - 1] != x.shape[:-1]:
            raise ValueError(f"y has shape {tuple(y.shape)}, x {tuple(x.shape)}")
        self.members = math.prod(self.ensemble)
        self.weights = [self._joined(params, layer) for layer in range(1, net.depth + 1)]
        flat = x if shared else x.reshape(self.members, *x.shape[-2:])
        own = y if shared else y.reshape(self.members, *y.shape[x.ndim - 2 :])
        self.head = make_head(loss, own, net.widths[-1], shared)
        self.inputs: list[Tensor] = [self._augmented(flat.mT)] + [flat] * (net.depth - 1)
        self.z: list[Tensor] = [flat] * net.depth
        self._form: tuple[Tensor, Tensor, Tensor] | None = None
        self.refresh(0)

    def _joined(self, params: Mapping[str, Tensor], layer: int) -> Tensor:
        """Return the neurons of a layer, bias last, as ``(members, width, d)``."""
        parts = [params[f"W{layer}"]]
        if self.net.bias:
            parts.append(params[f"b{layer}"].unsqueeze(-1))
        joined = torch.cat(parts, dim=-1).detach()
        return joined.reshape(self.members, *joined.shape[-2:])

    def _augmented(self, h: Tensor) -> Tensor:
        """Append a row of ones for the bias.

        Returns:
            ``(..., d + 1, n)``, or a copy if the network has no biases.
        """
        if not self.net.bias:
            return h.clone()  # rows are overwritten, and the activation may return its argument
        return torch.cat((h, torch.ones_like(h[..., :1, :])), dim=-2)

    def refresh(self, first: int) -> None:
        """Recompute everything from layer ``first`` (0 is the lowest) upward."""
        self._form = None
        for layer in range(first, self.net.depth):
            self.z[layer] = self.weights[layer] @ self.inputs[layer]
            if layer + 1 < self.net.depth:
                self.inputs[layer + 1] = self._augmented(self.net.activation(self.z[layer]))

    @property
    def params(self) -> Params:
        """The parameters, in the ensemble's shape."""
        params: Params = {}
        for layer, joined in enumerate(self.weights, start=1):
            whole = joined.reshape(*self.ensemble, *joined.shape[1:])
            params[f"W{layer}"] = whole[..., :-1].clone() if self.net.bias else whole.clone()
            if self.net.bias:
                params[f"b{layer}"] = whole[..., -1].clone()
        return params

    def loss(self) -> Float[Tensor, "*ensemble"]:
        """Return the loss of the assembled network.

        Returns:
            One loss a member.
        """
        return self.head.value(self.z[-1].unsqueeze(2)).reshape(self.ensemble)

    def responses(self, layer: int, candidates: Tensor) -> Tensor | None:
        """Return the pre-activations of all candidates ``(members, width, k, d)`` of a layer.

        Returns:
            ``(members, width, k, n)``, or None where a quadratic form makes them needless.
        """
        if layer + 1 == self.net.depth and self.head.quadratic:
            return None
        flat = candidates.flatten(1, 2) @ self.inputs[layer]
        return flat.unflatten(1, candidates.shape[1:3])

    def judge(self, layer: int, neuron: int, candidates: Tensor, response: Tensor | None) -> Tensor:
        """Do the work of :meth:`score`, with layers from 0 and one ensemble axis.

        Returns:
            ``(members, k)``.
        """
        z, top = self.z, self.net.depth - 1
        if layer == top and isinstance(self.head, SquaresHead):
            one = slice(neuron, neuron + 1)
            return self._quadratic(self.head, one, candidates.unsqueeze(1)).squeeze(1)
        assert response is not None
        if layer == top:
            return self.head.output(z[top], neuron, response)
        delta = self.net.activation(response) - self.inputs[layer + 1][:, neuron].unsqueeze(1)
        v = self.weights[layer + 1][:, :, neuron]
        if layer + 1 == top:
            return self.head.hidden(z[top], delta, v)
        above = z[layer + 1].unsqueeze(2) + v[:, :, None, None] * delta.unsqueeze(1)
        for upper in range(layer + 2, top + 1):
            h = self._augmented(self.net.activation(above).flatten(2))
            above = (self.weights[upper] @ h).unflatten(2, delta.shape[1:])
        return self.head.value(above)

    def _quadratic(self, head: SquaresHead, neuron: slice, candidates: Tensor) -> Tensor:
        """Judge outputs by their quadratic form, which lasts until a hidden neuron changes.

        Returns:
            Losses ``(members, width, k)``.
        """
        if self._form is None:
            self._form = head.form(self.z[-1], self.inputs[-1])
        return head.quadratic_values(self.z[-1], neuron, candidates, self._form)

    def judge_layer(self, layer: int, candidates: Tensor) -> Tensor:
        """Do the work of :meth:`score_layer`, with layers from 0 and one ensemble axis.

        Returns:
            ``(members, width, k)``.
        """
        width, top = candidates.shape[1], self.net.depth - 1
        if layer == top and isinstance(self.head, SquaresHead):
            return self._quadratic(self.head, slice(0, width), candidates)
        responses = self.responses(layer, candidates)
        assert responses is not None
        if layer + 1 == top and isinstance(self.head, SquaresHead):
            h = self.inputs[top][:, :width].unsqueeze(2)
            v = self.weights[top][:, :, :width]
            return self.head.hidden_layer(self.z[top], self.net.activation(responses) - h, v)
        rows = [self.judge(layer, i, candidates[:, i], responses[:, i]) for i in range(width)]
        return torch.stack(rows, dim=1)

    def score_layer(
        self, layer: int, candidates: Float[Tensor, "*ensemble width k d"]
    ) -> Float[Tensor, "*ensemble width k"]:
        """Return the loss for each candidate of all neurons of a layer, each changed alone.

        Args:
            layer: Layer, from 1 as in ``W1``.
            candidates: Weight vectors of every neuron, with the bias last.

        Returns:
            One loss a candidate.

        Raises:
            ValueError: If there is no such layer, or the candidates do not fit it.
        """
        self._check_neuron(layer, 0)
        width, d = self.weights[layer - 1].shape[1:]
        self._check_candidates(candidates, (*self.ensemble, width), d)
        flat = candidates.reshape(self.members, *candidates.shape[-3:])
        return self.judge_layer(layer - 1, flat).reshape(candidates.shape[:-1])

    def score(
        self, layer: int, neuron: int, candidates: Float[Tensor, "*ensemble k d"]
    ) -> Float[Tensor, "*ensemble k"]:
        """Return the loss of the network for each candidate of one neuron.

        Args:
            layer: Layer of the neuron, from 1 as in ``W1``.
            neuron: Index of the neuron in its layer, from 0.
            candidates: Weight vectors with the bias last.

        Returns:
            One loss a candidate.

        Raises:
            ValueError: If there is no such neuron, or the candidates do not fit it.
        """
        self._check_neuron(layer, neuron)
        self._check_candidates(candidates, self.ensemble, self.weights[layer - 1].shape[-1])
        flat = candidates.reshape(self.members, *candidates.shape[-2:])
        response = flat @ self.inputs[layer - 1]
        return self.judge(layer - 1, neuron, flat, response).reshape(candidates.shape[:-1])

    def _check_candidates(self, candidates: Tensor, lead: tuple[int, ...], d: int) -> None:
        if candidates.shape[:-2] != lead or candidates.shape[-1] != d:
            shape = tuple(candidates.shape)
            raise ValueError(f"candidates must have shape {(*lead, 'k', d)}, got {shape}")

    def _check_neuron(self, layer: int, neuron: int) -> None:
        if not 1 <= layer <= self.net.depth:
            raise ValueError(f"layer must be between 1 and {self.net.depth}, got {layer}")
        if not 0 <= neuron < self.net.widths[layer]:
            raise ValueError(f"layer {layer} has {self.net.widths[layer]} neurons, got {neuron}")

    def commit(self, layer: int, neuron: int, weights: Tensor) -> None:
        """Replace one neuron (layers from 0) in every member by ``weights`` ``(members, d)``."""
        self.weights[layer][:, neuron] = weights
        z = (weights.unsqueeze(1) @ self.inputs[layer]).squeeze(1)
        self.z[layer][:, neuron] = z
        if layer + 1 == self.net.depth:
            return
        self._form = None
        fresh = self.net.activation(z)
        delta = fresh - self.inputs[layer + 1][:, neuron]
        self.inputs[layer + 1][:, neuron] = fresh
        self.z[layer + 1] += self.weights[layer + 1][:, :, neuron, None] * delta.unsqueeze(1)
        if layer + 2 < self.net.depth:
            self.inputs[layer + 2] = self._augmented(self.net.activation(self.z[layer + 1]))
            self.refresh(layer + 2)
