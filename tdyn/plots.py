"""The course's figure style and the few plots that all chapters share."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

__all__ = ["COLORS", "band", "figure", "use_style"]

#: Okabe and Ito's palette: told apart by readers with color-blindness, legible on white.
COLORS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "amber": "#E69F00",
    "yellow": "#F0E442",
    "gray": "#666666",
    "black": "#000000",
}

_STYLE = {
    "axes.prop_cycle": mpl.cycler(
        color=[COLORS[c] for c in ("blue", "orange", "green", "purple", "sky", "amber", "gray")]
    ),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "figure.constrained_layout.use": True,
    # Figures keep a white card in dark mode, so they must not be transparent.
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "font.family": "DejaVu Sans",
    "image.cmap": "viridis",
}


def use_style() -> None:
    """Set the course's style for all figures made after this call.

    Example:
        >>> use_style()
        >>> mpl.rcParams["axes.spines.top"]
        False
    """
    mpl.rcParams.update(_STYLE)


def figure(
    rows: int = 1, columns: int = 1, *, width: float = 7.0, height: float = 2.8, **options: Any
) -> tuple[Figure, Any]:
    """Open a figure in the course's style.

    Args:
        rows: Number of rows of panels.
        columns: Number of columns of panels.
        width: Width in inches.
        height: Height of one row in inches.
        **options: Passed to ``matplotlib.pyplot.subplots``.

    Returns:
        The figure and its axes, as ``subplots`` returns them.

    Example:
        >>> fig, axes = figure(1, 2)
        >>> len(axes)
        2
        >>> import matplotlib.pyplot as plt; plt.close(fig)
    """
    import matplotlib.pyplot as plt

    use_style()
    return plt.subplots(rows, columns, figsize=(width, height * rows), **options)


def band(
    axis: Axes,
    x: ArrayLike,
    values: ArrayLike,
    label: str,
    *,
    color: str | None = None,
    **line: Any,
) -> None:
    """Draw the median over the seeds with a band from the smallest to the largest.

    Args:
        axis: Where to draw.
        x: Positions ``(time,)``.
        values: Tensor or array ``(time, seeds)``.
        label: Name in the legend.
        color: A name of :data:`COLORS` or any matplotlib color.
        **line: Passed to ``Axes.plot``.

    Raises:
        ValueError: If ``values`` is not ``(time, seeds)`` with ``time`` as long as ``x``.

    Example:
        >>> fig, axis = figure()
        >>> band(axis, [0, 1], [[1.0, 2.0, 6.0], [2.0, 3.0, 4.0]], "loss", color="blue")
        >>> axis.lines[0].get_ydata().tolist()
        [2.0, 3.0]
        >>> import matplotlib.pyplot as plt; plt.close(fig)
    """
    position, array = np.asarray(x), np.asarray(values, dtype=float)
    if array.ndim != 2 or len(array) != len(position):
        raise ValueError(f"values must be ({len(position)}, seeds), got {array.shape}")
    shade = COLORS.get(color or "", color)
    (drawn,) = axis.plot(position, np.median(array, 1), label=label, color=shade, **line)
    axis.fill_between(
        position, array.min(1), array.max(1), color=drawn.get_color(), alpha=0.18, linewidth=0
    )
