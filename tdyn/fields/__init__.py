r"""Receptive fields: how local they are, and how non-Gaussian what they see is.

A neuron's receptive field is its row of first-layer weights, laid out over the pixels of a ring, a
torus or an image. *Locality* of a mask is measured by :func:`spread`, :func:`neighbor_enrichment`
and :func:`displacements`, that of weights by :func:`inverse_participation_ratio`. Non-Gaussianity
is :func:`excess_kurtosis`, for a neuron's input :func:`preactivation_kurtosis`; :func:`cavity` is
what removing one weight does to it. :func:`gaussian_discriminant` says which few pixels tell two
Gaussian classes apart. The definitions of locality and of the cavity effect are ours.
"""

from tdyn.fields.discriminant import gaussian_discriminant
from tdyn.fields.gaussianity import cavity, excess_kurtosis, preactivation_kurtosis, shuffled
from tdyn.fields.locality import (
    displacements,
    distances,
    inverse_participation_ratio,
    neighbor_enrichment,
    spread,
)

__all__ = [
    "cavity",
    "displacements",
    "distances",
    "excess_kurtosis",
    "gaussian_discriminant",
    "inverse_participation_ratio",
    "neighbor_enrichment",
    "preactivation_kurtosis",
    "shuffled",
    "spread",
]
