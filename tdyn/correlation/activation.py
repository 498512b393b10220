"""Homogeneous activations, and the degree of the network that they make."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.nets import MLP

__all__ = ["PowerReLU", "activation_of", "degree"]


@dataclass(frozen=True)
class PowerReLU:
    r"""The activation :math:`\sigma(z)=\max(\alpha z,z)^p`, homogeneous of degree :math:`p`.

    One family holds the usual ones: ReLU (``power=1``), its square (``power=2``), leaky ReLU
    (``slope=0.1``), the identity (``slope=1``) and :math:`z^2` (``power=2, slope=-1``). With an
    even power and a positive slope the values at negative ``z`` are positive: no sign is kept.

    Args:
        power: The exponent :math:`p`, an integer of at least 1.
        slope: The slope :math:`\alpha` left of zero, from -1 to 1.

    Raises:
        ValueError: If ``power`` or ``slope`` is out of range.

    Example:
        >>> PowerReLU(2)(torch.tensor([-1.0, 3.0])).tolist()
        [0.0, 9.0]
        >>> PowerReLU(2, slope=-1)(torch.tensor([-2.0, 3.0])).tolist()
        [4.0, 9.0]

    Source:
        :cite:t:`kumar2024early`
    """

    power: int = 1
    slope: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.power, bool) or int(self.power) != self.power or self.power < 1:
            raise ValueError(f"power must be an integer of at least 1, got {self.power!r}")
        if not -1 <= self.slope <= 1:
            raise ValueError(f"slope must lie between -1 and 1, got {self.slope!r}")

    def _base(self, z: Tensor) -> Tensor:
        if self.slope == 0:
            return z.clamp(min=0)
        return torch.maximum(z, self.slope * z)

    def __call__(self, z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return the values."""
        base = self._base(z)
        return base if self.power == 1 else base**self.power

    def derivative(self, z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        r"""Return :math:`\sigma'(z)`; at a kink the one-sided derivative from the left.

        Args:
            z: Pre-activations.

        Returns:
            The derivative at each of them.

        Example:
            >>> PowerReLU(2).derivative(torch.tensor([-1.0, 3.0])).tolist()
            [0.0, 6.0]
        """
        if self.slope == 0 and self.power > 1:  # the base already vanishes on the left
            base = z.clamp(min=0)
            return self.power * (base if self.power == 2 else base ** (self.power - 1))
        inner = torch.where(z > 0, z.new_tensor(1.0), z.new_tensor(self.slope))
        if self.power == 1:
            return inner
        return self.power * self._base(z) ** (self.power - 1) * inner


def activation_of(net: object) -> PowerReLU | None:
    """Return the activation if ``net`` is a bias-free homogeneous MLP with one output.

    Args:
        net: Anything.

    Returns:
        The activation, or None for every other network.

    Example:
        >>> activation_of(MLP((3, 4, 1), bias=False))
        PowerReLU(power=1, slope=0.0)
    """
    if not isinstance(net, MLP) or net.bias or net.widths[-1] != 1:
        return None
    if isinstance(net.activation, PowerReLU):
        return net.activation
    return PowerReLU() if net.activation is torch.relu else None


def degree(net: object) -> int:
    r"""Return the degree :math:`L` with :math:`H(x;cw)=c^LH(x;w)` for :math:`c>0`.

    .. math:: L=1+p+\dots+p^{K-1}\qquad\text{for } K \text{ weight matrices.}

    Args:
        net: An MLP without biases, with one output and a :class:`PowerReLU` (or ``torch.relu``).

    Returns:
        The degree.

    Raises:
        ValueError: If the network is of another kind.

    Example:
        >>> degree(MLP((3, 4, 1), bias=False))
        2
        >>> degree(MLP((3, 4, 4, 1), activation=PowerReLU(2), bias=False))
        7

    Source:
        :cite:t:`kumar2024early`
    """
    activation = activation_of(net)
    if activation is None or not isinstance(net, MLP):
        raise ValueError(
            f"the degree is known for an MLP without biases, with one output and a PowerReLU; "
            f"got {net!r}"
        )
    return sum(activation.power**layer for layer in range(net.depth))
