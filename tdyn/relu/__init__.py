r"""Dead ReLUs: which neurons no input can switch on, and how often that happens at birth.

For a neuron of the second hidden layer,

.. math:: z_\theta(x)=b+\sum_{i=1}^{n_1}w_i\,\sigma(W_i x+\beta_i),\qquad \sigma(t)=\max(t,0),

there are several ways to be dead, from weak to strong: off on the data (:func:`dead_on`), off for
every input (:func:`inactive`), and off for every input in a whole neighborhood of the parameters
(:func:`stably_inactive`). A network of which a whole hidden layer is off is constant
(:func:`born_dead`).
"""

from tdyn.relu.activity import inactive, stably_inactive
from tdyn.relu.birth import (
    born_dead_monte_carlo,
    dead_at_input_probability,
    functional_dimension,
)
from tdyn.relu.networks import born_dead, dead_layer, dead_on
from tdyn.relu.population import (
    Estimate,
    sign_variants,
    stably_inactive_monte_carlo,
    stably_inactive_probability,
)

__all__ = [
    "Estimate",
    "born_dead",
    "born_dead_monte_carlo",
    "dead_at_input_probability",
    "dead_layer",
    "dead_on",
    "functional_dimension",
    "inactive",
    "sign_variants",
    "stably_inactive",
    "stably_inactive_monte_carlo",
    "stably_inactive_probability",
]
