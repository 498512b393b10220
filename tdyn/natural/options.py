"""The names of the metrics, and checks of the options that all functions share."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["KINDS"]

#: What may be kept of the Fisher matrix.
KINDS = (
    "exact", "block", "unit", "kfac", "ekfac", "local unit", "local input", "diagonal",
)  # fmt: skip


def check_kind(kind: str, known: Sequence[str] = KINDS) -> None:
    """Raise unless the kind of metric is known.

    Args:
        kind: Its name.
        known: The names that may be.

    Raises:
        ValueError: If it is not.
    """
    if kind not in known:
        raise ValueError(f"kind must be one of {tuple(known)}, got {kind!r}")


def check_damping(damping: float) -> None:
    """Raise unless the damping is a number that is not negative.

    Args:
        damping: The damping.

    Raises:
        ValueError: If it is not.
    """
    if not (math.isfinite(damping) and damping >= 0):
        raise ValueError(f"damping must be zero or positive, got {damping}")
