"""Networks as pure functions of their parameters.

A model is a function ``f(params, x)``; ``params`` is a dictionary of tensors. An *ensemble* of
networks is the same dictionary with a leading axis on every tensor, so that one call evaluates all
members at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = [
    "MLP",
    "Model",
    "Params",
    "flatten",
    "functional",
    "member",
    "stack",
    "unflatten",
]

Params = dict[str, Tensor]
Model = Callable[[Params, Tensor], Tensor]


@dataclass(frozen=True)
class MLP:
    r"""A multilayer perceptron as a pure function.

    .. math::

        h_0 = x, \qquad h_\ell = \sigma(W_\ell h_{\ell-1} + b_\ell), \qquad
        f(x) = W_L h_{L-1} + b_L

    Parameters are named ``W1, b1, ..., WL, bL``; ``W`` has shape ``(*ensemble, n_out, n_in)``.

    Args:
        widths: Layer sizes from input to output, at least two positive integers.
        activation: Elementwise nonlinearity of the hidden layers.
        bias: Whether the layers have biases.

    Raises:
        ValueError: If ``widths`` has fewer than two entries or one that is not positive.

    Example:
        >>> net = MLP((2, 3, 1))
        >>> net.shapes["W1"], net.shapes["b2"]
        ((3, 2), (1,))
        >>> params = {name: torch.ones(8, *shape) for name, shape in net.shapes.items()}
        >>> net(params, torch.ones(5, 2)).shape
        torch.Size([8, 5, 1])
    """

    widths: tuple[int, ...]
    activation: Callable[[Tensor], Tensor] = torch.relu
    bias: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        if len(self.widths) < 2 or any(int(w) != w or w < 1 for w in self.widths):
            raise ValueError(f"widths must be at least two positive integers, got {self.widths}")

    @property
    def depth(self) -> int:
        """Number of weight matrices."""
        return len(self.widths) - 1

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every parameter of one network, in order."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (n_in, n_out) in enumerate(itertools.pairwise(self.widths), start=1):
            shapes[f"W{layer}"] = (n_out, n_in)
            if self.bias:
                shapes[f"b{layer}"] = (n_out,)
        return shapes

    def preactivations(
        self, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"]
    ) -> list[Float[Tensor, "*ensemble n _"]]:
        r"""Return :math:`W_\ell h_{\ell-1} + b_\ell` of every layer; the last one is the output.

        Args:
            params: Parameters, with or without leading ensemble axes.
            x: Inputs ``(n, d)``, or one batch a member ``(*ensemble, n, d)``.

        Returns:
            One tensor a layer, ``(*ensemble, n, width)``.
        """
        self._check(params, x)
        outputs: list[Tensor] = []
        h = x
        for layer in range(1, self.depth + 1):
            h = h @ params[f"W{layer}"].mT
            if self.bias:
                h = h + params[f"b{layer}"].unsqueeze(-2)
            outputs.append(h)
            if layer < self.depth:
                h = self.activation(h)
        return outputs

    def features(
        self, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"]
    ) -> list[Float[Tensor, "*ensemble n _"]]:
        r"""Return the hidden activations :math:`h_1, \dots, h_{L-1}`.

        Args:
            params: Parameters, with or without leading ensemble axes.
            x: Inputs ``(n, d)``, or one batch a member ``(*ensemble, n, d)``.

        Returns:
            One tensor a hidden layer, ``(*ensemble, n, width)``.
        """
        return [self.activation(z) for z in self.preactivations(params, x)[:-1]]

    def __call__(
        self, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"]
    ) -> Float[Tensor, "*ensemble n _"]:
        """Return the outputs ``(*ensemble, n, out)``."""
        return self.preactivations(params, x)[-1]

    def _check(self, params: Mapping[str, Tensor], x: Tensor) -> None:
        missing = [name for name in self.shapes if name not in params]
        if missing:
            raise ValueError(f"parameters {missing} are missing; given: {sorted(params)}")
        if x.ndim < 2 or x.shape[-1] != self.widths[0]:
            raise ValueError(f"x must have shape (..., n, {self.widths[0]}), got {tuple(x.shape)}")


def functional(module: nn.Module) -> tuple[Model, Params]:
    """Turn any module into a pure function and its parameters.

    Buffers stay inside the function as constants; the module itself is not changed.

    Args:
        module: A module that maps one tensor to one tensor.

    Returns:
        The pair ``f, params`` with ``f(params, x)`` equal to ``module(x)``.

    Raises:
        TypeError: If ``module`` is not a ``torch.nn.Module``.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> f, params = functional(layer)
        >>> x = torch.ones(4, 3)
        >>> torch.equal(f(params, x), layer(x))
        True
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    params = {name: p.detach().clone() for name, p in module.named_parameters()}
    buffers = {name: b.detach().clone() for name, b in module.named_buffers()}

    def f(params: Params, x: Tensor) -> Tensor:
        return torch.func.functional_call(module, {**buffers, **params}, (x,))

    return f, params


