r"""The gradient alignment by enumeration and by sampling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn import losses
from tdyn.data import hypercube, parity_stream
from tdyn.nets import Model, Params
from tdyn.train import gradients

__all__ = ["gal_exhaustive", "gal_monte_carlo"]

Loss = Callable[[Tensor, Tensor], Tensor]
_CHUNK = 2**14


def _difference(
    net: Model, params: Mapping[str, Tensor], loss: Loss, x: Tensor, y: Tensor
) -> tuple[Params, int]:
    r"""Return the gradient of :math:`\frac12[L(y,N)-L(-y,N)]` and the number of ensemble axes.

    That is the gradient on the labels minus its mean over coin-flip labels.
    """

    def contrast(p: Params, batch: tuple[Tensor, Tensor]) -> Tensor:
        outputs = net(p, batch[0])
        return (loss(outputs, batch[1]) - loss(outputs, -batch[1])) / 2

    grads, value = gradients(contrast, dict(params), (x, y))
    return grads, value.ndim


def _inner(a: Params, b: Params, axes: int, only: Sequence[str] | None) -> Tensor:
    """Return the inner product of two gradients, one number a member."""
    names = list(a) if only is None else list(only)
    return torch.stack([(a[n] * b[n]).flatten(axes).sum(-1) for n in names]).sum(0)


def _check_names(params: Mapping[str, Tensor], only: Sequence[str] | None) -> None:
    if only is not None and (not only or any(name not in params for name in only)):
        raise ValueError(f"only must name some of the parameters {list(params)}, got {only!r}")


def gal_exhaustive(
    net: Model,
    params: Mapping[str, Tensor],
    d: int,
    *,
    k: int | None = None,
    loss: Loss = losses.correlation,
    only: Sequence[str] | None = None,
) -> Float[Tensor, "*ensemble"]:
    r"""Gradient alignment of given networks, by full enumeration of the cube.

    Needs one gradient, because the mean over coin-flip labels can be taken inside:

    .. math:: \Gamma_f-\Gamma_r=\tfrac12\,\mathbb E_x\nabla_\theta\,[L(f(x),N(x))-L(-f(x),N(x))].

    Args:
        net: A pure function ``net(params, x)`` with outputs ``(*ensemble, n, 1)``.
        params: Parameters, with or without ensemble axes.
        d: Number of input bits, from 1 to 24.
        k: Number of bits in the parity (the first ones); all by default.
        loss: Maps outputs and labels ±1 to one loss a member.
        only: Names of the parameters that count; all by default.

    Returns:
        The squared norm, one a member.

    Raises:
        ValueError: If ``d`` or ``k`` is out of range, or ``only`` names an unknown parameter.

    Example:
        >>> from tdyn import alignment, inits, nets
        >>> net = nets.MLP((4, 32, 1), bias=False)
        >>> params = inits.initialize(net, inits.rademacher, seed=0)
        >>> round(gal_exhaustive(net, params, 4).item(), 4)
        0.5156
        >>> round(float(33 * alignment.walsh_coefficient(4, 4) ** 2 / 4), 4)
        0.5156

    Source:
        :cite:t:`abbe2024parity`
    """
    k = d if k is None else k
    if not 0 <= k <= d:
        raise ValueError(f"k must be between 0 and d = {d}, got {k}")
    _check_names(params, only)
    cube = hypercube(d, dtype=next(iter(params.values())).dtype)
    total: Params = {name: torch.zeros_like(p) for name, p in params.items()}
    axes = 0
    for x in cube.split(_CHUNK):
        grads, axes = _difference(net, params, loss, x, x[:, :k].prod(dim=1))
        total = {name: total[name] + g * (len(x) / len(cube)) for name, g in grads.items()}
    return _inner(total, total, axes, only)


def gal_monte_carlo(
    net: Model,
    params: Mapping[str, Tensor],
    d: int,
    *,
    batch: int,
    seed: int,
    batches: int = 2,
    estimator: str = "cross",
    k: int | None = None,
    loss: Loss = losses.correlation,
    only: Sequence[str] | None = None,
) -> Float[Tensor, "*ensemble"]:
    r"""Gradient alignment of given networks, estimated from random inputs.

    With :math:`g_1,\dots,g_m` from independent batches the naive estimate is the mean of
    :math:`\lVert g_i\rVert^2`. It adds the sampling noise of the gradient to the answer. The cross
    estimate is free of this bias, and may be negative:

    .. math:: \frac1{m(m-1)}\sum_{i\ne j}\langle g_i,g_j\rangle.

    Args:
        net: A pure function ``net(params, x)`` with outputs ``(*ensemble, n, 1)``.
        params: Parameters, with or without ensemble axes.
        d: Number of input bits.
        batch: Number of inputs in a batch.
        seed: Source of randomness.
        batches: Number of independent batches, at least 2 for the cross estimate.
        estimator: ``"cross"`` or ``"naive"``.
        k: Number of bits in the parity (the first ones); all by default.
        loss: Maps outputs and labels ±1 to one loss a member.
        only: Names of the parameters that count; all by default.

    Returns:
        The estimate, one a member.

    Raises:
        ValueError: If ``estimator`` is unknown, there are too few batches, or ``only`` names an
            unknown parameter.

    Example:
        >>> from tdyn import inits, nets
        >>> net = nets.MLP((4, 32, 1), bias=False)
        >>> params = inits.initialize(net, inits.rademacher, seed=0)
        >>> round(gal_monte_carlo(net, params, 4, batch=4096, seed=0).item(), 1)
        0.5

    Source:
        The naive estimate follows :cite:t:`abbe2024parity`; the cross estimate is ours.
    """
    if estimator not in ("cross", "naive"):
        raise ValueError(f"estimator must be 'cross' or 'naive', got {estimator!r}")
    if batches < (2 if estimator == "cross" else 1):
        raise ValueError(f"the {estimator} estimate needs more batches, got {batches}")
    _check_names(params, only)
    stream = parity_stream(batch, d, seed=seed, k=k, dtype=next(iter(params.values())).dtype)
    total: Params = {name: torch.zeros_like(p) for name, p in params.items()}
    squares: Tensor | float = 0.0
    axes = 0
    for i in range(batches):
        grads, axes = _difference(net, params, loss, *stream(i))
        total = {name: total[name] + g for name, g in grads.items()}
        squares = squares + _inner(grads, grads, axes, only)
    if estimator == "naive":
        return torch.as_tensor(squares) / batches
    return (_inner(total, total, axes, only) - squares) / (batches * (batches - 1))
