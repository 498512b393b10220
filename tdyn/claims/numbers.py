"""Numbers as a reader wants them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

__all__ = ["readable", "span", "typeset"]

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NUMBER = re.compile(r"(-?)(\d[\d,]*(?:\.\d+)?)(?:e([+-]\d+))?")


def readable(text: str) -> str:
    """Give a formatted number a true minus sign, and powers of ten instead of ``e-07``.

    Args:
        text: What ``format`` made of a number; any other text stays as it is.

    Returns:
        Plain text.

    Example:
        >>> [readable(t) for t in ("-0.50", "2.5e-07", "-1e+12", "1,024", "a-b")]
        ['−0.50', '2.5 × 10⁻⁷', '−10¹²', '1,024', 'a-b']
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    sign, mantissa, exponent = match.groups()
    if exponent:
        power = "10" + str(int(exponent)).translate(_RAISED)
        mantissa = power if mantissa == "1" else f"{mantissa} × {power}"
    return ("−" if sign else "") + mantissa


def typeset(value: float, digits: int = 3) -> str:
    """Write a number to some digits, readably.

    Args:
        value: The number.
        digits: How many digits count.

    Returns:
        Plain text.

    Example:
        >>> [typeset(v) for v in (-0.5, -0.0, 12345, 2.5e-7, 1e-9)]
        ['−0.5', '0', '12,300', '2.5 × 10⁻⁷', '10⁻⁹']
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value + 0.0:.{digits}g}"  # adding zero takes the sign from it
    if "e+" in text and abs(float(text)) < 1e6:
        text = f"{float(text):,.0f}"
    return readable(text)


def span(values: Sequence[float]) -> str:
    """Write the smallest and the largest of some numbers, and how many there are.

    "All" is said of equal numbers only, not of those that look equal after rounding.

    Args:
        values: At least one number.

    Returns:
        Plain text.

    Example:
        >>> span([0.25, -1.0]), span([2.0, 2.0]), span([1.0, 1.0001]), span([3.0])
        ('−1 to 0.25, n = 2', '2, all 2', '1, n = 2', '3')
    """
    low, high = typeset(min(values)), typeset(max(values))
    if len(values) == 1:
        return low
    if min(values) == max(values):
        return f"{low}, all {len(values)}"
    return f"{low if low == high else f'{low} to {high}'}, n = {len(values)}"
