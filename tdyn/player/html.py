"""A figure as HTML: the elements, and the data for the script in the page."""

from __future__ import annotations

import base64
import json
import re
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from tdyn.player.controls import Control, Slider
from tdyn.player.encode import encode
from tdyn.player.layers import DASHES, MARKERS
from tdyn.player.model import Layer, Panel

if TYPE_CHECKING:
    from tdyn.player.figure import Figure

__all__ = ["body", "colors", "runtime", "spec"]

STOPS = 17  # colors of a color map that travel; the script interpolates


@lru_cache(maxsize=1)
def runtime() -> str:
    """Return the style and the script of the players and bets, the same for every figure.

    Returns:
        A ``<style>`` and a ``<script>`` element, both marked ``data-tdyn-player``.
    """
    static = files("tdyn.player")
    style = " ".join(_lines((static / "player.css").read_text("utf-8")))
    style = re.sub(r" *([{};]) *|(?<=[:,]) +", r"\1", style)
    script = "\n".join(map(_tight, _lines((static / "player.js").read_text("utf-8"))))
    return f"<style data-tdyn-player>{style}</style><script data-tdyn-player>{script}</script>"


def _lines(source: str) -> list[str]:
    """Return the lines without indentation, empty lines and comments.

    Args:
        source: script or style.

    Returns:
        The lines that matter.
    """
    lines = (line.strip() for line in source.splitlines())
    return [line for line in lines if line and not line.startswith(("//", "/*"))]


def _tight(line: str) -> str:
    """Drop the spaces around signs, except in lines with strings or regular expressions.

    Args:
        line: a line of script.

    Returns:
        The shorter line.
    """
    if set("'\"`/") & set(line):
        return line
    return re.sub(r" *([={}();,<>?|*]|&&|=>) *", r"\1", line)


def _json(value: Any) -> str:
    """Dump for a script element: nothing in it can end the element.

    Args:
        value: anything for JSON.

    Returns:
        JSON without ``<``, ``>`` and ``&``.
    """
    text = json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=float
    )
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def colors(panel: Panel) -> list[int | str]:
    """Give every layer its color: as asked, or the next free category.

    Args:
        panel: the panel.

    Returns:
        One category number, ``"text"`` or ``"muted"`` a layer.
    """
    result: list[int | str] = []
    free = 0
    for layer in panel.layers:
        takes = layer.kind in ("line", "points", "bars") or "own" in layer.options
        takes = takes and not {"cmap", "names_of"} & layer.options.keys()
        if layer.color is not None:
            result.append(layer.color)
        elif takes or layer.kind == "band":
            result.append(free)
            free += takes
        else:
            result.append("muted")
    return result


def _stops(cmap: str) -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps[cmap](position)) for position in np.linspace(0, 1, STOPS)]


def _layer(layer: Layer, color: int | str, panel: Panel, names: list[str]) -> dict[str, Any]:
    """Return one layer for the script."""
    number = color if isinstance(color, int) else 0
    options = {k: v for k, v in layer.options.items() if k not in ("xspan", "yspan", "cmap", "own")}
    if layer.kind in ("line", "rule"):
        auto = list(DASHES)[number % len(DASHES)]
        options["dash"] = DASHES[options.get("dash") or auto]
    if layer.kind in ("line", "points"):
        options["shape"] = MARKERS.index(options.get("shape") or MARKERS[number % len(MARKERS)])
    if "cmap" in layer.options:
        options["stops"] = _stops(layer.options["cmap"])
    if layer.kind == "heatmap":
        options["box"] = [*layer.options["xspan"], *layer.options["yspan"]]
        options["origin"] = int(layer.options["origin"] == "lower")
    arrays: dict[str, Any] = {}
    for key, array in layer.arrays.items():
        if key == "s":
            packed: dict[str, Any] = {"s": list(array.shape), "w": [str(t) for t in array.ravel()]}
        else:
            scale = getattr(panel, f"{key[0]}scale", "linear")
            packed = encode(array, log=scale == "log", bits=8 if key == "z" else 16)
        arrays[key] = packed | {"n": layer.leading(key)}
    over = [names.index(name) for name in layer.over]
    return {"k": layer.kind, "label": layer.label, "c": color, "o": over, "a": arrays} | options


