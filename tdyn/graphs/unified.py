"""UGS: soft masks on edges and weights, a cut, a rewind, and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from tdyn import losses, optim, pruning
from tdyn.graphs.fixed import FixedEdges
from tdyn.graphs.gcn import GCN, Degrees
from tdyn.graphs.retraining import accuracies, dropout, first_best, record_of
from tdyn.graphs.ticket import dense_ticket
from tdyn.nets import Params
from tdyn.pruning import Masks
from tdyn.train import History, train

__all__ = ["Stage", "cut", "ugs", "ugs_stage"]


class Stage(NamedTuple):
    """Soft masks after one stage of UGS.

    Attributes:
        masks: The soft masks at the first step of the best validation accuracy.
        history: The run, with records ``"accuracy"`` and ``"soft edges"``, ``"soft W1"``, ...
    """

    masks: Params
    history: History


def ugs_stage(
    net: GCN,
    start: Params,
    masks: Mapping[str, Tensor] | None = None,
    *,
    seed: int,
    steps: int = 200,
    optimizer: optim.Optimizer | None = None,
    lr: float = 0.008,
    decay: float = 8e-5,
    pull: tuple[float, float] = (1e-2, 1e-2),
    drop: float = 0.5,
    every: int = 5,
    degrees: Degrees = "masked",
    edges: bool = True,
) -> Stage:
    r"""Train weights and soft masks together, once.

    .. math::

        \min_{\theta, m_g, m_\theta}\;
        \mathcal L\big(f(m_g, m_\theta \odot \theta)\big)
        + \gamma_1 \lVert m_g\rVert_1 + \gamma_2 \lVert m_\theta\rVert_1

    The soft masks of what survives start at one, up to a relative noise of 1e-5.

    Args:
        net: The network.
        start: The first weights.
        masks: What survives so far; by default everything.
        seed: Source of the noise and of the dropout.
        steps: Number of steps.
        optimizer: By default Adam.
        lr: Learning rate of Adam.
        decay: Weight decay of the weights, added to the gradient.
        pull: The two factors :math:`\gamma` of edge and weight masks.
        drop: Dropout probability, in [0, 1).
        every: Interval between evaluations, and between records of the masks.
        degrees: Whether degrees are those of the softly masked graph or of the whole one.
        edges: Whether edges have soft masks, too; without, they stay as they are.

    Returns:
        The soft masks, and the run.

    Example:
        >>> from tdyn.data import csbm
        >>> net = GCN(csbm(seed=0), hidden=8)
        >>> stage = ugs_stage(net, net.initialize(0), seed=0, steps=50, degrees="fixed")
        >>> round(stage.history["soft edges"][-1].mean().item(), 2)
        0.6

    Source:
        :cite:t:`chen2021unified`
    """
    alive = dense_ticket(net) if masks is None else dict(masks)
    generator = Generator().manual_seed(seed)
    dtype, y = net.graph.x.dtype, net.graph.y[net.graph.train]
    soft = {
        f"soft {k}": (1 + 1e-5 * torch.rand(m.shape, generator=generator, dtype=dtype)) * m
        for k, m in alive.items()
    }

    view = None if edges else FixedEdges(net, soft.pop("soft edges"), degrees)

    def masked(params: Params) -> Params:
        return {k: params[k] * params[f"soft {k}"] * alive[k] for k in net.shapes}

    def loss(params: Params, keep: Tensor | None) -> Tensor:
        weights = sum(((params[f"soft {k}"] * alive[k]).abs().sum()) for k in net.shapes)
        size = sum((params[k] ** 2).sum() for k in net.shapes)
        penalty = decay / 2 * size + pull[1] * weights
        if view is not None:
            return losses.cross_entropy(view.train_logits(masked(params), keep), y) + penalty
        linked = params["soft edges"] * alive["edges"]
        logits = net.train_logits(masked(params), linked, degrees=degrees, keep=keep)
        return losses.cross_entropy(logits, y) + penalty + pull[0] * linked.abs().sum()

    def evaluate(params: Params) -> Tensor:
        if view is not None:
            return accuracies(net.graph, view.logits(masked(params)))
        linked = params["soft edges"] * alive["edges"]
        return accuracies(net.graph, net(masked(params), linked, degrees=degrees))

    probes = {"accuracy": evaluate, **{k: record_of(k) for k in soft}}
    run = train(
        loss, {k: start[k] for k in net.shapes} | soft, optimizer or optim.adam(lr), steps,
        batches=lambda step: dropout(net, drop, seed, step), probes=probes, every=every,
    )  # fmt: skip
    best = first_best(run)
    chosen = {k: run[f"soft {k}"][best] * alive[k] for k in alive if f"soft {k}" in soft}
    return Stage({"edges": alive["edges"].to(dtype)} | chosen, run)


def cut(
    soft: Mapping[str, Tensor],
    edge_share: float,
    weight_share: float,
    masks: Mapping[str, Tensor] | None = None,
) -> Masks:
    """Remove the lowest soft masks: of the edges, and of all weights ranked together.

    Args:
        soft: Soft masks, from :func:`ugs_stage`.
        edge_share: Share of the surviving edges to remove, in [0, 1].
        weight_share: Share of the surviving weights to remove, in [0, 1].
        masks: What survives so far; by default everything.

    Returns:
        The ticket.

    Example:
        >>> soft = {"edges": torch.tensor([0.9, 0.1]), "W1": torch.tensor([[1.0, 0.2, 0.3, 0.4]])}
        >>> cut(soft, 0.5, 0.25)["W1"].tolist()
        [[True, False, True, True]]
    """
    alive = {k: torch.ones_like(m, dtype=torch.bool) for k, m in soft.items()}
    alive |= dict(masks or {})
    edges, weights = {"edges": soft["edges"]}, {k: m for k, m in soft.items() if k != "edges"}
    ticket = pruning.magnitude_mask(edges, edge_share, masks={"edges": alive.pop("edges")})
    return ticket | pruning.magnitude_mask(weights, weight_share, masks=alive, scope="global")


def ugs(
    net: GCN,
    start: Params,
    rounds: int,
    *,
    seed: int,
    edge_share: float = 0.05,
    weight_share: float = 0.2,
    **options: Any,
) -> list[Masks]:
    r"""Find graph tickets by rounds of training, cutting and rewinding.

    After :math:`k` rounds the sparsities are :math:`1 - (1-p_g)^k` and :math:`1 - (1-p_\theta)^k`.

    Args:
        net: The network.
        start: The first weights, to which each round rewinds.
        rounds: Number of rounds, at least 1.
        seed: Source of randomness.
        edge_share: Share :math:`p_g` of the surviving edges that a round removes.
        weight_share: Share :math:`p_\theta` of the surviving weights that a round removes.
        **options: Passed to :func:`ugs_stage`.

    Returns:
        One ticket a round, each inside the one before.

    Raises:
        ValueError: If ``rounds`` is not positive.

    Example:
        >>> from tdyn.data import csbm
        >>> from tdyn.graphs import sparsity
        >>> net = GCN(csbm(seed=0), hidden=8)
        >>> tickets = ugs(net, net.initialize(0), 3, seed=0, steps=10)
        >>> [round(sparsity(t), 3) for t in tickets]
        [0.05, 0.097, 0.143]

    Source:
        :cite:t:`chen2021unified`
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}")
    tickets, masks = [], dense_ticket(net)
    for round_ in range(rounds):
        stage = ugs_stage(
            net, start, masks, seed=1000 * seed + round_, edges=edge_share > 0, **options
        )
        masks = cut(stage.masks, edge_share, weight_share, masks)
        tickets.append(masks)
    return tickets
