"""Where a second-layer ReLU neuron can first switch on: the vertices and rays of layer 1.

The inputs are written homogeneously, as points ``(x, t)`` with ``t >= 0``: a point with ``t > 0``
is the input ``x / t``, a point with ``t = 0`` is the direction ``x``. Then a vertex and a ray are
the same thing, a null vector of ``n0`` of the rows ``(W_i, b_i)`` and ``(0, 1)``.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Points", "decide", "null_vector", "points", "subsets"]

_UNIT_ERROR = 1e-12  # bounds the rounding error of a null vector of unit rows
_FLAT = 1e-9  # below this volume the rows count as dependent, and nothing is certain


class Points(NamedTuple):
    r"""Vertices and rays of an arrangement, with what layer 1 does there.

    Attributes:
        where: Homogeneous unit coordinates ``(*networks, points, n0 + 1)``.
        values: Pre-activations :math:`W x + b\,t` of the scaled rows, ``(*networks, points, n1)``.
        error: Bound of the error of ``where``, ``(*networks, points)``; infinite if not trusted.
        off: Which neurons are certainly not positive there, ``(*networks, points, n1)``.
        defining: Which neurons are zero by definition, ``(points, n1)``.
        vertices: How many of the points are vertices; they come first.
    """

    where: Float[Tensor, "*networks points dims"]
    values: Float[Tensor, "*networks points n1"]
    error: Float[Tensor, "*networks points"]
    off: Bool[Tensor, "*networks points n1"]
    defining: Bool[Tensor, "points n1"]
    vertices: int


def subsets(n0: int, n1: int) -> Int[Tensor, "subsets n0"]:
    """Return the rows that define each candidate; row number ``n1`` is the one at infinity.

    Args:
        n0: Number of inputs.
        n1: Number of first-layer neurons.

    Returns:
        First the vertices, then the rays.

    Example:
        >>> subsets(2, 2).tolist()
        [[0, 1], [0, 2], [1, 2]]
    """
    vertices = list(itertools.combinations(range(n1), n0))
    rays = [(*rows, n1) for rows in itertools.combinations(range(n1), n0 - 1)]
    return torch.tensor(vertices + rays, dtype=torch.long).reshape(-1, n0)


def null_vector(rows: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the vector of signed minors, which is orthogonal to ``k`` rows of length ``k + 1``.

    Works for numbers of any kind (tensors, integers), since it only multiplies and adds.

    Args:
        rows: ``k`` rows of ``k + 1`` entries.

    Returns:
        ``k + 1`` entries; all zero if the rows are dependent.

    Example:
        >>> null_vector([[1, 0, 0], [0, 1, 0]])
        [0, 0, 1]
    """
    size = len(rows) + 1
    minors: dict[tuple[int, ...], Any] = {(j,): rows[0][j] for j in range(size)}
    for m in range(2, size):
        last, smaller = rows[m - 1], minors
        minors = {}
        for columns in itertools.combinations(range(size), m):
            total: Any = 0
            for place, j in enumerate(columns):
                sign = (-1) ** (m - 1 + place)
                total = total + sign * last[j] * smaller[columns[:place] + columns[place + 1 :]]
            minors[columns] = total
    everything = tuple(range(size))
    return [(-1) ** j * minors[everything[:j] + everything[j + 1 :]] for j in range(size)]


