"""Gaussian elimination over the field of two elements: as a program, and as a circuit of gates."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tdyn.recorder.gates import AnyGate, Gate, XorGate, own, ramp

__all__ = ["EliminationCircuit", "Solution", "gaussian_elimination", "gaussian_elimination_circuit"]


class Solution(NamedTuple):
    """The bits that solve the equations, and the rank of the equations."""

    theta: Tensor
    rank: int


def gaussian_elimination(x: Float[Tensor, "samples n"], y: Float[Tensor, " samples"]) -> Solution:
    r"""Find the parity that explains samples, outside of any network.

    With bits :math:`x=(-1)^a`, :math:`y=(-1)^b` it solves :math:`a_t\cdot\theta=b_t` modulo 2 by
    Gauss–Jordan elimination. The pivot is the first row that is left; an unknown without a pivot
    is 0. If there is no solution, the equations that became pivots decide.

    Args:
        x: Inputs ±1.
        y: Labels ±1.

    Returns:
        The bits :math:`\theta` as numbers 0 and 1, and the rank.

    Raises:
        ValueError: If an entry is not ±1.

    Example:
        >>> from tdyn.data import parity
        >>> x, y = parity(10, 5, k=3, seed=0)
        >>> gaussian_elimination(x, y)
        Solution(theta=tensor([1., 1., 1., 0., 0.]), rank=5)
    """
    signs = torch.cat([x, y[:, None]], dim=1)
    if not bool((signs.abs() == 1).all()):
        raise ValueError("x and y must hold only -1 and 1")
    n = x.shape[1]
    rows = [sum(1 << j for j, s in enumerate(row) if s < 0) for row in signs.tolist()]
    free, pivots = set(range(len(rows))), {}
    for j in range(n):
        found = [i for i in sorted(free) if rows[i] >> j & 1]
        if found:
            pivots[j] = found[0]
            free.remove(found[0])
            for i in range(len(rows)):
                if i != found[0] and rows[i] >> j & 1:
                    rows[i] ^= rows[found[0]]
    bits = [rows[pivots[j]] >> n & 1 if j in pivots else 0 for j in range(n)]
    return Solution(torch.tensor(bits, dtype=x.dtype), len(pivots))


class _Column(nn.Module):
    """One column of the elimination: choose the pivot row, and clear the column elsewhere."""

    def __init__(self, samples: int, width: int, own_weights: bool) -> None:
        super().__init__()
        row = (samples,) if own_weights else ()
        sheet = (samples, width) if own_weights else ()
        self.candidate, self.others = Gate("and not", row), Gate("and not", row)
        # First candidate: 2 on the diagonal, −2 for the rows above.
        below = torch.ones(samples, samples).tril(-1)
        self.first = nn.Parameter(2 * torch.eye(samples) - 2 * below)
        self.threshold, self.spent = own(-0.5, row), Gate("or", row)
        self.take, self.flip = Gate("and", sheet), Gate("and", sheet)
        self.row = AnyGate(sheet, sheet[1:])
        self.add = XorGate(sheet)

    def forward(self, table: Tensor, used: Tensor, j: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the new table, the rows used up so far, and the pivot (one-hot or zero)."""
        column = table[:, j]
        pivot = ramp(self.first @ self.candidate(column, used) + self.threshold)
        row = self.row(self.take(table, pivot[:, None]))
        change = self.flip(self.others(column, pivot)[:, None], row)
        return self.add(table, change), self.spent(used, pivot), pivot


class EliminationCircuit(nn.Module):
    """Gauss–Jordan elimination as a network; made by :func:`gaussian_elimination_circuit`."""

    def __init__(self, inputs: int, samples: int, own_weights: bool = False) -> None:
        super().__init__()
        self.inputs = inputs
        copies = inputs if own_weights else 1
        self.columns = nn.ModuleList(
            _Column(samples, inputs + 1, own_weights) for _ in range(copies)
        )
        sheet = (inputs, samples) if own_weights else ()
        self.pick, self.theta = Gate("and", sheet), AnyGate(sheet, sheet[:1], dim=1)

    def forward(
        self, x: Float[Tensor, "samples inputs"], y: Float[Tensor, " samples"]
    ) -> Float[Tensor, " inputs"]:
        """Return the solution's bits for equations given as bits."""
        table, used, pivots = torch.cat([x, y[:, None]], dim=1), torch.zeros_like(y), []
        for j in range(self.inputs):
            table, used, pivot = self.columns[j % len(self.columns)](table, used, j)
            pivots.append(pivot)
        return self.theta(self.pick(torch.stack(pivots), table[:, -1]))


def gaussian_elimination_circuit(
    inputs: int, samples: int, *, own_weights: bool = False
) -> EliminationCircuit:
    r"""Build Gauss–Jordan elimination modulo 2 from clipped ReLU gates.

    A module that maps bits ``x`` ``(samples, inputs)`` and ``y`` ``(samples,)`` to the bits
    :math:`\theta` ``(inputs,)`` that :func:`gaussian_elimination` finds. In column :math:`j` the
    pivot is the first candidate, :math:`p_i=h(2c_i-2\sum_{k<i}c_k-\tfrac12)`; rows that need it are
    added modulo 2. It has of the order of ``samples * inputs**2`` gates.

    Args:
        inputs: Number of unknowns, at least 1.
        samples: Number of equations, at least 1.
        own_weights: Give every gate its own weights; otherwise gates of one role share them.

    Returns:
        The circuit, all of whose weights are trainable.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> circuit = gaussian_elimination_circuit(inputs=2, samples=2)
        >>> circuit(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), torch.tensor([0.0, 1.0])).detach()
        tensor([1., 1.])

    Source:
        Ours, see :cite:t:`welper2020universality` for the claim that it serves.
    """
    if inputs < 1 or samples < 1:
        raise ValueError(f"inputs and samples must be positive, got {inputs} and {samples}")
    return EliminationCircuit(inputs, samples, own_weights)
