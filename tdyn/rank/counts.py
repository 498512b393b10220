"""Counting singular values in several ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tdyn.rank.svd import singular_values

__all__ = [
    "Ranks",
    "counted",
    "entropy_rank",
    "participation",
    "ranks",
    "softened",
    "spectrum_ranks",
    "stable",
    "thresholds",
]


class Ranks(NamedTuple):
    """Several notions of rank of the same features; the first two have one entry a threshold.

    Attributes:
        epsilon: Number of eigenvalues above each ε, ``(*batch, thresholds)``.
        soft: Smooth count of them, ``(*batch, thresholds)``.
        effective: Roy and Vetterli's effective rank, ``(*batch,)``.
        stable: Stable rank, ``(*batch,)``.
        participation: Participation ratio, ``(*batch,)``.
    """

    epsilon: Tensor
    soft: Tensor
    effective: Tensor
    stable: Tensor
    participation: Tensor


def thresholds(eps: float | Sequence[float] | Tensor, device: torch.device) -> Tensor:
    """Return the thresholds in float64.

    Args:
        eps: One threshold, or a list of them.
        device: Where.

    Returns:
        A number, or a vector.

    Raises:
        ValueError: If one is not a positive number.
    """
    values = torch.as_tensor(eps, dtype=torch.float64, device=device)
    if values.ndim > 1 or values.numel() == 0 or not bool(((values > 0) & values.isfinite()).all()):
        raise ValueError(f"eps must be positive, one number or a list of them, got {eps}")
    return values


def counted(sigma: Tensor, eps: float | Sequence[float] | Tensor) -> Tensor:
    """Count singular values above each root of ε.

    Args:
        sigma: Singular values ``(*batch, n)``.
        eps: One threshold, or a list of them.

    Returns:
        Counts ``(*batch,)``, or ``(*batch, thresholds)`` if ``eps`` is a list.
    """
    limits = thresholds(eps, sigma.device)
    if limits.ndim == 0:
        return (sigma > limits.sqrt()).sum(-1)
    return (sigma.unsqueeze(-2) > limits.sqrt().unsqueeze(-1)).sum(-1)


def softened(eigenvalues: Tensor, eps: float | Sequence[float] | Tensor) -> Tensor:
    """Sum the shares λ/(λ+ε).

    Args:
        eigenvalues: Eigenvalues ``(*batch, n)``.
        eps: One threshold, or a list of them.

    Returns:
        Sums ``(*batch,)``, or ``(*batch, thresholds)`` if ``eps`` is a list.
    """
    limits = thresholds(eps, eigenvalues.device)
    if limits.ndim == 0:
        return (eigenvalues / (eigenvalues + limits)).sum(-1)
    shares = eigenvalues.unsqueeze(-2)
    return (shares / (shares + limits.unsqueeze(-1))).sum(-1)


def _ratio(top: Tensor, bottom: Tensor) -> Tensor:
    """Divide, and give 0 where all features vanish.

    Returns:
        The quotient.
    """
    return torch.where(bottom > 0, top / bottom.where(bottom > 0, torch.ones_like(bottom)), 0.0)


def entropy_rank(sigma: Tensor) -> Tensor:
    """Return the exponential of the entropy of the shares of the singular values.

    Args:
        sigma: Singular values ``(*batch, n)``.

    Returns:
        Ranks ``(*batch,)``; 0 where all vanish.
    """
    total = sigma.sum(-1, keepdim=True)
    p = _ratio(sigma, total.expand_as(sigma))
    entropy = -torch.xlogy(p, p).sum(-1)
    return torch.where(total.squeeze(-1) > 0, entropy.exp(), 0.0)


def stable(eigenvalues: Tensor) -> Tensor:
    """Return the sum of the eigenvalues over the largest.

    Args:
        eigenvalues: Eigenvalues ``(*batch, n)``.

    Returns:
        Ranks ``(*batch,)``; 0 where all vanish.
    """
    return _ratio(eigenvalues.sum(-1), eigenvalues.amax(-1))


def participation(eigenvalues: Tensor) -> Tensor:
    """Return the squared sum of the eigenvalues over the sum of their squares.

    Args:
        eigenvalues: Eigenvalues ``(*batch, n)``.

    Returns:
        Ranks ``(*batch,)``; 0 where all vanish.
    """
    p = _ratio(eigenvalues, eigenvalues.sum(-1, keepdim=True).expand_as(eigenvalues))
    squares = p.square().sum(-1)
    return _ratio(torch.ones_like(squares), squares)


def _all(sigma: Tensor, eps: Sequence[float] | Tensor) -> Ranks:
    limits = thresholds(eps, sigma.device).reshape(-1)
    eigenvalues = sigma.square()
    return Ranks(
        counted(sigma, limits),
        softened(eigenvalues, limits),
        entropy_rank(sigma),
        stable(eigenvalues),
        participation(eigenvalues),
    )


def ranks(
    features: Shaped[Tensor, "*batch N n"],
    eps: Sequence[float] | Float[Tensor, " thresholds"],
    weights: Shaped[Tensor, "... N"] | None = None,
) -> Ranks:
    """Return every rank of this module, at several thresholds, from one decomposition.

    Args:
        features: Values of ``n`` neurons at ``N`` inputs.
        eps: The thresholds; positive.
        weights: Weight of each input, not negative; one over ``N`` by default.

    Returns:
        The ranks.

    Raises:
        ValueError: If a threshold is not positive, or for the reasons given in :func:`spectrum`.

    Example:
        >>> ranks(torch.eye(3).expand(7, 3, 3), [0.1, 0.2, 0.5]).epsilon.shape
        torch.Size([7, 3])
    """
    thresholds(eps, features.device)
    return _all(singular_values(features, weights), eps)


def spectrum_ranks(
    eigenvalues: Float[Tensor, "*batch n"], eps: Sequence[float] | Float[Tensor, " thresholds"]
) -> Ranks:
    """Return every rank of this module from eigenvalues that :func:`spectrum` gave before.

    Args:
        eigenvalues: Eigenvalues of Gram matrices, not negative.
        eps: The thresholds; positive.

    Returns:
        The ranks.

    Raises:
        ValueError: If an eigenvalue is negative or a threshold is not positive.

    Example:
        >>> result = spectrum_ranks(torch.tensor([16.0, 4.0, 1.0]), [2.0])
        >>> result.epsilon.item(), result.stable.item()
        (2, 1.3125)
    """
    if not bool((eigenvalues >= 0).all()):
        raise ValueError(f"eigenvalues must not be negative, the smallest is {eigenvalues.min()}")
    return _all(eigenvalues.double().sqrt(), eps)
