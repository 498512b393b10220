"""Which nodes and edges a training loss can see, and what the surviving edges are like."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tdyn.data import Graph

__all__ = ["field_share", "homophily", "receptive_rows", "visible_edges"]


def receptive_rows(
    graph: Graph, nodes: Int[Tensor, " targets"] | None = None, *, hops: int = 1
) -> Int[Tensor, " rows"]:
    r"""Return the nodes whose hidden features the outputs of some nodes depend on.

    .. math:: R_0 = T, \qquad R_{k+1} = R_k \cup \{j : (i, j) \in E,\ i \in R_k\}

    A graph network with :math:`L` layers needs the rows :math:`R_{L-1}` of its first layer and no
    others.

    Args:
        graph: The graph.
        nodes: The nodes :math:`T`; by default the training nodes.
        hops: How often to follow the edges from receiver to sender, zero or more.

    Returns:
        The nodes, in ascending order.

    Raises:
        ValueError: If ``hops`` is negative or a node does not exist.

    Example:
        >>> line = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
        >>> t = torch.tensor
        >>> g = Graph(torch.eye(4), line, t([0, 1, 0, 1]), t([0]), t([1]), t([2]))
        >>> receptive_rows(g).tolist(), receptive_rows(g, hops=2).tolist()
        ([0, 1], [0, 1, 2])
    """
    nodes = graph.train if nodes is None else nodes
    if hops < 0:
        raise ValueError(f"hops must be zero or positive, got {hops}")
    if nodes.numel() and not 0 <= int(nodes.min()) <= int(nodes.max()) < graph.nodes:
        raise ValueError(f"nodes must be in 0 to {graph.nodes - 1}, got {nodes.tolist()}")
    reached = torch.zeros(graph.nodes, dtype=torch.bool, device=graph.edges.device)
    reached[nodes] = True
    receiver, sender = graph.edges
    for _ in range(hops):
        reached[sender[reached[receiver]]] = True
    return reached.nonzero()[:, 0]


def visible_edges(
    graph: Graph, nodes: Int[Tensor, " targets"] | None = None, *, degrees: bool = False
) -> Bool[Tensor, " edges"]:
    r"""Tell which edges can change the loss of a two-layer graph network at all.

    The outputs of :math:`T` read the first layer at :math:`T \cup \mathcal N(T)`, so an edge
    matters only if its receiver is one of these. If degrees are recomputed from the mask, edges
    into their neighbors matter too, through the degrees.

    Args:
        graph: The graph.
        nodes: The nodes with a loss; by default the training nodes.
        degrees: Whether degrees are recomputed from the mask.

    Returns:
        One truth value an edge.

    Example:
        >>> line = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
        >>> t = torch.tensor
        >>> g = Graph(torch.eye(4), line, t([0, 1, 0, 1]), t([0]), t([1]), t([2]))
        >>> visible_edges(g).tolist()
        [True, True, True, False, False, False]

    Source:
        :cite:t:`hui2023rethinking`
    """
    inside = torch.zeros(graph.nodes, dtype=torch.bool, device=graph.edges.device)
    inside[receptive_rows(graph, nodes, hops=2 if degrees else 1)] = True
    return inside[graph.edges[0]]


def homophily(graph: Graph, mask: Bool[Tensor, " edges"] | None = None) -> float:
    """Return the share of edges, among those that survive, whose ends have the same class.

    Args:
        graph: The graph; edges at nodes without a known class count as different.
        mask: The surviving edges; by default all.

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: If no edge survives.

    Example:
        >>> from tdyn.data import csbm
        >>> graph = csbm(seed=0)
        >>> homophily(graph, graph.same_class)
        1.0
    """
    kept = graph.same_class if mask is None else graph.same_class[mask]
    if not len(kept):
        raise ValueError("homophily needs at least one surviving edge")
    return float(kept.double().mean())


def field_share(graph: Graph, mask: Bool[Tensor, " edges"]) -> float:
    """Return the share of the visible edges that survive.

    Args:
        graph: The graph.
        mask: The surviving edges.

    Returns:
        A share in [0, 1]; a random mask keeps as large a share of the visible edges as of all.

    Example:
        >>> from tdyn.data import csbm
        >>> graph = csbm(seed=0)
        >>> field_share(graph, visible_edges(graph))
        1.0
    """
    return float(mask[visible_edges(graph)].double().mean())
