"""The recorder: sheets of gates beside one Python call a gate, at equal outputs and gradients.

Run ``python -m benchmarks recorder``. One thread; every ratio comes from one run. The
elimination outside the network is timed beside sympy's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.timing import seconds
from tdyn.data import parity
from tdyn.recorder import Recorder, gaussian_elimination


def ramp(z: Tensor) -> Tensor:
    return z.relu() - (z - 1).relu()


def both(a: Tensor, b: Tensor) -> Tensor:
    return ramp(2 * a + 2 * b - 2.5)


def but_not(a: Tensor, b: Tensor) -> Tensor:
    return ramp(2 * a - 2 * b - 0.5)


def some(bits: Sequence[Tensor]) -> Tensor:
    return ramp(2 * sum(bits) - 0.5)


def xor(a: Tensor, b: Tensor) -> Tensor:
    return some([but_not(a, b), but_not(b, a)])


def scalar_elimination(rows: list[list[Tensor]]) -> list[Tensor]:
    """Gauss-Jordan elimination, one call a gate; the last entry of a row is its right-hand side."""
    count, n = len(rows), len(rows[0]) - 1
    used, pivots = [torch.zeros(())] * count, []
    for j in range(n):
        free = [but_not(row[j], u) for row, u in zip(rows, used, strict=True)]
        pivot = [ramp(2 * free[i] - 2 * sum(free[:i]) - 0.5) for i in range(count)]
        chosen = [some([both(rows[i][k], pivot[i]) for i in range(count)]) for k in range(n + 1)]
        change = [but_not(row[j], p) for row, p in zip(rows, pivot, strict=True)]
        rows = [
            [xor(entry, both(change[i], chosen[k])) for k, entry in enumerate(row)]
            for i, row in enumerate(rows)
        ]
        used = [some([u, p]) for u, p in zip(used, pivot, strict=True)]
        pivots.append(pivot)
    return [
        some([both(p, row[-1]) for p, row in zip(pivot, rows, strict=True)]) for pivot in pivots
    ]


def scalar_recorder(memory: Tensor, x: Tensor, mark: float) -> Tensor:
    """Output of the recorder for one input, one call a gate."""
    count, width = memory.shape
    sign = [[ramp(-4 / mark * entry - 1.5) for entry in row] for row in memory]
    rows = [[xor(entry, row[-1]) for entry in row[:-1]] + [row[-1]] for row in sign]
    theta = scalar_elimination(rows)
    bits = [both(t, ramp(-2 * entry - 0.5)) for t, entry in zip(theta, x, strict=True)]
    while len(bits) > 1:
        half = len(bits) // 2
        bits = [xor(bits[i], bits[half + i]) for i in range(half)] + bits[2 * half :]
    full = [ramp(4 / mark * row[-1].abs() - 1.5) for row in memory]
    before = [torch.ones(()), *full[:-1]]
    out = 2 * but_not(full[-1], bits[0]) - full[-1]
    for t in range(count):
        inner = memory[t, -1] + sum(memory[t, k] * x[k] for k in range(width - 1))
        out = out + but_not(before[t], full[t]) * inner
    return out


def main() -> None:
    """Print the tables."""
    import sympy
    from sympy.polys.matrices import DomainMatrix

    torch.set_num_threads(1)
    print("One training step (forward and backward), gates one by one against sheets of gates")
    print(f"{'n':>4} {'rows':>5} {'one by one':>12} {'sheets':>10} {'ratio':>7} {'difference':>11}")
    for n, rows in ((6, 10), (10, 16), (14, 20), (20, 26)):
        x, y = parity(rows, n, k=n // 2, seed=n)
        net = Recorder(n, rows, lr=0.1)
        with torch.no_grad():
            net.memory[: rows - 1] = (
                net.mark * y[:-1, None] * torch.cat([x[:-1], torch.ones(rows - 1, 1)], dim=1)
            )

        def gates(net: Recorder = net, x: Tensor = x) -> Tensor:
            out = scalar_recorder(net.memory, x[-1], net.mark)
            return torch.autograd.grad((out - 1) ** 2, net.memory)[0]

        def sheets(net: Recorder = net, x: Tensor = x) -> Tensor:
            out = net(x[-1:])[0, 0]
            return torch.autograd.grad((out - 1) ** 2, list(net.parameters()))[0]

        gap = float((gates() - sheets()).abs().max())
        slow, fast = seconds(gates, 1), seconds(sheets, 5)
        print(f"{n:>4} {rows:>5} {slow:>10.3f} s {fast:>8.4f} s {slow / fast:>6.1f}x {gap:>11.1e}")

    print("\nElimination outside the network against sympy's reduced echelon form")
    print(f"{'n':>4} {'rows':>5} {'sympy':>12} {'ours':>10} {'ratio':>7}")
    for n, rows in ((10, 16), (30, 42)):
        x, y = parity(rows, n, k=n // 2, seed=n)
        bits = (torch.cat([x, y[:, None]], dim=1) < 0).long().tolist()

        def reduce(bits: list[list[int]] = bits) -> object:
            return DomainMatrix.from_list(bits, sympy.GF(2)).rref()

        slow, fast = seconds(reduce, 3), seconds(lambda x=x, y=y: gaussian_elimination(x, y), 3)
        print(f"{n:>4} {rows:>5} {slow:>10.4f} s {fast:>8.4f} s {slow / fast:>6.1f}x")


if __name__ == "__main__":
    main()
