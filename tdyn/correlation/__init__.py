r"""Where do tiny weights point before they grow?

While a homogeneous network is small its output is negligible, and gradient descent climbs one fixed
function, the *neural correlation*

.. math:: \mathcal N(w)=\sum_i\tilde y_i\,H(x_i;w),

whose direction and size separate. :func:`sphere_flow` follows the direction once for every size of
the first weights; :func:`escape_time` says when gradient descent will leave the plateau;
:func:`kkt_residual` tells how close a direction is to one at which the flow stops.
"""

from tdyn.correlation.activation import PowerReLU, degree
from tdyn.correlation.closed import (
    amplitude,
    best_direction,
    layer_shares,
    linear_maximum,
    quadratic_maximum,
)
from tdyn.correlation.flow import SphereFlow, escape_time, homogeneous_sgd, sphere_flow
from tdyn.correlation.ncf import (
    correlation_gradient,
    kkt_residual,
    neural_correlation,
    residual,
)
from tdyn.correlation.plane import PlanarPoint, planar_points

__all__ = [
    "PlanarPoint",
    "PowerReLU",
    "SphereFlow",
    "amplitude",
    "best_direction",
    "correlation_gradient",
    "degree",
    "escape_time",
    "homogeneous_sgd",
    "kkt_residual",
    "layer_shares",
    "linear_maximum",
    "neural_correlation",
    "planar_points",
    "quadratic_maximum",
    "residual",
    "sphere_flow",
]
