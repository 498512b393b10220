"""Pruning edges by what a trained network believes of both ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.graphs.gcn import GCN
from tdyn.graphs.retraining import retrain
from tdyn.graphs.ticket import edge_ticket
from tdyn.nets import Params
from tdyn.pruning import Masks

__all__ = ["agreement", "pseudo_label_ticket"]


def agreement(net: GCN, params: Mapping[str, Tensor]) -> Float[Tensor, " edges"]:
    r"""Return the probability that both ends of an edge have one class, as the network sees it.

    .. math:: a_{ij} = p_i^\top p_j, \qquad p_i = \mathrm{softmax}(f_i)

    Args:
        net: The network.
        params: Trained weights.

    Returns:
        One number an edge, in [0, 1].

    Example:
        >>> from tdyn.data import csbm
        >>> net = GCN(csbm(seed=0), hidden=8)
        >>> zeros = {name: torch.zeros(shape) for name, shape in net.shapes.items()}
        >>> agreement(net, zeros)[0].item()
        0.25
    """
    with torch.no_grad():
        p = torch.softmax(net(params), 1)
        receiver, sender = net.graph.edges
        return (p[receiver] * p[sender]).sum(1)


def pseudo_label_ticket(
    net: GCN, start: Params, edge_sparsity: float, *, seed: int, **options: Any
) -> Masks:
    """Train once, and keep the edges whose ends the network believes to have the same class.

    Labels of other nodes than the training nodes are not used.

    Args:
        net: The network.
        start: The first weights.
        edge_sparsity: Share of directed edges to remove, in [0, 1].
        seed: Source of randomness.
        **options: Passed to :func:`tdyn.graphs.retrain`.

    Returns:
        The ticket, with all weights.

    Example:
        >>> from tdyn.data import csbm
        >>> from tdyn.graphs import homophily
        >>> net = GCN(csbm(seed=0), hidden=16)
        >>> ticket = pseudo_label_ticket(net, net.initialize(0), 0.3, seed=0)
        >>> homophily(net.graph, ticket["edges"]) > 0.85
        True
    """
    trained = retrain(net, start, seed=seed, **options).params
    return edge_ticket(net, agreement(net, trained), edge_sparsity, seed=seed)
