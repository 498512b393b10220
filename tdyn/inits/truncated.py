"""The Gaussian without its tails."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from tdyn.inits.law import fan_in

__all__ = ["truncated"]

#: Standard deviation of a standard Gaussian that is cut at plus and minus two.
_CUT = 0.8796256610342398


def truncated(
    shape: Sequence[int],
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    r"""Gaussian weights cut at two standard deviations, then scaled to variance :math:`1/n_{in}`.

    This is what JAX libraries call LeCun's normal initialization.

    Args:
        shape: ``(n_out, n_in)``.
        generator: Source of randomness.
        dtype: Number type.
        device: Where.

    Returns:
        The weights; none is larger than :math:`2.28/\sqrt{n_{in}}`.

    Example:
        >>> w = truncated((500, 400), generator=torch.Generator().manual_seed(0))
        >>> round(400 * w.var().item(), 2), round(20 * w.abs().max().item(), 2)
        (1.0, 2.27)
    """
    w = torch.empty(tuple(shape), dtype=dtype, device=device)
    torch.nn.init.trunc_normal_(w, a=-2.0, b=2.0, generator=generator)
    return w / (_CUT * math.sqrt(fan_in(shape)))
