"""How far from Gaussian a neuron's input is, and what single weights do to that."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["cavity", "excess_kurtosis", "preactivation_kurtosis", "shuffled"]


def excess_kurtosis(values: Float[Tensor, "..."], dim: int = -1) -> Float[Tensor, "..."]:
    r"""Return the excess kurtosis, from −2 (two equal peaks) up; 0 for a Gaussian.

    .. math:: \kappa = \frac{\mathbb E(\lambda - \bar\lambda)^4}
        {\big(\mathbb E(\lambda - \bar\lambda)^2\big)^2} - 3

    Args:
        values: Samples.
        dim: The axis over which to average.

    Returns:
        The kurtosis of the empirical distribution; NaN if all values are equal.

    Example:
        >>> excess_kurtosis(torch.tensor([1.0, -1.0, 1.0, -1.0]))
        tensor(-2.)
    """
    centered = values - values.mean(dim, keepdim=True)
    scale = centered.abs().amax(dim, keepdim=True)
    square = (centered / scale) ** 2
    return (square**2).mean(dim) / square.mean(dim) ** 2 - 3


def preactivation_kurtosis(
    weights: Float[Tensor, "*ensemble neurons pixels"],
    x: Float[Tensor, "... n pixels"],
    y: Int[Tensor, " n"],
) -> Float[Tensor, "*ensemble classes neurons"]:
    r"""Return the excess kurtosis of :math:`\lambda_k = w_k \cdot x` within each class.

    Within, because pooled classes of different variance look non-Gaussian even if each is Gaussian:
    two of equal size have :math:`\kappa = 3 (v_1 - v_2)^2 / (v_1 + v_2)^2`.

    Args:
        weights: First-layer weights, zero where pruned.
        x: Inputs ``(n, pixels)``, or one set a member ``(*ensemble, n, pixels)``.
        y: Classes, the same for all members; all zeros to pool them.

    Returns:
        One number a class and neuron; NaN for a neuron without weights.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> preactivation_kurtosis(torch.eye(2), x, torch.zeros(4).long())
        tensor([[-2., -2.]])
    """
    _check(weights, x, y)
    seen = x @ weights.mT
    return torch.stack([excess_kurtosis(seen[..., y == c, :], -2) for c in y.unique()], -2)


def cavity(
    weights: Float[Tensor, "*ensemble neurons pixels"],
    x: Float[Tensor, "... n pixels"],
    y: Int[Tensor, " n"],
) -> Float[Tensor, "*ensemble neurons pixels"]:
    r"""Return what the removal of each single weight does to non-Gaussianity.

    .. math::

        \Delta_{ik} = |\kappa(\lambda_k - w_{ik} x_i)| - |\kappa(\lambda_k)|

    in each class, averaged over the classes. Positive: without this weight the neuron's input is
    less Gaussian. The fourth moment after the removal follows from moments before it,

    .. math::

        m_4 = \langle\lambda^4\rangle - 4w\langle\lambda^3x\rangle
        + 6w^2\langle\lambda^2x^2\rangle - 4w^3\langle\lambda x^3\rangle + w^4\langle x^4\rangle,

    so that four matrix products serve all weights. Computed in float64.

    Args:
        weights: First-layer weights.
        x: Inputs ``(n, pixels)``, or one set a member.
        y: Classes.

    Returns:
        One number a weight; exactly 0 where the weight is 0, NaN where it is a neuron's only one.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> from tdyn.data import hypercube
        >>> x = hypercube(3)
        >>> w = torch.tensor([[3.0, 1.0, 1.0]])
        >>> cavity(w, x, torch.zeros(8).long()).round(decimals=3)
        tensor([[-0.3720,  0.2680,  0.2680]])

    Source:
        The idea is that of :cite:t:`redman2024fields`; this normalization is ours
    """
    _check(weights, x, y)
    w, classes = weights.double(), y.unique()
    total = torch.zeros_like(w)
    for label in classes:
        own = x[..., y == label, :].double()
        own = own - own.mean(-2, keepdim=True)
        n, square, back = own.shape[-2], own * own, w @ own.mT
        squared = back * back
        # Means over samples of λᵃ xᵇ, (*ensemble, neurons, pixels); two products in one.
        xl, xlll = (torch.cat([back, squared * back], -2) @ own / n).chunk(2, -2)
        xxll, xxxl = squared @ square / n, back @ (square * own) / n
        x2, x4 = square.mean(-2, keepdim=True), (square * square).mean(-2, keepdim=True)
        l2, l4 = squared.mean(-1, keepdim=True), (squared * squared).mean(-1, keepdim=True)
        m2 = l2 - 2 * w * xl + w**2 * x2
        m4 = l4 - 4 * w * xlll + 6 * w**2 * xxll - 4 * w**3 * xxxl + w**4 * x4
        after = m4 / m2**2 - 3
        # Where one weight makes up nearly everything, the moments cancel: those few directly.
        close = ~(m2 > 1e-3 * l2)
        *members, k, i = close.nonzero(as_tuple=True)
        pixel = own.mT.expand(*w.shape[:-2], *own.shape[:-3:-1])[(*members, i)]
        rest = back[(*members, k)] - w[(*members, k, i)].unsqueeze(-1) * pixel
        after[close] = excess_kurtosis(rest)
        total += after.abs() - (l4 / l2**2 - 3).abs()
    only = (w != 0) & ((w != 0).sum(-1, keepdim=True) == 1)
    total = torch.where(w == 0, 0.0, torch.where(only, torch.nan, total))
    return (total / len(classes)).to(weights)


def shuffled(
    weights: Float[Tensor, "*ensemble neurons pixels"], *, generator: torch.Generator
) -> Float[Tensor, "*ensemble neurons pixels"]:
    """Put the weights of each neuron on random pixels: the same values, another placement.

    Args:
        weights: First-layer weights.
        generator: Source of randomness.

    Returns:
        Weights of the same shape.

    Example:
        >>> w = torch.tensor([[1.0, 2.0, 0.0, 0.0]])
        >>> shuffled(w, generator=torch.Generator().manual_seed(0)).sort().values
        tensor([[0., 0., 1., 2.]])
    """
    order = torch.rand(weights.shape, generator=generator, dtype=torch.float64).argsort(dim=-1)
    return weights.gather(-1, order.to(weights.device))


def _check(weights: Tensor, x: Tensor, y: Tensor) -> None:
    if weights.ndim < 2 or x.ndim < 2 or weights.shape[-1] != x.shape[-1]:
        raise ValueError(
            "weights (..., neurons, pixels) and x (..., n, pixels) must have the same pixels, got "
            f"{tuple(weights.shape)} and {tuple(x.shape)}"
        )
    if y.ndim != 1 or len(y) != x.shape[-2] or len(y) == 0:
        raise ValueError(f"y must have shape ({x.shape[-2]},), got {tuple(y.shape)}")
