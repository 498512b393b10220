"""The layers of a panel: one function for each kind of mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdyn._player_model import Layer, to_array

__all__ = [
    "area", "band", "bars", "heatmap", "line", "lines", "points", "rule", "segments", "text",
]  # fmt: skip

Over = str | Sequence[str]
Color = int | str | None
MARKERS = ("circle", "square", "triangle", "diamond", "cross", "plus")
DASHES = {"solid": "", "dashed": "7 4", "dotted": "2 3", "dashdot": "9 3 2 3", "long": "14 4"}


def _names(over: Over) -> tuple[str, ...]:
    return (over,) if isinstance(over, str) else tuple(over)


def _color(color: Color) -> Color:
    if color is None or color in ("text", "muted"):
        return color
    if isinstance(color, bool) or not isinstance(color, int) or color < 0:
        raise ValueError(f"color must be a number >= 0, 'text' or 'muted'; got {color!r}")
    return color


def _dash(dash: str | None) -> str | None:
    if dash is not None and dash not in DASHES:
        raise ValueError(f"dash must be one of {', '.join(DASHES)}; got {dash!r}")
    return dash


def _layer(
    kind: str, arrays: dict[str, Any], over: Over, label: str = "", color: Color = None, *,
    natural: int = 1, **options: Any,
) -> Layer:  # fmt: skip
    """Check the arrays, that their last axes agree, and build the layer."""
    good = {key: to_array(value, f"{kind}: {key}") for key, value in arrays.items()}
    if natural == 1:
        sizes = {key: array.shape[-1] if array.ndim else 0 for key, array in good.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"{kind}: the last axes differ in length: {sizes}")
    given = {key: value for key, value in options.items() if value is not None}
    return Layer(kind, good, dict.fromkeys(good, natural), _names(over), label, _color(color), given)


def line(
    x: Any, y: Any, over: Over = (), *, label: str = "", color: Color = None,
    dash: str | None = None, width: float = 2.0, steps: bool = False, marker: bool = False,
) -> Layer:  # fmt: skip
    """Draw a line; NaN is a gap.

    Args:
        x: positions ``(n,)`` or ``(*states, n)``.
        y: heights ``(n,)`` or ``(*states, n)``.
        over: the names of the controls that index the leading axes.
        label: text in the legend.
        color: a number (category), ``"text"`` or ``"muted"``; the next free category by default.
        dash: ``solid``, ``dashed``, ``dotted``, ``dashdot`` or ``long``; follows the color by default.
        width: line width in pixels.
        steps: draw a staircase, constant to the right of each point.
        marker: mark the points too.

    Returns:
        The layer.

    Example:
        >>> line([0, 1, 2], [[0, 1, 2], [0, 1, 4]], over="power").over
        ('power',)
    """
    return _layer("line", {"x": x, "y": y}, over, label, color, dash=_dash(dash), width=width,
                  steps=steps or None, marker=marker or None)  # fmt: skip


def lines(
    x: Any, y: Any, over: Over = (), *, label: str = "", color: Color = None,
    dash: str | None = None, width: float = 1.0,
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
        raise ValueError(f"lines: x must be (n,), y (..., series, n); got {xs.shape} and {ys.shape}")
    gap = [(0, 0)] * (ys.ndim - 1) + [(0, 1)]
    flat = np.pad(ys, gap, constant_values=np.nan).reshape(*ys.shape[:-2], -1)
    long = np.tile(np.append(xs, np.nan), ys.shape[-2])
    return _layer("line", {"x": long, "y": flat}, over, label, color, dash=_dash(dash), width=width)


def points(
    x: Any, y: Any, over: Over = (), *, label: str = "", color: Color = None, size: float = 3.5,
    category: Any = None, names: Sequence[str] = (), value: Any = None, cmap: str = "viridis",
    vlim: tuple[float, float] | None = None, value_label: str = "", marker: str | None = None,
) -> Layer:  # fmt: skip
    """Draw points of one color, or colored by category or by value.

    Args:
        x: positions ``(n,)`` or ``(*states, n)``; a single moving point is ``(*states, 1)``.
        y: the same.
        over: the names of the controls that index the leading axes.
        label: text in the legend.
        color: as in `line`.
        size: radius in pixels.
        category: whole numbers ``>= 0``, shaped like ``y``: color and marker of each point.
        names: the names of the categories, for the legend.
        value: numbers shaped like ``y``, shown by ``cmap``.
        cmap: name of a matplotlib color map.
        vlim: values at the ends of the color map; by default from the data over all states.
        value_label: text at the color bar.
        marker: ``circle``, ``square``, ``triangle``, ``diamond``, ``cross`` or ``plus``.

    Returns:
        The layer.

    Raises:
        ValueError: both ``category`` and ``value`` are given, or the categories are not whole numbers.

    Example:
        >>> points([0, 1], [0, 1], category=[0, 1], names=["even", "odd"]).options["names_of"]
        ['even', 'odd']
    """
    if category is not None and value is not None:
        raise ValueError("points: give category or value, not both")
    if marker is not None and marker not in MARKERS:
        raise ValueError(f"points: marker must be one of {', '.join(MARKERS)}; got {marker!r}")
    arrays = {"x": x, "y": y}
    options: dict[str, Any] = {"size": size, "shape": marker}
    if category is not None:
        arrays["category"] = category
        options["names_of"] = _categories("points", category, names)
    if value is not None:
        arrays["value"] = value
        options |= _colors(value, cmap, vlim, None, value_label)
    return _layer("points", arrays, over, label, color, **options)


def bars(
    x: Any, y: Any, over: Over = (), *, label: str = "", color: Color = None,
    width: float | None = None, base: float = 0.0,
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
    return _layer("bars", {"x": xs, "y": y}, over, label, color, width=width, base=base,
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
    return _layer("band", {"x": x, "y": low, "y1": high}, over, label, color)


def area(
    x: Any, y: Any, over: Over = (), *, label: str = "", color: Color = None, base: float = 0.0,
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
    return _layer("band", {"x": x, "y": np.full(size, base), "y1": y}, over, label, color, own=True)


def rule(
    x: Any = None, y: Any = None, over: Over = (), *, label: str = "", color: Color = "muted",
    dash: str | None = "dashed", width: float = 1.5,
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
    return _layer("rule", arrays, over, label, color, natural=0, dash=_dash(dash), width=width)


def segments(
    x0: Any, y0: Any, x1: Any, y1: Any, over: Over = (), *, label: str = "", color: Color = None,
    width: float = 1.2, value: Any = None, cmap: str = "viridis", center: float | None = None,
    vlim: tuple[float, float] | None = None, value_label: str = "",
) -> Layer:  # fmt: skip
    """Draw straight segments, such as the edges of a network or the arrows of a flow.

    Args:
        x0: start, ``(n,)`` or ``(*states, n)``.
        y0: start.
        x1: end.
        y1: end.
        over: the names of the controls that index the leading axes.
        label: text in the legend.
        color: as in `line`.
        width: width in pixels.
        value: numbers ``(n,)`` or ``(*states, n)``, shown by ``cmap``.
        cmap: name of a matplotlib color map.
        center: the value in the middle of the color map (for diverging maps).
        vlim: values at the ends of the color map.
        value_label: text at the color bar.

    Returns:
        The layer.

    Example:
        >>> segments([0], [0], [1], [1]).kind
        'segments'
    """
    arrays = {"x": x0, "y": y0, "x1": x1, "y1": y1}
    options: dict[str, Any] = {"width": width}
    if value is not None:
        arrays["value"] = value
        options |= _colors(value, cmap, vlim, center, value_label)
    return _layer("segments", arrays, over, label, color, **options)


def heatmap(
    z: Any, over: Over = (), *, extent: tuple[float, float, float, float] | None = None,
    origin: str = "upper", cmap: str | None = None, center: float | None = None,
    vlim: tuple[float, float] | None = None, value_label: str = "", names: Sequence[str] = (),
    label: str = "",
) -> Layer:  # fmt: skip
    """Draw a matrix as an image.

    Args:
        z: ``(rows, columns)`` or ``(*states, rows, columns)``; NaN is transparent.
        over: the names of the controls that index the leading axes.
        extent: left, right, bottom, top in data units; by default whole numbers at the cell centers.
        origin: ``"upper"``: row 0 is on top (matrices), ``"lower"``: at the bottom (fields).
        cmap: name of a matplotlib color map; viridis, or ``RdBu_r`` if ``center`` is given.
        center: the value in the middle of the color map; makes the range symmetric about it.
        vlim: values at the ends of the color map; by default from the data over all states.
        value_label: text at the color bar.
        names: names of categories; then ``z`` holds whole numbers and the legend the names.
        label: name of the layer in the data table.

    Returns:
        The layer.

    Raises:
        ValueError: ``origin`` is unknown, the extent is empty, or categories are not whole numbers.

    Example:
        >>> heatmap([[1, 0], [0, 1]], names=["off", "on"]).options["names_of"]
        ['off', 'on']
    """
    array = to_array(z, "heatmap: z")
    if origin not in ("upper", "lower"):
        raise ValueError(f"heatmap: origin must be 'upper' or 'lower', got {origin!r}")
    if array.ndim < 2:
        raise ValueError(f"heatmap: z must be (rows, columns), got shape {array.shape}")
    rows, columns = array.shape[-2:]
    left, right, bottom, top = extent or (-0.5, columns - 0.5, -0.5, rows - 0.5)
    if not (left < right and bottom < top):
        raise ValueError(f"heatmap: extent must be left < right, bottom < top; got {extent}")
    options: dict[str, Any] = {"xspan": [left, right], "yspan": [bottom, top], "origin": origin}
    if names:
        options["names_of"] = _categories("heatmap", array, names)
    else:
        cmap = cmap or ("viridis" if center is None else "RdBu_r")
        options |= _colors(array, cmap, vlim, center, value_label)
    return _layer("heatmap", {"z": array}, over, label, natural=2, **options)


def text(
    x: Any, y: Any, strings: Any, over: Over = (), *, color: Color = "text", anchor: str = "middle",
    size: float = 12.0,
) -> Layer:  # fmt: skip
    """Write text at points.

    Args:
        x: positions ``(n,)`` or ``(*states, n)``.
        y: heights of the middle of the text.
        strings: ``n`` texts, or ``(*states, n)`` nested lists; plain Unicode.
        over: the names of the controls that index the leading axes.
        color: as in `line`.
        anchor: ``start``, ``middle`` or ``end``: which part of the text stands at ``x``.
        size: size in pixels.

    Returns:
        The layer.

    Raises:
        ValueError: the anchor is unknown or the shapes differ.

    Example:
        >>> text([0], [1], ["peak"]).arrays["s"].tolist()
        ['peak']
    """
    if anchor not in ("start", "middle", "end"):
        raise ValueError(f"text: anchor must be start, middle or end; got {anchor!r}")
    arrays: dict[str, NDArray[Any]] = {"x": to_array(x, "text: x"), "y": to_array(y, "text: y")}
    arrays["s"] = np.asarray(strings, dtype=object)
    sizes = {key: array.shape[-1:] for key, array in arrays.items()}
    if len(set(sizes.values())) > 1 or not arrays["s"].size:
        raise ValueError(f"text: the last axes differ in length: {sizes}")
    options = {"anchor": anchor, "size": size}
    return Layer("text", arrays, dict.fromkeys(arrays, 1), _names(over), "", _color(color), options)


def _categories(kind: str, values: Any, names: Sequence[str]) -> list[str]:
    """Check that the values are whole numbers with a name each; return the names."""
    array = to_array(values, f"{kind}: category")
    array = array[np.isfinite(array)]
    if (array < 0).any() or (array != np.round(array)).any():
        raise ValueError(f"{kind}: categories must be whole numbers >= 0")
    count = int(array.max()) + 1
    if names and len(names) < count:
        raise ValueError(f"{kind}: {count} categories, but only {len(names)} names")
    return [str(name) for name in names] or [str(i) for i in range(count)]


def _colors(
    values: Any, cmap: str, vlim: tuple[float, float] | None, center: float | None, label: str
) -> dict[str, Any]:
    """Return the options of a color map: its name, the values at its ends, and a label."""
    from matplotlib import colormaps

    if cmap not in colormaps:
        raise ValueError(f"cmap must be a matplotlib color map, got {cmap!r}")
    array = to_array(values, "values of colors")
    array = array[np.isfinite(array)]
    low, high = (float(array.min()), float(array.max())) if vlim is None else map(float, vlim)
    if center is not None and vlim is None:
        reach = max(high - center, center - low)
        low, high = center - reach, center + reach
    if not low < high:
        low, high = low - 0.5, high + 0.5
    return {"cmap": cmap, "vlim": [low, high], "value_label": label}
