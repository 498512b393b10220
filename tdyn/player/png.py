"""The first state of a figure as a PNG, drawn by matplotlib from the same description."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tdyn.player.html import colors
from tdyn.player.layers import DASHES, MARKERS

if TYPE_CHECKING:
    from tdyn.player.figure import Figure
    from tdyn.player.model import Layer, Panel

__all__ = ["draw"]

# The categories of player.css in light mode.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b4558d", "#b07a00", "#3d95cc", "#444b55", "#8f8500")
NAMED = {"text": "#22262b", "muted": "#6b7280"}
SHAPES = dict(zip(MARKERS, "os^Dx+", strict=True))
DASH = dict(zip(DASHES, ["-", "--", ":", "-.", (0, (9, 3))], strict=True))


def _paint(color: int | str) -> str:
    return NAMED[color] if isinstance(color, str) else PALETTE[color % len(PALETTE)]


def _first(layer: Layer, first: dict[str, int]) -> dict[str, Any]:
    """Return the arrays of the first state."""
    result = {}
    for key, array in layer.arrays.items():
        at = tuple(
            0 if array.shape[axis] == 1 else first[layer.over[axis]]
            for axis in range(layer.leading(key))
        )
        result[key] = array[at]
    return result


def _curve(axes: Any, layer: Layer, a: dict[str, Any], color: int | str) -> None:
    """Draw a line, band, rule or bars."""
    paint, options = _paint(color), layer.options
    number = color if isinstance(color, int) else 0
    label = layer.label or None
    style = DASH[options.get("dash") or list(DASHES)[number % len(DASHES)]]
    shape = SHAPES[MARKERS[number % len(MARKERS)]] if options.get("marker") else None
    where = "steps-post" if options.get("steps") else "default"
    if layer.kind == "line":
        axes.plot(a["x"], a["y"], ls=style, color=paint, marker=shape, label=label, ms=4,
                  lw=0.8 * options["width"], drawstyle=where)  # fmt: skip
    elif layer.kind == "band":
        axes.fill_between(a["x"], a["y"], a["y1"], color=paint, alpha=0.22, lw=0, label=label)
    elif layer.kind == "bars":
        axes.bar(a["x"], a["y"] - options["base"], options["width"], options["base"],
                 color=paint, alpha=0.85, label=label)  # fmt: skip
    elif "x" in a:
        axes.axvline(float(a["x"]), color=paint, ls=style, lw=1.2, label=label)
    else:
        axes.axhline(float(a["y"]), color=paint, ls=style, lw=1.2, label=label)


def _scatter(axes: Any, layer: Layer, a: dict[str, Any], color: int | str) -> Any:
    """Draw points, segments or text.

    Args:
        axes: matplotlib axes.
        layer: the layer.
        a: its arrays in the first state.
        color: its color.

    Returns:
        What a color bar needs, or None.
    """
    options, mapped = layer.options, None
    limits = dict(zip(("vmin", "vmax"), options.get("vlim", ()), strict=False))
    if layer.kind == "text":
        align = {"start": "left", "middle": "center", "end": "right"}[options["anchor"]]
        for x, y, string in zip(a["x"], a["y"], a["s"], strict=True):
            if np.isfinite([x, y]).all():
                axes.text(x, y, string, ha=align, va="center", fontsize=8, color=_paint(color),
                          parse_math=False, clip_on=True)  # fmt: skip
    elif layer.kind == "segments":
        from matplotlib.collections import LineCollection

        ends = np.stack([np.stack([a["x"], a["y"]], -1), np.stack([a["x1"], a["y1"]], -1)], 1)
        mapped = LineCollection(list(ends), colors=_paint(color), lw=0.8 * options["width"])
        if "value" in a:
            mapped.set(array=a["value"], cmap=options["cmap"], clim=tuple(options["vlim"]))
        mapped.set_label(layer.label or "_")
        axes.add_collection(mapped)
    elif "category" in a:
        for i, name in enumerate(options["names_of"]):
            hit = a["category"] == i
            axes.scatter(a["x"][hit], a["y"][hit], s=4 * options["size"], color=_paint(i),
                         marker=SHAPES[MARKERS[i % len(MARKERS)]], label=name)  # fmt: skip
    else:
        number = color if isinstance(color, int) else 0
        shape = SHAPES[options.get("shape") or MARKERS[number % len(MARKERS)]]
        paint = {"c": a["value"], "cmap": options["cmap"], **limits} if "value" in a else {
            "color": _paint(color)}  # fmt: skip
        mapped = axes.scatter(a["x"], a["y"], s=4 * options["size"], marker=shape,
                              label=layer.label or None, **paint)  # fmt: skip
    return mapped if "value" in a else None


def _image(axes: Any, layer: Layer, z: NDArray[Any]) -> Any:
    """Draw a heatmap.

    Args:
        axes: matplotlib axes.
        layer: the layer.
        z: the matrix of the first state.

    Returns:
        What a color bar needs, or None.
    """
    from matplotlib.colors import ListedColormap

    options = layer.options
    box = [*options["xspan"], *options["yspan"]]
    if options["origin"] == "upper":
        box = [box[0], box[1], box[3], box[2]]
    how = {"extent": box, "origin": options["origin"], "aspect": "auto", "interpolation": "nearest"}
    if "names_of" not in options:
        low, high = options["vlim"]
        return axes.imshow(z, cmap=options["cmap"], vmin=low, vmax=high, **how)
    names = options["names_of"]
    paints = [_paint(i) for i in range(len(names))]
    axes.imshow(z, cmap=ListedColormap(paints), vmin=-0.5, vmax=len(names) - 0.5, **how)
    for name, paint in zip(names, paints, strict=True):
        axes.scatter([], [], color=paint, marker="s", label=name)
    return None


def _panel(axes: Any, panel: Panel, first: dict[str, int]) -> None:
    """Draw one panel."""
    mapped = None
    for layer, color in zip(panel.layers, colors(panel), strict=True):
        a = _first(layer, first)
        if layer.kind == "heatmap":
            mapped = _image(axes, layer, a["z"]) or mapped
        elif layer.kind in ("points", "segments", "text"):
            mapped = _scatter(axes, layer, a, color) or mapped
        else:
            _curve(axes, layer, a, color)
    axes.set(xscale=panel.xscale, yscale=panel.yscale)
    axes.set(xlim=panel.limits("x"), ylim=panel.limits("y"))
    for axis, setter in (("x", axes.set_xticks), ("y", axes.set_yticks)):
        if (ticks := panel.ticks(axis)) is not None:
            setter([position for position, _ in ticks], [text for _, text in ticks])
    for name, value in (("title", panel.title), ("xlabel", panel.x), ("ylabel", panel.y)):
        getattr(axes, f"set_{name}")(value, parse_math=False, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if panel.equal:
        axes.set_aspect("equal")
    if mapped is not None:
        axes.figure.colorbar(mapped, ax=axes).ax.tick_params(labelsize=8)
    handles, labels = axes.get_legend_handles_labels()
    pairs = [(h, t) for h, t in zip(handles, labels, strict=True) if t and not t.startswith("_")]
    if panel.legend and pairs:
        for text in axes.legend(
            *zip(*pairs, strict=True), fontsize=7, edgecolor="none"
        ).get_texts():
            text.set_parse_math(False)


def draw(figure: Figure) -> bytes:
    """Draw the first state of a figure.

    Args:
        figure: the figure.

    Returns:
        The bytes of a PNG image with few colors.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas
    from PIL import Image

    count = len(figure.panels)
    columns = min(count, max(1, figure.columns))
    rows = -(-count // columns)
    canvas = Canvas(figsize=(1.0 + 3.6 * columns, 2.9 * rows), dpi=90, layout="constrained")
    FigureCanvasAgg(canvas)
    first = {control.name: control.index for control in figure.controls}
    for i, panel in enumerate(figure.panels):
        _panel(canvas.add_subplot(rows, columns, i + 1), panel, first)
    mapped = any("cmap" in layer.options for panel in figure.panels for layer in panel.layers)
    raw = io.BytesIO()
    canvas.savefig(raw, format="png", facecolor="white")
    small = io.BytesIO()
    Image.open(raw).convert("RGB").quantize(96 if mapped else 32).save(small, "PNG", optimize=True)
    return small.getvalue()
