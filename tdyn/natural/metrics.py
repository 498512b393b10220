r"""The ladder of metrics, from the exact Fisher matrix down to its diagonal, and their solves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tdyn.natural.kronecker import factors
from tdyn.natural.layers import Terms, forward, terms
from tdyn.natural.matrices import diagonal_blocks, joint_fisher
from tdyn.natural.options import check_kind
from tdyn.nets import MLP

__all__ = ["factorize", "metric_blocks", "solve"]

Blocks = list[tuple[Tensor, ...]]


def _by_unit(weight: Tensor, a: Tensor) -> Tensor:
    """Return one weighted second moment of the inputs for each output unit."""
    i = a.shape[-1]
    outer = (a.unsqueeze(-1) * a.unsqueeze(-2)).flatten(-2)
    return (weight.mT @ outer).unflatten(-1, (i, i)) / a.shape[-2]


def _eigen(found: Terms) -> Blocks:
    """Return eigenbases of the Kronecker factors, and the exact second moments in them."""
    blocks: Blocks = []
    for (B, A), R, a in zip(factors(found), found.signals, found.inputs, strict=True):
        UB, UA = torch.linalg.eigh(B)[1], torch.linalg.eigh(A)[1]
        turned = torch.einsum("...op,...nok->...npk", UB, R).square().sum(-1)
        blocks.append((UB, UA, turned.mT @ (a @ UA).square() / a.shape[-2]))
    return blocks


def metric_blocks(found: Terms, kind: str) -> Blocks:
    r"""Return the metric of each layer (of the whole network, if exact).

    Args:
        found: Inputs and signals of the layers.
        kind: One of ``KINDS``. ``"exact"`` keeps everything, ``"block"`` the layers'
            blocks, ``"unit"`` one block an output unit, ``"kfac"`` two Kronecker factors,
            ``"ekfac"`` their eigenbasis with exact second moments, ``"local unit"`` replaces the
            back-propagated signals by slopes, ``"local input"`` drops them:
            :math:`I\otimes\mathbb E[aa^\top]`.

    Returns:
        One tuple of tensors a layer.

    Raises:
        ValueError: If the kind is unknown.

    Example:
        >>> from tdyn.natural import terms
        >>> from tdyn.nets import MLP
        >>> net = MLP((2, 3, 1), torch.tanh)
        >>> params = {name: torch.ones(shape) for name, shape in net.shapes.items()}
        >>> found = terms(net, params, torch.ones(5, 2))
        >>> [[tuple(t.shape) for t in block] for block in metric_blocks(found, "kfac")]
        [[(3, 3), (3, 3)], [(1, 1), (4, 4)]]
    """
    check_kind(kind)
    if kind == "exact":
        return [(joint_fisher(found),)]
    if kind == "block":
        return [(block,) for block in diagonal_blocks(found)]
    if kind == "kfac":
        return [tuple(pair) for pair in factors(found)]
    if kind == "ekfac":
        return _eigen(found)
    if kind == "local input":
        return [(a.mT @ a / a.shape[-2],) for a in found.inputs]
    if kind == "local unit":
        weights = [slope.square() for slope in found.slopes]
    else:
        weights = [R.square().sum(-1) for R in found.signals]
    pairs = zip(weights, found.inputs, strict=True)
    if kind == "diagonal":
        return [(weight.mT @ a.square() / a.shape[-2],) for weight, a in pairs]
    return [(_by_unit(weight, a),) for weight, a in pairs]


def metric_at(
    net: MLP, params: Mapping[str, Tensor], x: Tensor, likelihood: str, kind: str,
    labels: Tensor | None = None,
) -> Blocks:  # fmt: skip
    """Return the metric at some parameters, without signals that it does not need.

    Args:
        net: The network.
        params: Parameters.
        x: Inputs.
        likelihood: Model of the labels.
        kind: One of ``KINDS``.
        labels: Labels of an empirical Fisher matrix.

    Returns:
        One tuple of tensors a layer.
    """
    if kind in ("local unit", "local input"):
        inputs, slopes, _ = forward(net, params, x)
        return metric_blocks(Terms(inputs, [], slopes), kind)
    return metric_blocks(terms(net, params, x, likelihood, labels=labels), kind)


def damped(kind: str, blocks: Blocks, damping: float) -> Blocks:
    r"""Add the damping to each matrix.

    For Kronecker factors :math:`B+\frac{\sqrt\lambda}\pi I` and :math:`A+\pi\sqrt\lambda I` with
    :math:`\pi^2=\frac{\operatorname{tr}A/i}{\operatorname{tr}B/o}`.

    Args:
        kind: Kind of the metric; not ``"ekfac"`` and not ``"diagonal"``.
        blocks: The metric.
        damping: The damping.

    Returns:
        The damped matrices.
    """

    def plus(M: Tensor, value: Any) -> Tensor:
        eye = torch.eye(M.shape[-1], dtype=M.dtype, device=M.device)
        return M + value * eye

    if kind != "kfac":
        return [tuple(plus(M, damping) for M in block) for block in blocks]
    out: Blocks = []
    for B, A in blocks:
        means = [M.diagonal(dim1=-2, dim2=-1).mean(-1) for M in (A, B)]
        pi = (means[0] / means[1].clamp(min=torch.finfo(B.dtype).tiny)).sqrt()[..., None, None]
        pi = torch.where(pi > 0, pi, torch.ones_like(pi))
        root = math.sqrt(damping)
        out.append((plus(B, root / pi), plus(A, root * pi)))
    return out


def factorize(kind: str, blocks: Blocks, damping: float) -> Blocks:
    """Prepare a metric for solves: Cholesky factors, or what is divided by.

    Args:
        kind: Kind of the metric.
        blocks: The metric.
        damping: Added to it, zero or positive.

    Returns:
        The factors.

    Raises:
        ValueError: If the metric is not positive definite with this damping.
    """
    if kind == "diagonal":
        return [(block[0] + damping,) for block in blocks]
    if kind == "ekfac":
        return [(UB, UA, s + damping) for UB, UA, s in blocks]
    try:
        return [
            tuple(torch.linalg.cholesky(M) for M in block)
            for block in damped(kind, blocks, damping)
        ]
    except torch.linalg.LinAlgError as error:
        raise ValueError(
            f"the metric {kind!r} is singular with damping {damping}; give a larger one"
        ) from error


def transform(
    kind: str, parts: Blocks, matrices: Sequence[Tensor], act: Callable[[Tensor, Tensor], Tensor]
) -> list[Tensor]:
    """Let the factors of a metric act on the matrices of all layers.

    Args:
        kind: Kind of the metric; not ``"ekfac"`` and not ``"diagonal"``.
        parts: Factors, as for the metric.
        matrices: One matrix ``[W|b]`` a layer.
        act: How a factor acts on columns: a product, or a solve.

    Returns:
        One matrix a layer.
    """
    sizes = [m.shape[-2:] for m in matrices]
    columns = [m.flatten(-2).unsqueeze(-1) for m in matrices]
    if kind == "exact":
        moved = act(parts[0][0], torch.cat(columns, dim=-2)).squeeze(-1)
        pieces = torch.split(moved, [size.numel() for size in sizes], dim=-1)
    elif kind == "block":
        pieces = tuple(act(p[0], c).squeeze(-1) for p, c in zip(parts, columns, strict=True))
    elif kind in ("unit", "local unit"):
        rows = [act(p[0], m.unsqueeze(-1)) for p, m in zip(parts, matrices, strict=True)]
        return [row.squeeze(-1) for row in rows]
    elif kind == "kfac":
        return [act(A, act(B, m).mT).mT for (B, A), m in zip(parts, matrices, strict=True)]
    else:
        return [act(p[0], m.mT).mT for p, m in zip(parts, matrices, strict=True)]
    return [p.unflatten(-1, size) for p, size in zip(pieces, sizes, strict=True)]


def _substitute(L: Tensor, columns: Tensor) -> Tensor:
    return torch.cholesky_solve(columns, L)


def solve(kind: str, parts: Blocks, matrices: Sequence[Tensor]) -> list[Tensor]:
    """Apply the inverse of a metric.

    Args:
        kind: Kind of the metric.
        parts: What :func:`factorize` returned.
        matrices: Gradients, one matrix ``[W|b]`` a layer.

    Returns:
        Natural gradients, one matrix a layer.

    Example:
        >>> parts = factorize("local input", [(torch.eye(2) * 3,)], damping=1.0)
        >>> solve("local input", parts, [torch.ones(1, 2)])[0]
        tensor([[0.2500, 0.2500]])
    """
    if kind == "diagonal":
        return [m / p[0] for p, m in zip(parts, matrices, strict=True)]
    if kind == "ekfac":
        return [
            UB @ ((UB.mT @ m @ UA) / s) @ UA.mT
            for (UB, UA, s), m in zip(parts, matrices, strict=True)
        ]
    return transform(kind, parts, matrices, _substitute)
