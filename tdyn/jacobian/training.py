r"""The exact derivative of a whole training run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn import losses
from tdyn.jacobian.chunks import Store, chunk_for, fingerprint
from tdyn.jacobian.fast import FastTraining, fast_losses
from tdyn.jacobian.forward import ForwardTraining
from tdyn.jacobian.linear import coefficients
from tdyn.nets import MLP, Model, Params, flatten
from tdyn.optim import Optimizer
from tdyn.progress import progress

__all__ = ["training_jacobian"]


def _engine(
    model: Model, params: Params, batch_at: Callable[[int], Any], optimizer: Optimizer,
    steps: int, loss: Callable[[Tensor, Tensor], Tensor], method: str,
) -> FastTraining | ForwardTraining:  # fmt: skip
    """Choose the recursion if it applies, forward mode otherwise.

    Raises:
        ValueError: If the method is unknown, or ``"fast"`` does not apply.

    Returns:
        The engine.
    """
    if method not in ("auto", "fast", "forward"):
        raise ValueError(f"method must be 'auto', 'fast' or 'forward', got {method!r}")
    if method != "forward":
        shallow = isinstance(model, MLP) and model.depth == 2 and loss in fast_losses
        plan = coefficients(optimizer, range(steps)) if shallow else None
        if plan is not None and isinstance(model, MLP):
            return FastTraining(model, params, loss, optimizer, plan, batch_at)
        if method == "fast":
            raise ValueError(
                "method 'fast' wants an MLP with one hidden layer, cross_entropy or mse, and an "
                "optimizer that is linear in parameters, gradients and one velocity"
            )
    return ForwardTraining(model, params, loss, optimizer, batch_at)


def training_jacobian(
    model: Model,
    params: Params,
    batches: Any,
    optimizer: Optimizer,
    *,
    steps: int,
    loss: Callable[[Tensor, Tensor], Tensor] = losses.cross_entropy,
    at: Sequence[int] | None = None,
    directions: Float[Tensor, "N k"] | None = None,
    method: str = "auto",
    chunk: int = 128,
    memory: float | None = None,
    path: str | Path | None = None,
) -> Float[Tensor, "*times N k"]:
    r"""Differentiate a whole training run by its initial parameters, exactly.

    Tangents run forward through every step. For the heavy ball with the Hessian :math:`H_t` of step
    :math:`t`, :math:`V=\partial\theta/\partial\theta_0` and :math:`M=\partial m/\partial\theta_0`:

    .. math::

        M_{t+1}=\mu M_t+H_tV_t,\qquad V_{t+1}=V_t-\eta_tM_{t+1},\qquad V_0=I,\ M_0=0,\qquad J=V_T

    An MLP with one hidden layer, :func:`~tdyn.losses.cross_entropy` or :func:`~tdyn.losses.mse` and
    a linear optimizer (SGD, heavy ball, Nesterov; any schedule) takes a hand-written recursion; any
    other model and optimizer takes forward-mode differentiation. Both agree to rounding.

    Args:
        model: A pure function ``model(params, x)``.
        params: Initial parameters of one network; their type and device are used throughout.
        batches: A function from step to ``(x, y)``, or one fixed batch. It must return the same
            batch when it is called again: the order of the data is part of the map.
        optimizer: A pure optimizer from :mod:`tdyn.optim`.
        steps: Number of steps :math:`T`.
        loss: Maps outputs and targets to one number.
        at: Steps after which the Jacobian is wanted; it then has one more axis, in front.
        directions: Columns ``(N, k)``: return :math:`J` times them instead of :math:`J`.
        method: ``"fast"``, ``"forward"``, or ``"auto"``, which takes the fast one if it applies.
        chunk: The most tangents that are pushed at once.
        memory: MiB that tangents, work space and the stored training run may take together; the
            chunks shrink to fit. The result is not counted (give a ``path`` if it is too large).
        path: A ``.npy`` file that receives the columns chunk by chunk. After an interruption the
            same call goes on where the last one stopped; the result stays in the file.

    Returns:
        :math:`J` with parameters in the order of :func:`tdyn.nets.flatten`; column :math:`j` is the
        response to a nudge of parameter :math:`j`.

    Raises:
        ValueError: If an argument is out of range, the memory is too small, or the file belongs to
            another run.
        FloatingPointError: If the training or its derivative is not finite.

    Example:
        >>> from tdyn import inits, jacobian, optim
        >>> net = MLP((3, 4, 2), activation=torch.tanh)
        >>> params = inits.initialize(net, inits.gaussian, seed=0)
        >>> batch = (torch.eye(3), torch.tensor([0, 1, 1]))
        >>> J = training_jacobian(net, params, batch, optim.momentum(0.1), steps=20)
        >>> J.shape, jacobian.spectrum(J).values[:3].round(decimals=2).tolist()
        (torch.Size([26, 26]), ...)

    Source:
        :cite:t:`belrose2024jacobian`; the recursion is ours.
    """
    times = [steps] if at is None else sorted({int(t) for t in at})
    if steps < 0 or chunk < 1 or not times or times[0] < 0 or times[-1] > steps:
        raise ValueError(
            f"steps must be >= 0, chunk >= 1, and at within 0..steps; got {steps}, {chunk}, {at}"
        )
    params = {name: p.detach() for name, p in params.items()}
    vector = flatten(params, getattr(model, "shapes", None))
    if vector.ndim != 1:
        raise ValueError(f"params must be one network, got an ensemble {tuple(vector.shape[:-1])}")
    if directions is not None and (directions.ndim != 2 or len(directions) != len(vector)):
        raise ValueError(f"directions must be ({len(vector)}, k), got {tuple(directions.shape)}")
    batch_at = batches if callable(batches) else lambda step: batches
    engine = _engine(model, params, batch_at, optimizer, steps, loss, method)
    last = max(steps - 1, 0)
    moved = optimizer.update(params, params, optimizer.init(params), last)[0]
    marks = [vector, flatten(moved), *batch_at(0), *batch_at(last)] if path else []
    key = fingerprint(steps, times, type(engine).__name__, *marks, *_some(directions))
    return _run(engine, vector, steps, times, directions, chunk, memory, path, key)[
        0 if at is None else slice(None)
    ]


def _some(tensor: Tensor | None) -> list[Tensor]:
    return [] if tensor is None else [tensor]


def _run(
    engine: FastTraining | ForwardTraining, vector: Tensor, steps: int, times: list[int],
    directions: Tensor | None, chunk: int, memory: float | None, path: str | Path | None, key: str,
) -> Tensor:  # fmt: skip
    """Push all columns, chunk by chunk.

    Raises:
        FloatingPointError: If a tangent is not finite.

    Returns:
        One matrix a time.
    """
    n = len(vector)
    width = n if directions is None else directions.shape[1]

    def block(start: int, stop: int) -> Tensor:
        if directions is not None:
            return directions[:, start:stop].to(vector)
        unit = vector.new_zeros(n, stop - start)
        return unit.index_put_(
            (torch.arange(start, stop), torch.arange(stop - start)), vector.new_ones(())
        )

    store = Store((len(times), n, width), vector, path, key)
    engine.prepare(steps)
    chunk = min(chunk, width)
    if memory is not None and steps:
        held = engine.stored_bytes() + 8 * n * vector.element_size()  # a few vectors
        extra = (len(times) - 1) * n * vector.element_size()
        few = min(steps, 3)  # from the third step on nothing new is held

        def trial(k: int) -> Any:
            spare = torch.empty(k * extra, dtype=torch.uint8)
            return spare, engine.columns(block(0, 1).repeat(1, k), few, [few])

        chunk = chunk_for(trial, held, memory * 2**20, chunk)
    for start in progress(range(store.done, width, chunk), label="training Jacobian"):
        columns = engine.columns(block(start, min(start + chunk, width)), steps, times)
        if not bool(torch.stack([c.isfinite().all() for c in columns]).all()):
            raise FloatingPointError(
                "the derivative of the training is not finite: is it differentiable at every step "
                "(Adam needs a small number inside its square root), and does it converge?"
            )
        store.add(columns)
        del columns  # before the next chunk needs the room
    return store.result()
