"""One training loop for all the chapters.

:func:`train` runs an optimizer on one network or on an ensemble, calls *probes* every few steps and
records what they return. A run can be interrupted and resumed; nothing recorded is lost, and the
resumed run equals the uninterrupted one bit by bit because batches are functions of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.nets import Params
from tdyn.optim import AdamState, Optimizer
from tdyn.progress import progress

__all__ = ["DivergenceError", "History", "Probe", "gradients", "train"]

Probe = Callable[[Params], Any]
Batches = Callable[[int], Any]


@dataclass
class History:
    """What a training run recorded, and all it needs to go on.

    A step is finished, and a record is made, by one assignment each, so an interruption can never
    separate the parameters from their step or one probe from another.

    Attributes:
        point: The parameters, the optimizer's state and the number of finished steps.
        entries: What the probes returned: pairs of a step and a dictionary of tensors.
        interrupted: Whether the run stopped before its last step.
    """

    point: tuple[Params, Any, int]
    entries: list[tuple[int, dict[str, Tensor]]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def params(self) -> Params:
        """The parameters after the last finished step."""
        return self.point[0]

    @property
    def step(self) -> int:
        """Number of finished steps."""
        return self.point[2]

    @property
    def steps(self) -> Tensor:
        """The steps at which the probes ran, ``(time,)``."""
        return torch.tensor([step for step, _ in self.entries])

    @property
    def records(self) -> dict[str, Tensor]:
        """Every probe's record, ``(time, *ensemble, ...)``."""
        names = self.entries[0][1] if self.entries else {}
        return {name: self[name] for name in names}

    def __getitem__(self, name: str) -> Tensor:
        """Return one probe's record, ``(time, *ensemble, ...)``.

        Raises:
            KeyError: If no probe has that name.
        """
        if not self.entries or name not in self.entries[0][1]:
            known = sorted(self.entries[0][1]) if self.entries else []
            raise KeyError(f"no record named {name!r}; there are {known}")
        return torch.stack([values[name] for _, values in self.entries])

    def save(self, path: str | Path) -> None:
        """Write the run to a file, from which :meth:`load` restores it.

        The file is written beside the old one and then renamed, so a crash loses neither.

        Args:
            path: File to write.
        """
        target = Path(path)
        temporary = target.with_name(target.name + ".part")
        torch.save(self.__dict__, temporary)
        temporary.replace(target)

    @classmethod
    def load(cls, path: str | Path) -> History:
        """Read a run that :meth:`save` wrote.

        Args:
            path: File to read.

        Returns:
            The run.
        """
        # weights_only refuses arbitrary pickles; AdamState is the one class that we store.
        with torch.serialization.safe_globals([AdamState]):
            return cls(**torch.load(path, weights_only=True))


class DivergenceError(FloatingPointError):
    """The loss became infinite or not a number.

    Attributes:
        step: The step whose loss was not finite.
        members: Indices of the ensemble members concerned; empty for a single network.
        history: All that was recorded before.
    """

    def __init__(self, step: int, members: list[int], history: History) -> None:
        who = f"in members {members}" if members else "in the network"
        super().__init__(
            f"the loss is not finite at step {step} {who}; "
            "try a smaller learning rate. What was recorded is in .history"
        )
        self.step, self.members, self.history = step, members, history


def gradients(
    loss: Callable[[Params, Any], Float[Tensor, "*ensemble"]], params: Params, batch: Any
) -> tuple[Params, Float[Tensor, "*ensemble"]]:
    """Return the gradient and the loss of every member.

    The members of an ensemble do not interact, so the gradient of the summed loss holds each
    member's own gradient.

    Args:
        loss: Maps ``(params, batch)`` to one loss a member.
        params: Parameters, with or without ensemble axes.
        batch: Handed to ``loss``.

    Returns:
        The gradients, named like the parameters, and the losses.

    Example:
        >>> grads, value = gradients(lambda p, b: (p["w"] ** 2).sum(-1), {"w": torch.ones(3)}, None)
        >>> grads["w"], value.item()
        (tensor([2., 2., 2.]), 3.0)
    """
    leaves = {name: p.detach().requires_grad_(True) for name, p in params.items()}
    with torch.enable_grad():
        value = loss(leaves, batch)
        grads = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True)
    filled = {
        name: torch.zeros_like(p) if g is None else g
        for (name, p), g in zip(leaves.items(), grads, strict=True)
    }
    return filled, value.detach()


