"""Data sets: made by code or shipped with scikit-learn and scikit-image; no network needed."""

from tdyn.data.batches import minibatches
from tdyn.data.blocks import csbm
from tdyn.data.boolean import hypercube, parity, parity_stream
from tdyn.data.bundled import digits
from tdyn.data.citation import citation_graph
from tdyn.data.grains import rice
from tdyn.data.graph import Graph, row_normalize
from tdyn.data.images import gaussian_clone, nlgp, nlgp_covariance
from tdyn.data.lookalikes import gaussian_like
from tdyn.data.planar import circles, moons, quadrants, spirals
from tdyn.data.tables import Split, breast_cancer, iris, splits, wine
from tdyn.data.textures import textures

__all__ = [
    "Graph",
    "Split",
    "breast_cancer",
    "circles",
    "citation_graph",
    "csbm",
    "digits",
    "gaussian_clone",
    "gaussian_like",
    "hypercube",
    "iris",
    "minibatches",
    "moons",
    "nlgp",
    "nlgp_covariance",
    "parity",
    "parity_stream",
    "quadrants",
    "rice",
    "row_normalize",
    "spirals",
    "splits",
    "textures",
    "wine",
]