def stack(networks: Sequence[Mapping[str, Tensor]]) -> Params:
    """Stack the parameters of several networks into one ensemble.

    Args:
        networks: At least one parameter dictionary; all with the same names and shapes.

    Returns:
        Parameters with a new leading axis of length ``len(networks)``.

    Raises:
        ValueError: If there is no network or the names differ.

    Example:
        >>> stack([{"W1": torch.zeros(2, 3)}, {"W1": torch.ones(2, 3)}])["W1"].shape
        torch.Size([2, 2, 3])
    """
    if not networks:
        raise ValueError("stack needs at least one parameter dictionary, got none")
    names = list(networks[0])
    for net in networks[1:]:
        if list(net) != names:
            raise ValueError(f"parameter names differ: {names} and {list(net)}")
    return {name: torch.stack([net[name] for net in networks]) for name in names}


def member(params: Mapping[str, Tensor], index: int) -> Params:
    """Return one member of an ensemble.

    Args:
        params: Parameters with a leading ensemble axis.
        index: Which member.

    Returns:
        Parameters without that axis.

    Example:
        >>> member({"b1": torch.arange(6).reshape(3, 2)}, 1)["b1"]
        tensor([2, 3])
    """
    return {name: p[index] for name, p in params.items()}


def flatten(
    params: Mapping[str, Tensor], shapes: Mapping[str, Sequence[int]] | None = None
) -> Float[Tensor, "*ensemble N"]:
    """Concatenate all parameters into one vector, in the order of the dictionary.

    Args:
        params: Parameters; with leading ensemble axes only if ``shapes`` is given.
        shapes: Shape of each parameter of *one* network (``MLP.shapes``), which tells how many
            leading axes are ensemble axes. Without it there are none.

    Returns:
        A vector ``(*ensemble, N)``.

    Raises:
        ValueError: If a shape does not end a parameter's shape.

    Example:
        >>> flatten({"W1": torch.zeros(2, 3), "b1": torch.ones(2)})
        tensor([0., 0., 0., 0., 0., 0., 1., 1.])
        >>> net = MLP((3, 2))
        >>> flatten({"W1": torch.zeros(5, 2, 3), "b1": torch.ones(5, 2)}, net.shapes).shape
        torch.Size([5, 8])
    """
    parts = []
    for name, p in params.items():
        own = tuple(p.shape if shapes is None else shapes[name])
        if own and tuple(p.shape[-len(own) :]) != own:
            raise ValueError(f"{name} has shape {tuple(p.shape)}, which does not end in {own}")
        parts.append(p.reshape(*p.shape[: p.ndim - len(own)], -1))
    return torch.cat(parts, dim=-1)


def unflatten(
    vector: Float[Tensor, "*ensemble N"], shapes: Mapping[str, Sequence[int] | Tensor]
) -> Params:
    """Cut a vector back into named parameters; the inverse of :func:`flatten`.

    Args:
        vector: The vector ``(*ensemble, N)``.
        shapes: Shape of each parameter of one network, or a tensor of that shape.

    Returns:
        Parameters with the leading axes of ``vector``.

    Raises:
        ValueError: If the lengths do not add up to ``N``.

    Example:
        >>> unflatten(torch.arange(8.0), {"W1": (2, 3), "b1": (2,)})["b1"]
        tensor([6., 7.])
    """
    sizes = {
        name: tuple(s.shape) if isinstance(s, Tensor) else tuple(s) for name, s in shapes.items()
    }
    lengths = [torch.Size(size).numel() for size in sizes.values()]
    if sum(lengths) != vector.shape[-1]:
        raise ValueError(f"the shapes hold {sum(lengths)} numbers, the vector {vector.shape[-1]}")
    pieces = torch.split(vector, lengths, dim=-1)
    return {
        name: piece.reshape(*vector.shape[:-1], *size)
        for piece, (name, size) in zip(pieces, sizes.items(), strict=True)
    }
