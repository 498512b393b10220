"""Equispaced points on the circle, where the whole spectrum is known."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from tdyn.kernels.activations import Activation, resolve
from tdyn.kernels.duals import dual_derivative
from tdyn.kernels.hermite import hermite_coefficients
from tdyn.kernels.matrices import squared_slope

__all__ = ["circle_points", "circle_spectrum"]


def circle_points(n: int, *, dtype: torch.dtype = torch.float64) -> Float[Tensor, "n 2"]:
    """Return ``n`` equispaced points on the unit circle.

    Args:
        n: Number of points, at least one.
        dtype: Number type.

    Returns:
        The points.

    Raises:
        ValueError: If ``n`` is not positive.

    Example:
        >>> circle_points(4).round(decimals=3)[1].tolist()
        [0.0, 1.0]
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    angle = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return torch.stack([angle.cos(), angle.sin()], dim=-1).to(dtype)


def _walk(weights: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    r"""Return :math:`n\sum_k\mu_k^2\,P(\text{a walk of }k+1\text{ steps on the cycle is at }m)`.

    Args:
        weights: :math:`\mu_k^2`.
        n: Length of the cycle.

    Returns:
        One number for every place of the cycle; all terms are positive, so nothing cancels.
    """
    place = np.zeros(n)
    place[0] = 1.0
    total = np.zeros(n)
    for weight in weights:
        place = (np.roll(place, 1) + np.roll(place, -1)) / 2
        total += weight * place
    return n * total


def _relu(n: int) -> NDArray[np.float64]:
    r"""Return the exact spectrum of ReLU, summed by :math:`\sum_k(a+k)^{-2}=\pi^2/\sin^2\pi a`.

    Args:
        n: Number of points.

    Returns:
        The eigenvalues in the order of the frequency.
    """
    m = np.arange(n)
    # Only even frequencies (and ±1) occur; on an odd circle each class mod n has an even one.
    even = np.where(m % 2 == 0, m, m + n)
    period = n if n % 2 == 0 else 2 * n
    with np.errstate(divide="ignore"):
        sums = [1 / np.sin(math.pi * (even + s) / period) ** 2 for s in (-1, 1)]
    values = np.where(even % 2 == 0, n / (2 * period**2) * (sums[0] + sums[1]), 0.0)
    for one in (1, -1):
        values[one % n] += n / 8
    return values


def circle_spectrum(
    activation: Activation | str,
    n: int,
    *,
    normalize: bool = False,
    terms: int | None = None,
    digits: int | None = None,
) -> Float[Tensor, "n"]:
    r"""Eigenvalues of the Gram matrix of ``n`` equispaced points on the circle.

    The matrix is circulant; the eigenvalue of frequency :math:`m` is

    .. math:: \lambda_m=n\sum_k\mu_k^2\,P(S_{k+1}\equiv m\bmod n),

    with the simple random walk :math:`S`. ReLU and its leaky relatives have finite closed forms, so
    that zeros are exact; other kinked activations take the Fourier transform of their closed kernel
    (absolutely right to 1e-15), smooth ones the walk, which is *relatively* as right as the
    coefficients: ask for ``digits`` when eigenvalues fall below 1e-24 or so.

    Args:
        activation: An activation or its name.
        n: Number of points, at least three.
        normalize: Divide by :math:`\mathbb E\,\phi'^2`.
        terms: Length of the series of a smooth activation; long enough by default.
        digits: Absolute accuracy of its coefficients in decimal digits; float64 by default.

    Returns:
        The eigenvalues :math:`\lambda_0,\dots,\lambda_{n-1}` in the order of the frequency, in
        float64.

    Raises:
        ValueError: If ``n`` is less than three.

    Example:
        >>> n = 33
        >>> low = circle_spectrum("relu", n).min().item()
        >>> exact = sum(math.cos(k * math.pi / n) ** -2 for k in (1, 2)) / (8 * n)
        >>> abs(low - exact) < 1e-15
        True
        >>> int((circle_spectrum("relu", 10) == 0).sum())
        3

    Source:
        Ours; for the kernel see :cite:t:`panigrahi2019activations`.
    """
    phi = resolve(activation)
    if n < 3:
        raise ValueError(f"n must be at least 3, got {n}")
    if phi.name == "relu" or phi.name.startswith("leaky_relu"):
        # κ = α + (1 - α)² κ_relu, and α is what remains at ρ = -1.
        slope = dual_derivative(phi, -torch.ones((), dtype=torch.float64)).item()
        values = (1 - slope) ** 2 * _relu(n)
        for one in (1, -1):
            values[one % n] += slope * n / 2
    elif phi.kinks:
        step = torch.arange(n, dtype=torch.float64)
        theta = 2 * math.pi * torch.minimum(step, n - step) / n
        row = dual_derivative(phi, theta.cos(), theta=theta) * theta.cos()
        values = torch.fft.fft(row).real.numpy()
    else:
        mu = hermite_coefficients(phi, terms or phi.terms, digits=digits)
        values = _walk(mu.square().numpy(), n)
    return torch.from_numpy(values / (squared_slope(phi) if normalize else 1.0))
