"""Real data sets that scikit-learn ships, ready for a network."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["digits"]


def digits(
    dtype: torch.dtype | None = None,
) -> tuple[Float[Tensor, "1797 64"], Int[Tensor, " 1797"]]:
    """Return the 8×8 handwritten digits of scikit-learn, pixels scaled to [0, 1].

    Args:
        dtype: Number type of the pixels.

    Returns:
        Images ``(1797, 64)`` and classes ``(1797,)``.

    Example:
        >>> x, y = digits()
        >>> x.shape, int(y.max()), float(x.max())
        (torch.Size([1797, 64]), 9, 1.0)
    """
    from sklearn.datasets import load_digits  # here, since it takes a second to load

    bunch = load_digits()
    x = torch.as_tensor(bunch.data).to(dtype or torch.get_default_dtype()) / 16
    return x, torch.as_tensor(bunch.target).long()
