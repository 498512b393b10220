"""Data sets: made by code or shipped with scikit-learn and scikit-image; no network needed."""

from tdyn.data.batches import minibatches
from tdyn.data.boolean import hypercube, parity, parity_stream
from tdyn.data.bundled import digits
from tdyn.data.images import gaussian_clone, gaussian_like, nlgp, nlgp_covariance
from tdyn.data.textures import textures

__all__ = [
    "digits",
    "gaussian_clone",
    "gaussian_like",
    "hypercube",
    "minibatches",
    "nlgp",
    "nlgp_covariance",
    "parity",
    "parity_stream",
    "textures",
]
