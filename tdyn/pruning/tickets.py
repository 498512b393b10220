"""Pruning experiments: iterative and one-shot, with rewinding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from tdyn.nets import Params
from tdyn.optim import Optimizer
from tdyn.pruning.masks import Masks, Scope, apply, dense, magnitude_mask, masked
from tdyn.train import train

__all__ = [
    "Ticket",
    "TrainFn",
    "iterative_magnitude_pruning",
    "one_shot",
    "retrain",
    "trainer",
]

#: Trains ``(params, masks)`` from one step to another and returns the new parameters.
TrainFn = Callable[[Params, Masks, int, int], Params]


class Ticket(NamedTuple):
    """A pruned network.

    Attributes:
        masks: What survives.
        start: The parameters to which training is rewound, not masked.
        params: The trained parameters, zero where pruned.
    """

    masks: dict[str, Tensor]
    start: Params
    params: Params


def trainer(
    loss: Callable[[Params, Any], Tensor], optimizer: Optimizer, batches: Callable[[int], Any]
) -> TrainFn:
    """Return a training function for pruning experiments, made of :func:`tdyn.train.train`.

    The state of the optimizer starts anew at each call; its schedule and the batches do not: they
    see the true step.

    Args:
        loss: Maps ``(params, batch)`` to one loss a member.
        optimizer: A pure optimizer from :mod:`tdyn.optim`.
        batches: A function from step to batch.

    Returns:
        A function ``(params, masks, start, stop) -> params``.

    Example:
        >>> import torch
        >>> from tdyn.optim import sgd
        >>> fit = trainer(lambda p, b: ((p["w"] - b) ** 2).sum(-1), sgd(0.5), lambda step: 1.0)
        >>> fit({"w": torch.zeros(2)}, {"w": torch.tensor([True, False])}, 0, 1)["w"]
        tensor([1., 0.])
    """

    def run(params: Params, masks: Masks, start: int, stop: int) -> Params:
        shifted = Optimizer(
            optimizer.init, lambda p, g, state, t: optimizer.update(p, g, state, start + t)
        )
        return train(
            masked(loss, masks), params, shifted, stop - start, batches=lambda t: batches(start + t)
        ).params

    return run


def retrain(
    train_fn: TrainFn, start: Params, masks: Masks, *, steps: int, rewind: int = 0
) -> Ticket:
    """Train a masked network from the rewinding point.

    Args:
        train_fn: Trains ``(params, masks, start, stop)``; see :func:`trainer`.
        start: Parameters at step ``rewind``.
        masks: What survives.
        steps: The last step.
        rewind: The step of ``start``, from 0 to ``steps``.

    Returns:
        The trained ticket.

    Raises:
        ValueError: If the steps are out of range, or ``train_fn`` moved a pruned entry.

    Example:
        >>> import torch
        >>> ticket = retrain(lambda p, m, a, b: {"w": p["w"] * 2}, {"w": torch.ones(2)},
        ...                  {"w": torch.tensor([True, False])}, steps=1)
        >>> ticket.params["w"]
        tensor([2., 0.])
    """
    if not 0 <= rewind <= steps:
        raise ValueError(f"rewind must be between 0 and steps = {steps}, got {rewind}")
    params = train_fn(apply(start, masks), masks, rewind, steps)
    moved = [name for name, mask in masks.items() if bool((params[name][~mask] != 0).any())]
    if moved:
        raise ValueError(
            f"train_fn moved pruned entries of {moved}; train pruning.masked(loss, masks) instead"
        )
    return Ticket(masks, start, params)


def iterative_magnitude_pruning(
    train_fn: TrainFn,
    params: Params,
    rounds: int,
    fraction: float,
    *,
    steps: int,
    rewind: int = 0,
    names: Sequence[str] | None = None,
    scope: Scope = "layer",
    ensemble: int = 0,
) -> list[Ticket]:
    r"""Prune, rewind and train again, several times.

    Round 0 is the dense network, trained to step :math:`T`; its parameters at step :math:`t_r`
    are kept. Round :math:`r` removes the smallest :math:`\rho` of the trained survivors, rewinds
    everything to step :math:`t_r` and trains to :math:`T` again:

    .. math:: m^{(r)} \subset m^{(r-1)}, \qquad
        \theta^{(r)} = \mathrm{train}_{t_r \to T}\big(m^{(r)} \odot \theta_{t_r}\big), \qquad
        \text{density } (1-\rho)^r

    Args:
        train_fn: Trains ``(params, masks, start, stop)``; see :func:`trainer`. Must leave pruned
            entries at zero.
        params: Initial parameters.
        rounds: Number of prunings, zero or more.
        fraction: Share :math:`\rho` of the survivors that goes in each, from 0 to 1.
        steps: Last step :math:`T`.
        rewind: Step :math:`t_r` to return to, from 0 to ``steps``.
        names: Parameters to prune; by default all of them.
        scope: ``"layer"`` or ``"global"``, as in :func:`magnitude_mask`.
        ensemble: Number of leading axes that are ensemble axes.

    Returns:
        The dense network and one ticket a round.

    Raises:
        ValueError: If an argument is out of range, or ``train_fn`` moved a pruned entry.

    Example:
        >>> import torch
        >>> tickets = iterative_magnitude_pruning(
        ...     lambda p, m, start, stop: p, {"w": torch.tensor([3.0, 1.0, 2.0, 4.0])},
        ...     rounds=2, fraction=0.5, steps=1)
        >>> [t.params["w"].tolist() for t in tickets[1:]]
        [[3.0, 0.0, 0.0, 4.0], [0.0, 0.0, 0.0, 4.0]]

    Source:
        :cite:t:`frankle2019lottery`; with rewinding :cite:t:`pellegrini2022pruning`
    """
    if rounds < 0:
        raise ValueError(f"rounds must be zero or positive, got {rounds}")
    tickets = [_dense_ticket(train_fn, params, fraction, steps, rewind, names, scope, ensemble)]
    for _ in range(rounds):
        latest = tickets[-1]
        masks = magnitude_mask(
            latest.params, fraction, masks=latest.masks, scope=scope, ensemble=ensemble
        )
        tickets.append(retrain(train_fn, latest.start, masks, steps=steps, rewind=rewind))
    return tickets


def one_shot(
    train_fn: TrainFn,
    params: Params,
    fraction: float,
    *,
    steps: int,
    rewind: int = 0,
    names: Sequence[str] | None = None,
    scope: Scope = "layer",
    ensemble: int = 0,
    trained: Ticket | None = None,
) -> Ticket:
    """Prune once, rewind and train again.

    Args:
        train_fn: Trains ``(params, masks, start, stop)``; see :func:`trainer`.
        params: Initial parameters.
        fraction: Share of the entries to remove, from 0 to 1.
        steps: Last step.
        rewind: Step to return to, from 0 to ``steps``.
        names: Parameters to prune; by default all of them.
        scope: ``"layer"`` or ``"global"``, as in :func:`magnitude_mask`.
        ensemble: Number of leading axes that are ensemble axes.
        trained: The dense ticket, if there is one already (round 0 of
            :func:`iterative_magnitude_pruning`); then ``params`` and ``names`` are not used.

    Returns:
        The ticket.

    Raises:
        ValueError: If an argument is out of range, or ``train_fn`` moved a pruned entry.

    Example:
        >>> import torch
        >>> one_shot(lambda p, m, start, stop: p, {"w": torch.tensor([3.0, 1.0, 2.0, 4.0])},
        ...          fraction=0.75, steps=1).params["w"]
        tensor([0., 0., 0., 4.])
    """
    whole = trained or _dense_ticket(
        train_fn, params, fraction, steps, rewind, names, scope, ensemble
    )
    masks = magnitude_mask(
        whole.params, fraction, masks=whole.masks, scope=scope, ensemble=ensemble
    )
    return retrain(train_fn, whole.start, masks, steps=steps, rewind=rewind)


def _dense_ticket(
    train_fn: TrainFn,
    params: Params,
    fraction: float,
    steps: int,
    rewind: int,
    names: Sequence[str] | None,
    scope: Scope,
    ensemble: int,
) -> Ticket:
    """Train the dense network, after every argument has been looked at.

    Returns:
        Round 0.

    Raises:
        ValueError: If an argument is out of range.
    """
    masks = dense(params, names)
    magnitude_mask(params, fraction, masks=masks, scope=scope, ensemble=ensemble)
    if not 0 <= rewind <= steps:
        raise ValueError(f"rewind must be between 0 and steps = {steps}, got {rewind}")
    start = train_fn(params, masks, 0, rewind) if rewind else params
    return retrain(train_fn, start, masks, steps=steps, rewind=rewind)