def points(rows: Float[Tensor, "*networks n1 dims"]) -> Points:
    """Return every vertex and ray of the hyperplanes ``W_i x + b_i = 0``.

    Args:
        rows: Unit rows ``(W_i, b_i)`` in float64, ``dims = n0 + 1``.

    Returns:
        The vertices, with ``t > 0``, then every ray in both directions.
    """
    n1, dims = rows.shape[-2:]
    n0 = dims - 1
    chosen = subsets(n0, n1).to(rows.device)
    infinity = torch.zeros_like(rows[..., :1, :])
    infinity[..., -1] = 1
    picked = torch.cat((rows, infinity), dim=-2)[..., chosen, :]
    entries = [[picked[..., i, j] for j in range(dims)] for i in range(n0)]
    raw = torch.stack(null_vector(entries), dim=-1)
    volume = raw.norm(dim=-1)
    trusted = volume > _FLAT
    where = raw / torch.where(trusted, volume, 1.0).unsqueeze(-1)
    error = torch.where(trusted, _UNIT_ERROR / volume.clamp(min=_FLAT), torch.inf)

    vertices = int((chosen < n1).all(dim=-1).sum())
    height = where[..., :vertices, -1:]
    on_side = height.squeeze(-1).abs() > error[..., :vertices]
    error[..., :vertices] = torch.where(on_side, error[..., :vertices], torch.inf)
    finite, rays = where[..., :vertices, :] * height.sign(), where[..., vertices:, :]
    where = torch.cat((finite, rays, -rays), dim=-2)
    error = torch.cat((error, error[..., vertices:]), dim=-1)
    chosen = torch.cat((chosen, chosen[vertices:]))
    defining = (chosen.unsqueeze(-1) == torch.arange(n1, device=rows.device)).any(dim=-2)
    values = torch.where(defining, 0.0, where @ rows.mT)
    # With no bias in layer 1 every vertex is the origin, where all neurons are exactly zero.
    central = (rows[..., -1] == 0).all(dim=-1)[..., None, None]
    at_vertex = (torch.arange(len(chosen), device=rows.device) < vertices).unsqueeze(-1)
    off = defining | (values < -error.unsqueeze(-1)) | (central & at_vertex)
    return Points(where, values, error, off, defining, vertices)


def decide(
    found: Points,
    w: Float[Tensor, "*networks neurons n1"],
    b: Float[Tensor, "*networks neurons"],
    *,
    stable: bool,
) -> tuple[Bool[Tensor, "*networks neurons"], Bool[Tensor, "*networks neurons"]]:
    """Decide inactivity from the signs at vertices and rays, as far as rounding permits.

    Args:
        found: Vertices and rays.
        w: Second-layer weights, for unit rows of layer 1.
        b: Second-layer biases.
        stable: Ask for a whole neighborhood of inactive neurons.

    Returns:
        Two masks: certainly inactive, and certainly not.
    """
    z = w @ found.values.relu().mT + b.unsqueeze(-1) * found.where[..., -1].unsqueeze(-2)
    size = w.abs().sum(dim=-1) + b.abs()
    error = found.error.unsqueeze(-2) * size.unsqueeze(-1)
    trusted = found.error.isfinite().unsqueeze(-2)
    all_off = found.off.all(dim=-1).unsqueeze(-2)  # there z = b t, without rounding
    at_vertex = torch.arange(z.shape[-1], device=z.device) < found.vertices
    bias = b.unsqueeze(-1)
    if stable:
        # A defining neuron with w >= 0 could be turned on in a direction where all are off.
        spoils = (w >= 0).to(w.dtype) @ found.defining.to(w.dtype).mT > 0
        quiet = (bias < 0) & (at_vertex | ~spoils)
    else:
        quiet = (bias <= 0) | ~at_vertex
    fine = torch.where(all_off, quiet, z < -error) & trusted
    bad = torch.where(all_off, ~quiet, z > error) & trusted
    full_rank = found.error[..., : found.vertices].isfinite().any(dim=-1, keepdim=True)
    return fine.all(dim=-1) & full_rank, bad.any(dim=-1)


def as_integers(values: Sequence[float]) -> tuple[list[int], int]:
    """Return integers proportional to floats, and the factor.

    Args:
        values: Floats; each is an integer over a power of two.

    Returns:
        The integers and the positive factor that they were multiplied by.

    Example:
        >>> as_integers([0.5, -3.0, 0.25])
        ([2, -12, 1], 4)
    """
    factor = max((Fraction(v).denominator for v in values), default=1)
    return [int(Fraction(v) * factor) for v in values], factor
