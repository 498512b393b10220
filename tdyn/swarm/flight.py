"""One swarm over a whole vector: global-best particle swarm optimization."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.swarm.rules import Rule, constricted, moved

__all__ = ["Flight", "check_bound", "pso"]

Draws = Callable[[int], tuple[Tensor, Tensor]]


class Flight(NamedTuple):
    """What a swarm found, and how.

    Attributes:
        best: The best place ``(*ensemble, d)``.
        value: The objective there ``(*ensemble,)``.
        values: The best value after each step's evaluation ``(steps, *ensemble)``.
        positions: Where the particles are at the end ``(*ensemble, particles, d)``.
        velocities: How they move at the end.
        path: All positions ``(steps + 1, *ensemble, particles, d)``, or None.
    """

    best: Tensor
    value: Tensor
    values: Tensor
    positions: Tensor
    velocities: Tensor
    path: Tensor | None


def check_bound(v_max: float | None) -> None:
    """Raise unless a velocity clamp is None or positive.

    Args:
        v_max: The clamp.

    Raises:
        ValueError: If it is not positive.
    """
    if v_max is not None and not v_max > 0:
        raise ValueError(f"v_max must be positive or None, got {v_max}")


def _drawing(randomness: str, like: Tensor, generator: torch.Generator) -> Draws:
    """Return a source of the two random factors of a step.

    Raises:
        ValueError: If the kind of randomness is unknown.
    """
    if randomness not in ("coordinate", "particle"):
        raise ValueError(f"randomness must be 'coordinate' or 'particle', got {randomness!r}")
    shape = like.shape if randomness == "coordinate" else (*like.shape[:-1], 1)

    def draws(step: int) -> tuple[Tensor, Tensor]:
        del step
        first, second = (
            torch.rand(shape, generator=generator, dtype=like.dtype, device=like.device)
            for _ in range(2)
        )
        return first, second

    return draws


def pso(
    objective: Callable[[Tensor], Tensor],
    positions: Float[Tensor, "*ensemble particles d"],
    steps: int,
    *,
    rule: Rule | None = None,
    v_max: float | None = None,
    velocities: Float[Tensor, "*ensemble particles d"] | None = None,
    randomness: str = "coordinate",
    seed: int = 0,
    draws: Draws | None = None,
    record: bool = False,
) -> Flight:
    r"""Minimize by one swarm whose particles know their own best place and that of the swarm.

    .. math::

        v_p \leftarrow \omega v_p + c_1 r_1\odot(b_p-x_p) + c_2 r_2\odot(g-x_p),
        \qquad x_p \leftarrow x_p + v_p

    with :math:`r_1, r_2` uniform on [0, 1], fresh for every coordinate of every particle. A step
    evaluates all particles, updates :math:`b_p` and :math:`g`, and moves. The ensemble's swarms
    do not see each other.

    Args:
        objective: Maps places ``(*ensemble, particles, d)`` to values ``(*ensemble, particles)``.
        positions: Where the particles start.
        steps: Number of steps, positive; each one evaluates every particle once.
        rule: :func:`~tdyn.swarm.constricted` (default), :func:`~tdyn.swarm.inertia` or
            :func:`~tdyn.swarm.original`.
        v_max: Largest absolute velocity of a coordinate; None for no clamp.
        velocities: First velocities; zero by default.
        randomness: ``"coordinate"``, or ``"particle"`` for one random number a particle, which
            with zero first velocities never leaves the span of the first positions.
        seed: Source of the random factors.
        draws: Function from step to :math:`(r_1, r_2)`, instead of ``seed``.
        record: Whether to keep the whole path.

    Returns:
        The best place and value, the values after each step, and the last positions.

    Raises:
        ValueError: If ``steps`` or ``v_max`` is not positive, the velocities have another shape, or
            the objective returns another shape than one value a particle.

    Example:
        >>> start = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
        >>> flight = pso(lambda x: ((x - 1) ** 2).sum(-1), start, steps=100)
        >>> flight.value.item() < 1e-6
        True

    Source:
        :cite:t:`kennedy1995particle`
    """
    if steps < 1:
        raise ValueError(f"steps must be positive, got {steps}")
    check_bound(v_max)
    x, v = positions, torch.zeros_like(positions) if velocities is None else velocities
    if v.shape != x.shape:
        raise ValueError(f"velocities {tuple(v.shape)} and positions {tuple(x.shape)} differ")
    rule = constricted() if rule is None else rule
    generator = torch.Generator(device=x.device).manual_seed(seed)
    draw = _drawing(randomness, x, generator) if draws is None else draws
    best, value = x, torch.full(x.shape[:-1], torch.inf, dtype=x.dtype, device=x.device)
    lowest, path = [], [x]
    for step in range(steps):
        fresh = objective(x)
        if fresh.shape != value.shape:
            raise ValueError(
                f"the objective must return {tuple(value.shape)}, it gave {tuple(fresh.shape)}"
            )
        better = fresh < value
        best, value = torch.where(better.unsqueeze(-1), x, best), torch.where(better, fresh, value)
        at = value.argmin(dim=-1, keepdim=True)
        leader = best.take_along_dim(at.unsqueeze(-1), dim=-2)
        lowest.append(value.amin(dim=-1))
        x, v = moved(rule, x, v, best, leader, draw(step), v_max)
        if record:
            path.append(x)
    whole = torch.stack(path) if record else None
    return Flight(leader.squeeze(-2), lowest[-1], torch.stack(lowest), x, v, whole)
