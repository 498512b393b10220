"""Batches as pure functions of the step, so that a resumed run sees the same ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Shaped
from torch import Tensor

__all__ = ["minibatches"]


def minibatches(
    x: Shaped[Tensor, "n ..."], y: Shaped[Tensor, "n ..."], size: int, seed: int
) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Return ``batches(step)``: epochs over a shuffled data set, without replacement.

    Each epoch has its own permutation, drawn from ``seed`` and the number of the epoch. Samples
    that do not fill a whole batch sit the epoch out.

    Args:
        x: Inputs.
        y: Targets.
        size: Batch size, from 1 to ``n``.
        seed: Source of the permutations.

    Returns:
        A function from step to ``(x, y)``.

    Raises:
        ValueError: If the lengths differ or ``size`` is out of range.

    Example:
        >>> batches = minibatches(torch.arange(6), torch.arange(6), size=3, seed=0)
        >>> sorted(torch.cat([batches(0)[0], batches(1)[0]]).tolist())
        [0, 1, 2, 3, 4, 5]
    """
    n = len(x)
    if len(y) != n:
        raise ValueError(f"x has {n} samples, y has {len(y)}")
    if not 1 <= size <= n:
        raise ValueError(f"size must be between 1 and {n}, got {size}")
    per_epoch = n // size
    latest: dict[int, Tensor] = {}

    def order(epoch: int) -> Tensor:
        if epoch not in latest:
            latest.clear()
            generator = torch.Generator().manual_seed(_mixed(seed, epoch))
            latest[epoch] = torch.randperm(n, generator=generator)
        return latest[epoch]

    def batch(step: int) -> tuple[Tensor, Tensor]:
        epoch, i = divmod(step, per_epoch)
        index = order(epoch)[i * size : (i + 1) * size]
        return x[index], y[index]

    return batch


def _mixed(seed: int, step: int) -> int:
    """Return a seed for one step that shares nothing with its neighbors' (splitmix64)."""
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + (step + 1) * 0xD1B54A32D192ED03) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) & ((1 << 63) - 1)