def spec(figure: Figure) -> dict[str, Any]:
    """Return everything that the script needs to draw a figure.

    Args:
        figure: the figure.

    Returns:
        Data for JSON.
    """
    names = [control.name for control in figure.controls]
    panels = [
        {
            "t": panel.title, "x": panel.x, "y": panel.y, "h": panel.height,
            "xl": panel.limits("x"), "yl": panel.limits("y"), "eq": int(panel.equal),
            "xs": int(panel.xscale == "log"), "ys": int(panel.yscale == "log"),
            "xt": panel.ticks("x"), "yt": panel.ticks("y"), "lg": int(panel.legend),
            "L": [_layer(layer, color, panel, names)
                  for layer, color in zip(panel.layers, colors(panel), strict=True)],
        }
        for panel in figure.panels
    ]  # fmt: skip
    controls = [{"n": c.name, "l": c.labels, "v": c.index} for c in figure.controls]
    readouts = [
        {
            "o": [names.index(n) for n in r.over],
            "s": list(r.texts.shape),
            "w": r.texts.ravel().tolist(),
        }
        for r in figure.readouts
    ]
    return {"c": controls, "r": readouts, "p": panels}


def _control(figure: Figure, control: Control) -> str:
    """Return the elements of one control."""
    key, label = f"{figure.name}-{control.name}", escape(control.label)
    texts = [escape(text) for text in control.labels]
    data = f'data-c="{escape(control.name)}"'
    if isinstance(control, Slider):
        play = (
            f'<button type="button" class="tp-play" {data} aria-label="Play: {label}">'
            '<span aria-hidden="true">▶</span> <span>Play</span></button>'
            if control.play else ""
        )  # fmt: skip
        width = max(len(label) for label in control.labels)
        return (
            f'<div class="tp-control"><label for="{key}">{label}</label>'
            f'<output for="{key}" aria-live="off" style="min-width:{width}ch">'
            f"{texts[control.index]}</output>"
            f'<div class="tp-row"><input type="range" id="{key}" {data} min="0" '
            f'max="{len(texts) - 1}" step="1" value="{control.index}" autocomplete="off" '
            f'aria-valuetext="{texts[control.index]}">{play}</div></div>'
        )
    if len(texts) > 5:
        items = "".join(
            f'<option value="{i}"{" selected" if i == control.index else ""}>{text}</option>'
            for i, text in enumerate(texts)
        )
        return (
            f'<div class="tp-control"><label for="{key}">{label}</label> '
            f'<select id="{key}" {data} autocomplete="off">{items}</select></div>'
        )
    items = "".join(
        f'<label><input type="radio" name="{key}" {data} value="{i}" autocomplete="off"'
        f"{' checked' if i == control.index else ''}><span>{text}</span></label>"
        for i, text in enumerate(texts)
    )
    return (
        f'<fieldset class="tp-control"><legend>{label}</legend>'
        f'<div class="tp-options">{items}</div></fieldset>'
    )


def _start(figure: Figure, over: tuple[str, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index of the first state along the leading axes of an array."""
    first = {control.name: control.index for control in figure.controls}
    return tuple(0 if size == 1 else first[name] for name, size in zip(over, shape, strict=False))


def body(figure: Figure, *, controls: bool = True) -> str:
    """Return the elements and the data of a figure, without script and style.

    Args:
        figure: the figure.
        controls: show the controls; the live panel has its own.

    Returns:
        One ``<figure>`` element.
    """
    name, title = figure.name, escape(figure.title)
    image = base64.b64encode(figure.png()).decode("ascii") if controls else ""
    rows = "".join(_control(figure, control) for control in figure.controls) if controls else ""
    values = "".join(
        f'<span class="tp-readout"><span>{escape(r.name)}</span> '
        f"<b>{escape(str(r.texts[_start(figure, tuple(r.over), r.texts.shape)]))}</b></span>"
        for r in figure.readouts
    )
    panels = "".join(
        f'<div class="tp-panel"><div class="tp-head"></div>'
        f'<div class="tp-plot" style="height:{panel.height}px"></div></div>'
        for panel in figure.panels
    )
    caption = f"<figcaption>{escape(figure.caption)}</figcaption>" if figure.caption else ""
    still = (
        f'<noscript><img src="data:image/png;base64,{image}" alt="{escape(figure.description)}">'
        "</noscript>" if controls else ""
    )  # fmt: skip
    return (
        f'<figure class="tdyn-player" id="{name}" aria-labelledby="{name}-title">'
        f'<div class="tp-title" id="{name}-title">{title}</div>'
        + (f'<div class="tp-controls" hidden>{rows}</div>' if rows else "")
        + (f'<div class="tp-readouts" aria-live="polite">{values}</div>' if values else "")
        + f'<div class="tp-panels" style="--tp-columns:{min(figure.columns, len(figure.panels))}">'
        f"{panels}</div>{still}{caption}"
        f'<div class="tp-more"><details><summary>Description</summary>'
        f'<p id="{name}-description">{escape(figure.description)}</p></details>'
        "<details hidden><summary>Data</summary><p>The numbers of the state shown, one row a mark. "
        f'<button type="button" class="tp-csv">Download CSV</button></p></details></div>'
        f'<script type="application/json">{_json(spec(figure))}</script></figure>'
    )
