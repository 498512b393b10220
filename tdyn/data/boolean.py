r"""Functions on the cube :math:`\{-1, 1\}^d`: parities, sampled or in full."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.data.batches import _mixed

__all__ = ["hypercube", "parity", "parity_stream"]


def _signs(n: int, d: int, generator: torch.Generator, dtype: torch.dtype | None) -> Tensor:
    bits = torch.randint(0, 2, (n, d), generator=generator, dtype=torch.int8)
    return (2 * bits - 1).to(dtype or torch.get_default_dtype())


def _size(d: int, k: int | None) -> int:
    if d < 1:
        raise ValueError(f"d must be at least 1, got {d}")
    k = d if k is None else k
    if not 0 <= k <= d:
        raise ValueError(f"k must be between 0 and d = {d}, got {k}")
    return k


def parity(
    n: int, d: int, *, seed: int, k: int | None = None, dtype: torch.dtype | None = None
) -> tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]:
    r"""Draw random signs and the parity of the first ``k`` of them.

    .. math:: x \sim \mathrm{Unif}\{\pm1\}^d, \qquad y = \prod_{i \le k} x_i

    Args:
        n: Number of samples, zero or positive.
        d: Number of coordinates, positive.
        seed: Source of randomness.
        k: Number of coordinates in the parity, from 0 to ``d``; all of them by default.
        dtype: Number type.

    Returns:
        Inputs ``(n, d)`` and labels ``(n,)``, all ±1.

    Raises:
        ValueError: If ``n``, ``d`` or ``k`` is out of range.

    Example:
        >>> x, y = parity(1000, 20, seed=0)
        >>> x.shape, torch.equal(y, x.prod(1))
        (torch.Size([1000, 20]), True)

    Source:
        :cite:t:`abbe2024parity`
    """
    size = _size(d, k)
    if n < 0:
        raise ValueError(f"n must be zero or positive, got {n}")
    x = _signs(n, d, torch.Generator().manual_seed(seed), dtype)
    return x, x[:, :size].prod(1)


def parity_stream(
    batch: int, d: int, *, seed: int, k: int | None = None, dtype: torch.dtype | None = None
) -> Callable[[int], tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]]:
    """Return ``batches(step)`` with fresh samples at every step (online learning).

    Args:
        batch: Batch size, positive.
        d: Number of coordinates.
        seed: Source of randomness.
        k: Number of coordinates in the parity; all by default.
        dtype: Number type.

    Returns:
        A pure function from step to ``(x, y)``.

    Raises:
        ValueError: If ``batch``, ``d`` or ``k`` is out of range.

    Example:
        >>> batches = parity_stream(64, 20, seed=0)
        >>> torch.equal(batches(7)[0], batches(7)[0]), torch.equal(batches(7)[0], batches(8)[0])
        (True, False)
    """
    _size(d, k)
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    return lambda step: parity(batch, d, seed=_mixed(seed, step), k=k, dtype=dtype)


def hypercube(d: int, dtype: torch.dtype | None = None) -> Float[Tensor, "n d"]:
    r"""Return all :math:`2^d` points of the cube; coordinate 0 changes fastest.

    Args:
        d: Dimension, from 1 to 24.
        dtype: Number type.

    Returns:
        The points ``(2**d, d)``, entries ±1.

    Raises:
        ValueError: If ``d`` is out of range.

    Example:
        >>> hypercube(2)
        tensor([[ 1.,  1.],
                [-1.,  1.],
                [ 1., -1.],
                [-1., -1.]])
    """
    if not 1 <= d <= 24:
        raise ValueError(f"d must be between 1 and 24 (2**d points), got {d}")
    index = torch.arange(2**d).unsqueeze(1)
    bits = (index >> torch.arange(d)) & 1
    return (1 - 2 * bits).to(dtype or torch.get_default_dtype())
