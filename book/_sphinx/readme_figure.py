"""Draw the figure of the README: ``python book/_sphinx/readme_figure.py``, about ten seconds."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from tdyn import alignment, inits, losses, nets, plots, train
from tdyn.data import parity, parity_stream
from tdyn.optim import linear_decay, sgd

TARGET = Path(__file__).resolve().parents[1] / "assets" / "readme.png"
D, WIDTH, STEPS, SEEDS = 20, 512, 600, range(5)


def learning(axis: Axes) -> None:
    """Draw the test accuracy of five networks each, on fresh samples of a parity."""
    net = nets.MLP((D, WIDTH, 1))
    x, y = parity(4096, D, seed=99)
    styles = (
        (inits.rademacher, "±1 weights", "blue", "-"),
        (inits.gaussian, "Gaussian weights", "orange", "--"),
    )
    for law, label, color, dash in styles:
        run = train.train(
            lambda p, batch: losses.hinge(net(p, batch[0]), batch[1]),
            inits.initialize(net, law, SEEDS),
            sgd(linear_decay(0.1, STEPS)),
            STEPS,
            batches=parity_stream(64, D, seed=1),
            probes={"accuracy": lambda p: losses.accuracy(net(p, x), y)},
            every=20,
        )
        plots.band(axis, run.steps, run["accuracy"], label, color=color, linestyle=dash)
    axis.set(xlabel="training step", ylabel="test accuracy", ylim=(0.4, 1.02))
    axis.set_title(f"Product of {D} bits, five networks each")
    axis.legend(loc="center right")


def seeing(axis: Axes) -> None:
    """Draw how visible the parity is to one neuron before training."""
    sizes = range(4, 41, 4)
    laws = (
        (alignment.perturbed_rademacher(0.0), "±1 weights", "blue", "o-"),
        (alignment.gaussian(), "Gaussian weights", "orange", "s--"),
    )
    for phi, label, color, style in laws:
        values = [alignment.gal_iid(phi, d) for d in sizes]
        axis.semilogy(sizes, values, style, label=label, color=plots.COLORS[color], markersize=4)
    axis.set(xlabel="number of bits", ylabel="gradient alignment of one neuron")
    axis.set_title("Seen before the first step")
    axis.legend(loc="lower left")


def main() -> None:
    """Write the figure."""
    fig, axes = plots.figure(1, 2, width=9.2, height=3.2)
    learning(axes[0])
    seeing(axes[1])
    fig.savefig(TARGET, dpi=150, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
