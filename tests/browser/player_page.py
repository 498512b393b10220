"""A page with every kind of layer and control, for the browser tests and for looking at."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np

from tdyn import player, quiz

READINGS = ["weights", "units", "blocks", "heads", "rows", "all"]
THEME = """
html { --pst-color-text-base: #222832; --pst-color-text-muted: #48566b;
  --pst-color-background: #fff; }
html[data-theme=dark] { --pst-color-text-base: #ced6dd; --pst-color-text-muted: #9ca4af;
  --pst-color-background: #14181e; }
body { background: var(--pst-color-background); color: var(--pst-color-text-base);
  font-family: system-ui, sans-serif; margin: 0 auto; padding: 0 12px; max-width: 880px; }
"""


def curves() -> player.Figure:
    """Two panels of curves with a band, a rule, a log axis, a slider and a toggle."""
    sigma, laws = np.linspace(0, 2, 21), ["Rademacher", "Gaussian"]
    steps = np.arange(0, 2001, 20)
    rate = np.stack([1 / (0.2 + sigma), 0.3 / (0.2 + sigma)])
    accuracy = 1 - 0.5 * np.exp(-rate[..., None] * steps / 300)
    loss = np.exp(-rate[..., None] * steps / 120) + 1e-6
    spread = 0.04 * np.sin(np.linspace(0, np.pi, steps.size))
    over = ("law", "sigma")
    return player.Figure(
        name="curves",
        title="Noise in the first layer slows learning, and a Gaussian start stops it",
        description="Left: test accuracy rises from one half to one. Right: the loss falls by "
        "decades. The larger σ, the slower both.",
        caption="Move σ. How much noise until 2000 steps are not enough? Then change the law.",
        controls=[
            player.Slider("sigma", "Perturbation σ", sigma, format=".1f", start=0.5),
            player.Toggle("law", "Initial weights", laws),
        ],
        panels=[
            player.Panel(
                [
                    player.rule(y=0.5, label="chance"),
                    player.band(steps, accuracy - spread, accuracy + spread, over),
                    player.line(steps, accuracy, over, label="test accuracy, σ"),
                    player.line(steps, accuracy[0, 0], label="σ = 0"),
                ],
                title="Accuracy", x="step", y="accuracy", ylim=(0.4, 1.05),
            ),
            player.Panel(
                [player.line(steps, loss, over, label="hinge loss")],
                title="Loss", x="step", y="loss ‖f − y‖₁", yscale="log",
            ),
        ],
        readouts=[
            player.Readout("Accuracy at the end", accuracy[..., -1], over, format=".3f"),
            player.Readout("Loss", loss[..., -1], over, format=".1e"),
        ],
    )  # fmt: skip


def marks() -> player.Figure:
    """Points by category and by value, bars, segments and text."""
    rng = np.random.default_rng(0)
    angles = np.linspace(0, np.pi, 13)
    base = rng.normal(size=(60, 2)) * [1.4, 0.5]
    turn = np.stack([np.stack([np.cos(angles), -np.sin(angles)], -1),
                     np.stack([np.sin(angles), np.cos(angles)], -1)], 1)  # fmt: skip
    cloud = np.einsum("aij,nj->ani", turn, base)
    zero = np.zeros((13, 1))
    spectrum = np.stack([np.sort(rng.random(6))[::-1] * (1 + i / 6) for i in range(13)])
    return player.Figure(
        name="marks",
        title="A cloud turns",
        description="Sixty points turn about the origin; the bars are their spectrum.",
        caption="Turn the cloud by 90°: which bar stays?",
        controls=[player.Slider("angle", "Angle", np.rad2deg(angles), format=".0f", unit="°")],
        panels=[
            player.Panel(
                [
                    player.segments(zero, zero, 2 * turn[:, :1, 0], 2 * turn[:, 1:, 0], "angle",
                                    color="text", width=2),
                    player.points(cloud[..., 0], cloud[..., 1], "angle", size=4,
                                  category=(base[:, 0] > 0).astype(int) + (base[:, 1] > 0),
                                  names=["both < 0", "mixed", "both > 0"]),
                    player.text(2.3 * turn[:, :1, 0], 2.3 * turn[:, 1:, 0], ["axis"], "angle"),
                ],
                title="Categories", x="x₁", y="x₂", equal=True,
            ),
            player.Panel(
                [player.points(cloud[..., 0], cloud[..., 1], "angle", size=4,
                               value=cloud[..., 0] * cloud[..., 1], cmap="viridis",
                               value_label="x₁x₂")],
                title="Values", x="x₁", y="x₂", equal=True,
            ),
            player.Panel(
                [player.bars(["S₀", "S₁", "S₂", "S₃", "S₄", "S₅"], spectrum, "angle",
                             label="energy")],
                title="Spectrum", y="energy |f̂(S)|²",
            ),
        ],
    )  # fmt: skip


def matrices() -> player.Figure:
    """A diverging image, a categorical image, and a staircase with an area on a log axis."""
    rng = np.random.default_rng(1)
    depth = ["1", "2", "4", "8", "16", "32"]
    grid = np.linspace(-3, 3, 40)
    field = np.stack([np.sin(k * grid[:, None] / 2) * np.cos(k * grid / 3) for k in range(1, 7)])
    mask = (rng.random((6, 12, 16)) < np.linspace(0.1, 0.9, 6)[:, None, None]).astype(int)
    width = np.logspace(0, 4, 30)
    error = 1 / width ** (0.2 * np.arange(1, 7)[:, None])
    return player.Figure(
        name="matrices",
        title="Images: a signed field, a mask, and a law",
        description="A field of waves, finer with depth; a mask that fills; error against width.",
        caption="Add layers. The field gets finer, the mask fills and the law steepens.",
        controls=[
            player.Slider("depth", "Depth", depth, play=False),
            player.Toggle("rule", "Read the mask as", READINGS),
        ],
        panels=[
            player.Panel(
                [player.heatmap(field, "depth", center=0, extent=(-3, 3, -3, 3), origin="lower",
                                value_label="f(x)")],
                title="Field", x="x₁", y="x₂", equal=True,
            ),
            player.Panel(
                [player.heatmap(mask, "depth", names=["pruned", "kept"])],
                title="Mask", x="input", y="unit",
            ),
            player.Panel(
                [player.area(width, error, "depth", base=1e-6, label="area"),
                 player.line(width, error, "depth", label="error", color=1, steps=True),
                 player.points(width[None, 15:16], error[:, 15:16], "depth", label="here", color=2,
                               size=6)],
                title="Law", x="width n", y="error", xscale="log", yscale="log",
            ),
        ],
        readouts=[
            player.Readout("Kept", mask.sum((1, 2))[:, None], ("depth", "rule"), format="d"),
            player.Readout("Read as", [READINGS], ("depth", "rule")),
        ],
    )  # fmt: skip


def question() -> quiz.Bet:
    """A bet."""
    return quiz.bet(
        "Which initial weights learn full parity of 50 bits?",
        [
            ("Rademacher ±1", "Its first gradient is large in every coordinate.", True),
            ("Gaussian", "Its first gradient is exponentially small.", False),
            ("Both: only the variance matters", "Same variance, and one fails.", False),
        ],
        name="bet-parity",
    )


def write(path: Path) -> Path:
    """Write the page, with one copy of the script."""
    parts = [curves().html(), question().html(), marks().html(), matrices().html()]
    page = (
        '<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape('Players & bets')}</title><style>{THEME}</style></head><body><main>"
        f"<h1>Figures that move</h1>{''.join(parts)}</main></body></html>"
    )
    path.write_text(player.strip_duplicates(page), encoding="utf-8")
    return path
