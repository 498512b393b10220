"""All KKT points of a ReLU neuron in the plane, by enumeration."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["PlanarPoint", "planar_points"]


class PlanarPoint(NamedTuple):
    """One stationary direction of a hidden neuron.

    Attributes:
        angle: Of the direction :math:`u`, in (-π, π].
        value: :math:`G(u)`; the outgoing weight has its sign, and the network :math:`|G(u)|/2`.
        kind: ``"smooth"``, ``"kink"``, or ``"flat"`` for a whole sector in which :math:`G=0`.
        maximum: Whether :math:`|G|` has a strict local maximum there.
    """

    angle: float
    value: float
    kind: str
    maximum: bool


def _wrap(angle: float) -> float:
    """Return the angle in (-π, π]."""
    return math.pi - (math.pi - angle) % (2 * math.pi)


def planar_points(x: Float[Tensor, "n 2"], y: Float[Tensor, " n"]) -> list[PlanarPoint]:
    r"""Enumerate the KKT points of one ReLU neuron on inputs in the plane.

    Between two kinks (directions at a right angle to a sample) the active samples do not change and

    .. math:: G(u)=\sum_iy_i\max(u^\top x_i,0)=s^\top u,\qquad s=\sum_{\rm active}y_ix_i,

    is a sinusoid of the angle. It is stationary at :math:`u=\pm s/\lVert s\rVert`, where those lie
    in their own sector, and at kinks where its one-sided slopes have opposite signs.

    Args:
        x: Inputs; those at the origin do not count.
        y: Labels, or the :func:`residual`.

    Returns:
        The stationary directions, sorted by :math:`|G|`, largest first.

    Raises:
        ValueError: If ``x`` is not ``(n, 2)`` with one label each, or all inputs are zero.

    Example:
        >>> points = planar_points(torch.tensor([[1.0, 0.0]]), torch.tensor([2.0]))
        >>> points[0]
        PlanarPoint(angle=0.0, value=2.0, kind='smooth', maximum=True)

    Source:
        Ours, after :cite:t:`kumar2024saddles`.
    """
    if x.ndim != 2 or x.shape[1] != 2 or y.shape != x.shape[:1]:
        raise ValueError(f"wanted x (n, 2) and y (n,), got {tuple(x.shape)}, {tuple(y.shape)}")
    used = x.norm(dim=1) > 0
    if not bool(used.any()):
        raise ValueError("all inputs are zero")
    x, y = x[used].double(), y[used].double()
    directions = torch.atan2(x[:, 1], x[:, 0])
    kinks = torch.cat((directions + math.pi / 2, directions - math.pi / 2)) % (2 * math.pi)
    edges = sorted(kinks.tolist())
    edges = [a for i, a in enumerate(edges) if i == 0 or a - edges[i - 1] > 1e-12]
    if len(edges) > 1 and edges[0] + 2 * math.pi - edges[-1] <= 1e-12:
        edges.pop()
    sums: list[tuple[float, float]] = []
    points: list[PlanarPoint] = []
    tiny = 1e-12 * float((y.abs() * x.norm(dim=1)).sum())
    for left, right in zip(edges, [*edges[1:], edges[0] + 2 * math.pi], strict=True):
        middle = (left + right) / 2
        active = x @ torch.tensor([math.cos(middle), math.sin(middle)], dtype=x.dtype) > 0
        sx, sy = (y[active] @ x[active]).tolist()
        sums.append((sx, sy))
        size = math.hypot(sx, sy)
        if size <= tiny:
            points.append(PlanarPoint(_wrap(middle), 0.0, "flat", False))
            continue
        for sign in (1, -1):
            angle = math.atan2(sign * sy, sign * sx)
            if 0 < (angle - left) % (2 * math.pi) < right - left:
                points.append(PlanarPoint(_wrap(angle), sign * size, "smooth", True))
    for i, edge in enumerate(edges):
        c, s = math.cos(edge), math.sin(edge)
        before, after = (v[1] * c - v[0] * s for v in (sums[i - 1], sums[i]))
        if before * after < 0:
            value = sums[i][0] * c + sums[i][1] * s
            value = value if abs(value) > tiny else 0.0
            points.append(PlanarPoint(_wrap(edge), value, "kink", value * before > 0))
    return sorted(points, key=lambda p: -abs(p.value))
