"""Dead ReLUs: the exact decision beside a linear program, births beside a loop over networks.

Run ``python -m benchmarks relu``. One thread; every ratio comes from one run.
"""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import torch
from scipy.optimize import linprog
from torch import nn

from benchmarks.timing import seconds
from tdyn import inits, nets, relu


def linear_programs(W: np.ndarray, beta: np.ndarray, w: np.ndarray, b: float) -> bool:
    """Decide inactivity by maximizing the neuron over every cell of layer 1 (HiGHS)."""
    for signs in itertools.product((1.0, -1.0), repeat=len(W)):
        s = np.array(signs)
        on = w * (s > 0)
        found = linprog(-on @ W, -s[:, None] * W, s * beta, bounds=(None, None), method="highs")
        if found.status == 3 or (found.status == 0 and -found.fun + on @ beta + b > 0):
            return False
    return True


def sampled(parts: list[torch.Tensor], inputs: int) -> torch.Tensor:
    """Call a neuron dead if some Gaussian inputs do not switch it on: fast to write, and wrong."""
    W, beta, w, b = parts
    x = torch.randn(inputs, W.shape[-1], dtype=W.dtype)
    z = ((x @ W.mT + beta.unsqueeze(-2)).relu() @ w.unsqueeze(-1)).squeeze(-1) + b.unsqueeze(-1)
    return (z <= 0).all(dim=-1)


def neurons(n0: int, n1: int, count: int) -> list[torch.Tensor]:
    """Random neurons, one on each first layer."""
    generator = torch.Generator().manual_seed(n0 * 100 + n1)
    shapes = (count, n1, n0), (count, n1), (count, n1), (count,)
    return [torch.randn(s, dtype=torch.float64, generator=generator) for s in shapes]


def by_module(widths: tuple[int, ...], count: int) -> int:
    """Count networks born dead the usual way: modules, one at a time, on a grid of inputs."""
    grid = torch.linspace(-math.sqrt(3), math.sqrt(3), 201)[:, None]
    dead = 0
    for seed in range(count):
        torch.manual_seed(seed)
        h = grid
        with torch.no_grad():
            for n_in, n_out in itertools.pairwise(widths[:-1]):
                layer = nn.Linear(n_in, n_out)
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
                h = layer(h).relu()
                if not h.any():
                    dead += 1
                    break
    return dead


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    print("one second-layer neuron: vertices and rays against one linear program per cell (HiGHS)")
    print(
        f"{'n0':>3} {'n1':>3} {'programs':>12} {'sampling':>12} {'exact':>12} {'ratio':>8}  agree"
    )
    for n0, n1, few in ((1, 2, 60), (2, 3, 60), (2, 4, 30), (2, 6, 8), (3, 4, 30), (4, 5, 12)):
        parts = neurons(n0, n1, 20000)
        first = [[p[i].numpy() for p in parts] for i in range(few)]
        start = time.process_time()
        truth = [linear_programs(*neuron) for neuron in first]
        slow = (time.process_time() - start) / few
        fast = seconds(lambda p=parts: relu.stably_inactive(*p)) / 20000
        sample = seconds(lambda p=parts: sampled([v[:500] for v in p], 1000), 1) / 500
        agree = relu.stably_inactive(*parts)[:few].tolist() == truth
        print(
            f"{n0:>3} {n1:>3} {slow * 1e3:>9.2f} ms {sample * 1e6:>9.1f} us {fast * 1e6:>9.2f} us "
            f"{slow / fast:>7.0f}x  {agree}"
        )
    print("\nborn dead, widths 1, N x 9, 1: exact kinks, all at once, against a loop of modules")
    print(f"{'N':>3} {'loop':>14} {'exact':>16} {'ratio':>8} {'dead (loop)':>12} {'dead':>8}")
    for width in (2, 3, 5, 10):
        widths = (1, *[width] * 9, 1)
        start = time.process_time()
        dead = by_module(widths, 500) / 500
        slow = 500 / (time.process_time() - start)
        run = lambda w=widths: relu.born_dead_monte_carlo(  # noqa: E731
            nets.MLP(w), inits.he, networks=20000, seed=0
        )
        fast = 20000 / seconds(run)
        print(
            f"{width:>3} {slow:>10.0f} / s {fast:>12.0f} / s {fast / slow:>7.0f}x "
            f"{dead:>12.3f} {run()[-1].item():>8.4f}"
        )


if __name__ == "__main__":
    main()
