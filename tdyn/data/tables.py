"""Small tables that scikit-learn ships, and splits that are fair to all methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Split", "breast_cancer", "iris", "splits", "wine"]

Table = tuple[Float[Tensor, "n d"], Int[Tensor, " n"]]


def _table(name: str, dtype: torch.dtype | None) -> tuple[Tensor, Tensor]:
    from sklearn import datasets  # here, since it takes a second to load

    bunch = getattr(datasets, f"load_{name}")()
    x = torch.as_tensor(bunch.data).to(dtype or torch.get_default_dtype())
    return x, torch.as_tensor(bunch.target).long()


def iris(dtype: torch.dtype | None = None) -> Table:
    """Return Fisher's irises: 150 flowers, 4 lengths in centimeters, 3 species.

    Args:
        dtype: Number type of the measurements.

    Returns:
        Measurements ``(150, 4)`` and classes ``(150,)``.

    Example:
        >>> iris()[0].shape
        torch.Size([150, 4])
    """
    return _table("iris", dtype)


def wine(dtype: torch.dtype | None = None) -> Table:
    """Return 178 wines of three growers, with 13 chemical measurements in their own units.

    Args:
        dtype: Number type of the measurements.

    Returns:
        Measurements ``(178, 13)`` and classes ``(178,)``.

    Example:
        >>> wine()[1].bincount().tolist()
        [59, 71, 48]
    """
    return _table("wine", dtype)


def breast_cancer(dtype: torch.dtype | None = None) -> Table:
    """Return 569 tumors, malignant (0) or benign (1), with 30 measurements of their cells.

    Args:
        dtype: Number type of the measurements.

    Returns:
        Measurements ``(569, 30)`` and classes ``(569,)``.

    Example:
        >>> breast_cancer()[0].shape
        torch.Size([569, 30])
    """
    return _table("breast_cancer", dtype)


class Split(NamedTuple):
    """Several splits of one table, one a member of an ensemble.

    Attributes:
        x: Training inputs ``(members, n, d)``.
        y: Training classes ``(members, n)``.
        x_test: Test inputs ``(members, m, d)``.
        y_test: Test classes ``(members, m)``.
    """

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor


def splits(
    x: Float[Tensor, "n d"], y: Int[Tensor, " n"], seeds: Sequence[int], *, test: float = 0.3
) -> Split:
    """Split a table several times, stratified, and standardize by the training part.

    Args:
        x: Inputs.
        y: Classes; every class keeps its share in both parts.
        seeds: One a split.
        test: Share of the samples that are for testing, between 0 and 1.

    Returns:
        All splits, stacked.

    Raises:
        ValueError: If there is no seed or ``test`` is not between 0 and 1.

    Example:
        >>> part = splits(*iris(), seeds=range(5))
        >>> part.x.shape, part.y_test.shape, part.x.mean().abs().item() < 1e-6
        (torch.Size([5, 105, 4]), torch.Size([5, 45]), True)
    """
    from sklearn.model_selection import train_test_split

    if len(seeds) == 0 or not 0 < test < 1:
        raise ValueError(f"wanted seeds and a test share in (0, 1), got {list(seeds)} and {test}")
    parts = []
    for seed in seeds:
        index = train_test_split(
            np.arange(len(y)), test_size=test, stratify=y.numpy(), random_state=int(seed)
        )
        inside, outside = (torch.as_tensor(i) for i in index)
        mean, width = x[inside].mean(0), x[inside].std(0, correction=0)
        scaled = (x - mean) / torch.where(width > 0, width, 1.0)
        parts.append((scaled[inside], y[inside], scaled[outside], y[outside]))
    return Split(*(torch.stack(column) for column in zip(*parts, strict=True)))
