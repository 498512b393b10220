r"""Random images with edges, and Gaussian images that share their covariance.

A *nonlinear Gaussian process* squashes a smooth Gaussian field through an error function.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tdyn.data.stationary import Law, apart, covariance_row, fields, saturation

__all__ = ["gaussian_clone", "nlgp", "nlgp_covariance"]

Grid = int | tuple[int, ...]


def nlgp(
    n: int,
    grid: Grid,
    *,
    xi: float | Sequence[float],
    gain: float,
    seed: int,
    power: float = 2.0,
    dtype: torch.dtype | None = None,
) -> tuple[Float[Tensor, "n d"], Int[Tensor, " n"]]:
    r"""Draw images with edges on a ring or a torus; one class for each correlation length.

    .. math::

        x_i = \frac{1}{\sqrt\gamma}\,\mathrm{erf}\Big(\frac{g z_i}{\sqrt2}\Big), \qquad
        z \sim \mathcal N(0, C), \qquad C_{ij} = e^{-(d_{ij}/\xi)^p}, \qquad
        \gamma = \frac2\pi \arcsin\frac{g^2}{1+g^2}

    Pixels have mean 0 and variance 1. At :math:`g = 0` they are Gaussian, at :math:`g = 1` uniform,
    at :math:`g = \infty` they are ±1. On a torus :math:`C` is the product over
    the axes. Negative eigenvalues of :math:`C` (there are some if :math:`\xi` is large for the
    grid) are set to zero, and its diagonal is brought back to 1.

    Args:
        n: Number of images, zero or positive.
        grid: Number of pixels of a ring, or sides of a torus.
        xi: Correlation length in pixels, positive; a sequence gives one class each.
        gain: :math:`g`, from 0 to infinity.
        seed: Source of randomness.
        power: :math:`p`, from above 0 to 2.
        dtype: Number type.

    Returns:
        Images ``(n, d)``, pixels in row-major order, and classes ``(n,)``: balanced, in random
        order.

    Raises:
        ValueError: If an argument is out of range, or over 3 % of the variance would be clipped.

    Example:
        >>> x, y = nlgp(1000, 40, xi=(1.0, 3.0), gain=3.0, seed=0)
        >>> x.shape, y.bincount().tolist()
        (torch.Size([1000, 40]), [500, 500])

    Source:
        :cite:t:`ingrosso2022convolutional`
    """
    law = _checked(n, grid, xi, gain, power)
    if gain == 0:
        return fields(n, law, seed, dtype)
    if math.isinf(gain):
        z, y = fields(n, law, seed, dtype)
        return torch.where(z < 0, -1.0, 1.0).to(z), y
    z, y = fields(n, law, seed, dtype, scale=gain / math.sqrt(2))
    return z.erf().div_(math.sqrt(2 / math.pi * math.asin(saturation(gain)))), y


def gaussian_clone(
    n: int,
    grid: Grid,
    *,
    xi: float | Sequence[float],
    gain: float,
    seed: int,
    power: float = 2.0,
    dtype: torch.dtype | None = None,
) -> tuple[Float[Tensor, "n d"], Int[Tensor, " n"]]:
    r"""Draw Gaussian images with exactly the class covariances of :func:`nlgp`, and nothing else.

    .. math:: x \sim \mathcal N\big(0, \arcsin(a C)/\arcsin a\big), \qquad a = \frac{g^2}{1+g^2}

    Args:
        n: Number of images.
        grid: Number of pixels of a ring, or sides of a torus.
        xi: Correlation length in pixels; a sequence gives one class each.
        gain: Gain of the images that are imitated, from 0 to infinity.
        seed: Source of randomness; the same seed gives the same classes as in :func:`nlgp`.
        power: :math:`p`, from above 0 to 2.
        dtype: Number type.

    Returns:
        Images ``(n, d)`` and classes ``(n,)``.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> x, y = gaussian_clone(20_000, 40, xi=3.0, gain=100.0, seed=0)
        >>> round((x[:, 0] * x[:, 1]).mean().item(), 1)
        0.7

    Source:
        :cite:t:`ingrosso2022convolutional`
    """
    law = _checked(n, grid, xi, gain, power)
    return fields(n, law._replace(gain=gain), seed, dtype)


def nlgp_covariance(
    grid: Grid, *, xi: float, gain: float, power: float = 2.0
) -> Float[Tensor, "d d"]:
    r"""Return the covariance of :func:`nlgp` and of its clone, in float64.

    .. math:: \mathbb E\,x_i x_j = \frac{\arcsin(a\,C_{ij})}{\arcsin a}

    Args:
        grid: Number of pixels of a ring, or sides of a torus.
        xi: Correlation length.
        gain: From 0, which gives :math:`C` itself, to infinity.
        power: :math:`p`.

    Returns:
        The matrix ``(d, d)``.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> nlgp_covariance(4, xi=1.0, gain=0.0)[0].round(decimals=3)
        tensor([1.0000, 0.3680, 0.0180, 0.3680], dtype=torch.float64)
    """
    law = _checked(0, grid, xi, gain, power)._replace(gain=gain)
    return covariance_row(law, *law.lengths).flatten()[apart(law.grid)]


def _checked(n: int, grid: Grid, xi: float | Sequence[float], gain: float, power: float) -> Law:
    grid = (grid,) if isinstance(grid, int) else tuple(grid)
    lengths = tuple(xi) if isinstance(xi, Sequence) else (xi,)
    if n < 0 or not grid or any(side < 1 for side in grid):
        raise ValueError(f"n and the grid must be positive, got n = {n} and grid {grid}")
    if not lengths or any(not (length > 0 and math.isfinite(length)) for length in lengths):
        raise ValueError(f"correlation lengths must be positive and finite, got {xi}")
    if not gain >= 0 or not 0 < power <= 2:
        raise ValueError(f"gain must be >= 0 and power in (0, 2], got {gain} and {power}")
    return Law(grid, lengths, power)
