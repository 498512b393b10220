"""Tickets: masks of edges and weights, and simple ways to draw them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from tdyn import pruning
from tdyn.data import Graph
from tdyn.graphs.gcn import GCN
from tdyn.pruning import Masks

__all__ = [
    "degree_scores",
    "degree_ticket",
    "dense_ticket",
    "edge_ticket",
    "random_ticket",
    "sparsity",
]


def sparsity(masks: Mapping[str, Tensor], name: str = "edges") -> float:
    """Return the share of edges (or of the weights of one matrix) that a ticket removes.

    Args:
        masks: The ticket.
        name: ``"edges"``, ``"W1"`` or ``"W2"``.

    Returns:
        A share in [0, 1].

    Example:
        >>> sparsity({"edges": torch.tensor([True, False, True, True])})
        0.25
    """
    return 1 - float(pruning.density({name: masks[name]}))


def dense_ticket(net: GCN) -> Masks:
    """Return the ticket that keeps everything.

    Args:
        net: The network.

    Returns:
        Masks of the edges and of both weight matrices.

    Example:
        >>> from tdyn.data import csbm
        >>> sparsity(dense_ticket(GCN(csbm(seed=0), hidden=8)))
        0.0
    """
    ones = torch.ones(net.graph.edges.shape[1], dtype=torch.bool)
    return {"edges": ones, **{k: torch.ones(s, dtype=torch.bool) for k, s in net.shapes.items()}}


def random_ticket(
    net: GCN, edge_sparsity: float = 0.0, weight_sparsity: float = 0.0, *, seed: int
) -> Masks:
    """Remove edges and weights at random; the control for everything else.

    Args:
        net: The network.
        edge_sparsity: Share of directed edges to remove, in [0, 1].
        weight_sparsity: Share of the weights of each matrix to remove, in [0, 1].
        seed: Source of randomness.

    Returns:
        The ticket.

    Example:
        >>> from tdyn.data import csbm
        >>> ticket = random_ticket(GCN(csbm(seed=0), hidden=8), 0.25, 0.5, seed=1)
        >>> round(sparsity(ticket), 3), sparsity(ticket, "W1")
        (0.25, 0.5)
    """
    generator = Generator().manual_seed(seed)
    masks = dense_ticket(net)
    weights = {name: masks.pop(name) for name in net.shapes}
    edges = pruning.random_mask(masks, edge_sparsity, generator=generator)
    return edges | pruning.random_mask(weights, weight_sparsity, generator=generator)


def edge_ticket(
    net: GCN, scores: Float[Tensor, " edges"], edge_sparsity: float, *, seed: int = 0
) -> Masks:
    """Keep the edges of the highest scores, and all weights.

    Args:
        net: The network.
        scores: One number an edge, zero or positive. Equal scores are ordered at random.
        edge_sparsity: Share of directed edges to remove, in [0, 1].
        seed: Orders equal scores.

    Returns:
        The ticket.

    Raises:
        ValueError: If a score is negative.

    Example:
        >>> from tdyn.data import csbm
        >>> from tdyn.graphs import homophily
        >>> graph = csbm(seed=0)
        >>> oracle = edge_ticket(GCN(graph, hidden=8), graph.same_class.double(), 0.4)
        >>> homophily(graph, oracle["edges"])
        1.0
    """
    if bool((scores < 0).any()):
        raise ValueError("scores must be zero or positive")
    # Rank first: equal scores must not be ordered by the numbers of their nodes.
    noise = torch.rand(len(scores), generator=Generator().manual_seed(seed)).argsort()
    rank = torch.empty(len(scores), dtype=torch.float64)
    rank[noise[scores[noise].argsort(stable=True)]] = torch.arange(1.0, len(scores) + 1).double()
    return dense_ticket(net) | pruning.magnitude_mask({"edges": rank}, edge_sparsity)


def degree_scores(graph: Graph, mask: Float[Tensor, " edges"]) -> Float[Tensor, " edges"]:
    r"""Return :math:`(d_i d_j)^{-3/2}` for each edge, with out-degrees in the masked graph.

    The part of the growth score that does not depend on gradients. Each node's loop counts.

    Args:
        graph: The graph.
        mask: 1 where an edge survives, 0 elsewhere.

    Returns:
        One number an edge, in (0, 1].

    Example:
        >>> from tdyn.data import csbm
        >>> graph = csbm(seed=0)
        >>> bool((degree_scores(graph, torch.zeros(graph.edges.shape[1])) == 1).all())
        True

    Source:
        :cite:t:`yue2024tickets`
    """
    receiver, sender = graph.edges
    degree = torch.ones(graph.nodes, dtype=mask.dtype).index_add(0, sender, mask)
    return (degree[receiver] * degree[sender]) ** -1.5


def degree_ticket(net: GCN, edge_sparsity: float, *, seed: int = 0) -> Masks:
    """Remove the edges between nodes of the highest degrees; no training.

    Args:
        net: The network.
        edge_sparsity: Share of directed edges to remove, in [0, 1].
        seed: Orders equal scores.

    Returns:
        The ticket.

    Example:
        >>> from tdyn.data import csbm
        >>> round(sparsity(degree_ticket(GCN(csbm(seed=0), hidden=8), 0.3)), 3)
        0.3

    Source:
        :cite:t:`seo2024teddy`
    """
    scores = degree_scores(net.graph, torch.ones(net.graph.edges.shape[1]))
    return edge_ticket(net, scores, edge_sparsity, seed=seed)
