"""A two-layer graph convolutional network whose edges and weights can be masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from tdyn import inits
from tdyn.data import Graph
from tdyn.graphs.field import receptive_rows
from tdyn.graphs.sparse import Constant, Pattern, pattern, product
from tdyn.nets import Params

__all__ = ["GCN", "Degrees"]

#: Whose degrees normalize: those of the whole graph, or of the masked one.
Degrees = Literal["fixed", "masked"]


@dataclass(frozen=True, eq=False)
class GCN:
    r"""A two-layer graph convolutional network on one graph, as a pure function.

    .. math::

        f(m, \theta) = \hat A\,\sigma(\hat A X W_1^\top)\,W_2^\top, \qquad
        \hat A_{ij} = \frac{m_{ij} A_{ij} + \delta_{ij}}{\sqrt{d_i d_j}}, \qquad
        d_i = 1 + \sum_j m_{ij} A_{ij}

    Each node gets a loop of weight 1, unless the graph has an edge from it to itself, which then
    takes the place of the loop. The mask has one number for each *directed* edge; the output is
    differentiable in it and in the weights. Products cost time proportional to the edges.

    Args:
        graph: The graph.
        hidden: Number of hidden neurons.

    Raises:
        ValueError: If ``hidden`` is not positive.

    Example:
        >>> from tdyn.data import csbm
        >>> net = GCN(csbm(seed=0), hidden=32)
        >>> params = net.initialize(seed=0)
        >>> net(params).shape, net.train_logits(params).shape
        (torch.Size([1000, 4]), torch.Size([80, 4]))

    Source:
        :cite:t:`kipf2017gcn`
    """

    graph: Graph
    hidden: int
    rows: Tensor = field(init=False, repr=False)
    _loops: Tensor = field(init=False, repr=False)
    _patterns: dict[str, Pattern] = field(init=False, repr=False)
    _words: Constant | None = field(init=False, repr=False)
    _whole: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError(f"hidden must be at least 1, got {self.hidden}")
        graph = self.graph
        receiver, sender = graph.edges
        alone = torch.ones(graph.nodes, dtype=torch.bool)
        alone[receiver[receiver == sender]] = False
        loops = alone.nonzero()[:, 0]
        entries = torch.cat([graph.edges, loops.expand(2, -1)], 1)
        rows = receptive_rows(graph)
        patterns = {
            "all": self._pattern(entries, None, None),
            "inner": self._pattern(entries, rows, None),
            "outer": self._pattern(entries, graph.train, rows),
        }
        words = None
        where = graph.x.nonzero().T
        if where.shape[1] < 0.2 * graph.x.numel():
            order = torch.arange(where.shape[1])
            size = (graph.nodes, graph.x.shape[1])
            words = Constant(graph.x[where[0], where[1]], pattern(where[0], where[1], order, size))
        for name, value in (
            ("rows", rows), ("_loops", loops), ("_patterns", patterns), ("_words", words)
        ):  # fmt: skip
            object.__setattr__(self, name, value)
        ones = graph.x.new_ones(graph.edges.shape[1])
        object.__setattr__(self, "_whole", self._normalized(ones))

    def _pattern(self, entries: Tensor, rows: Tensor | None, columns: Tensor | None) -> Pattern:
        """Return the part of the adjacency in some rows, with columns counted among ``columns``."""
        n = self.graph.nodes
        places = []
        for nodes in (rows, columns):
            place = torch.full((n,), -1)
            listed = torch.arange(n) if nodes is None else nodes
            place[listed] = torch.arange(len(listed))
            places.append(place)
        row, column = places[0][entries[0]], places[1][entries[1]]
        here = row >= 0
        shape = (n if rows is None else len(rows), n if columns is None else len(columns))
        return pattern(row[here], column[here], here.nonzero()[:, 0], shape)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every parameter."""
        features, classes = self.graph.x.shape[1], self.graph.classes
        return {"W1": (self.hidden, features), "W2": (classes, self.hidden)}

    def initialize(self, seed: int, law: inits.Law = inits.xavier) -> Params:
        """Draw the weights.

        Args:
            seed: Source of randomness.
            law: Their law.

        Returns:
            Parameters ``W1`` and ``W2``, in the number type of the features.
        """
        generator = Generator().manual_seed(seed)
        dtype = self.graph.x.dtype
        params = {k: law(s, generator=generator, dtype=dtype) for k, s in self.shapes.items()}
        # In memory the weights of one feature follow each other: sparse rows then read whole lines.
        return {**params, "W1": params["W1"].mT.contiguous().mT}

    def coefficients(
        self, edges: Float[Tensor, " edges"] | None = None, degrees: Degrees = "masked"
    ) -> Float[Tensor, " entries"]:
        r"""Return the entries of :math:`\hat A`: edges first, then the added loops.

        Args:
            edges: Mask or weight of each edge; by default ones.
            degrees: Whether degrees are those of the masked graph or of the whole one.

        Returns:
            One number an entry, differentiable in ``edges``.

        Raises:
            ValueError: If the mask has another shape, or ``degrees`` is unknown.
        """
        if degrees not in ("fixed", "masked"):
            raise ValueError(f"degrees must be 'fixed' or 'masked', got {degrees!r}")
        ones = self.graph.x.new_ones(self.graph.edges.shape[1])
        edges = ones if edges is None else edges.to(ones.dtype)
        if edges.shape != ones.shape:
            raise ValueError(f"the mask must have shape {tuple(ones.shape)}, got {edges.shape}")
        if degrees == "fixed":
            return torch.cat([edges * self._whole[: len(edges)], self._whole[len(edges) :]])
        return self._normalized(edges)

    def _normalized(self, edges: Tensor) -> Tensor:
        """Return edges and loops over the roots of the degrees; 0 where a degree is 0."""
        graph, loops = self.graph, self._loops
        receiver, sender = graph.edges
        degree = graph.x.new_zeros(graph.nodes).index_add(0, receiver, edges)
        degree = degree.index_add(0, loops, graph.x.new_ones(len(loops)))
        safe = torch.where(degree > 0, degree, torch.ones_like(degree))
        scale = torch.where(degree > 0, safe.rsqrt(), torch.zeros_like(degree))
        return torch.cat([edges * scale[receiver] * scale[sender], scale[loops] ** 2])

    def __call__(
        self,
        params: Mapping[str, Tensor],
        edges: Float[Tensor, " edges"] | None = None,
        *,
        degrees: Degrees = "masked",
    ) -> Float[Tensor, "nodes classes"]:
        """Return the logits of all nodes.

        Args:
            params: Parameters; pruned weights are zeros.
            edges: Mask or weight of each edge; by default ones.
            degrees: Whether degrees are those of the masked graph or of the whole one.

        Returns:
            One row a node.
        """
        entries, whole = self.coefficients(edges, degrees), self._patterns["all"]
        hidden = product(entries, self._first(params), whole).relu()
        return product(entries, hidden @ params["W2"].mT, whole)

    def train_logits(
        self,
        params: Mapping[str, Tensor],
        edges: Float[Tensor, " edges"] | None = None,
        *,
        degrees: Degrees = "masked",
        keep: Float[Tensor, "rows hidden"] | None = None,
    ) -> Float[Tensor, "targets classes"]:
        """Return the logits of the training nodes, from their receptive rows alone.

        Args:
            params: Parameters; pruned weights are zeros.
            edges: Mask or weight of each edge; by default ones.
            degrees: Whether degrees are those of the masked graph or of the whole one.
            keep: Factors of the hidden features at ``rows`` (dropout).

        Returns:
            One row a training node, in the order of ``graph.train``.
        """
        entries = self.coefficients(edges, degrees)
        hidden = product(entries, self._first(params), self._patterns["inner"]).relu()
        hidden = hidden if keep is None else hidden * keep
        return product(entries, hidden @ params["W2"].mT, self._patterns["outer"])

    def _first(self, params: Mapping[str, Tensor]) -> Tensor:
        if self._words is None:
            return self.graph.x @ params["W1"].mT
        return self._words(params["W1"].mT.contiguous())
