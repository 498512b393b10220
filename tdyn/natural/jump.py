"""How far the weights jump when the metric is renewed under the weights of the rebuilt network."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from tdyn.natural.rebuilt import rebuilt_descent
from tdyn.nets import MLP, Params

__all__ = ["Drift", "drift"]


class Drift(NamedTuple):
    """What one step and one refresh of the metric do to the weights.

    Attributes:
        step: Length of the step.
        jump: Distance that the weights move when the matrices are renewed under the same ``w'``.
        ratio: The second over the first.
    """

    step: Tensor
    jump: Tensor
    ratio: Tensor


def drift(
    net: MLP, params: Params, grads: Params, batch: Any, lr: float,
    likelihood: str = "gaussian", *, kind: str = "exact", damping: float = 1e-3,
    root: str = "symmetric",
) -> Drift:  # fmt: skip
    r"""Measure how far the weights jump if the metric is renewed after one step, ``w'`` kept.

    .. math::

        \frac{\lVert R_1^{-1}R_0\,u-u\rVert}{\lVert u-w\rVert},\qquad u=w-\eta G_0^{-1}\nabla L

    Args:
        net: The network.
        params: Parameters of one network.
        grads: Gradients of the loss.
        batch: The inputs come first.
        lr: Learning rate, positive.
        likelihood: Model of the labels.
        kind: One of ``REBUILDABLE``.
        damping: Added to the metric.
        root: ``"symmetric"`` or ``"cholesky"``.

    Returns:
        Both lengths, and their ratio.

    Example:
        >>> net, x = MLP((1, 1), bias=False), torch.ones(4, 1)
        >>> found = drift(net, {"W1": torch.ones(1, 1)}, {"W1": torch.ones(1, 1)}, (x,), lr=0.1)
        >>> found.ratio.item()                                # a metric that does not move
        0.0
    """
    ends = []
    for reproject in (True, False):
        optimizer = rebuilt_descent(
            net, batch, lr, likelihood, kind=kind, damping=damping, every=1,
            reproject=reproject, root=root,
        )  # fmt: skip
        ends.append(optimizer.update(params, grads, optimizer.init(params), 0)[0])

    def distance(a: Params, b: Params) -> Tensor:
        return torch.stack([(a[k] - b[k]).square().sum() for k in a]).sum().sqrt()

    step, jump = distance(ends[0], params), distance(ends[1], ends[0])
    return Drift(step, jump, jump / step)
