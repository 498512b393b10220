r"""How many of a layer's neurons are usefully different?

The neurons of the last hidden layer are functions :math:`\phi_1,\dots,\phi_n` of the input; the
output is a linear combination of them. Their Gram matrix over inputs :math:`x_k` with weights
:math:`w_k` (the mean by default) and its eigenvalues are

.. math:: M_{ij}=\sum_k w_k\,\phi_i(x_k)\,\phi_j(x_k),\qquad \lambda_1\ge\dots\ge\lambda_n\ge 0.

The *ε-rank* is the number of eigenvalues above ε. Everything here comes from one singular value
decomposition of :math:`\mathrm{diag}(\sqrt w)\,\Phi` in float64, batched over all leading axes, and
never from the Gram matrix itself, whose small eigenvalues drown in rounding errors. The floors
under the loss that follow from a low rank are in the same module.
"""

from tdyn.rank.counts import Ranks, ranks, spectrum_ranks
from tdyn.rank.floor import feature_free_floor, loss_floor, target_tail
from tdyn.rank.measures import (
    effective_rank,
    epsilon_rank,
    participation_ratio,
    soft_rank,
    spectrum,
    stable_rank,
)
from tdyn.rank.svd import Modes, modes

__all__ = [
    "Modes",
    "Ranks",
    "effective_rank",
    "epsilon_rank",
    "feature_free_floor",
    "loss_floor",
    "modes",
    "participation_ratio",
    "ranks",
    "soft_rank",
    "spectrum",
    "spectrum_ranks",
    "stable_rank",
    "target_tail",
]
