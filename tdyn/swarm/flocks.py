"""The flocks: one small swarm a neuron, kept together a layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tdyn.swarm.rules import Rule, moved

__all__ = ["Flocks"]


@dataclass
class Flocks:
    """The particles of every neuron; one tensor a layer, ``(members, width, particles, d)``.

    Attributes:
        positions: Where the particles are.
        velocities: How they move.
        bests: The best place that each particle remembers.
        values: The loss that it remembers for it, ``(members, width, particles)``.
    """

    positions: list[Tensor]
    velocities: list[Tensor]
    bests: list[Tensor]
    values: list[Tensor]

    @classmethod
    def around(
        cls, weights: Sequence[Tensor], particles: int, spread: float, generator: torch.Generator
    ) -> Flocks:
        r"""Start flocks: particle 0 is the neuron itself, the others are drawn at random.

        Args:
            weights: The neurons of every layer ``(members, width, d)``.
            particles: Particles a neuron.
            spread: The others are uniform up to ``spread`` times :math:`\sqrt{3/d}`.
            generator: Source of randomness.

        Returns:
            Flocks at rest, without memories.
        """
        positions = []
        for w in weights:
            shape = (*w.shape[:2], particles, w.shape[-1])
            u = torch.rand(shape, generator=generator, dtype=w.dtype, device=w.device)
            x = (2 * u - 1) * spread * math.sqrt(3 / w.shape[-1])
            x[:, :, 0] = w
            positions.append(x)
        return cls(
            positions,
            [torch.zeros_like(x) for x in positions],
            [x.clone() for x in positions],
            [torch.full_like(x[..., 0], torch.inf) for x in positions],
        )

    def remember(
        self, layer: int, neuron: int, fresh: Tensor, again: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Update what the particles of one neuron remember.

        Args:
            layer: Index of the layer, from 0.
            neuron: Index of the neuron.
            fresh: Losses of the present positions ``(members, particles)``.
            again: Losses of the remembered places as of now, or None to trust the old ones.

        Returns:
            The best remembered place ``(members, d)`` and its remembered loss ``(members,)``.
        """
        old = self.values[layer][:, neuron] if again is None else again
        better = fresh < old
        value = torch.where(better, fresh, old)
        here, best = self.positions[layer][:, neuron], self.bests[layer][:, neuron]
        best = torch.where(better.unsqueeze(-1), here, best)
        self.values[layer][:, neuron], self.bests[layer][:, neuron] = value, best
        lowest, at = value.min(dim=-1)
        return best[torch.arange(len(at), device=at.device), at], lowest

    def fly(
        self,
        layer: int,
        leaders: Tensor,
        rule: Rule,
        v_max: float | None,
        generator: torch.Generator,
    ) -> None:
        r"""Move all particles of a layer one step.

        Args:
            layer: Index of the layer, from 0.
            leaders: The neurons of the network ``(members, width, d)``.
            rule: Inertia and accelerations.
            v_max: Largest velocity of a coordinate in units of :math:`1/\sqrt d`, or None.
            generator: Source of the random factors, fresh for every coordinate.
        """
        x, v = self.positions[layer], self.velocities[layer]
        draws = torch.rand((2, *x.shape), generator=generator, dtype=x.dtype, device=x.device)
        bound = None if v_max is None else v_max / math.sqrt(x.shape[-1])
        self.positions[layer], self.velocities[layer] = moved(
            rule, x, v, self.bests[layer], leaders.unsqueeze(2), (draws[0], draws[1]), bound
        )
