"""Layers that are curves over x: lines, bands, rules and bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tdyn.player.model import Layer, to_array

__all__ = ["area", "band", "bars", "line", "lines", "rule"]  # fmt: skip

Over = str | Sequence[str]
Color = int | str | None
Number = float | int
MARKERS = ("circle", "square", "triangle", "diamond", "cross", "plus")
DASHES = {"solid": "", "dashed": "7 4", "dotted": "2 3", "dashdot": "9 3 2 3", "long": "14 4"}


def names_of(over: Over) -> tuple[str, ...]:
    """Turn one name or several into a tuple.

    Args:
        over: what the caller gave.

    Returns:
        The names.
    """
    return (over,) if isinstance(over, str) else tuple(over)


def check_color(color: Color) -> Color:
    """Raise unless the color is one that the page knows.

    Args:
        color: the color.

    Returns:
        The color.

    Raises:
        ValueError: it is not a number, ``"text"`` or ``"muted"``.
    """
    if color is None or color in ("text", "muted"):
        return color
    if isinstance(color, bool) or not isinstance(color, int) or color < 0:
        raise ValueError(f"color must be a number >= 0, 'text' or 'muted'; got {color!r}")
    return color


def _dash(dash: str | None) -> str | None:
    if dash is not None and dash not in DASHES:
        raise ValueError(f"dash must be one of {', '.join(DASHES)}; got {dash!r}")
    return dash


def make_layer(
    kind: str, arrays: dict[str, Any], over: Over, label: str = "", color: Color = None, *,
    natural: int = 1, **options: Any,
) -> Layer:  # fmt: skip
    """Check the arrays, that their last axes agree, and build the layer.

    Args:
        kind: what is drawn.
        arrays: the data.
        over: the names of the controls.
        label: text in the legend.
        color: a category, ``"text"``, ``"muted"`` or None.
        natural: the number of axes without the controls.
        **options: what else the drawing needs; None is dropped.

    Returns:
        The layer.

    Raises:
        ValueError: the last axes differ in length.
    """
    good = {key: to_array(value, f"{kind}: {key}") for key, value in arrays.items()}
    if natural == 1:
        sizes = {key: array.shape[-1] if array.ndim else 0 for key, array in good.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"{kind}: the last axes differ in length: {sizes}")
    given = {key: value for key, value in options.items() if value is not None}
    return Layer(
        kind, good, dict.fromkeys(good, natural), names_of(over), label, check_color(color), given
    )


def line(
    x: Any, y: Any, over: Over = (), *, label: str = "", color: Color = None,
    dash: str | None = None, width: Number = 2.0, steps: bool = False, marker: bool = False,
) -> Layer:  # fmt: skip
    """Draw a line; NaN is a gap.

    Args:
        x: positions ``(n,)`` or ``(*states, n)``.
        y: heights ``(n,)`` or ``(*states, n)``.
        over: the names of the controls that index the leading axes.
        label: text in the legend.
        color: a number (category), ``"text"`` or ``"muted"``; the next free category by default.
        dash: ``solid``, ``dashed``, ``dotted``, ``dashdot`` or ``long``; goes with the color.
        width: line width in pixels.
        steps: draw a staircase, constant to the right of each point.
        marker: mark the points too.

    Returns:
        The layer.

    Example:
        >>> line([0, 1, 2], [[0, 1, 2], [0, 1, 4]], over="power").over
        ('power',)
    """
    return make_layer("line", {"x": x, "y": y}, over, label, color, dash=_dash(dash), width=width,
                  steps=steps or None, marker=marker or None)  # fmt: skip


def lines(
    x: Any, y: Any, over: Over = (), *, label: str = "", color: Color = None,
    dash: str | None = None, width: Number = 1.0,
) -> Layer:  # fmt: skip
    """Draw many lines that share ``x``, a color and a label, such as one line a seed.

    Args:
        x: positions ``(n,)``.
        y: heights ``(series, n)`` or ``(*states, series, n)``.
        over: the names of the controls that index the leading axes of ``y``.
        label: text in the legend.
        color: as in `line`.
        dash: as in `line`.
        width: line width in pixels.

    Returns:
        A line layer whose series are separated by gaps.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> lines([0, 1], [[1, 2], [3, 4]]).arrays["y"].tolist()
        [1.0, 2.0, nan, 3.0, 4.0, nan]
    """
    xs, ys = to_array(x, "lines: x"), to_array(y, "lines: y")
    if xs.ndim != 1 or ys.ndim < 2 or xs.shape[0] != ys.shape[-1]:
        raise ValueError(
            f"lines: x must be (n,), y (..., series, n); got {xs.shape} and {ys.shape}"
        )
    gap = [(0, 0)] * (ys.ndim - 1) + [(0, 1)]
    flat = np.pad(ys, gap, constant_values=np.nan).reshape(*ys.shape[:-2], -1)
    long = np.tile(np.append(xs, np.nan), ys.shape[-2])
    return make_layer(
        "line", {"x": long, "y": flat}, over, label, color, dash=_dash(dash), width=width
    )


def bars(
    x: Any, y: Any, over: Over = (), *, label: str = "", color: Color = None,
    width: Number | None = None, base: Number = 0.0,
) -> Layer:  # fmt: skip
    """Draw vertical bars.

    Args:
        x: centers ``(n,)``, or ``n`` names.
        y: heights ``(n,)`` or ``(*states, n)``.
        over: the names of the controls that index the leading axes.
        label: text in the legend.
        color: as in `line`.
        width: width of a bar in data units; 0.8 of the smallest distance by default.
        base: where the bars stand.

    Returns:
        The layer.

    Example:
        >>> bars(["a", "b"], [1, 2]).options["names"]
        [(0.0, 'a'), (1.0, 'b')]
    """
    names = None
    if isinstance(x, (list, tuple)) and any(isinstance(item, str) for item in x):
        names = [(float(i), str(item)) for i, item in enumerate(x)]
        x = np.arange(len(x))
    xs = to_array(x, "bars: x")
    if width is None:
        gaps = np.diff(np.unique(xs[np.isfinite(xs)]))
        width = 0.8 * float(gaps.min()) if gaps.size else 0.8
    span = [float(np.nanmin(xs)) - width * 0.6, float(np.nanmax(xs)) + width * 0.6]
    return make_layer("bars", {"x": xs, "y": y}, over, label, color, width=width, base=base,
                  names=names, xspan=span, yspan=[base])  # fmt: skip


def band(
    x: Any, low: Any, high: Any, over: Over = (), *, label: str = "", color: Color = None,
) -> Layer:  # fmt: skip
    """Fill between two curves, such as the range over the seeds.

    Args:
        x: positions ``(n,)`` or ``(*states, n)``.
        low: lower edge, ``(n,)`` or ``(*states, n)``.
        high: upper edge.
        over: the names of the controls that index the leading axes.
        label: text in the legend.
        color: as in `line`; by default that of the next line, so put the band before its line.

    Returns:
        The layer.

    Example:
        >>> band([0, 1], [0, 0], [1, 2]).kind
        'band'
    """
    return make_layer("band", {"x": x, "y": low, "y1": high}, over, label, color)


def area(
    x: Any, y: Any, over: Over = (), *, label: str = "", color: Color = None, base: Number = 0.0,
) -> Layer:  # fmt: skip
    """Fill between a curve and a constant.

    Args:
        x: positions ``(n,)`` or ``(*states, n)``.
        y: heights ``(n,)`` or ``(*states, n)``.
        over: the names of the controls that index the leading axes.
        label: text in the legend.
        color: as in `line`.
        base: the constant.

    Returns:
        The layer.

    Example:
        >>> area([0, 1], [1, 2]).arrays["y"].tolist()
        [0.0, 0.0]
    """
    size = to_array(y, "area: y").shape[-1:]
    return make_layer(
        "band", {"x": x, "y": np.full(size, base), "y1": y}, over, label, color, own=True
    )


def rule(
    x: Any = None, y: Any = None, over: Over = (), *, label: str = "", color: Color = "muted",
    dash: str | None = "dashed", width: Number = 1.5,
) -> Layer:  # fmt: skip
    """Draw a horizontal or a vertical line across the panel.

    Args:
        x: position of a vertical line, a number or ``(*states,)``.
        y: height of a horizontal line, a number or ``(*states,)``.
        over: the names of the controls that index the axes.
        label: text in the legend.
        color: as in `line`.
        dash: as in `line`.
        width: line width in pixels.

    Returns:
        The layer.

    Raises:
        ValueError: not exactly one of ``x`` and ``y`` is given.

    Example:
        >>> rule(y=0.5, label="chance").label
        'chance'
    """
    if (x is None) == (y is None):
        raise ValueError("rule: give x or y, not both and not neither")
    arrays = {"y": y} if x is None else {"x": x}
    return make_layer("rule", arrays, over, label, color, natural=0, dash=_dash(dash), width=width)
