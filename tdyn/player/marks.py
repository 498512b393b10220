"""Layers that are marks in the plane: points, segments, images and text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdyn.player.layers import MARKERS, Color, Number, Over, check_color, make_layer, names_of
from tdyn.player.model import Layer, to_array

__all__ = ["heatmap", "points", "segments", "text"]


def points(
    x: Any, y: Any, over: Over = (), *, label: str = "", color: Color = None, size: Number = 3.5,
    category: Any = None, names: Sequence[str] = (), value: Any = None, cmap: str = "viridis",
    vlim: Sequence[Number] | None = None, value_label: str = "", marker: str | None = None,
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
        ValueError: both ``category`` and ``value`` are given, or a category is not a whole number.

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
    return make_layer("points", arrays, over, label, color, **options)


def segments(
    x0: Any, y0: Any, x1: Any, y1: Any, over: Over = (), *, label: str = "", color: Color = None,
    width: Number = 1.2, value: Any = None, cmap: str = "viridis", center: Number | None = None,
    vlim: Sequence[Number] | None = None, value_label: str = "",
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
    return make_layer("segments", arrays, over, label, color, **options)


def heatmap(
    z: Any, over: Over = (), *, extent: Sequence[Number] | None = None,
    origin: str = "upper", cmap: str | None = None, center: Number | None = None,
    vlim: Sequence[Number] | None = None, value_label: str = "", names: Sequence[str] = (),
    label: str = "",
) -> Layer:  # fmt: skip
    """Draw a matrix as an image.

    Args:
        z: ``(rows, columns)`` or ``(*states, rows, columns)``; NaN is transparent.
        over: the names of the controls that index the leading axes.
        extent: left, right, bottom, top in data units; by default integers at cell centers.
        origin: ``"upper"``: row 0 is on top (matrices), ``"lower"``: at the bottom (fields).
        cmap: name of a matplotlib color map; viridis, or ``RdBu_r`` if ``center`` is given.
        center: the value in the middle of the color map; makes the range symmetric about it.
        vlim: values at the ends of the color map; by default from the data over all states.
        value_label: text at the color bar.
        names: names of categories; then ``z`` holds whole numbers.
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
    return make_layer("heatmap", {"z": array}, over, label, natural=2, **options)


def text(
    x: Any, y: Any, strings: Any, over: Over = (), *, color: Color = "text", anchor: str = "middle",
    size: Number = 12.0,
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
    return Layer(
        "text", arrays, dict.fromkeys(arrays, 1), names_of(over), "", check_color(color), options
    )


def _categories(kind: str, values: Any, names: Sequence[str]) -> list[str]:
    """Check that the values are whole numbers with a name each.

    Args:
        kind: what is drawn, for messages.
        values: the categories.
        names: their names, or none.

    Returns:
        The names.

    Raises:
        ValueError: a value is no whole number, or has no name.
    """
    array = to_array(values, f"{kind}: category")
    array = array[np.isfinite(array)]
    if (array < 0).any() or (array != np.round(array)).any():
        raise ValueError(f"{kind}: categories must be whole numbers >= 0")
    count = int(array.max()) + 1
    if names and len(names) < count:
        raise ValueError(f"{kind}: {count} categories, but only {len(names)} names")
    return [str(name) for name in names] or [str(i) for i in range(count)]


def _colors(
    values: Any, cmap: str, vlim: Sequence[Number] | None, center: Number | None, label: str
) -> dict[str, Any]:
    """Return the options of a color map.

    Args:
        values: all values, over all states.
        cmap: its name.
        vlim: the values at its ends, or None.
        center: the value in its middle, or None.
        label: text at the color bar.

    Returns:
        Name, ends and label.

    Raises:
        ValueError: matplotlib has no such map.
    """
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
