"""The three numbers of a swarm, in the three forms of the literature."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

__all__ = ["Rule", "constricted", "constriction", "inertia", "moved", "original"]


class Rule(NamedTuple):
    """Inertia and the two accelerations of a swarm.

    Attributes:
        omega: Share of the velocity that is kept.
        c1: Largest pull toward a particle's own best place.
        c2: Largest pull toward the leader.
    """

    omega: float
    c1: float
    c2: float


def constriction(phi: float, kappa: float = 1.0) -> float:
    r"""Clerc and Kennedy's factor, by which the whole velocity is multiplied.

    .. math:: \chi = \frac{2\kappa}{\left|2-\varphi-\sqrt{\varphi^2-4\varphi}\right|}

    Args:
        phi: Sum of the two accelerations before the constriction, above 4.
        kappa: Between 0 and 1; smaller settles faster.

    Returns:
        The factor, between 0 and 1.

    Raises:
        ValueError: If ``phi`` is at most 4 or ``kappa`` outside (0, 1].

    Example:
        >>> round(constriction(4.1), 10)
        0.7298437881

    Source:
        :cite:t:`clerc2002swarm`
    """
    if not phi > 4:
        raise ValueError(f"phi must be greater than 4, got {phi}")
    if not 0 < kappa <= 1:
        raise ValueError(f"kappa must be in (0, 1], got {kappa}")
    return 2 * kappa / abs(2 - phi - math.sqrt(phi**2 - 4 * phi))


def inertia(omega: float, c1: float, c2: float) -> Rule:
    r"""The inertia form :math:`v \leftarrow \omega v + c_1r_1\odot(b-x) + c_2r_2\odot(g-x)`.

    Args:
        omega: Inertia, above -1 and at most 1.
        c1: Pull toward a particle's own best place, zero or positive.
        c2: Pull toward the leader, zero or positive.

    Returns:
        The rule.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> inertia(0.7, 1.5, 1.5).omega
        0.7

    Source:
        :cite:t:`shi1998swarm`
    """
    if not -1 < omega <= 1:
        raise ValueError(f"omega must be in (-1, 1], got {omega}")
    if not (0 <= c1 < math.inf and 0 <= c2 < math.inf):
        raise ValueError(f"c1 and c2 must be zero or positive, got {c1} and {c2}")
    return Rule(float(omega), float(c1), float(c2))


def constricted(phi1: float = 2.05, phi2: float = 2.05, kappa: float = 1.0) -> Rule:
    r"""The constriction form, in which :math:`\chi` multiplies the whole new velocity.

    .. math:: \omega = \chi, \qquad c_1 = \chi\varphi_1, \qquad c_2 = \chi\varphi_2

    Args:
        phi1: Pull toward a particle's own best place, before the constriction.
        phi2: Pull toward the leader, before the constriction; together they exceed 4.
        kappa: See :func:`constriction`.

    Returns:
        The rule.

    Raises:
        ValueError: If the accelerations are negative or their sum is at most 4.

    Example:
        >>> [round(value, 4) for value in constricted()]
        [0.7298, 1.4962, 1.4962]

    Source:
        :cite:t:`clerc2002swarm`
    """
    factor = constriction(phi1 + phi2, kappa)
    return inertia(factor, factor * phi1, factor * phi2)


def original() -> Rule:
    r"""The rule of 1995: :math:`\omega = 1`, :math:`c_1 = c_2 = 2`.

    It explodes unless the velocity is clamped.

    Returns:
        The rule.

    Example:
        >>> original()
        Rule(omega=1.0, c1=2.0, c2=2.0)

    Source:
        :cite:t:`kennedy1995particle`
    """
    return inertia(1.0, 2.0, 2.0)


def moved(
    rule: Rule,
    x: Tensor,
    v: Tensor,
    best: Tensor,
    leader: Tensor,
    draws: tuple[Tensor, Tensor],
    v_max: float | None,
) -> tuple[Tensor, Tensor]:
    """Fly one step.

    Args:
        rule: The three numbers.
        x: Positions.
        v: Velocities.
        best: Each particle's best place.
        leader: The best place of all, broadcast against ``x``.
        draws: The random numbers of the two pulls.
        v_max: Largest absolute velocity of a coordinate, or None.

    Returns:
        New positions and velocities.
    """
    v = rule.omega * v + rule.c1 * draws[0] * (best - x) + rule.c2 * draws[1] * (leader - x)
    if v_max is not None:
        v = v.clamp(-v_max, v_max)
    return x + v, v
