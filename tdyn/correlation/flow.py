"""The flow on the sphere: one run for every initialization size, and the escape it predicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.correlation.activation import degree as degree_of
from tdyn.correlation.ncf import correlation_gradient, inner
from tdyn.nets import Model, Params
from tdyn.optim import Optimizer

__all__ = ["SphereFlow", "escape_time", "homogeneous_sgd", "sphere_flow"]


@dataclass(frozen=True)
class SphereFlow:
    r"""A recorded run of :func:`sphere_flow`.

    Attributes:
        degree: The degree :math:`L` of the network.
        tau: Time on the sphere :math:`\tau` of every record, ``(time, *ensemble)``.
        log_norm: :math:`\ln(r/\delta)`, the growth so far.
        value: :math:`\mathcal N(\theta)`; it never decreases along the flow.
        clock: :math:`\delta^{L-2}t`, ordinary time without its dependence on :math:`\delta`.
        params: The last directions, of norm one.
        path: The directions at every record, if they were kept, else empty.
    """

    degree: int
    tau: Float[Tensor, "time *ensemble"]
    log_norm: Float[Tensor, "time *ensemble"]
    value: Float[Tensor, "time *ensemble"]
    clock: Float[Tensor, "time *ensemble"]
    params: Params
    path: Params


def _scale(factor: Tensor, params: Mapping[str, Tensor]) -> Params:
    """Return every member, multiplied by its own factor."""
    axes = factor.ndim
    return {
        name: factor.reshape(factor.shape + (1,) * (p.ndim - axes)) * p
        for name, p in params.items()
    }


def _add(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Params:
    return {name: a[name] + b[name] for name in a}


def _elapsed(h: Tensor, before: Tensor, grown: Tensor, power: int) -> Tensor:
    r"""Return the integral of :math:`e^{-(L-2)s}` over a step in which :math:`s` grows evenly."""
    a = power * grown
    small = a.abs() < 1e-9
    share = torch.where(small, 1 - a / 2, -torch.expm1(-a) / torch.where(small, 1.0, a))
    return h * torch.exp(-power * before) * share


def sphere_flow(
    net: Model,
    params: Mapping[str, Tensor],
    x: Float[Tensor, "... n d"],
    y: Float[Tensor, "... n"],
    *,
    steps: int,
    step: float | Callable[[int], float] = 0.02,
    every: int = 1,
    keep: bool = False,
    degree: int | None = None,
) -> SphereFlow:
    r"""Climb the neural correlation on the unit sphere, with the growth of the norm beside it.

    With :math:`r=\lVert w\rVert`, :math:`\theta=w/r` and :math:`d\tau=r^{L-2}dt` the flow
    :math:`\dot w=\nabla\mathcal N(w)` becomes

    .. math:: \theta'=\nabla\mathcal N(\theta)-L\,\mathcal N(\theta)\,\theta,\qquad
              (\ln r)'=L\,\mathcal N(\theta),\qquad t=\delta^{-(L-2)}\int(r/\delta)^{-(L-2)}d\tau.

    The size :math:`\delta` of the first weights has disappeared. The method is the midpoint rule
    for :math:`dw/d\tau=r^{-(L-2)}\nabla\mathcal N(w)`, a field of degree one, so that dividing by
    the norm after each step loses nothing. Every member has its own step ``step / ‖∇N(θ)‖``: the
    norm grows by at most about the factor ``1 + step``.

    Args:
        net: A homogeneous network.
        params: First weights; only their direction counts.
        x: Inputs ``(n, d)``, or one set a member.
        y: Labels, or the :func:`residual` at a saddle.
        steps: Number of steps.
        step: Size of a step relative to the gradient, between 0 and 1, or a function of the step's
            number. Let it decay for ReLU networks, whose maxima may lie on kinks.
        every: Interval between records; the first and the last point are always recorded.
        keep: Whether to keep the directions too.
        degree: The degree :math:`L`, at least 2, needed if ``net`` is not an MLP that
            :func:`degree` knows.

    Returns:
        The recorded flow.

    Raises:
        ValueError: If a number is out of range, the first weights of a member are zero, or the
            degree is unknown.

    Example:
        >>> from tdyn import inits, nets
        >>> from tdyn.correlation import PowerReLU
        >>> net = nets.MLP((2, 8, 1), activation=PowerReLU(2), bias=False)
        >>> w = inits.initialize(net, inits.gaussian, seed=range(3), dtype=torch.float64)
        >>> x, y = torch.eye(2, dtype=torch.float64), torch.tensor([2.0, 1.0], dtype=torch.float64)
        >>> flow = sphere_flow(net, w, x, y, steps=300)
        >>> bool((flow.value[-1] <= 2 * 2 / 27**0.5 + 1e-9).all())
        True

    Source:
        Ours, after :cite:t:`kumar2024early`.
    """
    order = degree_of(net) if degree is None else degree
    if order < 2 or steps < 1 or every < 1:
        raise ValueError(
            f"degree must be at least 2, steps and every at least 1, got {order}, {steps}, {every}"
        )
    size_of = step if callable(step) else (lambda _, fixed=step: fixed)
    if not 0 < size_of(0) < 1:
        raise ValueError(f"step must lie between 0 and 1, got {size_of(0)}")
    value, grad = correlation_gradient(net, params, x, y)
    axes = value.ndim
    length = inner(params, params, axes).sqrt()
    if not bool((length > 0).all()):
        raise ValueError("the first weights of every member must not all be zero")
    theta = _scale(1 / length, params)
    tau = s = clock = torch.zeros_like(value)
    records: list[tuple[Tensor, ...]] = []
    path: list[Params] = []
    for number in range(steps + 1):
        value, grad = correlation_gradient(net, theta, x, y)
        if number % every == 0 or number == steps:
            records.append((tau, s, value, clock))
            path += [theta] if keep else []
        if number == steps:
            break
        slope = inner(grad, grad, axes).sqrt()
        h = torch.where(slope > 0, size_of(number) / torch.where(slope > 0, slope, 1.0), 0.0)
        middle = _add(theta, _scale(h / 2, grad))
        radius = inner(middle, middle, axes).sqrt()
        value, grad = correlation_gradient(net, middle, x, y)
        theta = _add(theta, _scale(h * radius ** (2 - order), grad))
        theta = _scale(1 / inner(theta, theta, axes).sqrt(), theta)
        grown = h * order * value / radius**order
        clock = clock + _elapsed(h, s, grown, order - 2)
        tau, s = tau + h, s + grown
    taus, growth, values, clocks = (torch.stack(column) for column in zip(*records, strict=True))
    kept = {name: torch.stack([p[name] for p in path]) for name in theta} if keep else {}
    return SphereFlow(order, taus, growth, values, clocks, theta, kept)


def escape_time(
    flow: SphereFlow, delta: float, *, gain: Float[Tensor, "*ensemble"] | float | None = None
) -> Float[Tensor, "*ensemble"]:
    r"""Predict when weights of size ``delta`` leave the plateau, from the flow on the sphere.

    Without ``gain`` this is the time at which the correlation flow blows up, finite for
    :math:`L>2`; from a KKT point it is :math:`1/(L(L-2)\mathcal N^*\delta^{L-2})`. With ``gain``
    it is the time at which :math:`\mathcal N(w)=r^L\mathcal N(\theta)` reaches that value: to first
    order the square loss has then fallen by ``gain``. Beyond the end of the recorded flow the
    direction is taken as fixed. Where the flow ends at :math:`\mathcal N\le0` there is no escape:
    infinity. Divide by the learning rate to get steps of gradient descent on the summed loss.

    Args:
        flow: A run of :func:`sphere_flow`, long enough for the direction to settle.
        delta: Norm of the first weights, positive.
        gain: Value that :math:`\mathcal N(w)` must reach, positive; needed if :math:`L=2`.

    Returns:
        The predicted time, one a member.

    Raises:
        ValueError: If ``delta`` or ``gain`` is not positive, or ``gain`` is missing for degree 2.

    Example:
        >>> from tdyn import nets
        >>> from tdyn.correlation import PowerReLU
        >>> net = nets.MLP((1, 1, 1), activation=PowerReLU(2), bias=False)
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> flow = sphere_flow(net, {"W1": 2**0.5 * one, "W2": one}, one, one[0], steps=50)
        >>> round(escape_time(flow, 0.1).item(), 6), round(10 / (3 * 2 / 27**0.5), 6)
        (8.660254, 8.660254)

    Source:
        Ours.
    """
    if not (delta > 0 and math.isfinite(delta)):
        raise ValueError(f"delta must be positive, got {delta}")
    power, end, last = flow.degree - 2, flow.value[-1], flow.log_norm[-1]
    rate = torch.where(end > 0, flow.degree * end, 1.0)
    scale = delta ** (-power)
    if gain is None:
        if power == 0:
            raise ValueError("a network of degree 2 never blows up: give the gain to be reached")
        tail = torch.exp(-power * last) / (power * rate)
        return torch.where(end > 0, scale * (flow.clock[-1] + tail), math.inf)
    wanted = torch.as_tensor(gain, dtype=end.dtype)
    if not bool((wanted > 0).all()):
        raise ValueError(f"gain must be positive, got {gain}")
    # ln of N(w) along the flow; it only grows once N is positive
    reached = flow.degree * (flow.log_norm + math.log(delta)) + flow.value.clamp(min=1e-300).log()
    level = wanted.log().expand(end.shape)
    after = (reached < level).sum(0)  # index of the first record at or above the level
    inside = (after < len(reached)) & (after > 0)
    right = after.clamp(1, len(reached) - 1).unsqueeze(0)
    low, high = reached.gather(0, right - 1)[0], reached.gather(0, right)[0]
    share = ((level - low) / torch.where(inside, high - low, 1.0)).clamp(0, 1)
    (clock, _), (_, width), (growth, grown) = (
        (c.gather(0, right - 1)[0], (c.gather(0, right) - c.gather(0, right - 1))[0])
        for c in (flow.clock, flow.tau, flow.log_norm)
    )
    within = clock + _elapsed(share * width, growth, share * grown, power)
    missing = ((level - reached[-1]) / flow.degree).clamp(min=0)  # growth still to come
    beyond = flow.clock[-1] + _elapsed(missing / rate, last, missing, power)
    time = torch.where(inside, within, beyond)
    time = torch.where(after == 0, torch.zeros_like(time), time)
    return torch.where((end > 0) | inside, scale * time, math.inf)


def homogeneous_sgd(step: float, degree: int) -> Optimizer:
    r"""Return gradient descent whose learning rate is ``step / ‖w‖^(L-2)``, for each member.

    That is gradient descent in the time :math:`\tau` of the sphere: the number of steps on the
    plateau grows like :math:`\ln(1/\delta)` and not like :math:`\delta^{-(L-2)}`. Ordinary time is
    the sum of the learning rates; record the norm at every step to have it.

    Args:
        step: The learning rate at norm one, positive.
        degree: The degree :math:`L` of the network, at least 2.

    Returns:
        An optimizer for :func:`tdyn.train.train`. Parameters are matrices after the ensemble axes.

    Raises:
        ValueError: If ``step`` or ``degree`` is out of range.

    Example:
        >>> w, g = {"W": torch.full((1, 1), 0.5)}, {"W": torch.full((1, 1), 0.1)}
        >>> round(homogeneous_sgd(0.1, 3).update(w, g, None, 0)[0]["W"].item(), 4)
        0.48

    Source:
        Ours.
    """
    if not (step > 0 and math.isfinite(step)) or degree < 2:
        raise ValueError(f"step must be positive and degree at least 2, got {step} and {degree}")

    def update(params: Params, grads: Params, state: None, number: int) -> tuple[Params, None]:  # noqa: ARG001
        axes = next(iter(params.values())).ndim - 2
        norm = inner(params, params, axes).sqrt()
        return _add(params, _scale(-step * norm ** (2 - degree), grads)), None

    return Optimizer(lambda params: None, update)
