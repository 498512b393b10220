r"""Particle swarms: networks trained without a derivative.

:func:`pso` lets one swarm fly over the whole weight vector. :func:`neuronwise_pso` gives every
neuron a small flock of its own: a particle is judged by the loss of the *network* with that neuron
replaced and all others held. :class:`Context` scores all particles of a neuron at once from cached
activations; :func:`stability` tells which coefficients let a swarm settle.

A flock's particle is ``(w, b)``: the incoming weights of a neuron with its bias last.
"""

from tdyn.swarm.context import Context
from tdyn.swarm.flight import Flight, pso
from tdyn.swarm.flocks import Flocks
from tdyn.swarm.moments import Stability, moment_matrix, sampling_width, stability, variance_limit
from tdyn.swarm.neuronwise import Moment, Run, neuronwise_pso
from tdyn.swarm.rules import Rule, constricted, constriction, inertia, original

__all__ = [
    "Context",
    "Flight",
    "Flocks",
    "Moment",
    "Rule",
    "Run",
    "Stability",
    "constricted",
    "constriction",
    "inertia",
    "moment_matrix",
    "neuronwise_pso",
    "original",
    "pso",
    "sampling_width",
    "stability",
    "variance_limit",
]
