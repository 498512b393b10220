"""One cut, and its repair: swap weak survivors for promising pruned entries while training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor

from tdyn import losses, optim, pruning
from tdyn.graphs.fixed import FixedEdges
from tdyn.graphs.gcn import GCN
from tdyn.graphs.retraining import accuracies, dropout, first_best, record_of
from tdyn.graphs.swaps import Growth, Setting, denoiser
from tdyn.graphs.ticket import dense_ticket
from tdyn.nets import Params
from tdyn.pruning import Masks
from tdyn.pruning.masks import Scope
from tdyn.train import History, train

__all__ = ["Search", "fast_ticket", "one_shot_ticket"]


class Search(NamedTuple):
    """A ticket and the run that found it.

    Attributes:
        masks: The ticket, at the first step of the best validation accuracy.
        history: The run after the cut, with records ``"accuracy"`` and ``"alive edges"``, ...
    """

    masks: dict[str, Tensor]
    history: History


def _loss(setting: Setting) -> tuple[Callable[..., Tensor], Callable[[Params], Tensor]]:
    """Return loss and evaluation; edges have trainable values if they are pruned."""
    net, y = setting.net, setting.net.graph.y[setting.net.graph.train]
    view = None if "edges" in setting.names else FixedEdges(net)

    def loss(params: Params, keep: Tensor | None) -> Tensor:
        if view is None:
            logits = net.train_logits(params, params["edges"], degrees="fixed", keep=keep)
        else:
            logits = view.train_logits(params, keep)
        trained = [params[k] for k in (*net.shapes, "edges") if k in params]
        size = sum((p**2).sum() for p in trained)
        return losses.cross_entropy(logits, y) + setting.decay / 2 * size

    def evaluate(params: Params) -> Tensor:
        if view is None:
            return accuracies(net.graph, net(params, params["edges"], degrees="fixed"))
        return accuracies(net.graph, view.logits(params))

    return loss, evaluate


def _pretrained(setting: Setting, start: Params, steps: int) -> Params:
    # Ties between edges are broken just before the cut.
    net = setting.net
    params = {k: start[k] for k in net.shapes}
    if "edges" in setting.names:
        params["edges"] = net.graph.x.new_ones(net.graph.edges.shape[1])
    batches = lambda step: dropout(net, setting.drop, setting.seed, step)  # noqa: E731
    loss, _ = _loss(setting)
    params = dict(train(loss, params, optim.adam(setting.lr), steps, batches=batches).params)
    if "edges" in params:
        generator = Generator().manual_seed(setting.seed)
        noise = torch.rand(params["edges"].shape, generator=generator, dtype=net.graph.x.dtype)
        params["edges"] = params["edges"] * (1 + 1e-4 * (2 * noise - 1))
    return params


def _alive(name: str) -> Callable[[Params], Tensor]:
    return lambda params: record_of(name)(params) > 0


def _names(edge_sparsity: float, weight_sparsity: float) -> tuple[str, ...]:
    for s in (edge_sparsity, weight_sparsity):
        if not 0 <= s < 1:
            raise ValueError(f"a sparsity must be in [0, 1), got {s}")
    edges = ("edges",) if edge_sparsity > 0 else ()
    return edges + (("W1", "W2") if weight_sparsity > 0 else ())


def _cut(params: Params, edge_sparsity: float, weight_sparsity: float, scope: Scope) -> Masks:
    # Edges are always ranked apart from weights.
    masks: Masks = {}
    if "edges" in params:
        masks |= pruning.magnitude_mask({"edges": params["edges"]}, edge_sparsity)
    weights = {name: p for name, p in params.items() if name != "edges"}
    return masks | pruning.magnitude_mask(weights, weight_sparsity, scope=scope)


def one_shot_ticket(
    net: GCN, start: Params, edge_sparsity: float = 0.0, weight_sparsity: float = 0.0, *,
    seed: int, pretrain: int = 30, lr: float = 0.01, decay: float = 5e-4, drop: float = 0.5,
    scope: Scope = "layer",
) -> Masks:  # fmt: skip
    """Train for a few steps and cut once, by magnitude, each tensor separately.

    Args:
        net: The network.
        start: The first weights.
        edge_sparsity: Share of directed edges to remove, in [0, 1).
        weight_sparsity: Share of the weights of each matrix to remove, in [0, 1).
        seed: Source of randomness.
        pretrain: Steps before the cut.
        lr: Learning rate of Adam.
        decay: Weight decay, added to the gradient; of the edge values, too.
        drop: Dropout probability, in [0, 1).
        scope: ``"layer"`` cuts each weight matrix separately, ``"global"`` ranks them together.

    Returns:
        The ticket.

    Raises:
        ValueError: If a sparsity is out of range.

    Example:
        >>> from tdyn.data import csbm
        >>> net = GCN(csbm(seed=0), hidden=8)
        >>> ticket = one_shot_ticket(net, net.initialize(0), 0.0, 0.75, seed=0)
        >>> ticket["W1"].sum().item(), ticket["W2"].sum().item()
        (128, 8)

    Source:
        :cite:t:`yue2024tickets`
    """
    setting = Setting(net, _names(edge_sparsity, weight_sparsity), lr, decay, drop, seed)
    trained = _pretrained(setting, start, pretrain)
    return dense_ticket(net) | _cut(trained, edge_sparsity, weight_sparsity, scope)


def fast_ticket(
    net: GCN, start: Params, edge_sparsity: float = 0.0, weight_sparsity: float = 0.0, *,
    seed: int, pretrain: int = 30, steps: int = 200, every: int = 3, memory: int = 2,
    share: float = 0.3, lr: float = 0.01, decay: float = 5e-4, drop: float = 0.5,
    first: Literal["magnitude", "random"] = "magnitude", growth: Growth = "score",
    scope: Scope = "layer",
) -> Search:  # fmt: skip
    r"""Cut once, then denoise: every few steps swap weak survivors for promising pruned entries.

    At every ``every``-th step :math:`t`, in place of an optimizer's step, a share
    :func:`swap_share` of the survivors of each tensor is dropped by magnitude, and as many entries
    grow: weights by the mean :math:`|\bar g|` of the last gradients, edges by
    :math:`(d_i d_j)^{-3/2} + |\bar g|`. New weights start at zero, new edges at the mean of the
    survivors. Degrees that normalize are those of the whole graph.

    Args:
        net: The network.
        start: The first weights.
        edge_sparsity: Share of directed edges to remove, in [0, 1); 0 leaves edges alone.
        weight_sparsity: Share of the weights of each matrix to remove; 0 leaves weights alone.
        seed: Source of randomness.
        pretrain: Steps before the cut.
        steps: Steps after the cut.
        every: Interval between swaps.
        memory: Number of gradients averaged in a score.
        share: First share to swap.
        lr: Learning rate of Adam.
        decay: Weight decay, added to the gradient; of the edge values, too.
        drop: Dropout probability, in [0, 1).
        first: How the first mask is made.
        growth: What decides which edges grow; ``"gradient"`` and ``"random"`` are ablations.
        scope: ``"layer"`` cuts each weight matrix separately, ``"global"`` ranks them together
            (ours); swaps keep the count of each.

    Returns:
        The ticket, and the run after the cut.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> from tdyn.data import csbm
        >>> net = GCN(csbm(seed=0), hidden=8)
        >>> found = fast_ticket(net, net.initialize(0), 0.0, 0.75, seed=0, steps=30)
        >>> found.masks["W1"].sum().item(), found.masks["W2"].sum().item()
        (128, 8)

    Source:
        :cite:t:`yue2024tickets`
    """
    if min(steps, every, memory) < 1 or first not in ("magnitude", "random"):
        raise ValueError("steps, every and memory must be positive, first 'magnitude' or 'random'")
    setting = Setting(net, _names(edge_sparsity, weight_sparsity), lr, decay, drop, seed)
    params = _pretrained(setting, start, pretrain)
    scores: Mapping[str, Tensor] = params
    if first == "random":
        generator = Generator().manual_seed(seed + 31)
        scores = {k: torch.rand(p.shape, generator=generator) for k, p in params.items()}
    masks = _cut(dict(scores), edge_sparsity, weight_sparsity, scope)
    alive = {f"alive {k}": masks[k].to(params[k].dtype) for k in setting.names}
    loss, evaluate = _loss(setting)
    probes = {"accuracy": evaluate, **{k: _alive(k) for k in alive}}
    run = train(
        loss, pruning.apply(params, masks) | alive,
        denoiser(setting, steps, every, memory, share, growth), steps,
        batches=lambda step: dropout(net, drop, seed, pretrain + step),
        probes=probes, every=[t for t in range(1, steps) if (t + 1) % every == 0],
    )  # fmt: skip
    best = first_best(run)
    found = {k: run[f"alive {k}"][best] for k in setting.names}
    return Search(dense_ticket(net) | found, run)
