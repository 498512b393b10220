r"""Logic made of clipped ReLUs that are never on their slope.

A bit is a number that is exactly 0 or 1. Every gate is one neuron with the activation
:math:`h(z)=\mathrm{relu}(z)-\mathrm{relu}(z-1)`. On bits its pre-activation is at most −½ or at
least 1½, so that its output is a bit again, its derivative is exactly zero, and small errors in
the weights change nothing.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["AnyGate", "Gate", "ParityNetwork", "XorGate", "ramp"]

#: Weights of the two inputs, and the bias.
_KINDS = {"and": (2.0, 2.0, -2.5), "and not": (2.0, -2.0, -0.5), "or": (2.0, 2.0, -0.5)}


def ramp(z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""Clipped ReLU :math:`h(z)=\mathrm{relu}(z)-\mathrm{relu}(z-1)`.

    Args:
        z: Pre-activations.

    Returns:
        Values in [0, 1].

    Example:
        >>> ramp(torch.tensor([-0.5, 0.25, 1.5]))
        tensor([0.0000, 0.2500, 1.0000])
    """
    return z.clamp(0, 1)


def own(value: float, shape: tuple[int, ...]) -> nn.Parameter:
    """Return a trainable weight, repeated for every cell of ``shape``; ``()`` is one for all."""
    return nn.Parameter(torch.full(shape, value))


class Gate(nn.Module):
    """One gate for two bits, or a sheet of gates.

    Args:
        kind: ``"and"``, ``"or"``, or ``"and not"`` (the first and not the second).
        shape: The sheet, if each gate has its own three weights; ``()`` if all share them.

    Raises:
        ValueError: If the kind is unknown.

    Example:
        >>> Gate("and not")(torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.0, 0.0, 1.0])).detach()
        tensor([0., 1., 0.])

    Source:
        Ours, see :cite:t:`welper2020universality` for the claim that it serves.
    """

    def __init__(self, kind: str, shape: tuple[int, ...] = ()) -> None:
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {list(_KINDS)}, got {kind!r}")
        super().__init__()
        self.first, self.second, self.bias = (own(w, shape) for w in _KINDS[kind])

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the bits of the gate; the inputs broadcast."""
        return ramp(self.first * a + self.second * b + self.bias)


class XorGate(nn.Module):
    """Exclusive or: one bit or the other, made of three gates.

    Args:
        shape: As in :class:`Gate`.

    Example:
        >>> XorGate()(torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.0, 0.0, 1.0])).detach()
        tensor([0., 1., 0.])
    """

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.left, self.right = Gate("and not", shape), Gate("and not", shape)
        self.either = Gate("or", shape)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the exclusive or of two bits; the inputs broadcast."""
        return self.either(self.left(a, b), self.right(b, a))


class AnyGate(nn.Module):
    """Whether any bit along an axis is 1: one neuron with many inputs.

    Args:
        inputs: Shape of the weights of the inputs; ``()`` if all share one.
        outputs: Shape of the biases.
        dim: The axis.

    Example:
        >>> AnyGate(dim=-1)(torch.tensor([[0.0, 0.0], [1.0, 1.0]])).detach()
        tensor([0., 1.])
    """

    def __init__(
        self, inputs: tuple[int, ...] = (), outputs: tuple[int, ...] = (), dim: int = 0
    ) -> None:
        super().__init__()
        self.weight, self.bias, self.dim = own(2.0, inputs), own(-0.5, outputs), dim

    def forward(self, bits: Tensor) -> Tensor:
        """Return the bits without the axis."""
        return ramp((self.weight * bits).sum(self.dim) + self.bias)


class ParityNetwork(nn.Module):
    r"""The base network: the parity of the inputs that its weights :math:`\theta` choose.

    .. math:: f_\theta(x)=\prod_{i:\,\theta_i=1}x_i,\qquad x\in\{\pm1\}^n

    Args:
        inputs: Number of inputs.
        own_weights: Give every gate its own weights.

    Example:
        >>> x = torch.tensor([[1.0, -1.0, -1.0], [1.0, 1.0, -1.0]])
        >>> ParityNetwork(3)(torch.tensor([0.0, 1.0, 1.0]), x).detach()     # 1 stands for -1
        tensor([0., 1.])
    """

    def __init__(self, inputs: int, own_weights: bool = False) -> None:
        super().__init__()
        width = (inputs,) if own_weights else ()
        self.weight, self.bias = own(-2.0, width), own(-0.5, width)
        self.choose = Gate("and", width)
        sheets, left = [], inputs
        while left > 1:
            sheets.append(XorGate((left // 2,) if own_weights else ()))
            left = left - left // 2
        self.levels = nn.ModuleList(sheets if own_weights else [XorGate()] if sheets else [])

    def forward(
        self, theta: Float[Tensor, " inputs"], x: Float[Tensor, "batch inputs"]
    ) -> Float[Tensor, " batch"]:
        """Return the class bits: 0 for +1, 1 for −1."""
        bits = self.choose(theta, ramp(self.weight * x + self.bias))
        level = 0
        while bits.shape[-1] > 1:
            half = bits.shape[-1] // 2
            sheet = self.levels[min(level, len(self.levels) - 1)]
            pairs = sheet(bits[..., :half], bits[..., half : 2 * half])
            bits, level = torch.cat([pairs, bits[..., 2 * half :]], dim=-1), level + 1
        return bits[..., 0]
