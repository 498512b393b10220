r"""How the network reads its own memory.

A reader turns the memory :math:`M` ``(samples, n + 1)`` into *full* bits, one a row, and samples:
inputs and labels. One training step writes :math:`q` times ``y (x, 1)`` into a row.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tdyn.recorder.gates import AnyGate, Gate, XorGate, own, ramp

__all__ = ["GridReader", "SignReader", "SumReader"]

Memory = Float[Tensor, "samples width"]


class _FullBits(nn.Module):
    """Whether the label's entry of a row is far from zero."""

    def __init__(self, samples: int, mark: float, own_weights: bool) -> None:
        super().__init__()
        shape = (samples,) if own_weights else ()
        self.weight, self.bias = own(4 / mark, shape), own(-1.5, shape)

    def forward(self, memory: Memory) -> Float[Tensor, " samples"]:
        return ramp(self.weight * memory[:, -1].abs() + self.bias)


class SignReader(nn.Module):
    r"""Read bits from signs: :math:`[z<0]=h(-4z/q-1.5)`, times the label's sign by exclusive or.

    Args:
        inputs: Number of inputs.
        samples: Number of rows.
        mark: :math:`q`, what one step writes.
        own_weights: Give every gate its own weights.

    Example:
        >>> full, x, y = SignReader(2, 2, mark=0.5)(torch.tensor([[0.5, -0.5, -0.5], [0, 0, 0]]))
        >>> full.tolist(), x[0].tolist(), y[0].item()              # 1 stands for -1
        ([1.0, 0.0], [1.0, 0.0], 1.0)
    """

    def __init__(self, inputs: int, samples: int, mark: float, own_weights: bool = False) -> None:
        super().__init__()
        self.full = _FullBits(samples, mark, own_weights)
        shape = (samples, inputs + 1) if own_weights else ()
        self.weight, self.bias = own(-4 / mark, shape), own(-1.5, shape)
        self.unsign = XorGate((samples, inputs) if own_weights else ())

    def forward(self, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """Return full bits, input bits and label bits."""
        bits = ramp(self.weight * memory + self.bias)
        return self.full(memory), self.unsign(bits[:, :-1], bits[:, -1:]), bits[:, -1]


class SumReader(nn.Module):
    r"""Read one equation modulo 2 from a row that holds the mean of a whole batch.

    Entry :math:`v=M_{ti}/q` of a row is a mean of :math:`B` signs, so :math:`m=B(1-v)/2` of them
    are −1. Whether :math:`m` is odd is the sum modulo 2 of these bits:
    :math:`\sum_{k=1}^B(-1)^{k-1}h(2(m-k)+1.5)`. A row is full if any entry is not zero. The margin
    is :math:`1/(4B)` of :math:`q`.

    Args:
        inputs: Number of inputs.
        samples: Number of rows.
        mark: :math:`q`, what one step writes for a batch of equal samples.
        batch: :math:`B`.
        own_weights: Give every gate its own weights.

    Example:
        >>> x, y = torch.tensor([[1.0, 1.0], [1.0, -1.0]]), torch.tensor([1.0, -1.0])
        >>> row = (y[:, None] * torch.cat([x, torch.ones(2, 1)], dim=1)).mean(0)
        >>> [bits.tolist() for bits in SumReader(2, 1, mark=1.0, batch=2)(row[None])]
        [[1.0], [[0.0, 1.0]], [1.0]]
    """

    def __init__(
        self, inputs: int, samples: int, mark: float, batch: int, own_weights: bool = False
    ) -> None:
        super().__init__()
        self.batch = batch
        sheet = (samples, inputs + 1) if own_weights else ()
        self.touch, self.floor = own(2 * batch / mark, sheet), own(-0.5, sheet)
        self.full = AnyGate(sheet, sheet[:1], dim=1)
        k = torch.arange(1, batch + 1, dtype=torch.get_default_dtype()).reshape(-1, 1, 1)
        each = (batch, *sheet) if own_weights else (batch, 1, 1)
        self.weight = own(-batch / mark, each)
        self.bias = nn.Parameter((batch - 2 * k + 1.5).expand(each).clone())
        self.sign = nn.Parameter(((-1.0) ** (k - 1)).expand(each).clone())
        self.keep = Gate("and", sheet)
        self.unsign = XorGate((samples, inputs) if own_weights else ())

    def forward(self, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """Return full bits, and the bits of the equations' two sides."""
        full = self.full(ramp(self.touch * memory.abs() + self.floor))
        odd = (self.sign * ramp(self.weight * memory + self.bias)).sum(0)
        bits = self.keep(odd, full[:, None])
        return full, self.unsign(bits[:, :-1], bits[:, -1:]), bits[:, -1]


class GridReader(nn.Module):
    """Read real inputs that lie on a grid of step ``1 / grid``, and labels ±1, exactly.

    Args:
        samples: Number of rows.
        mark: What one step writes.
        grid: Grid points in a unit.
        own_weights: Give every gate its own weights.

    Example:
        >>> full, x, y = GridReader(1, mark=0.25, grid=4)(torch.tensor([[-0.125, -0.25]]))
        >>> x.tolist(), y.tolist()
        ([[0.5]], [-1.0])
    """

    def __init__(self, samples: int, mark: float, grid: int, own_weights: bool = False) -> None:
        super().__init__()
        self.full = _FullBits(samples, mark, own_weights)
        self.grid, self.scale = grid, own(grid / mark, ())

    def forward(self, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """Return full bits, inputs and labels."""
        y = memory[:, -1].sign()
        return self.full(memory), (self.scale * memory[:, :-1]).round() * y[:, None] / self.grid, y
