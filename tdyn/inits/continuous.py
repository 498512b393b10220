"""The standard laws with a density: LeCun, He, Xavier, uniform, orthogonal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from tdyn.inits.law import fan_in

__all__ = ["gaussian", "he", "orthogonal", "uniform", "xavier", "zeros"]


def zeros(
    shape: Sequence[int],
    *,
    generator: Generator | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """Draw nothing: all zeros, the usual choice for biases.

    Args:
        shape: Shape of the tensor.
        generator: Not used; there so that all laws are called alike.
        dtype: Number type.
        device: Where.

    Returns:
        A tensor of zeros.

    Example:
        >>> zeros((2,))
        tensor([0., 0.])
    """
    del generator
    return torch.zeros(tuple(shape), dtype=dtype, device=device)


def gaussian(
    shape: Sequence[int],
    *,
    generator: Generator,
    variance: float = 1.0,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Gaussian weights :math:`\mathcal N(0, v/n_{\rm in})`; with :math:`v=1` LeCun's choice.

    Args:
        shape: ``(n_out, n_in)``.
        generator: Source of randomness.
        variance: :math:`v > 0`.
        dtype: Number type.
        device: Where.

    Returns:
        The weights.

    Raises:
        ValueError: If the shape or ``variance`` is not positive.

    Example:
        >>> w = gaussian((500, 400), generator=torch.Generator().manual_seed(0))
        >>> round(400 * w.var().item(), 2)
        1.0
    """
    if not variance > 0:
        raise ValueError(f"variance must be positive, got {variance}")
    g = torch.randn(tuple(shape), generator=generator, dtype=dtype, device=device)
    return g * math.sqrt(variance / fan_in(shape))


def he(
    shape: Sequence[int],
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""He's Gaussian :math:`\mathcal N(0, 2/n_{\rm in})`, which keeps the scale of ReLU layers.

    Args:
        shape: ``(n_out, n_in)``.
        generator: Source of randomness.
        dtype: Number type.
        device: Where.

    Returns:
        The weights.

    Example:
        >>> w = he((500, 400), generator=torch.Generator().manual_seed(0))
        >>> round(400 * w.var().item(), 2)
        2.0
    """
    return gaussian(shape, generator=generator, variance=2.0, dtype=dtype, device=device)


def xavier(
    shape: Sequence[int],
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Xavier's (Glorot's) Gaussian :math:`\mathcal N(0, 2/(n_{\rm in} + n_{\rm out}))`.

    Args:
        shape: ``(n_out, n_in)``.
        generator: Source of randomness.
        dtype: Number type.
        device: Where.

    Returns:
        The weights.

    Raises:
        ValueError: If the shape is not a matrix.

    Example:
        >>> w = xavier((100, 300), generator=torch.Generator().manual_seed(0))
        >>> round(200 * w.var().item(), 2)
        1.0
    """
    if len(shape) != 2:
        raise ValueError(f"xavier wants a matrix shape (n_out, n_in), got {tuple(shape)}")
    variance = 2 * shape[1] / (shape[0] + shape[1])
    return gaussian(shape, generator=generator, variance=variance, dtype=dtype, device=device)


def uniform(
    shape: Sequence[int],
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Uniform weights on :math:`[-\sqrt{3/n_{\rm in}}, \sqrt{3/n_{\rm in}}]`.

    Args:
        shape: ``(n_out, n_in)``.
        generator: Source of randomness.
        dtype: Number type.
        device: Where.

    Returns:
        The weights.

    Example:
        >>> w = uniform((500, 400), generator=torch.Generator().manual_seed(0))
        >>> round(400 * w.var().item(), 2)
        1.0
    """
    u = torch.rand(tuple(shape), generator=generator, dtype=dtype, device=device)
    return (2 * u - 1) * math.sqrt(3 / fan_in(shape))


def orthogonal(
    shape: Sequence[int],
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Haar-random orthogonal matrix; rows (or columns, if there are more rows) are orthonormal.

    Args:
        shape: ``(n_out, n_in)``.
        generator: Source of randomness.
        dtype: Number type.
        device: Where.

    Returns:
        A matrix with :math:`W W^\top = I` or :math:`W^\top W = I`, whichever is smaller.

    Raises:
        ValueError: If the shape is not a matrix.

    Example:
        >>> w = orthogonal((2, 5), generator=torch.Generator().manual_seed(0))
        >>> torch.allclose(w @ w.mT, torch.eye(2), atol=1e-6)
        True
    """
    if len(shape) != 2:
        raise ValueError(f"orthogonal wants a matrix shape (n_out, n_in), got {tuple(shape)}")
    rows, columns = int(shape[0]), int(shape[1])
    size = (max(rows, columns), min(rows, columns))
    q, r = torch.linalg.qr(torch.randn(size, generator=generator, dtype=dtype, device=device))
    # QR alone is not Haar distributed: its signs must not depend on the matrix.
    q = q * torch.sign(torch.diagonal(r))
    return q if rows >= columns else q.mT.contiguous()
