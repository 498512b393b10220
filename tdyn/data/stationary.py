r"""Stationary Gaussian fields on rings and tori, made from white noise."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Law", "apart", "covariance_row", "fields", "saturation"]

#: Pixels up to which a product with a matrix beats a Fourier transform.
SMALL = 160


class Law(NamedTuple):
    """The law of the fields of some classes.

    Attributes:
        grid: Sides of the torus; one side is a ring.
        lengths: Correlation length of each class.
        power: Power of the distance.
        gain: Gain of the images whose covariance the fields have; 0 for the field itself.
    """

    grid: tuple[int, ...]
    lengths: tuple[float, ...]
    power: float
    gain: float = 0.0


def apart(grid: tuple[int, ...]) -> Tensor:
    """Return which pixel stands to pixel 0 as one pixel to another, ``(d, d)``."""
    steps = torch.cartesian_prod(*[torch.arange(side) for side in grid]).reshape(-1, len(grid))
    places = torch.arange(math.prod(grid)).reshape(grid)
    return places[tuple(((steps[None] - steps[:, None]) % torch.tensor(grid)).unbind(-1))]


def saturation(gain: float) -> float:
    """Return ``g² / (1 + g²)``."""
    return 1.0 if math.isinf(gain) else gain * gain / (1 + gain * gain)


def covariance_row(law: Law, xi: float) -> Tensor:
    """Return the covariance with pixel 0 at one correlation length.

    Returns:
        Numbers ``(*grid,)``.

    Raises:
        ValueError: If too much would be clipped.
    """
    row = torch.ones((), dtype=torch.float64)
    for side in law.grid:
        d = torch.arange(side, dtype=torch.float64)
        row = row.unsqueeze(-1) * torch.exp(-((torch.minimum(d, side - d) / xi) ** law.power))
    spectrum = torch.fft.fftn(row).real
    clipped = spectrum.clamp(min=0)
    if (clipped - spectrum).sum() > 0.03 * clipped.numel():
        raise ValueError(f"xi = {xi} is too long for the grid {law.grid}: no such covariance")
    row = torch.fft.ifftn(clipped / clipped.mean()).real
    a = saturation(law.gain)
    return row if a == 0 else torch.arcsin(a * row.clamp(-1, 1)) / math.asin(a)


@lru_cache(maxsize=64)
def _filters(law: Law, scale: float, dtype: torch.dtype) -> Tensor:
    r"""Return what turns white noise into the fields of each class; never changed by anyone.

    The Fourier transform of a covariance gives its eigenvalues :math:`\lambda_k`. On a small grid
    the filter is the root :math:`C^{1/2}`. On a large one it is the standard deviation
    :math:`\sqrt{D\lambda_k/2}` of the real and of the imaginary part of the transformed field; the
    columns that are their own conjugates lose the imaginary part, hence :math:`\sqrt{D\lambda_k}`.

    Returns:
        Matrices ``(classes, d, d)``, or deviations ``(classes, *grid)``, of at most half the last
        axis: up to the shortest wave that is heard.
    """
    rows, d = torch.stack([covariance_row(law, xi) for xi in law.lengths]), math.prod(law.grid)
    axes = tuple(range(1, rows.ndim))
    roots = scale * torch.fft.rfftn(rows, dim=axes).real.clamp(min=0).sqrt()
    if d <= SMALL:
        matrix = torch.fft.irfftn(roots, s=law.grid, dim=axes).flatten(1)[:, apart(law.grid)]
        return matrix.to(dtype)
    inside = slice(1, (law.grid[-1] + 1) // 2)
    roots *= math.sqrt(d)
    roots[..., inside] /= math.sqrt(2)
    # Smooth fields have no short waves: those with less variance than is lost by rounding can go.
    power = roots.square().flatten(1, -2) if roots.ndim > 2 else roots.square()[:, None]
    beyond = power.sum(1).flip(-1).cumsum(-1).flip(-1)
    heard = (beyond > torch.finfo(dtype).eps * beyond[:, :1]).any(0)
    return roots[..., : int(heard.sum())].to(dtype)


def fields(
    n: int, law: Law, seed: int, dtype: torch.dtype | None, scale: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Draw fields, times ``scale``, and their classes: balanced, in random order.

    On a small grid white noise is multiplied by the root of the covariance. On a large one the
    noise is drawn among the frequencies, where the filter is a mere factor: of the two Fourier
    transforms of a filter one is left.

    Returns:
        Fields ``(n, d)`` and classes ``(n,)``.
    """
    dtype, generator = dtype or torch.get_default_dtype(), torch.Generator().manual_seed(seed)
    y = torch.zeros(n, dtype=torch.long)
    if len(law.lengths) > 1:
        y = (torch.arange(n) % len(law.lengths))[torch.randperm(n, generator=generator)]
    filters, d = _filters(law, scale, dtype), math.prod(law.grid)
    if d <= SMALL:
        noise = torch.randn(n, d, generator=generator, dtype=dtype)
        return _products(noise, filters, y), y
    if n == 0:  # which the transform would refuse
        return torch.zeros(0, d, dtype=dtype), y
    waves = torch.randn(n, *filters.shape[1:], 2, generator=generator, dtype=dtype)
    waves = torch.view_as_complex(waves).mul_(filters if len(filters) == 1 else filters[y])
    if len(law.grid) == 1:  # the general transform has overhead
        return torch.fft.irfft(waves, n=d), y
    return torch.fft.irfftn(waves, s=law.grid, dim=tuple(range(1, waves.ndim))).flatten(1), y


def _products(noise: Tensor, roots: Tensor, y: Tensor) -> Tensor:
    """Multiply each row by the root of its class.

    Returns:
        Rows in the same order.
    """
    if len(roots) == 1:
        return noise @ roots[0]
    out = torch.empty_like(noise)
    for label, root in enumerate(roots):
        own = (y == label).nonzero()[:, 0]
        out[own] = noise[own] @ root
    return out
