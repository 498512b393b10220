r"""Ranks of features, each a function of the singular values."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float, Int, Shaped
from torch import Tensor

from tdyn.rank.counts import (
    counted,
    entropy_rank,
    participation,
    softened,
    stable,
    thresholds,
)
from tdyn.rank.svd import singular_values

__all__ = [
    "effective_rank",
    "epsilon_rank",
    "participation_ratio",
    "soft_rank",
    "spectrum",
    "stable_rank",
]


def spectrum(
    features: Shaped[Tensor, "*batch N n"], weights: Shaped[Tensor, "... N"] | None = None
) -> Float[Tensor, "*batch n"]:
    r"""Return the eigenvalues of the Gram matrix of the features, largest first.

    .. math:: \lambda_i=\sigma_i\big(\mathrm{diag}(\sqrt w)\,\Phi\big)^2

    Args:
        features: Values :math:`\Phi` of ``n`` neurons at ``N`` inputs.
        weights: Weight of each input, not negative; :math:`1/N` by default.

    Returns:
        ``n`` eigenvalues in float64; with fewer inputs than neurons the last ones are zero.

    Raises:
        ValueError: If the features are not finite, or the weights negative or of the wrong length.

    Example:
        >>> import torch
        >>> spectrum(torch.diag(torch.tensor([1.0, 4.0, 2.0])), torch.ones(3)).tolist()
        [16.0, 4.0, 1.0]
    """
    return singular_values(features, weights).square()


def epsilon_rank(
    features: Shaped[Tensor, "*batch N n"],
    eps: float | Sequence[float] | Float[Tensor, "..."],
    weights: Shaped[Tensor, "... N"] | None = None,
) -> Int[Tensor, "..."]:
    r"""Count the eigenvalues of the Gram matrix that exceed ε.

    .. math:: r_\epsilon=\#\{i:\lambda_i>\epsilon\}

    Equal to ``torch.linalg.matrix_rank(sqrt(w) * features, atol=sqrt(eps), rtol=0)`` in float64.
    Not invariant: :math:`r_\epsilon(a\phi)=r_{\epsilon/a^2}(\phi)`.

    Args:
        features: Values of ``n`` neurons at ``N`` inputs.
        eps: One threshold, or a list of them; positive.
        weights: Weight of each input, not negative; :math:`1/N` by default.

    Returns:
        Ranks ``(*batch,)``, or ``(*batch, thresholds)`` if ``eps`` is a list.

    Raises:
        ValueError: If a threshold is not positive, or for the reasons given in :func:`spectrum`.

    Example:
        >>> import torch
        >>> features = torch.diag(torch.tensor([4.0, 2.0, 1.0]))
        >>> epsilon_rank(features, [0.5, 1.0, 20.0], torch.ones(3)).tolist()
        [3, 2, 0]

    Source:
        :cite:t:`yang2024staircase`
    """
    thresholds(eps, features.device)
    return counted(singular_values(features, weights), eps)


def soft_rank(
    features: Shaped[Tensor, "*batch N n"],
    eps: float | Sequence[float] | Float[Tensor, "..."],
    weights: Shaped[Tensor, "... N"] | None = None,
) -> Float[Tensor, "..."]:
    r"""Count the eigenvalues above ε smoothly: the effective degrees of freedom of ridge.

    .. math:: \mathrm{tr}\,M(M+\epsilon I)^{-1}=\sum_i\frac{\lambda_i}{\lambda_i+\epsilon}
              \in[0,n]

    Args:
        features: Values of ``n`` neurons at ``N`` inputs.
        eps: One threshold, or a list of them; positive.
        weights: Weight of each input, not negative; :math:`1/N` by default.

    Returns:
        Soft ranks ``(*batch,)``, or ``(*batch, thresholds)`` if ``eps`` is a list.

    Raises:
        ValueError: If a threshold is not positive, or for the reasons given in :func:`spectrum`.

    Example:
        >>> import torch
        >>> soft_rank(torch.eye(3), 1.0, torch.ones(3)).item()
        1.5
    """
    thresholds(eps, features.device)
    return softened(spectrum(features, weights), eps)


def effective_rank(
    features: Shaped[Tensor, "*batch N n"], weights: Shaped[Tensor, "... N"] | None = None
) -> Float[Tensor, "*batch"]:
    r"""Return the exponential of the entropy of the normalized *singular values*.

    .. math:: \exp\Big(-\sum_i p_i\ln p_i\Big)\in[1,n],\qquad
              p_i=\frac{\sigma_i}{\sum_j\sigma_j},\quad\sigma_i=\sqrt{\lambda_i}

    Args:
        features: Values of ``n`` neurons at ``N`` inputs.
        weights: Weight of each input, not negative; :math:`1/N` by default.

    Returns:
        Effective ranks; 0 where all features vanish.

    Raises:
        ValueError: For the reasons given in :func:`spectrum`.

    Example:
        >>> import torch
        >>> round(effective_rank(torch.diag(torch.tensor([4.0, 2.0, 1.0]))).item(), 4)
        2.6005

    Source:
        :cite:t:`roy2007effective`
    """
    return entropy_rank(singular_values(features, weights))


def stable_rank(
    features: Shaped[Tensor, "*batch N n"], weights: Shaped[Tensor, "... N"] | None = None
) -> Float[Tensor, "*batch"]:
    r"""Return :math:`\sum_i\lambda_i/\lambda_1\in[1,n]`: Frobenius over spectral norm, squared.

    Args:
        features: Values of ``n`` neurons at ``N`` inputs.
        weights: Weight of each input, not negative; :math:`1/N` by default.

    Returns:
        Stable ranks; 0 where all features vanish.

    Raises:
        ValueError: For the reasons given in :func:`spectrum`.

    Example:
        >>> import torch
        >>> stable_rank(torch.diag(torch.tensor([4.0, 2.0, 1.0]))).item()
        1.3125
    """
    return stable(spectrum(features, weights))


def participation_ratio(
    features: Shaped[Tensor, "*batch N n"], weights: Shaped[Tensor, "... N"] | None = None
) -> Float[Tensor, "*batch"]:
    r"""Return :math:`(\sum_i\lambda_i)^2/\sum_i\lambda_i^2\in[1,n]`, on *eigenvalues*.

    Args:
        features: Values of ``n`` neurons at ``N`` inputs.
        weights: Weight of each input, not negative; :math:`1/N` by default.

    Returns:
        Participation ratios; 0 where all features vanish.

    Raises:
        ValueError: For the reasons given in :func:`spectrum`.

    Example:
        >>> import torch
        >>> round(participation_ratio(torch.diag(torch.tensor([4.0, 2.0, 1.0]))).item(), 4)
        1.6154
    """
    return participation(spectrum(features, weights))
