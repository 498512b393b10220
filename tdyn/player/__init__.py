r"""Figures that move without a kernel.

A notebook cell computes arrays for **every** state of a few controls; `Figure` turns them into one
self-contained piece of HTML with sliders, toggles and a Play button. The published page needs no
Python and no network. The data travel, not the frames: a figure weighs tens of kilobytes.

Example:
    >>> import numpy as np
    >>> from tdyn import player
    >>> sigmas = np.linspace(0, 2, 21)                       # the states
    >>> steps = np.arange(100)
    >>> accuracy = 1 - 0.5 * np.exp(-np.outer(1 / (0.1 + sigmas), steps) / 50)
    >>> figure = player.Figure(
    ...     name="noise-slows-learning",
    ...     title="Noise in the first layer slows learning",
    ...     description="A curve rises from one half to one; the larger σ, the slower it rises.",
    ...     caption="Move σ: how much noise does it take until 100 steps are not enough?",
    ...     controls=[player.Slider("sigma", "Noise σ", sigmas, format=".1f")],
    ...     panels=[
    ...         player.Panel(
    ...             [
    ...                 player.rule(y=0.5, label="chance"),
    ...                 player.line(steps, accuracy, over="sigma", label="test accuracy"),
    ...             ],
    ...             x="step", y="accuracy", ylim=(0.4, 1.02),
    ...         )
    ...     ],
    ...     readouts=[player.Readout("At the end", accuracy[:, -1], over="sigma", format=".2f")],
    ... )
    >>> html = figure.html()          # in a notebook, leave `figure` as the last line of the cell

**States.** ``over=("sigma", "depth")`` says that the leading axes of the arrays of a layer are
indexed by these controls, in this order; a leading axis may have length 1 (the same for all
values). Arrays without the leading axes are the same in every state, so ``x`` may be static while
``y`` moves. NaN is a gap. A layer without ``over`` is static. Axes take their limits from the
data over *all* states.

**Layers.** `line`, `lines` (one per seed), `points`, `bars`, `band`, `area`, `rule`, `segments`,
`heatmap`, `text`. Colors are numbers of categories (0, 1, 2, ...), which differ in light and dark
and come with their own dash and marker, or ``"text"`` and ``"muted"``.

**Text** is plain Unicode (σ, ², ‖w‖₂, 10⁻³): TeX is not typeset inside a figure.

**Precision.** Curves are rounded to 1/65534 of their range over all states (in the logarithm on a
logarithmic axis), images to 1/254 of theirs; small whole numbers are exact. See
`tdyn.player.encode`.

**With a kernel** a figure may recompute: ``Figure(..., recompute=fn)``, where ``fn(**values)``
takes the value of each control and returns the `Figure` of that state. Then a notebook shows an
ipywidgets panel, unless pages are rendered (environment variable ``TDYN_RENDER=page``).
"""

from tdyn.player.controls import Readout, Slider, Toggle
from tdyn.player.figure import Figure, strip_duplicates
from tdyn.player.html import runtime
from tdyn.player.layers import area, band, bars, line, lines, rule
from tdyn.player.marks import heatmap, points, segments, text
from tdyn.player.model import Layer, Panel

__all__ = [
    "Figure",
    "Layer",
    "Panel",
    "Readout",
    "Slider",
    "Toggle",
    "area",
    "band",
    "bars",
    "heatmap",
    "line",
    "lines",
    "points",
    "rule",
    "runtime",
    "segments",
    "strip_duplicates",
    "text",
]
