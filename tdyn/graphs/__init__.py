r"""Graph lottery tickets: sparse graph networks whose edges and weights can go.

A ticket is a dictionary of Boolean masks, as in :mod:`tdyn.pruning`: ``"edges"`` with one entry a
directed edge, and ``"W1"``, ``"W2"``. :class:`GCN` is the network, :class:`FixedEdges` the same one
for training weights only. Tickets are found by :func:`ugs` (rounds), :func:`one_shot_ticket` (one
cut), :func:`fast_ticket` (one cut and repair) and :func:`pseudo_label_ticket`; their controls are
:func:`random_ticket` and :func:`degree_ticket`; :func:`retrain` judges them all.
"""

from tdyn.graphs.agreement import agreement, pseudo_label_ticket
from tdyn.graphs.cost import Macs, macs, mean_difference
from tdyn.graphs.denoise import Search, fast_ticket, one_shot_ticket
from tdyn.graphs.ensemble import retrain_all
from tdyn.graphs.field import field_share, homophily, receptive_rows, visible_edges
from tdyn.graphs.fixed import FixedEdges
from tdyn.graphs.gcn import GCN, Degrees
from tdyn.graphs.retraining import Outcome, retrain
from tdyn.graphs.swaps import Growth, swap, swap_share
from tdyn.graphs.ticket import (
    degree_scores,
    degree_ticket,
    dense_ticket,
    edge_ticket,
    random_ticket,
    sparsity,
)
from tdyn.graphs.unified import Stage, cut, ugs, ugs_stage

__all__ = [
    "GCN",
    "Degrees",
    "FixedEdges",
    "Growth",
    "Macs",
    "Outcome",
    "Search",
    "Stage",
    "agreement",
    "cut",
    "degree_scores",
    "degree_ticket",
    "dense_ticket",
    "edge_ticket",
    "fast_ticket",
    "field_share",
    "homophily",
    "macs",
    "mean_difference",
    "one_shot_ticket",
    "pseudo_label_ticket",
    "random_ticket",
    "receptive_rows",
    "retrain",
    "retrain_all",
    "sparsity",
    "swap",
    "swap_share",
    "ugs",
    "ugs_stage",
    "visible_edges",
]
