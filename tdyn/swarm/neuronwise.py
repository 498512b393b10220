"""Training by flocks: a swarm a neuron, judged by the network's loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tdyn import losses
from tdyn.data import minibatches
from tdyn.nets import MLP, Params
from tdyn.swarm.context import Context
from tdyn.swarm.flight import check_bound
from tdyn.swarm.flocks import Flocks
from tdyn.swarm.rules import Rule, constricted
from tdyn.swarm.visits import ACCEPTANCES, MEMORIES, SCHEDULES, Moment, Options, sweep

__all__ = ["Moment", "Run", "neuronwise_pso"]

Loss = Callable[[Tensor, Tensor], Tensor]


class Run(NamedTuple):
    """A training run by flocks.

    Attributes:
        params: The trained parameters.
        losses: Loss on all the data before the first and after each sweep,
            ``(sweeps + 1, *ensemble)``.
        records: What the probes returned, ``(recorded, *ensemble, ...)``.
        steps: The sweeps at which the probes ran.
        evaluations: Candidates that one sweep scores, summed over the neurons.
        flocks: The particles at the end.
    """

    params: Params
    losses: Tensor
    records: dict[str, Tensor]
    steps: Tensor
    evaluations: int
    flocks: Flocks


@dataclass
class _Probing:
    """The probes of a run and what they have returned."""

    probes: Mapping[str, Callable[[Params], Any]]
    due: set[int]
    steps: list[int]
    values: list[dict[str, Tensor]]

    def at(self, step: int, params: Callable[[], Params]) -> None:
        """Run the probes if they are due."""
        if step in self.due and self.probes:
            now = params()
            self.steps.append(step)
            self.values.append({k: torch.as_tensor(f(now)).clone() for k, f in self.probes.items()})

    def records(self) -> dict[str, Tensor]:
        """Stack what was returned.

        Returns:
            One tensor a probe.
        """
        return {k: torch.stack([v[k] for v in self.values]) for k in self.probes}


def _checked(
    particles: int, sweeps: int, spread: float, v_max: float | None, options: Options
) -> None:
    for name, value, allowed in (
        ("schedule", options.schedule, SCHEDULES),
        ("memory", options.memory, MEMORIES),
        ("acceptance", options.acceptance, ACCEPTANCES),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")
    for name, count, least in (
        ("particles", particles, 1),
        ("sweeps", sweeps, 0),
        ("output_steps", options.output_steps, 1),
    ):
        if count < least:
            raise ValueError(f"{name} must be at least {least}, got {count}")
    if not spread > 0 or not options.tolerance >= 0:
        raise ValueError(
            "spread must be positive and tolerance not negative, "
            f"got {spread} and {options.tolerance}"
        )
    check_bound(v_max)


@torch.no_grad()
def neuronwise_pso(
    net: MLP,
    params: Mapping[str, Tensor],
    x: Float[Tensor, "... n d"],
    y: Shaped[Tensor, "..."],
    particles: int = 10,
    *,
    sweeps: int = 50,
    schedule: str = "gauss-seidel",
    memory: str = "stale",
    acceptance: str = "elitist",
    loss: Loss = losses.cross_entropy,
    rule: Rule | None = None,
    v_max: float | None = None,
    spread: float = 1.0,
    output_steps: int = 1,
    tolerance: float = 1e-6,
    batch: int | None = None,
    probes: Mapping[str, Callable[[Params], Any]] | None = None,
    every: int = 1,
    observe: Callable[[Moment], None] | None = None,
    seed: int = 0,
) -> Run:
    r"""Train a network by giving every neuron its own particle swarm; no derivative is taken.

    A *sweep* visits every neuron once. The particles :math:`x_p` of neuron :math:`(\ell,i)` are
    judged by the network's loss with that neuron replaced, remember their best places
    :math:`b_p` and losses :math:`F_p`, may hand the neuron a new weight vector, and fly:

    .. math::

        f_p = \mathcal L\bigl(W[(\ell,i)\leftarrow x_p]\bigr), \qquad
        w_{\ell,i} \leftarrow b_{\arg\min F}, \qquad
        v_p \leftarrow \omega v_p + c_1r_1\odot(b_p-x_p)+c_2r_2\odot(w_{\ell,i}-x_p)

    With ``gauss-seidel``, ``reevaluate`` and ``elitist`` on the full batch the loss never rises.

    Args:
        net: The network; the activation needs no derivative.
        params: First parameters, with or without ensemble axes; particle 0 of each neuron.
        x: Inputs ``(n, d)``, or one set a member ``(*ensemble, n, d)``.
        y: Labels or targets, for all members or one set a member, as ``x``.
        particles: Particles a neuron, positive.
        sweeps: Number of sweeps.
        schedule: When a neuron's new weights count: ``"gauss-seidel"`` at once; ``"layer-jacobi"``
            after its whole layer was judged against the same network; ``"jacobi"`` after all
            layers were; ``"safeguarded"`` is layer-jacobi that falls back to the best single
            change if the joint one is worse (ours).
        memory: ``"stale"`` trusts :math:`F_p` from the past, ``"reevaluate"`` judges
            :math:`b_p` again under the present network, at twice the cost.
        acceptance: ``"elitist"`` commits only if the loss of the present network is beaten,
            ``"literal"`` always takes the best remembered particle.
        loss: A loss of :mod:`tdyn.losses`; the mean squared error is the fastest.
        rule: Inertia and accelerations; :func:`~tdyn.swarm.constricted` by default.
        v_max: Largest velocity of a coordinate in units of :math:`1/\sqrt d`, or None.
        spread: First particles are uniform up to ``spread`` times :math:`\sqrt{3/d}`.
        output_steps: Swarm steps of the output layer a sweep.
        tolerance: A commit must gain more than this (elitist), so that rounding is no progress.
        batch: Size of the mini-batches, one a sweep; None for all the data.
        probes: Named functions of the parameters.
        every: Interval in sweeps between probes; they also run first and last.
        observe: Called with a :class:`Moment` after every commit.
        seed: Source of the particles, the random factors and the batches.

    Returns:
        The run.

    Raises:
        ValueError: If an option is unknown, a number out of range, or the shapes do not fit.

    Example:
        >>> from tdyn import inits
        >>> net = MLP((2, 4, 2), activation=torch.sign)
        >>> start = inits.initialize(net, inits.uniform, range(5), bias=inits.uniform)
        >>> x = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
        >>> y = torch.tensor([0, 1, 1, 0])
        >>> run = neuronwise_pso(net, start, x, y, sweeps=40)
        >>> run.losses.shape, run.losses[-1].median().item() < 0.1
        (torch.Size([41, 5]), True)

    Source:
        :cite:t:`kumar2024particles`
    """
    options = Options(schedule, memory, acceptance, output_steps, tolerance)
    _checked(particles, sweeps, spread, v_max, options)
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}")
    if batch is not None and x.ndim != 2:
        raise ValueError(f"mini-batches want shared inputs (n, d), got shape {tuple(x.shape)}")
    generator = torch.Generator(device=x.device).manual_seed(seed)
    whole = context = Context(net, params, x, y, loss)
    flocks = Flocks.around(context.weights, particles, spread, generator)
    rule = constricted() if rule is None else rule
    batches = None if batch is None else minibatches(x, y, batch, seed)
    curve = [whole.loss()]
    probing = _Probing(dict(probes or {}), {*range(0, sweeps + 1, every), sweeps}, [], [])
    probing.at(0, lambda: context.params)
    for step in range(sweeps):
        if batches is not None:
            context = Context(net, context.params, *batches(step), loss)
        else:
            context.refresh(0)
        sweep(context, flocks, options, step, observe, rule, v_max, generator)
        if context is not whole:
            whole.weights = [w.clone() for w in context.weights]
            whole.refresh(0)
        curve.append(whole.loss())
        probing.at(step + 1, lambda: context.params)  # noqa: B023
    cost = sum(net.widths[1:-1]) + output_steps * net.widths[-1]
    return Run(
        context.params,
        torch.stack(curve),
        probing.records(),
        torch.tensor(probing.steps),
        cost * particles * (2 if memory == "reevaluate" else 1),
        flocks,
    )
