"""What a law of initial weights is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

__all__ = ["Law", "fan_in"]


class Law(Protocol):
    """Anything that draws a weight tensor of a given shape."""

    def __call__(
        self,
        shape: Sequence[int],
        *,
        generator: Generator,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> Tensor:
        """Draw a tensor of that shape."""
        ...


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
