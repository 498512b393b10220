r"""What does a whole training run do to a small nudge of the first weights?

Training with fixed batches is a map :math:`\Phi_T:\theta_0\mapsto\theta_T`. Its derivative, the
*training Jacobian* :math:`J=D\Phi_T(\theta_0)`, is computed exactly by :func:`training_jacobian`.
The singular values of :math:`J=U\Sigma V^\top` sort the directions of weight space: a nudge
:math:`\epsilon v_i` of the first weights becomes :math:`\epsilon\sigma_iu_i` of the last ones.
"""

from tdyn.jacobian.directions import frozen_directions, parameter_function_jacobian, predicted_bulk
from tdyn.jacobian.spectra import (
    Overlap,
    Regions,
    Spectrum,
    alignment,
    bulk_order,
    regions,
    spectrum,
    subspace_overlap,
)
from tdyn.jacobian.step import flops
from tdyn.jacobian.training import training_jacobian

__all__ = [
    "Overlap",
    "Regions",
    "Spectrum",
    "alignment",
    "bulk_order",
    "flops",
    "frozen_directions",
    "parameter_function_jacobian",
    "predicted_bulk",
    "regions",
    "spectrum",
    "subspace_overlap",
    "training_jacobian",
]
