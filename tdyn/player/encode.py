"""Arrays as short base64 strings, and back.

A figure carries its data, so the data must be small. An array is stored in the first of these
forms that fits:

* ``{"a": [start, step, n]}`` - evenly spaced and one-dimensional: three numbers;
* ``{"b": ..., "t": "u1" | "u2", "o": offset, "k": scale}`` - whole numbers of a small range,
  without loss;
* the same with ``scale = (max - min) / top`` - rounded to ``top + 1`` levels, ``top = 254`` or
  ``65534``.

The largest code marks a gap (NaN or infinite). With ``"g": 1`` the codes are those of ``log10``, so
the error is relative. The error is at most half a level: ``(max - min) / (2 * top)``.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode", "encode"]

_TYPES = {8: ("u1", 254), 16: ("u2", 65534)}


def _even(values: NDArray[np.float64]) -> list[Any] | None:
    """Return ``[start, step, n]`` if the values are evenly spaced, else None."""
    if values.ndim != 1 or values.size < 3 or not np.isfinite(values).all():
        return None
    step = (values[-1] - values[0]) / (values.size - 1)
    line = values[0] + step * np.arange(values.size)
    scale = max(abs(values[0]), abs(values[-1]), 1e-300)
    if np.abs(line - values).max() > 1e-12 * scale:
        return None
    return [float(values[0]), float(step), int(values.size)]


def encode(array: NDArray[Any], *, log: bool = False, bits: int = 16) -> dict[str, Any]:
    """Encode an array of numbers; NaN and infinite entries become gaps.

    Args:
        array: numbers, any shape.
        log: round the logarithm instead of the value (for logarithmic axes).
        bits: 8 or 16, the width of a code.

    Returns:
        A dictionary for JSON, see the module docstring; ``"s"`` is the shape.

    Raises:
        ValueError: ``bits`` is not 8 or 16, or ``log`` meets numbers that are not positive.

    Example:
        >>> encode(np.array([0.0, 0.5, 1.0]))
        {'s': [3], 'a': [0.0, 0.5, 3]}
        >>> decode(encode(np.array([1.0, np.nan, 4.0]))).tolist()
        [1.0, nan, 4.0]
    """
    if bits not in _TYPES:
        raise ValueError(f"bits must be 8 or 16, got {bits}")
    values = np.asarray(array, dtype=np.float64)
    spec: dict[str, Any] = {"s": list(values.shape)}
    if (even := _even(values)) is not None:
        return spec | {"a": even}
    good = np.isfinite(values)
    if log:
        if (values[good] <= 0).any():
            raise ValueError("a logarithmic encoding needs positive numbers")
        values = np.log10(values, where=good, out=np.full_like(values, np.nan))
        spec["g"] = 1
    low, high = (values[good].min(), values[good].max()) if good.any() else (0.0, 0.0)
    spread = high / 2 - low / 2  # halves: the difference of two huge numbers may overflow
    whole = not log and spread <= 32767 and bool((values[good] == np.round(values[good])).all())
    if whole and 2 * spread <= 254:
        bits = 8
    kind, top = _TYPES[bits]
    scale = 1.0 if whole and 2 * spread <= top else (spread / top) * 2
    if not scale > 0:
        scale = 1.0
    codes = np.full(values.shape, top + 1, dtype=f"<{kind}")
    codes[good] = np.clip(np.round(values[good] / scale - low / scale), 0, top).astype(codes.dtype)
    text = base64.b64encode(codes.tobytes()).decode("ascii")
    return spec | {"b": text, "t": kind, "o": float(low), "k": float(scale)}


def decode(spec: dict[str, Any]) -> NDArray[np.float64]:
    """Decode what `encode` returned, by the arithmetic that the script in the page uses.

    Args:
        spec: the dictionary from `encode`.

    Returns:
        The numbers in their shape; gaps are NaN.

    Example:
        >>> decode(encode(np.array([[3, 1], [4, 1]]))).tolist()
        [[3.0, 1.0], [4.0, 1.0]]
    """
    if "a" in spec:
        start, step, size = spec["a"]
        return np.asarray(start + step * np.arange(size), dtype=np.float64)
    codes = np.frombuffer(base64.b64decode(spec["b"]), dtype=f"<{spec['t']}")
    values = spec["o"] + spec["k"] * codes.astype(np.float64)
    if spec.get("g"):
        values = 10.0**values
    values[codes == np.iinfo(codes.dtype).max] = np.nan
    return values.reshape(spec["s"])
