"""Gaussian data that share the means and covariances of given data."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["gaussian_like"]


def gaussian_like(
    x: Float[Tensor, "n d"], y: Int[Tensor, " n"], *, seed: int
) -> Float[Tensor, "n d"]:
    """Replace each sample by a Gaussian one with the mean and covariance of its class.

    Args:
        x: Samples, at least two in each class.
        y: Classes.
        seed: Source of randomness.

    Returns:
        New samples, in the order of ``y``.

    Raises:
        ValueError: If a class has fewer than two samples.

    Example:
        >>> from tdyn.data import nlgp
        >>> x, y = nlgp(4000, 8, xi=2.0, gain=100.0, seed=0)
        >>> clone = gaussian_like(x, y, seed=1)
        >>> bool((torch.cov(clone.T) - torch.cov(x.T)).abs().max() < 0.1)
        True
    """
    generator = torch.Generator().manual_seed(seed)
    clone = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    for label in y.unique().tolist():
        own = x[y == label].double()
        if len(own) < 2:
            raise ValueError(f"class {label} has fewer than two samples")
        values, vectors = torch.linalg.eigh(torch.cov(own.T).reshape(x.shape[1], -1))
        root = vectors * values.clamp(min=0).sqrt()
        clone[y == label] = own.mean(0) + clone[y == label] @ root.T
    return clone.to(x)
