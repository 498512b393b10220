r"""How visible is a target to a network before it has learned anything?

The *gradient alignment* (GAL) of a network with a target :math:`f` is the squared distance between
its first gradient and the gradient on coin-flip labels,

.. math:: \mathrm{GAL}_f(\theta)=\lVert\Gamma_f(\theta)-\Gamma_r(\theta)\rVert_2^2,\qquad
          \Gamma_f(\theta)=\mathbb E_x\,\nabla_\theta L(f(x),N(x;\theta)),

averaged over the initialization where one is meant. The targets are parities of the first ``k``
bits, :math:`f(x)=\prod_{i\le k}x_i`. There are three ways to compute it: enumerate the cube
(:func:`gal_exhaustive`), sample (:func:`gal_monte_carlo`), or integrate (:func:`gal_iid`).
"""

from tdyn.alignment.characteristic import (
    CharacteristicFunction,
    discrete,
    gaussian,
    perturbed_rademacher,
    resonance,
    uniform_perturbed,
)
from tdyn.alignment.gradient import gal_exhaustive, gal_monte_carlo
from tdyn.alignment.iid import gal_iid, gal_network
from tdyn.alignment.one_step import one_step_accuracy, one_step_measured, width_for_accuracy
from tdyn.alignment.walsh import (
    lattice_coefficient,
    neuron_coefficient,
    walsh_coefficient,
    walsh_transform,
)

__all__ = [
    "CharacteristicFunction",
    "discrete",
    "gal_exhaustive",
    "gal_iid",
    "gal_monte_carlo",
    "gal_network",
    "gaussian",
    "lattice_coefficient",
    "neuron_coefficient",
    "one_step_accuracy",
    "one_step_measured",
    "perturbed_rademacher",
    "resonance",
    "uniform_perturbed",
    "walsh_coefficient",
    "walsh_transform",
    "width_for_accuracy",
]