def _due(every: int | Sequence[int], steps: int) -> set[int]:
    """Return the steps at which the probes run; the first and the last are always among them.

    Raises:
        ValueError: If the interval is not positive or a listed step is out of range.

    Returns:
        The steps.
    """
    if isinstance(every, int):
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        return {*range(0, steps + 1, every), steps}
    chosen = {int(s) for s in every}
    if any(not 0 <= s <= steps for s in chosen):
        raise ValueError(f"every lists steps outside 0..{steps}: {sorted(chosen)}")
    return chosen | {0, steps}


def _record(history: History, probes: Mapping[str, Probe]) -> None:
    if history.entries and history.entries[-1][0] == history.step:
        return
    with torch.no_grad():
        values = {
            name: torch.as_tensor(f(history.params)).detach().clone() for name, f in probes.items()
        }
    history.entries.append((history.step, values))


def _check_finite(value: Tensor, history: History) -> None:
    finite = torch.isfinite(value)
    if not bool(finite.all()):
        flat = finite.reshape(-1)
        members = [i for i in range(flat.numel()) if not flat[i]] if value.ndim else []
        history.interrupted = True
        raise DivergenceError(history.step, members, history)


def train(
    loss: Callable[[Params, Any], Float[Tensor, "*ensemble"]],
    params: Params,
    optimizer: Optimizer,
    steps: int,
    *,
    batches: Any,
    probes: Mapping[str, Probe] | None = None,
    every: int | Sequence[int] = 1,
    resume: History | None = None,
    label: str = "",
) -> History:
    """Train a network, or a whole ensemble at once.

    Args:
        loss: Maps ``(params, batch)`` to one loss a member.
        params: Initial parameters; not changed. With ``resume`` they are not used.
        optimizer: A pure optimizer from :mod:`tdyn.optim`.
        steps: Total number of steps, counted from the start of the run.
        batches: A function from step to batch (a pure one makes resuming exact), or one fixed
            batch for all steps.
        probes: Named functions of the parameters; they run without gradients at step 0, at every
            ``every``-th step and at the end.
        every: Interval between probes, or the list of steps at which they run.
        resume: An interrupted run, which is continued (and extended in place).
        label: Shown in the progress bar.

    Returns:
        The recorded run. After an interruption from the keyboard it holds all finished steps and
        ``interrupted`` is True; pass it as ``resume`` to go on.

    Raises:
        DivergenceError: If a loss becomes infinite or not a number.
        ValueError: If ``steps`` or ``every`` is out of range, or the resumed run is longer.

    Example:
        >>> from tdyn.optim import sgd
        >>> run = train(lambda p, b: ((p["w"] - b) ** 2).sum(-1), {"w": torch.zeros(1)}, sgd(0.25),
        ...             steps=2, batches=torch.ones(1), probes={"w": lambda p: p["w"]})
        >>> run["w"].squeeze().tolist()
        [0.0, 0.5, 0.75]
    """
    if steps < 0:
        raise ValueError(f"steps must be zero or positive, got {steps}")
    due, probes = _due(every, steps), dict(probes or {})
    if resume is None:
        start = {name: p.detach().clone() for name, p in params.items()}
        history = History((start, optimizer.init(start), 0))
    else:
        history = resume
        if history.step > steps or (history.entries and set(history.records) != set(probes)):
            raise ValueError(
                f"cannot resume a run of {history.step} steps with probes "
                f"{sorted(history.records)} to {steps} steps with probes {sorted(probes)}"
            )
    history.interrupted = False
    batch_at: Batches = batches if callable(batches) else lambda step: batches
    try:
        if history.step in due:
            _record(history, probes)
        for step in progress(range(history.step, steps), label=label):
            grads, value = gradients(loss, history.params, batch_at(step))
            _check_finite(value, history)
            with torch.no_grad():
                params, state = optimizer.update(history.params, grads, history.point[1], step)
            history.point = (params, state, step + 1)
            if history.step in due:
                _record(history, probes)
    except KeyboardInterrupt:
        history.interrupted = True
    return history
