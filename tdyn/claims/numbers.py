"""Numbers as a reader wants them."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["span", "typeset"]

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def typeset(value: float) -> str:
    """Write a number to three digits, with a true minus sign and powers of ten.

    Args:
        value: The number.

    Returns:
        Plain text.

    Example:
        >>> [typeset(v) for v in (-0.5, -0.0, 12345, 2.5e-7, 1e-9)]
        ['−0.5', '0', '12,300', '2.5 × 10⁻⁷', '10⁻⁹']
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value + 0.0:.3g}"  # adding zero takes the sign from it
    if "e" in text:
        mantissa, exponent = text.split("e")
        if abs(int(exponent)) < 6 and abs(value) >= 1:
            text = f"{float(text):,.0f}"
        else:
            power = "10" + str(int(exponent)).translate(_RAISED)
            text = {"1": power, "-1": f"-{power}"}.get(mantissa, f"{mantissa} × {power}")
    return text.replace("-", "−")


def span(values: Sequence[float]) -> str:
    """Write the smallest and the largest of some numbers, or the one that they all are.

    Args:
        values: At least one number.

    Returns:
        Plain text.

    Example:
        >>> span([0.25, -1.0]), span([2.0, 2.0]), span([3.0])
        ('−1 to 0.25', '2, all 2', '3')
    """
    low, high = typeset(min(values)), typeset(max(values))
    if low != high:
        return f"{low} to {high}"
    return low if len(values) == 1 else f"{low}, all {len(values)}"
