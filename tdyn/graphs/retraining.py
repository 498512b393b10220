"""Training a ticket in isolation, and what all trainings of this package share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from tdyn import losses, optim, pruning
from tdyn.data import Graph
from tdyn.graphs.fixed import FixedEdges
from tdyn.graphs.gcn import GCN, Degrees
from tdyn.graphs.ticket import dense_ticket
from tdyn.nets import Params
from tdyn.train import History, train

__all__ = ["Outcome", "accuracies", "dropout", "first_best", "record_of", "retrain"]


class Outcome(NamedTuple):
    """What a retrained ticket reached.

    Attributes:
        accuracy: Test accuracy at the first step of the best validation accuracy, in [0, 1].
        validation: That validation accuracy.
        step: That step.
        params: The weights at the end of training.
        history: The run, with the record ``"accuracy"`` (validation, test).
    """

    accuracy: float
    validation: float
    step: int
    params: Params
    history: History


def accuracies(graph: Graph, logits: Tensor) -> Tensor:
    """Return the accuracies on the validation and on the test nodes.

    Args:
        graph: The graph.
        logits: Logits of all nodes, of one network or of an ensemble.

    Returns:
        Two shares, or two rows of them.
    """
    parts = (
        losses.accuracy(logits[..., part, :], graph.y[part]) for part in (graph.val, graph.test)
    )
    return torch.stack(list(parts))


def dropout(net: GCN, share: float, seed: int, step: int) -> Tensor | None:
    """Return the dropout factors of one step, a function of seed and step.

    Args:
        net: The network.
        share: Probability that a hidden feature is dropped, in [0, 1), rounded to 1/256.
        seed: Source of randomness.
        step: The step.

    Returns:
        Zeros, and what makes up for them; nothing if ``share`` is zero.
    """
    if share == 0:
        return None
    generator = Generator().manual_seed(1_000_003 * seed + step)
    count = len(net.rows) * net.hidden
    words = torch.empty(-(-count // 8), dtype=torch.int64).random_(
        -(2**63), None, generator=generator
    )
    cut = round(256 * share)
    kept = words.view(torch.uint8)[:count].reshape(len(net.rows), net.hidden) >= cut
    return kept.to(net.graph.x.dtype) * (256 / (256 - cut))


def first_best(history: History) -> int:
    """Return the index of the first record with the best validation accuracy.

    Args:
        history: A run with the record ``"accuracy"``.

    Returns:
        The index.
    """
    return int(history["accuracy"][:, 0].argmax())


def record_of(name: str) -> Callable[[Params], Tensor]:
    """Return the probe that records one entry of the parameters.

    Args:
        name: Its name.

    Returns:
        A function of the parameters.
    """
    return lambda params: params[name]


def retrain(
    net: GCN,
    start: Params,
    masks: Mapping[str, Tensor] | None = None,
    *,
    seed: int,
    steps: int = 200,
    lr: float = 0.008,
    decay: float = 8e-5,
    drop: float = 0.5,
    every: int = 5,
    degrees: Degrees = "masked",
) -> Outcome:
    """Train a ticket in isolation, from the first weights.

    Adam on the cross-entropy of the training nodes, with dropout after the hidden layer; the
    edges stay as the mask has them.

    Args:
        net: The network.
        start: The first weights, not masked.
        masks: The ticket; by default everything survives.
        seed: Source of the dropout.
        steps: Number of steps.
        lr: Learning rate.
        decay: Weight decay, added to the gradient.
        drop: Dropout probability, in [0, 1).
        every: Interval between evaluations.
        degrees: Whether degrees are those of the masked graph or of the whole one.

    Returns:
        The test accuracy at the best validation accuracy, and the run.

    Raises:
        ValueError: If ``drop`` is outside [0, 1).

    Example:
        >>> from tdyn.data import csbm
        >>> net = GCN(csbm(seed=0), hidden=16)
        >>> retrain(net, net.initialize(0), seed=0, steps=60).accuracy > 0.8
        True

    Source:
        :cite:t:`chen2021unified`
    """
    if not 0 <= drop < 1:
        raise ValueError(f"drop must be in [0, 1), got {drop}")
    masks = dense_ticket(net) if masks is None else masks
    weights = {k: m for k, m in masks.items() if k in net.shapes and not bool(m.all())}
    view = FixedEdges(net, masks["edges"].to(net.graph.x.dtype), degrees)
    y = net.graph.y[net.graph.train]

    def loss(params: Params, keep: Tensor | None) -> Tensor:
        alive = pruning.apply(params, weights)
        size = sum((p**2).sum() for p in alive.values())
        return losses.cross_entropy(view.train_logits(alive, keep), y) + decay / 2 * size

    def evaluate(params: Params) -> Tensor:
        return accuracies(net.graph, view.logits(pruning.apply(params, weights)))

    run = train(
        loss, pruning.apply(start, weights), optim.adam(lr), steps,
        batches=lambda step: dropout(net, drop, seed, step),
        probes={"accuracy": evaluate}, every=every,
    )  # fmt: skip
    best = first_best(run)
    validation, test = run["accuracy"][best].tolist()
    return Outcome(test, validation, int(run.steps[best]), run.params, run)
