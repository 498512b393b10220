"""Levenberg-Marquardt: natural gradients whose damping looks after itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tdyn.natural.layers import forward, join, split, terms
from tdyn.natural.likelihoods import metric_roots, negative_log_likelihood
from tdyn.natural.metrics import factorize, metric_blocks, solve
from tdyn.natural.options import check_damping, check_kind
from tdyn.nets import MLP, Params
from tdyn.optim import Optimizer

__all__ = ["levenberg_marquardt", "pushed"]


def pushed(
    net: MLP, params: Mapping[str, Tensor], x: Tensor, tangents: Sequence[Params],
    likelihood: str = "gaussian",
) -> list[Tensor]:  # fmt: skip
    r"""Push changes of the parameters forward to the outputs: :math:`S^\top J\delta` for each.

    The squared length over the number of samples is :math:`\delta^\top F\delta`.

    Args:
        net: The network.
        params: Parameters of one network.
        x: Inputs ``(n, d)``.
        tangents: Changes, named like the parameters.
        likelihood: Model of the labels.

    Returns:
        One tensor ``(n, c)`` a change.

    Example:
        >>> net = MLP((1, 1), bias=False)
        >>> params = {"W1": torch.ones(1, 1)}
        >>> pushed(net, params, torch.tensor([[2.0], [3.0]]), [params])[0].flatten().tolist()
        [2.0, 3.0]
    """
    inputs, slopes, outputs = forward(net, params, x)
    roots, W = metric_roots(outputs, likelihood), join(net, params)
    found = []
    for tangent in tangents:
        change: Tensor | None = None
        for k, d in enumerate(join(net, tangent)):
            moved = inputs[k] @ d.mT
            if change is not None:
                moved = moved + change @ W[k][:, : change.shape[-1]].mT
            change = slopes[k] * moved
        assert change is not None
        found.append((roots.mT @ change.unsqueeze(-1)).squeeze(-1))
    return found


def _inner(a: Params, b: Params) -> Tensor:
    return torch.stack([(a[k] * b[k]).sum() for k in a]).sum()


def _model(
    directions: list[Params], grads: Params, images: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return slope, curvature and inner products of the quadratic model along directions."""
    flat = torch.stack([image.flatten() for image in images])
    slope = torch.stack([_inner(d, grads) for d in directions])
    inner = torch.stack([torch.stack([_inner(a, b) for b in directions]) for a in directions])
    return slope, flat @ flat.mT / len(images[0]), inner


def levenberg_marquardt(
    net: MLP, batch: tuple[Tensor, Tensor], likelihood: str = "gaussian", *,
    kind: str = "exact", damping: float = 1.0, every: int = 1, rescale: bool = False,
    factor: float = 3.0, smallest: float = 1e-10,
) -> Optimizer:  # fmt: skip
    r"""Natural gradient on the full batch, with the damping of Levenberg and Marquardt.

    Each step is tried at length one. With :math:`\rho` the true decrease over that of the undamped
    quadratic model, :math:`\lambda` is divided by ``factor`` if :math:`\rho>\frac34` and
    multiplied by it if :math:`\rho<\frac14`; a step that raises the loss is not made.

    Args:
        net: The network.
        batch: All inputs and labels.
        likelihood: Model of the labels; the loss must be its
            :func:`negative_log_likelihood`.
        kind: One of ``KINDS``.
        damping: First damping, positive.
        every: Steps between renewals of the metric.
        rescale: Whether to choose the length of the step, and how much of the previous step to
            add, from the *exact* damped quadratic; wanted if ``kind`` is coarse.
        factor: Factor of the damping, above 1.
        smallest: The damping never falls below it, so that the metric can always be inverted.

    Returns:
        An optimizer of one network.

    Raises:
        ValueError: If an option is unknown or out of range.

    Example:
        >>> net, x = MLP((1, 1)), torch.tensor([[1.0], [3.0]])
        >>> opt = levenberg_marquardt(net, (x, torch.tensor([3.0, 7.0])), damping=0.01)
        >>> opt.init({"W1": torch.zeros(1, 1), "b1": torch.zeros(1)})["damping"]
        0.01

    Source: :cite:t:`martens2015kfac`
    """
    check_kind(kind)
    check_damping(damping)
    if damping == 0 or every < 1 or factor <= 1 or smallest <= 0:
        raise ValueError(
            "damping and smallest must be positive, every at least 1 and factor above 1, "
            f"got {damping}, {smallest}, {every} and {factor}"
        )
    loss, (x, y) = negative_log_likelihood(likelihood), batch

    def init(params: Params) -> dict[str, Any]:
        del params
        return {"damping": damping, "blocks": [], "previous": {}, "age": 0}

    def propose(
        params: Params, grads: Params, state: dict[str, Any], blocks: Any
    ) -> tuple[Params, float]:
        """Return a step and the decrease that the undamped quadratic promises."""
        parts = factorize(kind, blocks, state["damping"])
        direction = split(net, solve(kind, parts, join(net, grads)))
        directions = [direction]
        if rescale and state["previous"]:
            directions.append(state["previous"])
        images = pushed(net, params, x, directions, likelihood)
        slope, curved, inner = _model(directions, grads, images)
        weight = -torch.ones_like(slope)
        if rescale:
            weight = -torch.linalg.pinv(curved + state["damping"] * inner) @ slope
        step = {k: weight[0] * d for k, d in direction.items()}
        if len(directions) == 2:
            step = {k: s + weight[1] * state["previous"][k] for k, s in step.items()}
        return step, -float(slope @ weight + weight @ curved @ weight / 2)

    def update(
        params: Params, grads: Params, state: dict[str, Any], step: int
    ) -> tuple[Params, dict[str, Any]]:
        del step
        blocks = state["blocks"]
        if not blocks or state["age"] >= every:
            blocks = metric_blocks(terms(net, params, x, likelihood), kind)
            state = {**state, "age": 0}
        move, promised = propose(params, grads, state, blocks)
        new = {k: p + move[k] for k, p in params.items()}
        gained = float(loss(net(params, x), y) - loss(net(new, x), y))
        ratio = gained / promised if promised > 0 else -1.0
        scale = 1 / factor if ratio > 0.75 else factor if not ratio >= 0.25 else 1.0
        accepted = gained > 0
        new_state = {
            "damping": max(state["damping"] * scale, smallest),
            "blocks": blocks,
            "previous": move if accepted else state["previous"],
            "age": state["age"] + accepted,
        }
        return (new if accepted else params), new_state

    return Optimizer(init, update)
