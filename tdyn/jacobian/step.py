"""One step of training as the tangents see it: its stored derivatives, and what they cost."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tdyn.nets import MLP

__all__ = ["Step", "flops", "with_ones"]


class Step(NamedTuple):
    """All that the tangents need to know about one step; units first, samples second."""

    x: Tensor  # (B, d+1)
    a: Tensor  # (B, h+1)
    slope: Tensor  # (h, B, 1), the activation's derivative
    bend: Tensor  # (h, B, 1), its second derivative times delta_a
    p: Tensor  # (C, B, 1), the softmax divided by B; empty for mse
    delta: Tensor  # (C, B), the gradient at the outputs
    W2: Tensor  # (C, h)


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
