"""The same network with its edges fixed: the first aggregation is done once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import csr_array
from torch import Tensor

from tdyn.graphs.gcn import GCN, Degrees
from tdyn.graphs.sparse import Constant, pattern, product

__all__ = ["FixedEdges"]


class FixedEdges:
    r"""A graph network for training weights while edges stay as they are.

    :math:`\hat A X` is computed once. A training step reads only its rows at the training nodes and
    their neighbors, and gives the same gradient as the whole network.

    Args:
        net: The network.
        edges: Mask or weight of each edge; by default ones.
        degrees: Whether degrees are those of the masked graph or of the whole one.

    Example:
        >>> from tdyn.data import csbm
        >>> net = GCN(csbm(seed=0), hidden=32)
        >>> fast, params = FixedEdges(net), net.initialize(seed=0)
        >>> torch.allclose(fast.logits(params), net(params), atol=1e-5)
        True
    """

    def __init__(
        self, net: GCN, edges: Float[Tensor, " edges"] | None = None, degrees: Degrees = "masked"
    ) -> None:
        self.net = net
        self._entries = net.coefficients(edges, degrees).detach()
        self._sparse: Constant | None = None
        self._outer = Constant(self._entries, net._patterns["outer"])
        if net._words is None:
            self._mixed = product(self._entries, net.graph.x, net._patterns["all"])
            self._inner = self._mixed[net.rows]
        else:
            self._sparse = _mixed(self._entries, net)

    def train_logits(
        self, params: Mapping[str, Tensor], keep: Float[Tensor, "rows hidden"] | None = None
    ) -> Float[Tensor, "targets classes"]:
        """Return the logits of the training nodes.

        Args:
            params: Parameters.
            keep: Factors of the hidden features at the receptive rows (dropout).

        Returns:
            One row a training node.
        """
        if self._sparse is None:
            hidden = (self._inner @ params["W1"].mT).relu()
        else:
            hidden = self._sparse(params["W1"].mT.contiguous()).relu()
        hidden = hidden if keep is None else hidden * keep
        return self._outer(hidden @ params["W2"].mT)

    def logits(self, params: Mapping[str, Tensor]) -> Float[Tensor, "nodes classes"]:
        """Return the logits of all nodes.

        Args:
            params: Parameters.

        Returns:
            One row a node.
        """
        whole = self.net._patterns["all"]
        if self._sparse is None:
            hidden = (self._mixed @ params["W1"].mT).relu()
        else:
            hidden = product(self._entries, self.net._first(params), whole).relu()
        return product(self._entries, hidden @ params["W2"].mT, whole)


def _mixed(entries: Tensor, net: GCN) -> Constant:
    r"""Return :math:`\hat A X` at the receptive rows."""
    inner = net._patterns["inner"]
    left = csr_array(
        (entries[inner.order].numpy(), inner.columns.numpy(), inner.rows.numpy()), inner.shape
    )
    mixed = (left @ csr_array(net.graph.x.numpy())).tocsr()
    mixed.sort_indices()
    values = torch.from_numpy(np.asarray(mixed.data))
    places = mixed.tocoo()
    row, column = (torch.from_numpy(np.asarray(i)).long() for i in (places.row, places.col))
    where = pattern(row, column, torch.arange(len(values)), (mixed.shape[0], mixed.shape[1]))
    return Constant(values, where)
