"""Toy tasks in the plane: two classes that a straight line does not part."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["circles", "moons", "quadrants", "spirals"]

Task = tuple[Float[Tensor, "n 2"], Int[Tensor, " n"]]


def _start(n: int, noise: float, seed: int) -> torch.Generator:
    if n < 2 or n % 2 or not noise >= 0:
        raise ValueError(f"wanted an even n >= 2 and noise >= 0, got {n} and {noise}")
    return torch.Generator().manual_seed(seed)


def _noisy(
    x: Tensor, noise: float, generator: torch.Generator, dtype: torch.dtype | None
) -> tuple[Tensor, Tensor]:
    """Blur the points and label them.

    Returns:
        The points, and 0 for their first half, 1 for the second.
    """
    x = x + noise * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    y = torch.arange(len(x)) // (len(x) // 2)
    return x.to(dtype or torch.get_default_dtype()), y


def quadrants(n: int, *, seed: int, dtype: torch.dtype | None = None) -> Task:
    r"""Points in :math:`[-1, 1]^2`; the class tells whether the two signs differ (XOR).

    Args:
        n: Number of points, zero or positive.
        seed: Source of randomness.
        dtype: Number type.

    Returns:
        Points ``(n, 2)`` and classes ``(n,)``.

    Raises:
        ValueError: If ``n`` is negative.

    Example:
        >>> x, y = quadrants(100, seed=0)
        >>> torch.equal(y, (x[:, 0] * x[:, 1] < 0).long())
        True
    """
    if n < 0:
        raise ValueError(f"n must be zero or positive, got {n}")
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(n, 2, generator=generator, dtype=torch.float64) - 1
    return x.to(dtype or torch.get_default_dtype()), (x[:, 0] * x[:, 1] < 0).long()


def moons(n: int, *, seed: int, noise: float = 0.15, dtype: torch.dtype | None = None) -> Task:
    """Two half circles that reach into each other.

    Args:
        n: Number of points, even.
        seed: Source of randomness.
        noise: Standard deviation of the blur.
        dtype: Number type.

    Returns:
        Points ``(n, 2)`` and classes ``(n,)``.

    Example:
        >>> moons(100, seed=0)[1].bincount().tolist()
        [50, 50]
    """
    generator = _start(n, noise, seed)
    angle = torch.linspace(0, math.pi, n // 2, dtype=torch.float64)
    upper = torch.stack((angle.cos(), angle.sin()), -1)
    lower = torch.stack((1 - angle.cos(), 0.5 - angle.sin()), -1)
    return _noisy(torch.cat((upper, lower)), noise, generator, dtype)


def circles(
    n: int, *, seed: int, noise: float = 0.08, inner: float = 0.5, dtype: torch.dtype | None = None
) -> Task:
    """A circle around a smaller one.

    Args:
        n: Number of points, even.
        seed: Source of randomness.
        noise: Standard deviation of the blur.
        inner: Radius of the inner circle (class 1), between 0 and 1; the outer one has radius 1.
        dtype: Number type.

    Returns:
        Points ``(n, 2)`` and classes ``(n,)``.

    Raises:
        ValueError: If ``inner`` is not between 0 and 1.

    Example:
        >>> x, y = circles(100, seed=0, noise=0.0)
        >>> round(x[y == 1].norm(dim=1).max().item(), 3)
        0.5
    """
    if not 0 < inner < 1:
        raise ValueError(f"inner must be between 0 and 1, got {inner}")
    generator = _start(n, noise, seed)
    angle = torch.arange(n // 2, dtype=torch.float64) * (4 * math.pi / n)
    ring = torch.stack((angle.cos(), angle.sin()), -1)
    return _noisy(torch.cat((ring, inner * ring)), noise, generator, dtype)


def spirals(
    n: int, *, seed: int, turns: float = 1.25, noise: float = 0.02, dtype: torch.dtype | None = None
) -> Task:
    """Two arms that wind around each other from the center to radius 1.

    Args:
        n: Number of points, even.
        seed: Source of randomness.
        turns: How often an arm goes around, positive.
        noise: Standard deviation of the blur.
        dtype: Number type.

    Returns:
        Points ``(n, 2)`` and classes ``(n,)``.

    Raises:
        ValueError: If ``turns`` is not positive.

    Example:
        >>> x, y = spirals(100, seed=0, noise=0.0)
        >>> torch.allclose(x[y == 0], -x[y == 1])
        True
    """
    if not turns > 0:
        raise ValueError(f"turns must be positive, got {turns}")
    generator = _start(n, noise, seed)
    radius = torch.linspace(0.05, 1, n // 2, dtype=torch.float64)
    angle = 2 * math.pi * turns * radius
    arm = radius.unsqueeze(-1) * torch.stack((angle.cos(), angle.sin()), -1)
    return _noisy(torch.cat((arm, -arm)), noise, generator, dtype)
