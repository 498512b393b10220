r"""The rebuilt network: a fixed root of the metric in front of the weights, and plain descent.

With :math:`R^\top R=G` and :math:`w'=Rw`, gradient descent on :math:`L(R^{-1}w')` moves
:math:`w` by :math:`-\eta G^{-1}\nabla L(w)`, as long as :math:`R` stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.natural.layers import join, split
from tdyn.natural.likelihoods import check_likelihood
from tdyn.natural.metrics import Blocks, damped, metric_at, transform
from tdyn.natural.options import check_damping, check_kind
from tdyn.nets import MLP, Params
from tdyn.optim import Optimizer, Schedule, constant

__all__ = ["REBUILDABLE", "Rebuilt", "rebuilt_descent", "structured"]

#: Kinds of metric of which a network can be rebuilt.
REBUILDABLE = ("exact", "block", "unit", "kfac", "local unit", "local input")


class Rebuilt(NamedTuple):
    """A network whose weights are seen through fixed matrices.

    Attributes:
        model: Pure function of the new weights and the inputs.
        rebuild: From the network's weights to the new ones.
        restore: Back.
    """

    model: Callable[[Params, Tensor], Tensor]
    rebuild: Callable[[Params], Params]
    restore: Callable[[Params], Params]


def roots(kind: str, blocks: Blocks, damping: float, root: str) -> tuple[Blocks, Blocks]:
    r"""Return :math:`R` with :math:`R^\top R=G+\lambda I`, and its inverse, for each matrix.

    Args:
        kind: Kind of the metric.
        blocks: The metric.
        damping: Added to it.
        root: ``"symmetric"`` or ``"cholesky"``.

    Returns:
        The roots and their inverses.

    Raises:
        ValueError: If the metric is not positive definite.
    """

    def both(M: Tensor) -> tuple[Tensor, Tensor]:
        if root == "cholesky":
            R = torch.linalg.cholesky(M).mT
            eye = torch.eye(M.shape[-1], dtype=M.dtype, device=M.device).expand_as(M)
            return R, torch.linalg.solve_triangular(R, eye, upper=True)
        values, U = torch.linalg.eigh(M)
        floor = torch.finfo(M.dtype).eps * values[..., -1:]
        if damping == 0 and bool((values <= floor).any()):
            raise torch.linalg.LinAlgError
        values = torch.maximum(values, floor)  # negative by rounding only
        size = values.sqrt().unsqueeze(-2)
        return (U * size) @ U.mT, (U / size) @ U.mT

    try:
        pairs = [[both(M) for M in block] for block in damped(kind, blocks, damping)]
    except torch.linalg.LinAlgError as error:
        raise ValueError(
            f"the metric {kind!r} is singular with damping {damping}; give a larger one"
        ) from error
    return [tuple(p[0] for p in b) for b in pairs], [tuple(p[1] for p in b) for b in pairs]


def _check(kind: str, damping: float, root: str) -> None:
    check_kind(kind, REBUILDABLE)
    check_damping(damping)
    if root not in ("symmetric", "cholesky"):
        raise ValueError(f"root must be 'symmetric' or 'cholesky', got {root!r}")


def _act(net: MLP, kind: str, parts: Blocks, params: Mapping[str, Tensor]) -> Params:
    return split(net, transform(kind, parts, join(net, params), torch.matmul))


def structured(
    net: MLP, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"],
    likelihood: str = "gaussian", *, kind: str = "local input", damping: float = 1e-2,
    root: str = "symmetric",
) -> Rebuilt:  # fmt: skip
    r"""Rebuild a network with a fixed root of its metric in front of its weights.

    .. math:: w=R^{-1}w',\qquad R^\top R=G+\lambda I

    With ``kind="local input"`` the matrix :math:`R^{-1}` of a layer can be read as one more, fixed
    layer that whitens the layer's input. One step of gradient descent on the new weights is a
    natural-gradient step on the old ones, for the metric at the given parameters.

    Args:
        net: The network.
        params: Where the metric is taken, with or without ensemble axes.
        x: Inputs, at which it is taken.
        likelihood: Model of the labels.
        kind: One of ``REBUILDABLE``.
        damping: Added to the metric, zero or positive.
        root: ``"symmetric"`` or ``"cholesky"``; both give the same trajectory.

    Returns:
        The model and the maps between the weights.

    Example:
        >>> net, x = MLP((2, 1)), torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> params = {"W1": torch.ones(1, 2), "b1": torch.zeros(1)}
        >>> new = structured(net, params, x, damping=0.0)
        >>> primed = new.rebuild(params)
        >>> bool((new.model(primed, x) - net(params, x)).abs().max() < 1e-5)
        True
        >>> [round(v, 3) for v in primed["W1"][0].tolist()]
        [2.121, 0.707]

    Source: :cite:t:`liu2024reconstructing`, :cite:t:`desjardins2015natural`
    """
    _check(kind, damping, root)
    check_likelihood(likelihood)
    blocks = metric_at(net, params, x, likelihood, kind)
    forward, inverse = roots(kind, blocks, damping, root)

    def restore(primed: Params) -> Params:
        return _act(net, kind, inverse, primed)

    def model(primed: Params, x: Tensor) -> Tensor:
        return net(restore(primed), x)

    return Rebuilt(model, lambda params: _act(net, kind, forward, params), restore)


def rebuilt_descent(
    net: MLP, batches: Any, lr: float | Schedule, likelihood: str = "gaussian", *,
    kind: str = "local input", damping: float = 1e-2, every: int | None = None,
    reproject: bool = True, root: str = "symmetric",
) -> Optimizer:  # fmt: skip
    r"""Descend on the weights :math:`w'` of the rebuilt network, and renew it now and then.

    After each ``every``-th step the metric is taken at the new weights. With ``reproject`` the
    new :math:`w'` are computed from the old weights. Without it :math:`w'` are kept, and the
    network's weights jump to :math:`R_{t+1}^{-1}w'`.

    Args:
        net: The network.
        batches: As for :func:`tdyn.train.train`; the inputs come first in a batch.
        lr: Learning rate of :math:`w'`, or a function from step to learning rate.
        likelihood: Model of the labels.
        kind: One of ``REBUILDABLE``.
        damping: Added to the metric, zero or positive.
        every: Steps between renewals; None for never.
        reproject: Whether to compute :math:`w'` anew at a renewal.
        root: ``"symmetric"`` or ``"cholesky"``.

    Returns:
        An optimizer of the *network's* weights; it keeps :math:`w'` in its state.

    Raises:
        ValueError: If an option is unknown or out of range.

    Example:
        >>> x = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
        >>> net = MLP((2, 1))
        >>> opt = rebuilt_descent(net, (x, x[:, 0]), 1.0, damping=0.1)
        >>> params = {"W1": torch.ones(1, 2), "b1": torch.zeros(1)}
        >>> sorted(opt.init(params))
        ['forward', 'inverse', 'primed']

    Source: :cite:t:`liu2024reconstructing`
    """
    _check(kind, damping, root)
    check_likelihood(likelihood)
    if every is not None and every < 1:
        raise ValueError(f"every must be None or at least 1, got {every}")
    rate: Schedule = lr if callable(lr) else constant(lr)

    def renew(params: Params, step: int) -> tuple[Blocks, Blocks]:
        x = (batches(step) if callable(batches) else batches)[0]
        return roots(kind, metric_at(net, params, x, likelihood, kind), damping, root)

    def init(params: Params) -> dict[str, Any]:
        forward, inverse = renew(params, 0)
        primed = _act(net, kind, forward, params)
        return {"forward": forward, "inverse": inverse, "primed": primed}

    def update(
        params: Params, grads: Params, state: dict[str, Any], step: int
    ) -> tuple[Params, dict[str, Any]]:
        transposed = [tuple(M.mT for M in part) for part in state["inverse"]]
        slope = _act(net, kind, transposed, grads)
        primed = {k: v - rate(step) * slope[k] for k, v in state["primed"].items()}
        params = _act(net, kind, state["inverse"], primed)
        forward, inverse = state["forward"], state["inverse"]
        if every is not None and (step + 1) % every == 0:
            forward, inverse = renew(params, step + 1)
            if reproject:
                primed = _act(net, kind, forward, params)
            else:
                params = _act(net, kind, inverse, primed)
        return params, {"forward": forward, "inverse": inverse, "primed": primed}

    return Optimizer(init, update)
