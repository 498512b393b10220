"""One step of training as the tangents see it: its stored derivatives, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from tdyn.nets import MLP

__all__ = ["Step", "derivative", "flops", "second_derivative", "with_ones"]


class Step(NamedTuple):
    """All that the tangents need to know about one step; units first, samples second."""

    x: Tensor  # (B, d+1)
    a: Tensor  # (B, h+1)
    slope: Tensor  # (h, B, 1), the activation's derivative
    bend: Tensor  # (h, B, 1), its second derivative times delta_a
    p: Tensor  # (C, B, 1), the softmax divided by B; empty for mse
    delta: Tensor  # (C, B), the gradient at the outputs
    W2: Tensor  # (C, h)


def derivative(f: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    """Return an elementwise function and its derivative.

    Args:
        f: The function.
        z: Where.

    Returns:
        Values and slopes, shaped like ``z``.
    """
    with torch.enable_grad():
        z = z.detach().requires_grad_(True)
        value = f(z)
        if not value.requires_grad:
            return value, torch.zeros_like(z)
        (slope,) = torch.autograd.grad(value.sum(), z)
    return value.detach(), slope


def second_derivative(f: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Return the second derivative of an elementwise function.

    Args:
        f: The function; a piecewise linear one has zero.
        z: Where.

    Returns:
        The second derivatives, shaped like ``z``.
    """

    def slope(z: Tensor) -> Tensor:
        return torch.autograd.grad(f(z).sum(), z, create_graph=True)[0]

    return derivative(slope, z)[1]


def with_ones(x: Tensor, bias: bool) -> Tensor:
    """Append a column of ones, if the layer has a bias.

    Args:
        x: Inputs ``(n, d)``.
        bias: Whether to do so.

    Returns:
        ``(n, d + 1)``, or the inputs.
    """
    return torch.cat([x, torch.ones_like(x[:, :1])], dim=1) if bias else x


def flops(net: MLP, batch: int, steps: int, tangents: int) -> float:
    """Return the multiplications and additions in the recursion's matrix products.

    Args:
        net: A perceptron with one hidden layer.
        batch: Batch size.
        steps: Number of steps.
        tangents: Number of tangents.

    Returns:
        Floating-point operations.

    Example:
        >>> round(flops(MLP((64, 16, 10)), 64, 625, 1210) / 1e9)
        296
    """
    d, h, c = net.widths
    one = int(net.bias)
    return 4.0 * batch * steps * tangents * (h * (d + one) + c * (h + one) + 2 * c * h)
