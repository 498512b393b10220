"""Products with a sparse matrix whose entries are parameters."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["Constant", "Pattern", "pattern", "product"]


@dataclass(frozen=True, eq=False)
class Pattern:
    """Where the entries of a sparse matrix stand; made by :func:`pattern`.

    Attributes:
        shape: Rows and columns.
        rows: Row pointers of the matrix, ``(rows + 1,)``.
        columns: Column of each entry, in order of rows.
        order: For each entry in that order, which of the values it takes.
        t_rows: Row pointers of the transpose.
        t_columns: Column of each entry of the transpose.
        t_order: For each entry of the transpose, which of the values it takes.
    """

    shape: tuple[int, int]
    rows: Tensor
    columns: Tensor
    order: Tensor
    t_rows: Tensor
    t_columns: Tensor
    t_order: Tensor


def pattern(
    row: Int[Tensor, " entries"],
    column: Int[Tensor, " entries"],
    which: Int[Tensor, " entries"],
    shape: tuple[int, int],
) -> Pattern:
    """Sort the entries of a sparse matrix by rows, and those of its transpose.

    Args:
        row: Row of each entry.
        column: Column of each entry; no pair twice.
        which: Index of each entry's value in the vector of values.
        shape: Rows and columns.

    Returns:
        The pattern.

    Example:
        >>> p = pattern(torch.tensor([1, 0]), torch.tensor([0, 2]), torch.tensor([0, 1]), (2, 3))
        >>> p.columns.tolist(), p.order.tolist()
        ([2, 0], [1, 0])
    """

    def compressed(first: Tensor, second: Tensor, size: int, other: int) -> tuple[Tensor, ...]:
        order = (first * other + second).argsort()
        pointer = torch.zeros(size + 1, dtype=torch.long, device=first.device)
        pointer[1:] = torch.bincount(first, minlength=size).cumsum(0)
        return pointer, second[order], which[order]

    return Pattern(
        shape, *compressed(row, column, *shape), *compressed(column, row, *reversed(shape))
    )


def _matrix(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, ...]) -> Tensor:
    # The pattern is correct by construction, so it need not be checked at each product.
    return torch.sparse_csr_tensor(rows, columns, values, shape, check_invariants=False)


def _times(matrix: Tensor, dense: Tensor) -> Tensor:
    # As ``matrix @ dense``, which fills a result with zeros and copies it before it starts; with
    # ``beta=0`` what stands in the result is ignored.
    return dense.new_empty(matrix.shape[0], dense.shape[1]).addmm_(matrix, dense, beta=0)


with warnings.catch_warnings():
    # PyTorch says once in a process that this layout is in beta state.
    warnings.simplefilter("ignore")
    _matrix(torch.tensor([0, 1]), torch.tensor([0]), torch.ones(1), (1, 1))


class _Product(torch.autograd.Function):
    """The product, with gradients for the values of the entries and for the dense factor."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, dense: Tensor, where: Pattern) -> Tensor:
        ctx.save_for_backward(values, dense)
        ctx.where = where
        return _times(_matrix(where.rows, where.columns, values[where.order], where.shape), dense)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        values, dense = ctx.saved_tensors
        where: Pattern = ctx.where
        grad = grad.contiguous()
        for_values = for_dense = None
        if ctx.needs_input_grad[0]:
            zero = _matrix(
                where.rows, where.columns, grad.new_zeros(len(where.columns)), where.shape
            )
            products = torch.sparse.sampled_addmm(zero, grad, dense.mT, beta=0.0).values()
            for_values = torch.zeros_like(values).index_copy_(0, where.order, products)
        if ctx.needs_input_grad[1]:
            transposed = _matrix(
                where.t_rows, where.t_columns, values[where.t_order], where.shape[::-1]
            )
            for_dense = _times(transposed, grad)
        return for_values, for_dense, None


def product(
    values: Float[Tensor, " values"], dense: Float[Tensor, "columns width"], where: Pattern
) -> Float[Tensor, "rows width"]:
    r"""Multiply a sparse matrix by a dense one; both may need gradients.

    .. math:: Y_{ik} = \sum_{e:\,\mathrm{row}(e)=i} v_e\,H_{\mathrm{col}(e),k}, \qquad
        \frac{\partial\mathcal L}{\partial v_e}
        = \sum_k G_{\mathrm{row}(e),k}\,H_{\mathrm{col}(e),k}

    The gradient of the values is computed entry by entry, without a dense matrix.

    Args:
        values: Values of the entries; a pattern may use some of them.
        dense: The dense factor.
        where: Where the entries stand.

    Returns:
        The dense product.

    Example:
        >>> p = pattern(torch.tensor([1, 0]), torch.tensor([0, 2]), torch.tensor([0, 1]), (2, 3))
        >>> product(torch.tensor([10.0, 1.0]), torch.tensor([[1.0], [2.0], [3.0]]), p).tolist()
        [[3.0], [10.0]]
    """
    return _Product.apply(values, dense, where)


class _ConstantProduct(torch.autograd.Function):
    """The product with a matrix that needs no gradient and is stored with its transpose."""

    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        ctx.transposed = transposed
        return _times(matrix, dense)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return _times(ctx.transposed, grad.contiguous()), None, None


class Constant:
    """A sparse matrix whose entries stay as they are, so that nothing is sorted at each product.

    Args:
        values: Values of the entries.
        where: Where the entries stand.

    Example:
        >>> p = pattern(torch.tensor([1, 0]), torch.tensor([0, 2]), torch.tensor([0, 1]), (2, 3))
        >>> Constant(torch.tensor([10.0, 1.0]), p)(torch.tensor([[1.0], [2.0], [3.0]])).tolist()
        [[3.0], [10.0]]
    """

    def __init__(self, values: Float[Tensor, " values"], where: Pattern) -> None:
        fixed, small = values.detach(), max(*where.shape, len(values)) < 2**31
        # The kernels want short indices and would convert long ones at each product.
        rows, columns, t_rows, t_columns = (
            index.int() if small else index
            for index in (where.rows, where.columns, where.t_rows, where.t_columns)
        )
        self._matrix = _matrix(rows, columns, fixed[where.order], where.shape)
        self._transposed = _matrix(t_rows, t_columns, fixed[where.t_order], where.shape[::-1])

    def __call__(self, dense: Float[Tensor, "columns width"]) -> Float[Tensor, "rows width"]:
        """Return the product; only the dense factor gets a gradient."""
        return _ConstantProduct.apply(dense, self._matrix, self._transposed)
