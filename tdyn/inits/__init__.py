r"""Initializations by their field names.

A *law* is a function ``law(shape, *, generator)`` that draws one weight matrix
``(n_out, n_in)``. :func:`initialize` draws all parameters of a network, or of an ensemble of
networks in which member ``i`` equals the single network of seed ``i``. Options are
fixed with :func:`functools.partial`::

    law = partial(perturbed_rademacher, sigma=0.1)

Unless its docstring says otherwise a law has mean zero and variance :math:`1/n_{\rm in}`.
"""

from tdyn.inits.alive import joint, mirrored, randomized_asymmetric
from tdyn.inits.continuous import gaussian, he, orthogonal, uniform, xavier, zeros
from tdyn.inits.density import uniform_density
from tdyn.inits.law import Law
from tdyn.inits.network import initialize
from tdyn.inits.signs import discrete, perturbed_rademacher, rademacher, uniform_rademacher
from tdyn.inits.truncated import truncated

__all__ = [
    "Law",
    "discrete",
    "gaussian",
    "he",
    "initialize",
    "joint",
    "mirrored",
    "orthogonal",
    "perturbed_rademacher",
    "rademacher",
    "randomized_asymmetric",
    "truncated",
    "uniform",
    "uniform_density",
    "uniform_rademacher",
    "xavier",
    "zeros",
]
