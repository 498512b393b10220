"""Inactivity of one neuron in integer arithmetic, for neurons that rounding cannot decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from tdyn.relu.cells import as_integers, null_vector, subsets

__all__ = ["inactive_exactly"]


def inactive_exactly(
    W: Sequence[Sequence[float]],
    beta: Sequence[float],
    w: Sequence[float],
    b: float,
    *,
    stable: bool,
) -> bool:
    """Decide whether one neuron is off for every input, without rounding.

    Floats are integers over powers of two, so the test of vertices and rays can be made in Python's
    integers. Dependent rows are allowed: if the rows of ``W`` span fewer than ``n0`` dimensions,
    the inputs are first written in coordinates of their span.

    Args:
        W: First-layer weights, ``n1`` rows of ``n0``.
        beta: First-layer biases.
        w: Second-layer weights.
        b: Second-layer bias.
        stable: Ask for a whole neighborhood of inactive neurons.

    Returns:
        The decision.

    Example:
        >>> inactive_exactly([[1.0], [-1.0]], [0.0, 0.0], [-1.0, 0.0], 0.0, stable=False)
        True
    """
    exact, scaled = [], []
    for row, shift, weight in zip(W, beta, w, strict=True):
        integers, factor = as_integers([*row, shift])
        exact.append(integers)
        scaled.append(Fraction(weight) / factor)
    basis = _independent([row[:-1] for row in exact])
    rank, n0 = len(basis), len(W[0])
    if rank < n0:
        if stable:
            return b < 0 and all(v < 0 for v in w)
        exact = [
            [*(sum(p * q for p, q in zip(row, v, strict=False)) for v in basis), row[-1]]
            for row in exact
        ]
    if rank == 0:
        return Fraction(b) + sum(v * max(r[-1], 0) for v, r in zip(scaled, exact, strict=True)) <= 0
    for p in _candidates(exact, rank):
        y = [sum(i * j for i, j in zip(row, p, strict=True)) for row in exact]
        z = Fraction(b) * p[-1] + sum(v * max(i, 0) for v, i in zip(scaled, y, strict=True))
        if z > 0 or (stable and z == 0 and not _harmless(p, y, w, b)):
            return False
    return True


def _harmless(p: Sequence[int], y: Sequence[int], w: Sequence[float], b: float) -> bool:
    """Tell whether a point with z = 0 leaves the neuron stably off.

    Only a ray on which all neurons are off can, and none of those that are zero there may push
    upwards once it is moved.

    Returns:
        Whether it does.
    """
    if p[-1] > 0 or b >= 0 or max(y) > 0:
        return False
    return all(weight < 0 for weight, value in zip(w, y, strict=True) if value == 0)


def _candidates(rows: list[list[int]], n0: int) -> Iterator[list[int]]:
    """Yield vertices with t > 0, and rays in both directions."""
    everything = [*rows, [0] * n0 + [1]]
    for chosen in subsets(n0, len(rows)).tolist():
        p = null_vector([everything[i] for i in chosen])
        if p[-1] < 0:
            p = [-v for v in p]
        if any(p):
            yield p
            if p[-1] == 0:
                yield [-v for v in p]


def _independent(rows: list[list[int]]) -> list[list[int]]:
    """Return rows that form a basis of the span, by elimination in fractions."""
    basis: list[list[int]] = []
    reduced: list[list[Fraction]] = []
    for row in rows:
        rest = [Fraction(v) for v in row]
        for other in reduced:
            pivot = next(i for i, v in enumerate(other) if v)
            factor = rest[pivot] / other[pivot]
            rest = [a - factor * c for a, c in zip(rest, other, strict=True)]
        if any(rest):
            reduced.append(rest)
            basis.append(row)
    return basis
