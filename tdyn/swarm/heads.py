"""How the loss reacts if one neuron changes: one class for each loss that has a fast way.

Tensors are neuron-major here: outputs ``(members, c, n)``, candidates' outputs
``(members, c, k, n)``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot, softplus

from tdyn import losses

__all__ = ["CrossEntropyHead", "Head", "SquaresHead", "make_head"]

# Beyond this, softplus(t) is taken for t; exp(-40) is below float64's rounding of t.
_THRESHOLD = 40.0


class Head:
    """Any loss of :mod:`tdyn.losses`: outputs are assembled, then the loss is called."""

    quadratic = False

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor], y: Tensor, shared: bool) -> None:
        self.loss, self.y, self.shared = loss, y, shared

    def value(self, outputs: Tensor) -> Tensor:
        """Return the loss ``(members, k)`` of outputs ``(members, c, k, n)``."""
        y = self.y if self.shared else self.y.unsqueeze(1)
        return self.loss(outputs.permute(0, 2, 3, 1), y)

    def hidden(self, z: Tensor, delta: Tensor, v: Tensor) -> Tensor:
        """Return the losses if a last hidden neuron changes by ``delta`` ``(members, k, n)``.

        Its outgoing weights are ``v`` ``(members, c)``: a rank-1 update of the outputs ``z``.
        """
        return self.value(z.unsqueeze(2) + v[:, :, None, None] * delta.unsqueeze(1))

    def output(self, z: Tensor, neuron: int, response: Tensor) -> Tensor:
        """Return the losses if one output becomes ``response`` ``(members, k, n)``."""
        outputs = z.unsqueeze(2).repeat(1, 1, response.shape[1], 1)
        outputs[:, neuron] = response
        return self.value(outputs)


class CrossEntropyHead(Head):
    """Cross-entropy: one softplus for two classes, cached sums of the other classes for more."""

    def __init__(self, y: Tensor, classes: int, shared: bool) -> None:
        super().__init__(losses.cross_entropy, y, shared)
        chosen = one_hot(y, classes).movedim(-1, -2)  # (c, n) or (members, c, n)
        self.chosen = (chosen if not shared else chosen.unsqueeze(0)).bool()
        self.sign = 2.0 * self.chosen[:, 1] - 1 if classes == 2 else None

    def _own(self, values: Tensor) -> Tensor:
        """Pick the true class of every sample.

        Returns:
            ``(members, n)`` of values ``(members, c, n)``.
        """
        return torch.where(self.chosen, values, 0.0).sum(1)

    def hidden(self, z: Tensor, delta: Tensor, v: Tensor) -> Tensor:
        """Return the losses if a last hidden neuron changes; see :class:`Head`."""
        if self.sign is not None:
            sign = self.sign.to(z.dtype)
            margin = (sign * (z[:, 1] - z[:, 0])).unsqueeze(1)
            slope = (sign * (v[:, 1] - v[:, 0]).unsqueeze(1)).unsqueeze(1)
            return softplus(-(margin + delta * slope), threshold=_THRESHOLD).mean(-1)
        outputs = z.unsqueeze(2) + v[:, :, None, None] * delta.unsqueeze(1)
        own = self._own(z).unsqueeze(1) + delta * self._own(v.unsqueeze(2)).unsqueeze(1)
        return (outputs.logsumexp(1) - own).mean(-1)

    def output(self, z: Tensor, neuron: int, response: Tensor) -> Tensor:
        """Return the losses if one output changes; see :class:`Head`."""
        others = z.clone()
        others[:, neuron] = -torch.inf
        rest = others.logsumexp(1).unsqueeze(1)
        total = rest + softplus(response - rest, threshold=_THRESHOLD)
        own = torch.where(self.chosen[:, neuron].unsqueeze(1), response, self._own(z).unsqueeze(1))
        return (total - own).mean(-1)


class SquaresHead(Head):
    """Mean squared error: no class axis for hidden neurons, a quadratic form for outputs."""

    quadratic = True

    def __init__(self, y: Tensor, outputs: int, shared: bool) -> None:
        super().__init__(losses.mse, y, shared)
        target = y if y.ndim == (2 if shared else 3) else y.unsqueeze(-1)
        if target.shape[-1] != outputs:
            raise ValueError(f"y has shape {tuple(y.shape)}, the network {outputs} outputs")
        self.target = (target.unsqueeze(0) if shared else target).mT  # (1 or members, c, n)

    def hidden(self, z: Tensor, delta: Tensor, v: Tensor) -> Tensor:
        """Return the losses if a last hidden neuron changes; see :class:`Head`."""
        return self.hidden_layer(z, delta.unsqueeze(1), v.unsqueeze(2)).squeeze(1)

    def hidden_layer(self, z: Tensor, delta: Tensor, v: Tensor) -> Tensor:
        """Return the losses for all last hidden neurons, each changed alone.

        Args:
            z: Outputs ``(members, c, n)``.
            delta: Changes of the activations ``(members, width, k, n)``.
            v: Outgoing weights ``(members, c, width)``.

        Returns:
            ``(members, width, k)``.
        """
        error = z - self.target
        along = (v.mT @ error).unsqueeze(-1)  # (members, width, n, 1)
        size = (v**2).sum(1).unsqueeze(-1) * torch.linalg.vector_norm(delta, dim=-1) ** 2
        total = (error**2).sum((1, 2))[:, None, None] + 2 * (delta @ along).squeeze(-1) + size
        return total / z.shape[-1]

    def form(self, z: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the quadratic form of every output neuron, and each one's own squared error.

        Args:
            z: Outputs ``(members, c, n)``.
            inputs: Inputs of the last layer ``(members, d, n)`` or ``(d, n)``.

        Returns:
            ``A`` ``(members, d, d)``, ``b`` ``(members, c, d)``, squares of the targets ``(c,)``.
        """
        n = z.shape[-1]
        gram = inputs @ inputs.mT / n
        cross = self.target @ inputs.mT / n
        return gram, cross, (self.target**2).sum(-1) / n

    def quadratic_values(
        self, z: Tensor, neuron: slice, candidates: Tensor, form: tuple[Tensor, Tensor, Tensor]
    ) -> Tensor:
        r"""Return :math:`u^\top A u - 2b^\top u` plus what the neurons cannot change.

        Args:
            z: Outputs ``(members, c, n)``.
            neuron: Which outputs change, each alone.
            candidates: ``(members, width, k, d)``.
            form: See :meth:`form`.

        Returns:
            ``(members, width, k)``.
        """
        gram, cross, squares = form
        errors = ((z - self.target) ** 2).sum(-1) / z.shape[-1]  # (members, c)
        rest = errors.sum(-1, keepdim=True) - errors[:, neuron] + squares[:, neuron]
        bent = ((candidates @ gram.unsqueeze(-3)) * candidates).sum(-1)
        tilt = (candidates @ cross[:, neuron].unsqueeze(-1)).squeeze(-1)
        return bent - 2 * tilt + rest.unsqueeze(-1)


def make_head(
    loss: Callable[[Tensor, Tensor], Tensor], y: Tensor, outputs: int, shared: bool
) -> Head:
    """Return the fastest head for a loss.

    Args:
        loss: A loss of :mod:`tdyn.losses`, or any function with its shapes.
        y: Labels or targets, flattened to one ensemble axis if each member has its own.
        outputs: Number of outputs of the network.
        shared: Whether all members see the same labels.

    Returns:
        The head.

    Raises:
        ValueError: If the labels are not classes of the network.
    """
    if loss is losses.mse:
        return SquaresHead(y, outputs, shared)
    if loss is losses.cross_entropy:
        if y.is_floating_point() or not bool(((y >= 0) & (y < outputs)).all()):
            raise ValueError(f"cross_entropy wants integer classes from 0 to {outputs - 1}")
        return CrossEntropyHead(y, outputs, shared)
    return Head(loss, y, shared)
