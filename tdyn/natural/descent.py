"""Natural gradients, and the optimizers that step against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tdyn.natural.layers import join, split
from tdyn.natural.likelihoods import check_likelihood
from tdyn.natural.metrics import factorize, metric_at, solve
from tdyn.natural.options import check_damping, check_kind
from tdyn.nets import MLP, Params
from tdyn.optim import Optimizer, Schedule, constant

__all__ = ["natural_descent", "natural_gradient"]


def natural_gradient(
    net: MLP, params: Mapping[str, Tensor], grads: Mapping[str, Tensor],
    x: Float[Tensor, "... n d"], likelihood: str = "gaussian", *, kind: str = "exact",
    damping: float = 0.0, labels: Shaped[Tensor, "..."] | None = None,
) -> Params:  # fmt: skip
    r"""Return the natural gradient :math:`(F+\lambda I)^{-1}\nabla L`, or an approximation.

    Args:
        net: The network.
        params: Parameters, with or without ensemble axes.
        grads: Gradients of the loss, named like the parameters.
        x: Inputs, at which the metric is taken.
        likelihood: Model of the labels.
        kind: What is kept of the Fisher matrix, one of ``KINDS``.
        damping: Added to the metric (for ``"kfac"`` to its factors), zero or positive.
        labels: Training labels; if given, the *empirical* Fisher matrix is used.

    Returns:
        The direction, named like the parameters. A step goes against it.

    Raises:
        ValueError: If an option is unknown, or the metric is singular.

    Example:
        >>> from tdyn.losses import mse
        >>> from tdyn.train import gradients
        >>> net, x = MLP((1, 1)), torch.tensor([[1.0], [3.0]])
        >>> params = {"W1": torch.zeros(1, 1), "b1": torch.zeros(1)}
        >>> loss = lambda p, batch: mse(net(p, x), 2 * x.squeeze(-1) + 1) / 2
        >>> step = natural_gradient(net, params, gradients(loss, params, None)[0], x)
        >>> [round(-t.item(), 4) for t in step.values()]      # the solution, in one step
        [2.0, 1.0]

    Source: :cite:t:`amari1998natural`
    """
    check_kind(kind)
    check_damping(damping)
    check_likelihood(likelihood)
    blocks = metric_at(net, params, x, likelihood, kind, labels)
    return split(net, solve(kind, factorize(kind, blocks, damping), join(net, grads)))


def natural_descent(
    net: MLP, batches: Any, lr: float | Schedule, likelihood: str = "gaussian", *,
    kind: str = "exact", damping: float = 1e-3, every: int = 1, beta: float = 0.0,
    nesterov: bool = True, empirical: bool = False,
) -> Optimizer:  # fmt: skip
    r"""Step against the natural gradient, at a fixed rate and a fixed damping.

    .. math:: \theta\leftarrow\theta-\eta\,(G+\lambda I)^{-1}\nabla L

    Args:
        net: The network.
        batches: As for :func:`tdyn.train.train`; the inputs come first in a batch.
        lr: Learning rate, or a function from step to learning rate.
        likelihood: Model of the labels.
        kind: One of ``KINDS``.
        damping: Added to the metric (for ``"kfac"`` to its factors), zero or positive.
        every: Steps between renewals of the metric.
        beta: Momentum of the natural gradient, in [0, 1).
        nesterov: Whether momentum has Nesterov's form.
        empirical: Whether to use the empirical Fisher matrix; labels come second in a batch.

    Returns:
        The optimizer; ensembles are allowed.

    Raises:
        ValueError: If an option is unknown or out of range.

    Example:
        >>> from tdyn import train
        >>> from tdyn.losses import mse
        >>> net, x = MLP((1, 1)), torch.tensor([[1.0], [3.0]])
        >>> batch = (x, torch.tensor([3.0, 7.0]))
        >>> params = {"W1": torch.zeros(1, 1), "b1": torch.zeros(1)}
        >>> run = train.train(lambda p, b: mse(net(p, b[0]), b[1]) / 2, params,
        ...                   natural_descent(net, batch, 1.0, damping=0.0), 1, batches=batch)
        >>> round(run.params["W1"].item(), 3), round(run.params["b1"].item(), 3)
        (2.0, 1.0)

    Source: :cite:t:`amari1998natural`
    """
    check_kind(kind)
    check_damping(damping)
    check_likelihood(likelihood)
    if every < 1 or not 0 <= beta < 1:
        raise ValueError(f"every must be at least 1 and beta in [0, 1), got {every} and {beta}")
    rate: Schedule = lr if callable(lr) else constant(lr)

    def init(params: Params) -> dict[str, Any]:
        velocity = {k: torch.zeros_like(p) for k, p in params.items()} if beta else {}
        return {"parts": [], "velocity": velocity}

    def update(
        params: Params, grads: Params, state: dict[str, Any], step: int
    ) -> tuple[Params, dict[str, Any]]:
        parts = state["parts"]
        if step % every == 0 or not parts:
            batch = batches(step) if callable(batches) else batches
            labels = batch[1] if empirical else None
            blocks = metric_at(net, params, batch[0], likelihood, kind, labels)
            parts = factorize(kind, blocks, damping)
        moved = split(net, solve(kind, parts, join(net, grads)))
        velocity = state["velocity"]
        if beta:
            velocity = {k: beta * velocity[k] + moved[k] for k in params}
            moved = {k: moved[k] + beta * velocity[k] for k in params} if nesterov else velocity
        new = {k: p - rate(step) * moved[k] for k, p in params.items()}
        return new, {"parts": parts, "velocity": velocity}

    return Optimizer(init, update)
