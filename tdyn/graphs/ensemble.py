"""Many tickets of one graph, retrained at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tdyn import losses, optim, pruning
from tdyn.graphs.gcn import GCN, Degrees
from tdyn.graphs.retraining import Outcome, accuracies, dropout, retrain
from tdyn.graphs.sparse import Pattern, pattern, product
from tdyn.nets import Params, member
from tdyn.train import History, train

__all__ = ["retrain_all"]


class _ManyEdges:
    """The network at several fixed edge masks; parameters have a leading axis for them."""

    def __init__(self, net: GCN, masks: Bool[Tensor, "tickets edges"], degrees: Degrees) -> None:
        self.net, self.count = net, len(masks)
        dtype, whole = net.graph.x.dtype, net._patterns["all"]
        rows = [net.coefficients(m.to(dtype), degrees).detach() for m in masks]
        self._mixed = torch.stack([product(row, net.graph.x, whole) for row in rows])
        self._inner = self._mixed[:, net.rows].contiguous()
        self._entries = torch.cat(rows)
        self._outer = _diagonal(net._patterns["outer"], self.count, len(rows[0]))
        self._whole = _diagonal(whole, self.count, len(rows[0]))

    def _logits(self, x: Tensor, params: Params, keep: Tensor | None, where: Pattern) -> Tensor:
        hidden = (x @ params["W1"].mT).relu()
        hidden = hidden if keep is None else hidden * keep
        outputs = (hidden @ params["W2"].mT).flatten(0, 1)
        return product(self._entries, outputs, where).unflatten(0, (self.count, -1))

    def train_logits(
        self, params: Params, keep: Tensor | None
    ) -> Float[Tensor, "tickets targets classes"]:
        """Return the logits of the training nodes, for each ticket."""
        return self._logits(self._inner, params, keep, self._outer)

    def logits(self, params: Params) -> Float[Tensor, "tickets nodes classes"]:
        """Return the logits of all nodes, for each ticket."""
        return self._logits(self._mixed, params, None, self._whole)


def _diagonal(where: Pattern, count: int, values: int) -> Pattern:
    """Return the pattern of a block diagonal matrix of ``count`` such blocks."""
    row = torch.repeat_interleave(torch.arange(where.shape[0]), where.rows.diff())
    block = torch.arange(count)[:, None]
    return pattern(
        (row + block * where.shape[0]).flatten(),
        (where.columns + block * where.shape[1]).flatten(),
        (where.order + block * values).flatten(),
        (count * where.shape[0], count * where.shape[1]),
    )


def retrain_all(
    net: GCN,
    start: Params,
    tickets: Sequence[Mapping[str, Tensor]],
    *,
    seed: int,
    steps: int = 200,
    lr: float = 0.008,
    decay: float = 8e-5,
    drop: float = 0.5,
    every: int = 5,
    degrees: Degrees = "masked",
) -> list[Outcome]:
    """Retrain several tickets from the same first weights; the same as one after the other.

    If most features are not zero the tickets are trained as an ensemble, which is faster.

    Args:
        net: The network.
        start: The first weights, not masked.
        tickets: The tickets, at least one.
        seed: Source of the dropout, which is the same for all.
        steps: Number of steps.
        lr: Learning rate.
        decay: Weight decay, added to the gradient.
        drop: Dropout probability, in [0, 1).
        every: Interval between evaluations.
        degrees: Whether degrees are those of the masked graph or of the whole one.

    Returns:
        What :func:`tdyn.graphs.retrain` returns, for each ticket.

    Raises:
        ValueError: If there is no ticket or ``drop`` is outside [0, 1).

    Example:
        >>> from tdyn.data import csbm
        >>> from tdyn.graphs import random_ticket
        >>> net = GCN(csbm(seed=0), hidden=8)
        >>> tickets = [random_ticket(net, s, seed=0) for s in (0.2, 0.8)]
        >>> few, many = retrain_all(net, net.initialize(0), tickets, seed=0, steps=60)
        >>> few.accuracy > many.accuracy
        True
    """
    if not tickets or not 0 <= drop < 1:
        raise ValueError(f"there must be a ticket, and drop in [0, 1); got {len(tickets)}, {drop}")
    if net._words is not None:
        return [
            retrain(net, start, t, seed=seed, steps=steps, lr=lr, decay=decay, drop=drop,
                    every=every, degrees=degrees)
            for t in tickets
        ]  # fmt: skip
    view = _ManyEdges(net, torch.stack([t["edges"] for t in tickets]), degrees)
    weights = {k: torch.stack([t[k] for t in tickets]) for k in net.shapes}
    y = net.graph.y[net.graph.train]

    def loss(params: Params, keep: Tensor | None) -> Tensor:
        alive = pruning.apply(params, weights)
        size = sum((p**2).sum((-2, -1)) for p in alive.values())
        return losses.cross_entropy(view.train_logits(alive, keep), y) + decay / 2 * size

    def evaluate(params: Params) -> Tensor:
        return accuracies(net.graph, view.logits(pruning.apply(params, weights)))

    first = {k: start[k].expand(len(tickets), *start[k].shape) for k in net.shapes}
    run = train(
        loss, pruning.apply(first, weights), optim.adam(lr), steps,
        batches=lambda step: dropout(net, drop, seed, step),
        probes={"accuracy": evaluate}, every=every,
    )  # fmt: skip
    return [_outcome(run, i) for i in range(len(tickets))]


def _outcome(run: History, i: int) -> Outcome:
    """Return what one ticket reached, with its own part of the run."""
    params = member(run.params, i)
    entries = [(step, {"accuracy": v["accuracy"][..., i]}) for step, v in run.entries]
    own = History((params, None, run.step), entries)
    best = int(own["accuracy"][:, 0].argmax())
    validation, test = own["accuracy"][best].tolist()
    return Outcome(test, validation, int(own.steps[best]), params, own)
