"""Bytes of a 50-step curve: our figure beside matplotlib's ``to_jshtml``, in one run.

Run ``python -m benchmarks player``.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from tdyn import player

__all__ = ["main", "table"]

STATES, POINTS = 50, 200


def curves() -> tuple[np.ndarray, np.ndarray]:
    """Return the positions and the heights ``(states, points)`` of a learning curve."""
    x = np.linspace(0, 1000, POINTS)
    y = 1 - 0.5 * np.exp(-x / np.linspace(50, 900, STATES)[:, None])
    return x, y


def ours() -> str:
    """Return the curve as a figure of ours, script and still image included."""
    x, y = curves()
    layer = player.line(x, y, over="scale", label="test accuracy")
    return player.Figure(
        name="curve",
        title="A learning curve",
        description="The curve rises from one half to one, the slower the larger the time scale.",
        controls=[player.Slider("scale", "Time scale", range(STATES))],
        panels=[player.Panel([layer], x="step", y="accuracy")],
    ).html()


def matplotlib_page() -> str:
    """Return the same curve as frames in HTML."""
    import matplotlib as mpl
    from matplotlib.animation import FuncAnimation
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    x, y = curves()
    figure = Figure(figsize=(6.4, 4.8))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="step", ylabel="accuracy", ylim=(0.45, 1.05))
    (line,) = axes.plot(x, y[0])

    def frame(i: int) -> tuple[Any]:
        line.set_ydata(y[i])
        return (line,)

    with mpl.rc_context({"animation.embed_limit": 100}):
        return FuncAnimation(figure, frame, frames=STATES).to_jshtml()


def table() -> list[dict[str, Any]]:
    """Measure both.

    Returns:
        One row a method: name, bytes, seconds, and the ratio of its bytes to ours.
    """
    rows: list[dict[str, Any]] = []
    for name, make in (("tdyn.player", ours), ("matplotlib to_jshtml", matplotlib_page)):
        start = time.perf_counter()
        size = len(make().encode())
        rows.append({"method": name, "bytes": size, "seconds": time.perf_counter() - start})
    for row in rows:
        row["ratio"] = row["bytes"] / rows[0]["bytes"]
    return rows


def main() -> None:
    """Print the table."""
    print(f"{STATES} states x {POINTS} points")
    for row in table():
        print(
            f"{row['method']:22}{row['bytes']:>10} bytes{row['seconds']:8.2f} s{row['ratio']:7.1f}x"
        )


if __name__ == "__main__":
    main()
