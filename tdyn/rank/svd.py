"""Singular values and orthogonal modes of features, in float64."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

__all__ = ["Modes", "check_features", "modes", "quadrature", "singular_values"]


class Modes(NamedTuple):
    r"""The orthogonal modes of features, largest first.

    Attributes:
        eigenvalues: :math:`\lambda_i` of the Gram matrix, ``(*batch, k)`` with ``k = min(N, n)``.
        functions: :math:`\psi_i=\sum_j q_{ji}\phi_j` at the inputs, ``(*batch, N, k)``.
        directions: The eigenvectors :math:`q_i` as columns, ``(*batch, n, k)``.
        units: :math:`\psi_i/\sqrt{\lambda_i}`, of norm 1, times the root of the weights.
    """

    eigenvalues: Tensor
    functions: Tensor
    directions: Tensor
    units: Tensor


def check_features(features: Tensor) -> None:
    """Refuse features that have no rank.

    Args:
        features: Values of ``n`` neurons at ``N`` inputs, ``(*batch, N, n)``.

    Raises:
        ValueError: If there are fewer than two axes, an empty axis, or values that are not finite.
    """
    if features.ndim < 2 or 0 in features.shape[-2:]:
        raise ValueError(f"features must have shape (..., N, n), got {tuple(features.shape)}")
    if not bool(torch.isfinite(features).all()):
        raise ValueError("features must be finite, got values that are infinite or not a number")


def quadrature(features: Tensor, weights: Tensor | None) -> Tensor:
    """Return the weights in float64, 1/N by default.

    Args:
        features: Values of ``n`` neurons at ``N`` inputs, ``(*batch, N, n)``.
        weights: Weight of each input, or nothing.

    Returns:
        Weights ``(..., N)``.

    Raises:
        ValueError: If a weight is negative or their number is not ``N``.
    """
    number = features.shape[-2]
    if weights is None:
        return torch.full((number,), 1 / number, dtype=torch.float64, device=features.device)
    if weights.shape[-1:] != (number,):
        raise ValueError(f"weights must have length {number}, got shape {tuple(weights.shape)}")
    if not bool(((weights >= 0) & torch.isfinite(weights)).all()):
        raise ValueError("weights must be finite and not negative")
    return weights.double()


def singular_values(features: Tensor, weights: Tensor | None) -> Tensor:
    r"""Return the singular values of :math:`\mathrm{diag}(\sqrt w)\,\Phi`, padded to ``n``.

    Args:
        features: Values of ``n`` neurons at ``N`` inputs, ``(*batch, N, n)``.
        weights: Weight of each input; :math:`1/N` if it is nothing.

    Returns:
        Singular values ``(*batch, n)`` in float64, largest first.
    """
    check_features(features)
    scaled = quadrature(features, weights).sqrt().unsqueeze(-1) * features.double()
    sigma = torch.linalg.svdvals(scaled)
    missing = features.shape[-1] - sigma.shape[-1]
    return torch.nn.functional.pad(sigma, (0, missing)) if missing else sigma


def modes(
    features: Shaped[Tensor, "*batch N n"], weights: Float[Tensor, "... N"] | None = None
) -> Modes:
    r"""Rotate the neurons so that they become orthogonal functions, the largest first.

    .. math:: M=Q\Lambda Q^\top,\qquad \psi_i=q_i^\top\phi,\qquad
              \langle\psi_i,\psi_j\rangle_w=\lambda_i\,\delta_{ij}

    Args:
        features: Values of ``n`` neurons at ``N`` inputs.
        weights: Weight of each input, not negative; :math:`1/N` by default.

    Returns:
        Eigenvalues, functions, directions and unit functions, in float64.

    Raises:
        ValueError: If the features are not finite, or the weights negative or of the wrong length.

    Example:
        >>> result = modes(torch.tensor([[3.0, 3.0], [1.0, -1.0]]), torch.ones(2))
        >>> [round(v, 6) for v in result.eigenvalues.tolist()]
        [18.0, 2.0]
    """
    check_features(features)
    root = quadrature(features, weights).sqrt().unsqueeze(-1)
    phi = features.double()
    u, sigma, vh = torch.linalg.svd(root * phi, full_matrices=False)
    return Modes(sigma.square(), phi @ vh.mT, vh.mT, u)
