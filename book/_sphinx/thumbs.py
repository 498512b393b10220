"""Draw the thumbnails of the chapter map: ``python book/_sphinx/thumbs.py``.

Each one is a schematic of its chapter's phenomenon, computed where that takes a line. They share
one size, one palette and an opaque card, so that they read in light and dark.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "thumbs"
WIDTH, HEIGHT = 240, 110
CARD, INK, BLUE, ORANGE, GREEN, FAINT = (
    "#edf2f6", "#33424f", "#0b66a8", "#c8500a", "#0a7f5c", "#b4c1cc",
)  # fmt: skip

Points = Iterable[tuple[float, float]]


def path(points: Points, color: str = BLUE, width: float = 2.5, **more: str) -> str:
    """Return a polyline."""
    d = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    extra = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
    return f'<polyline points="{d}" stroke="{color}" stroke-width="{width}"{extra}/>'


def dot(x: float, y: float, color: str = ORANGE, radius: float = 3.0) -> str:
    """Return a disk."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{color}"/>'


def box(x: float, y: float, w: float, h: float, color: str, radius: float = 1.5) -> str:
    """Return a filled rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" '
        f'rx="{radius:g}" fill="{color}"/>'
    )


def ring(x: float, y: float, radius: float, color: str = FAINT, width: float = 2) -> str:
    """Return a circle without filling."""
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" stroke="{color}" '
        f'stroke-width="{width:g}"/>'
    )


def parity() -> str:
    """Return the comb: the label against the number of minus signs."""
    xs = np.linspace(24, 216, 17)
    bars = "".join(
        box(x - 3, 20 if i % 2 == 0 else 56, 6, 34, BLUE if i % 2 == 0 else ORANGE)
        for i, x in enumerate(xs)
    )
    return path([(16, 55), (224, 55)], INK, 1.5) + bars


def staircase() -> str:
    """Return a rank that climbs and a loss that falls, both in steps."""
    edges, up, down = [20, 62, 104, 158, 222], [88, 66, 46, 24], [22, 42, 66, 88]
    rank = [(x, y) for a, b, y in zip(edges, edges[1:], up, strict=False) for x in (a, b)]
    xs = np.linspace(20, 222, 60)
    smooth = [
        22 + sum((b - a) / (1 + math.exp(-(x - e) / 4)) for a, b, e in zip(
            down, down[1:], edges[1:4], strict=False))
        for x in xs
    ]  # fmt: skip
    loss = path(zip(xs, smooth, strict=True), ORANGE, 2.5, stroke_dasharray="6 4")
    return path(rank, BLUE) + loss


def particles() -> str:
    """Return a swarm with its velocities, closing in on one point."""
    generator = np.random.default_rng(3)
    goal, marks = np.array([132.0, 56.0]), ""
    for angle in np.linspace(0, 2 * np.pi, 18, endpoint=False):
        radius = generator.uniform(20, 62)
        start = goal + radius * np.array([1.5 * math.cos(angle), 0.7 * math.sin(angle)])
        turn = np.array([[0.92, -0.38], [0.38, 0.92]])
        tail = start - 0.3 * turn @ (goal - start)
        marks += path([tail, start], FAINT, 2) + dot(*start, BLUE, 3.2)
    return marks + ring(*goal, 9, ORANGE, 2.5) + dot(*goal, ORANGE, 3)


def receptive_fields() -> str:
    """Return a field of pixels in which a local patch survives."""
    center, marks = (7.4, 3.1), ""
    for row in range(7):
        for column in range(15):
            near = math.hypot(column - center[0], row - center[1])
            color = ORANGE if near < 1.4 else BLUE if near < 2.6 else FAINT
            x, y = 29 + column * 13, 16 + row * 13
            marks += box(x - 5, y - 5, 10, 10, color) if near < 2.6 else dot(x, y, color, 2)
    return marks


def dead_relus() -> str:
    """Return a living ReLU beside a dead one."""
    axis = path([(20, 84), (110, 84)], FAINT, 1.5) + path([(132, 84), (222, 84)], FAINT, 1.5)
    alive = path([(20, 84), (62, 84), (106, 24)], BLUE, 3)
    dead = path([(132, 84), (222, 84)], ORANGE, 3)
    ghost = path([(200, 84), (222, 54)], ORANGE, 1.5, stroke_dasharray="2 4")
    return axis + alive + dead + ghost + dot(62, 84, BLUE, 4.5) + dot(200, 84, ORANGE, 4.5)


def training_jacobian() -> str:
    """Return sorted singular values with a plateau at one."""
    i = np.linspace(0, 1, 50)
    height = np.clip((0.2 - i) / 0.2, 0, 1) ** 2.2 - np.clip((i - 0.68) / 0.32, 0, 1) ** 1.7
    one = path([(16, 56), (224, 56)], FAINT, 1.5, stroke_dasharray="5 4")
    curve = path(zip(18 + 204 * i, 56 - 40 * height, strict=True), BLUE, 3)
    return one + curve + path([(60, 56), (156, 56)], ORANGE, 4)


def natural_gradient() -> str:
    """Return the contours of a narrow valley, a zigzag and a straight path."""
    marks = "".join(
        f'<ellipse cx="130" cy="56" rx="{84 * s:g}" ry="{34 * s:g}" stroke="{FAINT}"/>'
        for s in (0.25, 0.55, 0.9, 1.25)
    )
    x, y, zigzag = -100.0, 30.0, []
    for _ in range(16):
        zigzag.append((130 + x, 56 + y))
        x, y = x * 0.84, y * -0.86
    marks += path(zigzag, ORANGE, 2) + path([(30, 86), (130, 56)], GREEN, 3)
    return marks + dot(130, 56, INK, 3.5) + dot(30, 86, INK, 3.5)


def graph_tickets() -> str:
    """Return a graph in which half of the edges have faded."""
    generator = np.random.default_rng(7)
    grid = np.array([(c, r) for c in range(7) for r in range(3)], dtype=float)
    nodes = grid * (31, 32) + (28, 23) + generator.uniform(-7, 7, grid.shape)
    pairs = [
        (i, j) for i in range(len(nodes)) for j in range(i) if np.hypot(*(nodes[i] - nodes[j])) < 44
    ]
    order = generator.permutation(len(pairs))
    kept = {pairs[k] for k in order[: len(pairs) // 2]}
    edges = "".join(path([nodes[i], nodes[j]], FAINT, 1.2) for i, j in pairs if (i, j) not in kept)
    edges += "".join(path([nodes[i], nodes[j]], BLUE, 2.2) for i, j in pairs if (i, j) in kept)
    return edges + "".join(dot(*node, ORANGE, 3.6) for node in nodes)


def directional_convergence() -> str:
    """Return a circle on which neurons gather at two directions."""
    marks, goals = ring(120, 55, 42), (-0.6, 2.3)
    for angle in np.linspace(0, 2 * np.pi, 17, endpoint=False):
        goal = min(goals, key=lambda g: abs(math.remainder(g - angle, 2 * math.pi)))
        off = math.remainder(angle - goal, 2 * math.pi)
        arc = [goal + off * s for s in np.linspace(0.85, 0.42, 5)]
        marks += path([(120 + 42 * math.cos(a), 55 + 42 * math.sin(a)) for a in arc], BLUE, 2,
                      stroke_opacity="0.55")  # fmt: skip
        marks += dot(120 + 42 * math.cos(arc[-1]), 55 + 42 * math.sin(arc[-1]), BLUE, 2.6)
    for goal in goals:
        tip = (120 + 42 * math.cos(goal), 55 + 42 * math.sin(goal))
        marks += path([(120, 55), tip], ORANGE, 2.5) + dot(*tip, ORANGE, 5)
    return marks


def activations_gram() -> str:
    """Return the spectra of a Gram matrix on the circle: a kink's and a smooth one's."""
    k = np.arange(1, 23)
    kink, smooth = -2 * np.log10(k), -0.62 * (k - 1.0)
    scale = 30 / 2.69
    marks = path([(22, 96), (224, 96)], FAINT, 1.5) + path([(22, 14), (22, 96)], FAINT, 1.5)
    for values, color in ((kink, BLUE), (smooth, ORANGE)):
        for i, value in zip(k, values, strict=True):
            y = 20 - scale * value * 0.9
            if y < 94:
                marks += dot(24 + 9 * i, y, color, 3)
    return marks


def universality() -> str:
    """Return a memory that has been filled up to its fourth row, with lamps."""
    generator, marks = np.random.default_rng(1), ""
    for row in range(6):
        full = row < 4
        y = 12 + 15 * row
        marks += dot(34, y + 5.5, ORANGE if row == 3 else GREEN if full else FAINT, 4.5)
        for column in range(11):
            color = (BLUE, INK)[int(generator.integers(2))] if full else "#d5dee5"
            marks += box(52 + 15 * column, y, 11, 11, color)
    return marks


def capstone() -> str:
    """Return a network with instruments around it."""
    layers = [(96, (30, 55, 80)), (120, (20, 43, 67, 90)), (144, (42, 68))]
    marks = ""
    for (x0, left), (x1, right) in itertools.pairwise(layers):
        marks += "".join(path([(x0, a), (x1, b)], FAINT, 1.2) for a in left for b in right)
    marks += "".join(dot(x, y, BLUE, 4.2) for x, ys in layers for y in ys)
    for x, y in ((42, 30), (42, 80), (198, 30), (198, 80)):
        marks += ring(x, y, 17, INK, 2)
        inner = 60 if x < 120 else 180
        marks += path([(inner, y), (84 if x < 120 else 156, 55 + (y - 55) * 0.4)], INK, 1.2,
                      stroke_dasharray="2 3")  # fmt: skip
    marks += path([(32, 36), (38, 36), (38, 30), (45, 30), (45, 24), (52, 24)], ORANGE, 2.2)
    marks += path([(31, 72), (36, 80), (47, 80), (53, 88)], ORANGE, 2.2)
    marks += path([(188, 36), (198, 36), (207, 23)], ORANGE, 2.2)
    for i in range(4):
        marks += box(189 + 5 * i, 73 + 7 * (i % 2), 3, 7, ORANGE, 0.5)
    return marks


DRAWINGS: dict[str, Callable[[], str]] = {
    "01-parity": parity,
    "02-staircase": staircase,
    "03-particles": particles,
    "04-receptive-fields": receptive_fields,
    "05-dead-relus": dead_relus,
    "06-training-jacobian": training_jacobian,
    "07-natural-gradient": natural_gradient,
    "08-graph-tickets": graph_tickets,
    "09-directional-convergence": directional_convergence,
    "10-activations-gram": activations_gram,
    "11-universality": universality,
    "12-capstone": capstone,
}


def svg(drawing: str) -> str:
    """Return a thumbnail on its card."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{CARD}"/>'
        f'<g fill="none" stroke-linejoin="round" stroke-linecap="round">{drawing}</g></svg>\n'
    )


def main() -> None:
    """Write all thumbnails."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWINGS.items():
        (FOLDER / f"{name}.svg").write_text(svg(draw()), encoding="utf-8")


if __name__ == "__main__":
    main()
