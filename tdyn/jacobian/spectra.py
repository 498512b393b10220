"""Reading a training Jacobian: singular values, regions, and how alike two bulks are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = [
    "Overlap",
    "Regions",
    "Spectrum",
    "alignment",
    "bulk_order",
    "regions",
    "spectrum",
    "subspace_overlap",
]


class Spectrum(NamedTuple):
    r"""Singular value decomposition :math:`J=U\Sigma V^\top`.

    Attributes:
        left: Columns :math:`u_i`, ``(*times, N, N)``.
        values: :math:`\sigma_1\ge\dots\ge\sigma_N`.
        right: Columns :math:`v_i`.
    """

    left: Tensor
    values: Tensor
    right: Tensor


class Regions(NamedTuple):
    """Which singular values are chaotic (above one), bulk (near one) and stable (below one)."""

    chaotic: Tensor
    bulk: Tensor
    stable: Tensor


class Overlap(NamedTuple):
    """Overlap of two subspaces, and what random subspaces of that size have on average."""

    value: Tensor
    baseline: Tensor


def spectrum(jacobian: Float[Tensor, "*times N N"]) -> Spectrum:
    r"""Decompose :math:`J=\sum_i\sigma_iu_iv_i^\top`, in float64.

    The signs of :math:`u_i` and :math:`v_i` belong together: never change one alone.

    Args:
        jacobian: One square matrix, or several.

    Returns:
        Left vectors as columns, values in descending order, right vectors as columns.

    Raises:
        ValueError: If the matrix is not square.

    Example:
        >>> spectrum(torch.diag(torch.tensor([0.5, 3.0]))).values.tolist()
        [3.0, 0.5]

    Source:
        :cite:t:`belrose2024jacobian`
    """
    if jacobian.ndim < 2 or jacobian.shape[-1] != jacobian.shape[-2]:
        raise ValueError(f"jacobian must be (..., N, N), got {tuple(jacobian.shape)}")
    left, values, right = torch.linalg.svd(jacobian.double())
    return Spectrum(left, values, right.mT)


def alignment(
    left: Float[Tensor, "*times N k"], right: Float[Tensor, "*times N k"]
) -> Float[Tensor, "*times k"]:
    r"""Return :math:`c_i=u_i^\top v_i`, one where a nudge comes out as it went in.

    Args:
        left: Left singular vectors as columns.
        right: Right singular vectors as columns, with the signs that belong to them.

    Returns:
        Cosines in [-1, 1].

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> U, S, V = spectrum(torch.tensor([[0.0, 2.0], [-1.0, 0.0]]))
        >>> alignment(U, V).abs().tolist()
        [0.0, 0.0]

    Source:
        :cite:t:`belrose2024jacobian`
    """
    if left.shape != right.shape:
        raise ValueError(f"left has shape {tuple(left.shape)}, right {tuple(right.shape)}")
    return (left * right).sum(-2)


def regions(singular_values: Float[Tensor, "*times N"], tol: float) -> Regions:
    r"""Split the directions into chaotic, bulk and stable ones.

    .. math:: \text{chaotic: }\sigma>1+\tau,\qquad\text{bulk: }|\sigma-1|\le\tau,\qquad
              \text{stable: }\sigma<1-\tau

    There is no gap between the regions, so quote several tolerances.

    Args:
        singular_values: Values :math:`\sigma_i\ge0`.
        tol: :math:`\tau`, from 0 up to 1.

    Returns:
        Three masks, which share no direction and leave none out.

    Raises:
        ValueError: If ``tol`` is out of range.

    Example:
        >>> regions(torch.tensor([9.0, 1.01, 0.2]), tol=0.05).bulk.tolist()
        [False, True, False]

    Source:
        :cite:t:`belrose2024jacobian`; the tolerance is ours.
    """
    if not 0 <= tol < 1:
        raise ValueError(f"tol must be in [0, 1), got {tol}")
    bulk = (singular_values - 1).abs() <= tol
    return Regions((singular_values > 1) & ~bulk, bulk, (singular_values < 1) & ~bulk)


def bulk_order(singular_values: Float[Tensor, "*times N"]) -> Int[Tensor, "*times N"]:
    r"""Return the indices in order of :math:`|\sigma_i-1|`, the most bulk-like first.

    Args:
        singular_values: Values :math:`\sigma_i\ge0`.

    Returns:
        A permutation of ``0..N-1``.

    Example:
        >>> bulk_order(torch.tensor([9.0, 1.01, 0.2])).tolist()
        [1, 2, 0]
    """
    return (singular_values - 1).abs().argsort(dim=-1, stable=True)


def subspace_overlap(
    a: Float[Tensor, "N k"], b: Float[Tensor, "N k"], sizes: Sequence[int] | None = None
) -> Overlap:
    r"""Return the mean squared cosine of the principal angles of two subspaces.

    .. math:: \mathrm{ov}(A,B)=\frac{\lVert A^\top B\rVert_F^2}{k}\in[0,1],\qquad
              \mathbb E\,\mathrm{ov}=\frac kN\text{ for a random subspace}

    Args:
        a: Orthonormal columns.
        b: Orthonormal columns, as many.
        sizes: Compare the spans of the first ``k`` columns for each of these ``k``; by default of
            all columns.

    Returns:
        The overlap and its baseline :math:`k/N`, one a size.

    Raises:
        ValueError: If the shapes differ, a size is out of range, or columns are not orthonormal.

    Example:
        >>> eye = torch.eye(4)
        >>> overlap, baseline = subspace_overlap(eye[:, :2], eye[:, 1:3])
        >>> overlap.item(), baseline.item()
        (0.5, 0.5)

    Source:
        The experiment is that of :cite:t:`belrose2024jacobian`; this formula is ours.
    """
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"a and b must both be (N, k), got {tuple(a.shape)} and {tuple(b.shape)}")
    n, k = a.shape
    chosen = [k] if sizes is None else [int(s) for s in sizes]
    if not chosen or min(chosen) < 1 or max(chosen) > k:
        raise ValueError(f"sizes must be within 1..{k}, got {chosen}")
    for name, basis in (("a", a), ("b", b)):
        gap = (basis.mT @ basis - torch.eye(k).to(basis)).abs().max()
        if not float(gap) < 1e-3:
            raise ValueError(f"the columns of {name} are not orthonormal (off by {gap:.1e})")
    inside = (a.mT @ b.to(a)).square().cumsum(0).cumsum(1).diagonal()
    size = torch.tensor(chosen, device=a.device)
    value, baseline = inside[size - 1] / size, (size / n).to(a)
    return Overlap(value[0], baseline[0]) if sizes is None else Overlap(value, baseline)
