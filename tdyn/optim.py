"""Optimizers as pure, differentiable pairs ``(init, update)``.

``state = opt.init(params)`` and ``params, state = opt.update(params, grads, state, step)``: nothing
is changed in place, so a training run is an ordinary function that can itself be differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tdyn.nets import Params

__all__ = ["Optimizer", "Schedule", "adam", "constant", "cosine", "linear_decay", "momentum", "sgd"]

Schedule = Callable[[int], float]


class Optimizer(NamedTuple):
    """A pure optimizer.

    Attributes:
        init: Maps parameters to a fresh state.
        update: Maps ``(params, grads, state, step)`` to new parameters and a new state.
    """

    init: Callable[[Params], Any]
    update: Callable[[Params, Params, Any, int], tuple[Params, Any]]


def constant(lr: float) -> Schedule:
    """Return a learning rate that never changes.

    Args:
        lr: Learning rate, positive.

    Returns:
        A function from step to learning rate.

    Raises:
        ValueError: If ``lr`` is not a positive number.

    Example:
        >>> constant(0.1)(1000)
        0.1
    """
    if not (lr > 0 and math.isfinite(lr)):
        raise ValueError(f"the learning rate must be positive and finite, got {lr}")
    return lambda step: lr


def linear_decay(lr: float, steps: int) -> Schedule:
    r"""Return :math:`\eta_t = \eta\,(1 - t/T)`, zero from step ``T`` on.

    Args:
        lr: Initial learning rate, positive.
        steps: Number of steps ``T``, positive.

    Returns:
        A function from step to learning rate.

    Raises:
        ValueError: If ``steps`` is not positive.

    Example:
        >>> linear_decay(1.0, 4)(3)
        0.25
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    rate = constant(lr)(0)
    return lambda step: rate * max(0.0, 1 - step / steps)


def cosine(lr: float, steps: int) -> Schedule:
    r"""Return :math:`\eta_t = \tfrac\eta2\,(1 + \cos(\pi t/T))`, zero from step ``T`` on.

    Args:
        lr: Initial learning rate, positive.
        steps: Number of steps ``T``, positive.

    Returns:
        A function from step to learning rate.

    Raises:
        ValueError: If ``steps`` is not positive.

    Example:
        >>> cosine(1.0, 4)(2)
        0.5
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    rate = constant(lr)(0)
    return lambda step: rate * round((1 + math.cos(math.pi * min(1.0, step / steps))) / 2, 15)


def _schedule(lr: float | Schedule) -> Schedule:
    return lr if callable(lr) else constant(lr)


def sgd(lr: float | Schedule) -> Optimizer:
    r"""Gradient descent :math:`\theta \leftarrow \theta - \eta_t g`.

    Args:
        lr: Learning rate, or a function from step to learning rate.

    Returns:
        The optimizer.

    Example:
        >>> opt = sgd(0.5)
        >>> params = {"w": torch.ones(1)}
        >>> opt.update(params, {"w": torch.ones(1)}, opt.init(params), 0)[0]["w"].item()
        0.5
    """
    rate = _schedule(lr)

    def init(params: Params) -> tuple[()]:
        del params
        return ()

    def update(params: Params, grads: Params, state: Any, step: int) -> tuple[Params, Any]:
        return {k: p - rate(step) * grads[k] for k, p in params.items()}, state

    return Optimizer(init, update)


def momentum(lr: float | Schedule, beta: float = 0.9, nesterov: bool = False) -> Optimizer:
    r"""Heavy-ball momentum, in the form of ``torch.optim.SGD``.

    .. math::

        v \leftarrow \beta v + g, \qquad \theta \leftarrow \theta - \eta_t v

    Nesterov's form steps along :math:`g + \beta v` instead of :math:`v`.

    Args:
        lr: Learning rate, or a function from step to learning rate.
        beta: Momentum, in [0, 1).
        nesterov: Whether to use Nesterov's form.

    Returns:
        The optimizer.

    Raises:
        ValueError: If ``beta`` is outside [0, 1).

    Example:
        >>> opt = momentum(1.0, beta=0.5)
        >>> params, state = {"w": torch.zeros(1)}, opt.init({"w": torch.zeros(1)})
        >>> for step in range(2):
        ...     params, state = opt.update(params, {"w": torch.ones(1)}, state, step)
        >>> params["w"].item()
        -2.5
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be in [0, 1), got {beta}")
    rate = _schedule(lr)

    def init(params: Params) -> Params:
        return {k: torch.zeros_like(p) for k, p in params.items()}

    def update(params: Params, grads: Params, state: Params, step: int) -> tuple[Params, Params]:
        velocity = {k: beta * state[k] + grads[k] for k in params}
        direction = {k: grads[k] + beta * velocity[k] for k in params} if nesterov else velocity
        return {k: p - rate(step) * direction[k] for k, p in params.items()}, velocity

    return Optimizer(init, update)


class AdamState(NamedTuple):
    """Running first and second moments, and the number of updates so far."""

    first: Params
    second: Params
    updates: int


def adam(
    lr: float | Schedule, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
) -> Optimizer:
    r"""Adam with bias correction, in the form of ``torch.optim.Adam``.

    .. math::

        m \leftarrow \beta_1 m + (1-\beta_1) g, \quad v \leftarrow \beta_2 v + (1-\beta_2) g^2,
        \quad \theta \leftarrow \theta - \eta_t\,
        \frac{m/(1-\beta_1^t)}{\sqrt{v/(1-\beta_2^t)} + \epsilon}

    Args:
        lr: Learning rate, or a function from step to learning rate.
        betas: Decay of the two moments, each in [0, 1).
        eps: Added to the denominator, positive.

    Returns:
        The optimizer.

    Raises:
        ValueError: If a decay is outside [0, 1) or ``eps`` is not positive.

    Example:
        >>> opt = adam(0.1)
        >>> params = {"w": torch.zeros(1)}
        >>> params, _ = opt.update(params, {"w": torch.full((1,), 7.0)}, opt.init(params), 0)
        >>> round(params["w"].item(), 4)
        -0.1
    """
    if not all(0 <= b < 1 for b in betas) or eps <= 0:
        raise ValueError(f"betas must be in [0, 1) and eps positive, got {betas} and {eps}")
    rate, (b1, b2) = _schedule(lr), betas

    def init(params: Params) -> AdamState:
        zeros = {k: torch.zeros_like(p) for k, p in params.items()}
        return AdamState(zeros, dict(zeros), 0)

    def moved(p: Tensor, m: Tensor, v: Tensor, step: int, t: int) -> Tensor:
        denominator = (v / (1 - b2**t)).sqrt() + eps
        return p - rate(step) * (m / (1 - b1**t)) / denominator

    def update(
        params: Params, grads: Params, state: AdamState, step: int
    ) -> tuple[Params, AdamState]:
        t = state.updates + 1
        first = {k: b1 * state.first[k] + (1 - b1) * grads[k] for k in params}
        second = {k: b2 * state.second[k] + (1 - b2) * grads[k] ** 2 for k in params}
        new = {k: moved(p, first[k], second[k], step, t) for k, p in params.items()}
        return new, AdamState(first, second, t)

    return Optimizer(init, update)
