"""One sweep over all neurons, by four schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from tdyn.swarm.context import Context
from tdyn.swarm.flocks import Flocks
from tdyn.swarm.rules import Rule

__all__ = ["ACCEPTANCES", "MEMORIES", "SCHEDULES", "Moment", "Options", "sweep"]

SCHEDULES = ("gauss-seidel", "layer-jacobi", "jacobi", "safeguarded")
MEMORIES = ("stale", "reevaluate")
ACCEPTANCES = ("elitist", "literal")


class Options(NamedTuple):
    """The choices of a run; see :func:`tdyn.swarm.neuronwise_pso`."""

    schedule: str
    memory: str
    acceptance: str
    output_steps: int
    tolerance: float


class Moment(NamedTuple):
    """The instant after a commit. Copy what you keep: the objects go on changing.

    Attributes:
        sweep: Number of the sweep, from 0.
        layer: Index of the layer, from 0; -1 if all layers changed at once.
        neuron: Index of the neuron; -1 if the whole layer changed at once.
        context: The network as it is now.
        flocks: The particles, before they fly on.
    """

    sweep: int
    layer: int
    neuron: int
    context: Context
    flocks: Flocks


class _Proposal(NamedTuple):
    """New weights ``(members, d)``, who takes them ``(members,)``, and the loss they promise."""

    weights: Tensor
    taken: Tensor
    value: Tensor


def _candidates(context: Context, flocks: Flocks, layer: int, options: Options) -> Tensor:
    """Return positions, remembered places (if re-evaluated) and present neurons, in one tensor."""
    parts = [flocks.positions[layer]]
    if options.memory == "reevaluate":
        parts.append(flocks.bests[layer])
    return torch.cat((*parts, context.weights[layer].unsqueeze(2)), dim=2)


def _propose(
    context: Context,
    flocks: Flocks,
    layer: int,
    neuron: int,
    options: Options,
    judged: Tensor,
) -> _Proposal:
    """Let one neuron choose among its judged candidates ``(members, k)``.

    Returns:
        What the neuron would like to become.
    """
    k = flocks.positions[layer].shape[2]
    # The present network is judged on the same path as its rivals, so rounding favors nobody.
    fresh, present = judged[:, :k], judged[:, -1]
    again = judged[:, k : 2 * k] if options.memory == "reevaluate" else None
    best, lowest = flocks.remember(layer, neuron, fresh, again)
    if options.acceptance == "literal":
        taken = torch.ones_like(present, dtype=torch.bool)
    else:
        taken = lowest < present - options.tolerance
    weights = torch.where(taken.unsqueeze(-1), best, context.weights[layer][:, neuron])
    return _Proposal(weights, taken, torch.where(taken, lowest, present))


def _one_by_one(
    context: Context, flocks: Flocks, layer: int, options: Options, tell: Callable[[int, int], None]
) -> None:
    """Visit the neurons of a layer; each one sees the commits of those before it."""
    candidates = _candidates(context, flocks, layer, options)
    responses = context.responses(layer, candidates)
    for neuron in range(candidates.shape[1]):
        response = None if responses is None else responses[:, neuron]
        judged = context.judge(layer, neuron, candidates[:, neuron], response)
        proposal = _propose(context, flocks, layer, neuron, options, judged)
        context.commit(layer, neuron, proposal.weights)
        tell(layer, neuron)


def _proposals(context: Context, flocks: Flocks, layer: int, options: Options) -> list[_Proposal]:
    """Judge all neurons of a layer against the same network.

    Returns:
        What each of them would like to become.
    """
    judged = context.judge_layer(layer, _candidates(context, flocks, layer, options))
    return [
        _propose(context, flocks, layer, neuron, options, judged[:, neuron])
        for neuron in range(judged.shape[1])
    ]


def _together(context: Context, layer: int, proposals: list[_Proposal], safeguarded: bool) -> None:
    """Commit a layer's proposals at once; if safeguarded, only where that beats the best single."""
    old = context.weights[layer]
    new = torch.stack([p.weights for p in proposals], dim=1)
    context.weights[layer] = new
    context.refresh(layer)
    if not safeguarded:
        return
    promised = torch.stack([p.value for p in proposals], dim=1)  # (members, width)
    lowest, at = promised.min(dim=1)
    worse = context.loss().reshape(-1) > lowest
    only = torch.arange(new.shape[1], device=at.device) == at.unsqueeze(1)  # (members, width)
    single = torch.where(only.unsqueeze(-1), new, old)
    context.weights[layer] = torch.where(worse[:, None, None], single, new)
    context.refresh(layer)


def sweep(
    context: Context,
    flocks: Flocks,
    options: Options,
    step: int,
    observe: Callable[[Moment], None] | None,
    rule: Rule,
    v_max: float | None,
    generator: torch.Generator,
) -> None:
    """Visit every neuron once, and let all particles fly once (the output's ``output_steps``).

    Args:
        context: The network; changed in place.
        flocks: The particles; changed in place.
        options: Schedule, memory, acceptance.
        step: Number of the sweep, for the observer.
        observe: Called after every commit.
        rule: Inertia and accelerations.
        v_max: Velocity clamp, or None.
        generator: Source of the random factors.
    """

    def tell(layer: int, neuron: int) -> None:
        if observe is not None:
            observe(Moment(step, layer, neuron, context, flocks))

    layers = range(context.net.depth)
    if options.schedule == "jacobi":
        waiting = [_proposals(context, flocks, layer, options) for layer in layers]
        context.weights = [torch.stack([p.weights for p in row], dim=1) for row in waiting]
        context.refresh(0)
        tell(-1, -1)
    for layer in layers:
        repeats = options.output_steps if layer == layers[-1] else 1
        for _ in range(1 if options.schedule == "jacobi" else repeats):
            if options.schedule == "gauss-seidel":
                _one_by_one(context, flocks, layer, options, tell)
            elif options.schedule != "jacobi":
                row = _proposals(context, flocks, layer, options)
                _together(context, layer, row, options.schedule == "safeguarded")
                tell(layer, -1)
            flocks.fly(layer, context.weights[layer], rule, v_max, generator)
