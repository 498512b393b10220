"""Laws made to keep ReLU layers alive: asymmetric rows, and rows that come with their mirror."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NoReturn

import torch
from torch import Generator, Tensor

from tdyn.inits.continuous import he
from tdyn.inits.law import Law, fan_in

__all__ = ["joint", "mirrored", "randomized_asymmetric"]

_SPREAD = 0.6007  # standard deviation of the Gaussian entries, times the root of the fan-in


def joint(
    shape: Sequence[int],
    *,
    generator: Generator | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> NoReturn:
    """Mark biases that are drawn together with the weights: pass it as ``bias=joint``.

    Then :func:`tdyn.inits.initialize` asks the law of the weights for one more column, which
    becomes the bias. This function itself draws nothing.

    Args:
        shape: Not used, like all arguments.
        generator: Not used.
        dtype: Not used.
        device: Not used.

    Raises:
        TypeError: Always.

    Example:
        >>> from tdyn.inits import initialize
        >>> from tdyn.nets import MLP
        >>> params = initialize(MLP((1, 4, 1)), randomized_asymmetric, seed=0, bias=joint)
        >>> params["b1"].shape
        torch.Size([4])
    """
    del shape, generator, dtype, device
    raise TypeError("joint marks biases that belong to their rows; it is no law to draw from")


def randomized_asymmetric(
    shape: Sequence[int],
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Randomized asymmetric rows (RAI): Gaussian, but one entry of each is surely positive.

    Every row has :math:`n` weights and its bias as the last column. All entries are
    :math:`\mathcal N(0, 0.6007^2/n)`; then one of them, chosen uniformly, is replaced by a draw
    from Beta(2, 1), whose mean is 2/3. Use it with ``bias=joint``: without a bias column it is
    another law.

    Args:
        shape: ``(n_out, n + 1)``; the last column is the bias.
        generator: Source of randomness.
        dtype: Number type.
        device: Where.

    Returns:
        Weights and biases.

    Raises:
        ValueError: If the shape is not a matrix with at least two columns.

    Example:
        >>> rows = randomized_asymmetric((20000, 11), generator=torch.Generator().manual_seed(0))
        >>> round(rows.square().sum(dim=1).mean().item(), 2)      # 0.6007² + 1/2
        0.86

    Source:
        :cite:t:`lu2019dying`
    """
    if len(shape) != 2 or fan_in(shape) < 2:
        raise ValueError(f"shape must be (n_out, n_in + 1) with n_in >= 1, got {tuple(shape)}")
    options = {"dtype": dtype, "device": device}
    rows = torch.randn(tuple(shape), generator=generator, **options)
    rows = rows * (_SPREAD / math.sqrt(shape[1] - 1))
    column = torch.randint(shape[1], (shape[0], 1), generator=generator, device=device)
    # The larger of two uniform numbers has the law Beta(2, 1).
    beta = torch.rand((shape[0], 2), generator=generator, **options).amax(dim=1, keepdim=True)
    return rows.scatter(1, column, beta)


def mirrored(
    shape: Sequence[int],
    *,
    generator: Generator,
    law: Law = he,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Rows in pairs :math:`\pm w`, so that exactly one neuron of each pair is on.

    With ``bias=joint`` the last column is the bias and the pairs are :math:`\pm(w, b)`; with zero
    biases they are :math:`\pm w`. At no input, except where a pair is exactly zero, is a layer all
    off. An odd last row stays alone.

    Args:
        shape: ``(n_out, n_in)``.
        generator: Source of randomness.
        law: Law of one row of each pair, asked for ``(ceil(n_out / 2), n_in)``.
        dtype: Number type.
        device: Where.

    Returns:
        The weights; row ``2 k + 1`` is minus row ``2 k``.

    Raises:
        ValueError: If the shape is not a matrix.

    Example:
        >>> rows = mirrored((4, 3), generator=torch.Generator().manual_seed(0))
        >>> torch.equal(rows[::2], -rows[1::2])
        True

    Source:
        :cite:t:`burkholz2019isometry` share parameters in a similar way; this form is ours.
    """
    if len(shape) != 2:
        raise ValueError(f"mirrored wants a matrix shape (n_out, n_in), got {tuple(shape)}")
    half = (math.ceil(shape[0] / 2), shape[1])
    rows = law(half, generator=generator, dtype=dtype, device=device)
    return torch.stack((rows, -rows), dim=1).flatten(0, 1)[: shape[0]]
