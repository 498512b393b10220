"""Graphs with features, labels and a split, checked before anything is trained on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Graph", "row_normalize"]


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph whose nodes have features and, some of them, a class.

    Edges are directed: node ``edges[0, e]`` receives from node ``edges[1, e]``. An undirected edge
    is listed in both directions.

    Args:
        x: Features, one row a node.
        edges: Receivers and senders, whole numbers from 0 to ``nodes - 1``; no pair twice.
        y: Classes 0, 1, ..., each of which occurs; -1 where the class is not known.
        train: Nodes to train on.
        val: Nodes to choose by.
        test: Nodes to judge by. The three share no node, and the class of each node is known.

    Raises:
        TypeError: If features are not floating point, or edges, classes or nodes no integers.
        ValueError: If a shape does not fit, an index is out of range, an edge is listed twice, a
            feature is not finite, a class below the largest has no node, or a part of the split is
            empty, repeats a node, overlaps another, or has a node whose class is unknown.

    Example:
        >>> line = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> one = torch.tensor
        >>> g = Graph(torch.eye(3), line, one([0, 1, 0]), one([0]), one([1]), one([2]))
        >>> g.nodes, g.classes, g.same_class.tolist()
        (3, 2, [False, False, False, False])
    """

    x: Float[Tensor, "nodes features"]
    edges: Int[Tensor, "2 edges"]
    y: Int[Tensor, " nodes"]
    train: Int[Tensor, " n_train"]
    val: Int[Tensor, " n_val"]
    test: Int[Tensor, " n_test"]

    def __post_init__(self) -> None:
        if not self.x.dtype.is_floating_point:
            raise TypeError(f"features must be floating point, got {self.x.dtype}")
        for name in ("edges", "y", "train", "val", "test"):
            dtype = getattr(self, name).dtype
            if dtype.is_floating_point or dtype.is_complex or dtype == torch.bool:
                raise TypeError(f"{name} must hold integers, got {dtype}")
            object.__setattr__(self, name, getattr(self, name).long())
        if self.x.ndim != 2 or not bool(self.x.isfinite().all()):
            raise ValueError(
                f"features must be a matrix of finite numbers, got shape {tuple(self.x.shape)} "
                f"with {int((~self.x.isfinite()).sum())} entries that are NaN or infinite"
            )
        _check_edges(self.edges, self.nodes)
        _check_labels(self.y, self.nodes)
        _check_split(self)

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.x)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.y.max()) + 1

    @property
    def same_class(self) -> Bool[Tensor, " edges"]:
        """Whether both ends of each edge have the same, known class."""
        receiver, sender = self.y[self.edges]
        return (receiver == sender) & (receiver >= 0)


def row_normalize(counts: Float[Tensor, "nodes features"]) -> Float[Tensor, "nodes features"]:
    """Divide each row of counts by its sum; rows of zeros stay.

    Args:
        counts: Numbers that are zero or positive, such as word counts.

    Returns:
        Rows that sum to one, or to zero.

    Raises:
        ValueError: If an entry is negative or not a finite number.

    Example:
        >>> row_normalize(torch.tensor([[1.0, 3.0], [0.0, 0.0]])).tolist()
        [[0.25, 0.75], [0.0, 0.0]]
    """
    bad = ~(counts.isfinite() & (counts >= 0))
    if bool(bad.any()):
        raise ValueError(
            f"counts must be finite and not negative; {int(bad.sum())} entries are not"
        )
    total = counts.sum(1, keepdim=True)
    return counts / torch.where(total > 0, total, torch.ones_like(total))


def _check_edges(edges: Tensor, nodes: int) -> None:
    if edges.ndim != 2 or len(edges) != 2:
        raise ValueError(f"edges must have shape (2, edges), got {tuple(edges.shape)}")
    if edges.numel() and (int(edges.min()) < 0 or int(edges.max()) >= nodes):
        raise ValueError(
            f"edges name nodes from {int(edges.min())} to {int(edges.max())}, "
            f"but the nodes are 0 to {nodes - 1}"
        )
    repeated = edges.shape[1] - len((edges[0] * nodes + edges[1]).unique())
    if repeated:
        raise ValueError(f"each edge must be listed once; {repeated} are listed again")


def _check_labels(y: Tensor, nodes: int) -> None:
    if y.shape != (nodes,):
        raise ValueError(f"y must have one class a node, ({nodes},), got {tuple(y.shape)}")
    if not nodes or int(y.min()) < -1 or int(y.max()) < 0:
        raise ValueError("classes must be 0, 1, ... or -1 where unknown, and some must be known")
    found = set(y[y >= 0].unique().tolist())
    gaps = sorted(set(range(int(y.max()) + 1)) - found)
    if gaps:
        raise ValueError(f"classes must leave no gaps; no node has class {gaps}")


def _check_split(graph: Graph) -> None:
    seen: set[int] = set()
    for name in ("train", "val", "test"):
        part = getattr(graph, name)
        nodes = set(part.tolist())
        if part.ndim != 1 or not nodes:
            raise ValueError(f"{name} must be a list of at least one node")
        if min(nodes) < 0 or max(nodes) >= graph.nodes:
            raise ValueError(f"{name} names nodes outside 0 to {graph.nodes - 1}")
        if len(nodes) < len(part) or nodes & seen:
            raise ValueError(f"{name} repeats a node, or shares one with another part")
        if int(graph.y[part].min()) < 0:
            raise ValueError(f"{name} has nodes whose class is unknown (-1)")
        seen |= nodes
