"""What a law of initial weights is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

__all__ = ["Law", "fan_in"]


#: Anything that draws a weight tensor: ``law(shape, *, generator, dtype=None, device=None)``.
Law = Callable[..., Tensor]


def fan_in(shape: Sequence[int]) -> int:
    """Return the number of inputs of a neuron: the last axis.

    Args:
        shape: Shape of a weight tensor.

    Returns:
        The length of the last axis.

    Raises:
        ValueError: If the shape holds anything but positive integers.

    Example:
        >>> fan_in((512, 20))
        20
    """
    if len(shape) < 1 or any(int(s) != s or s < 1 for s in shape):
        raise ValueError(f"shape must hold positive integers, got {tuple(shape)}")
    return int(shape[-1])
