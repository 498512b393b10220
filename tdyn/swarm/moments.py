r"""When a swarm settles, exactly: moments of one particle while its attractors stand still.

Put the attractors of one coordinate at zero. A particle then obeys
:math:`x_{t+1} = (1+\omega-\phi)x_t - \omega x_{t-1}` with the random
:math:`\phi = c_1r_1 + c_2r_2`, so its moments of order :math:`m` obey a linear recursion.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.swarm.rules import Rule

__all__ = ["Stability", "moment_matrix", "sampling_width", "stability", "variance_limit"]


class Stability(NamedTuple):
    """Spectral radii: a moment converges exactly if its radius is below one.

    Attributes:
        mean: Radius of the means, order 1.
        variance: Radius of the second moments.
        fourth: Radius of the fourth moments: above one, the tails are too heavy for a kurtosis.
    """

    mean: float
    variance: float
    fourth: float


def moment_matrix(rule: Rule, order: int) -> Float[Tensor, "moments moments"]:
    r"""How the moments :math:`\mathbb E\,x_t^{i}x_{t-1}^{m-i}` of one order move in a step.

    .. math::

        \mathbb E\,x_{t+1}^{i}x_t^{m-i}
        = \sum_{j\le i}\binom ij\,\mathbb E(1+\omega-\phi)^{j}\,(-\omega)^{i-j}\;
          \mathbb E\,x_t^{m-i+j}x_{t-1}^{i-j}

    Args:
        rule: Inertia and accelerations.
        order: Order ``m`` of the moments, positive.

    Returns:
        A matrix ``(m + 1, m + 1)`` in float64; row and column ``r`` stand for ``i = m - r``.

    Raises:
        ValueError: If ``order`` is not positive.

    Example:
        >>> moment_matrix(Rule(0.5, 1.0, 1.0), order=1)
        tensor([[ 0.5000, -0.5000],
                [ 1.0000,  0.0000]], dtype=torch.float64)
    """
    if order < 1:
        raise ValueError(f"order must be positive, got {order}")
    omega, c1, c2 = rule
    phi = [
        sum(math.comb(k, i) * c1**i * c2 ** (k - i) / ((i + 1) * (k - i + 1)) for i in range(k + 1))
        for k in range(order + 1)
    ]
    factor = [
        sum(math.comb(j, k) * (1 + omega) ** (j - k) * (-1) ** k * phi[k] for k in range(j + 1))
        for j in range(order + 1)
    ]
    matrix = torch.zeros(order + 1, order + 1, dtype=torch.float64)
    for i in range(order + 1):
        for j in range(i + 1):
            # The power of x_t is order - i + j, which stands in column i - j.
            matrix[order - i, i - j] += math.comb(i, j) * factor[j] * (-omega) ** (i - j)
    return matrix


def stability(omega: float, c1: float, c2: float) -> Stability:
    r"""Decide whether a stagnated particle settles: in the mean, in variance, in fourth moment.

    The mean converges iff :math:`|\omega|<1` and :math:`0<c_1+c_2<4(1+\omega)`. For the variance
    see :func:`variance_limit`.

    Args:
        omega: Inertia.
        c1: Pull toward a particle's own best place.
        c2: Pull toward the leader.

    Returns:
        The spectral radii of the three recursions.

    Example:
        >>> [round(radius, 3) for radius in stability(1.0, 2.0, 2.0)]  # 1995: explodes
        [1.0, 1.387, 2.855]
        >>> stability(0.7298, 1.4962, 1.4962).variance < 1
        True

    Source:
        :cite:t:`poli2009moments`
    """
    rule = Rule(omega, c1, c2)
    radii = [torch.linalg.eigvals(moment_matrix(rule, m)).abs().max().item() for m in (1, 2, 4)]
    return Stability(*radii)


def variance_limit(omega: float) -> float:
    r"""Largest :math:`c_1+c_2` (with :math:`c_1=c_2`) for which the variance stays bounded.

    .. math:: \bar c = \frac{24(1-\omega^2)}{7-5\omega}

    Args:
        omega: Inertia, in (-1, 1).

    Returns:
        The limit, exclusive.

    Raises:
        ValueError: If ``omega`` is out of range.

    Example:
        >>> variance_limit(0.5)
        4.0

    Source:
        :cite:t:`poli2009moments`
    """
    if not -1 < omega < 1:
        raise ValueError(f"omega must be in (-1, 1), got {omega}")
    return 24 * (1 - omega**2) / (7 - 5 * omega)


def sampling_width(omega: float, c: float) -> float:
    r"""Standard deviation of a stagnated particle, in units of :math:`|b-g|`, for :math:`c_1=c_2`.

    .. math:: \sigma = \frac12\sqrt{\frac{c(1+\omega)}{c(5\omega-7)+12(1-\omega^2)}}

    Args:
        omega: Inertia, in (-1, 1).
        c: Each of the two accelerations; ``2 c`` below :func:`variance_limit`.

    Returns:
        The width of the cloud in which the particle keeps searching.

    Raises:
        ValueError: If the variance does not converge.

    Example:
        >>> round(sampling_width(0.6, 1.7), 3)
        0.879

    Source:
        :cite:t:`poli2009moments`
    """
    if not 0 < 2 * c < variance_limit(omega):
        raise ValueError(
            f"the variance converges for 0 < c < {variance_limit(omega) / 2:.4g}, got c = {c}"
        )
    return 0.5 * math.sqrt(c * (1 + omega) / (c * (5 * omega - 7) + 12 * (1 - omega**2)))
