r"""How fast can a wide network learn, and what has its activation to do with it?

A wide network :math:`f(x)=m^{-1/2}\sum_ka_k\phi(w_k^\top x)` with Gaussian :math:`w_k` and signs
:math:`a_k`, trained by small steps on its first layer, learns along the eigenvectors of the
*Gram matrix*

.. math::

    G_{ij}=\kappa(\rho_{ij})\,\rho_{ij},\qquad \rho_{ij}=x_i^\top x_j,\qquad
    \kappa(\rho)=\mathbb E\,\phi'(u)\phi'(v)=\sum_k\mu_k^2\rho^k,

where :math:`u,v` are standard normal with correlation :math:`\rho`. Its smallest eigenvalue sets
the time. It hangs on the tail of the Hermite coefficients :math:`\mu_k` of :math:`\phi'`: a kink
gives a power, a smooth activation an exponential.
"""

from __future__ import annotations

from tdyn.kernels.activations import Activation, activation, names, softplus
from tdyn.kernels.circle import circle_points, circle_spectrum
from tdyn.kernels.duals import dual, dual_derivative
from tdyn.kernels.hermite import hermite_coefficients
from tdyn.kernels.matrices import deep_gram, gram
from tdyn.kernels.training import (
    feature_jacobian,
    parameter_jacobian,
    predicted_loss,
    predicted_steps,
    smallest_eigenvalue,
)

__all__ = [
    "Activation",
    "activation",
    "circle_points",
    "circle_spectrum",
    "deep_gram",
    "dual",
    "dual_derivative",
    "feature_jacobian",
    "gram",
    "hermite_coefficients",
    "names",
    "parameter_jacobian",
    "predicted_loss",
    "predicted_steps",
    "smallest_eigenvalue",
    "softplus",
]
