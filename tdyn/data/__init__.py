"""Data sets: made by code or shipped with scikit-learn and scikit-image; no network needed."""

from tdyn.data.batches import minibatches
from tdyn.data.boolean import hypercube, parity, parity_stream
from tdyn.data.bundled import digits

__all__ = ["digits", "hypercube", "minibatches", "parity", "parity_stream"]
