"""Discrete laws, and signs blurred by noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from tdyn.inits.continuous import gaussian, uniform
from tdyn.inits.law import fan_in

__all__ = ["discrete", "perturbed_rademacher", "rademacher", "uniform_rademacher"]


def discrete(
    shape: Sequence[int],
    values: Sequence[float],
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Weights drawn uniformly from a list of values, scaled to variance :math:`1/n_{\rm in}`.

    A value that is listed twice is twice as likely. The scale is the root mean square of the list.

    Args:
        shape: ``(n_out, n_in)``.
        values: The values before scaling; not all zero.
        generator: Source of randomness.
        dtype: Number type.
        device: Where.

    Returns:
        The weights.

    Raises:
        ValueError: If there is no non-zero value.

    Example:
        >>> w = discrete((2, 4), (-1, 1), generator=torch.Generator().manual_seed(0))
        >>> sorted(set(w.flatten().tolist()))
        [-0.5, 0.5]
    """
    dtype = dtype or torch.get_default_dtype()
    table = torch.tensor(list(values), dtype=dtype, device=device)
    if table.numel() == 0 or not bool((table != 0).any()) or not bool(table.isfinite().all()):
        raise ValueError(f"values must be finite and not all zero, got {list(values)}")
    scale = table.square().mean().sqrt() * math.sqrt(fan_in(shape))
    index = torch.randint(table.numel(), tuple(shape), generator=generator, device=device)
    return table[index] / scale


def rademacher(
    shape: Sequence[int],
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Fair signs :math:`\pm 1/\sqrt{n_{\rm in}}`.

    Args:
        shape: ``(n_out, n_in)``.
        generator: Source of randomness.
        dtype: Number type.
        device: Where.

    Returns:
        The weights.

    Example:
        >>> w = rademacher((100, 16), generator=torch.Generator().manual_seed(0))
        >>> sorted(set(w.flatten().tolist()))
        [-0.25, 0.25]
    """
    return discrete(shape, (-1.0, 1.0), generator=generator, dtype=dtype, device=device)


def _perturbed(signs: Tensor, noise: Tensor, sigma: float) -> Tensor:
    """Add noise of standard deviation ``sigma`` (in units of the signs) and keep the variance.

    Raises:
        ValueError: If ``sigma`` is negative.

    Returns:
        The blurred signs.
    """
    if not sigma >= 0:
        raise ValueError(f"sigma must be zero or positive, got {sigma}")
    return (signs + sigma * noise) / math.sqrt(1 + sigma**2)


def perturbed_rademacher(
    shape: Sequence[int],
    sigma: float,
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Signs plus Gaussian noise.

    .. math:: w = \frac{r + \sigma g}{\sqrt{(1 + \sigma^2)\, n_{\rm in}}},
              \qquad r = \pm 1, \quad g \sim \mathcal N(0, 1)

    Args:
        shape: ``(n_out, n_in)``.
        sigma: Noise level, zero or positive; 0 is :func:`rademacher`.
        generator: Source of randomness.
        dtype: Number type.
        device: Where.

    Returns:
        The weights.

    Example:
        >>> law = dict(generator=torch.Generator().manual_seed(0))
        >>> w = perturbed_rademacher((500, 400), 0.5, **law)
        >>> round(400 * w.var().item(), 2)
        1.0

    Source:
        :cite:t:`abbe2024parity`
    """
    signs = rademacher(shape, generator=generator, dtype=dtype, device=device)
    noise = gaussian(shape, generator=generator, dtype=dtype, device=device)
    return _perturbed(signs, noise, sigma)


def uniform_rademacher(
    shape: Sequence[int],
    sigma: float,
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Signs plus uniform noise of standard deviation :math:`\sigma`, at the same variance.

    Args:
        shape: ``(n_out, n_in)``.
        sigma: Standard deviation of the noise, zero or positive.
        generator: Source of randomness.
        dtype: Number type.
        device: Where.

    Returns:
        The weights.

    Example:
        >>> law = dict(generator=torch.Generator().manual_seed(0))
        >>> w = uniform_rademacher((500, 400), 1.0, **law)
        >>> round(400 * w.var().item(), 2)
        1.0

    Source:
        :cite:t:`abbe2024parity`
    """
    signs = rademacher(shape, generator=generator, dtype=dtype, device=device)
    noise = uniform(shape, generator=generator, dtype=dtype, device=device)
    return _perturbed(signs, noise, sigma)
