"""Ranks of many checkpoints: one batched decomposition beside one call a metric and checkpoint.

Run ``python -m benchmarks rank``. One thread; every ratio comes from one run.
"""

from __future__ import annotations

import math

import torch

from benchmarks.timing import seconds
from tdyn import rank

EPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)


def checkpoints(runs: int, inputs: int, neurons: int) -> torch.Tensor:
    """Features whose singular values fall over many decades, as those of a trained network."""
    g = torch.Generator().manual_seed(0)
    x = torch.linspace(-1, 1, inputs, dtype=torch.float64)[:, None]
    w = 3 * torch.randn(runs, 1, neurons, generator=g, dtype=torch.float64)
    b = 3 * torch.randn(runs, 1, neurons, generator=g, dtype=torch.float64)
    return torch.tanh(x @ w + b)


def one_by_one(features: torch.Tensor) -> list[torch.Tensor]:
    """What a user writes with torch: a call a checkpoint, a metric and a threshold."""
    rows = []
    for phi in features:
        scaled = phi / math.sqrt(phi.shape[0])
        counts = [torch.linalg.matrix_rank(scaled, atol=math.sqrt(e), rtol=0).double() for e in EPS]
        sigma = torch.linalg.svdvals(scaled)
        p = sigma / sigma.sum()
        effective = torch.special.entr(p).sum().exp()
        stable = torch.linalg.matrix_norm(scaled) ** 2 / torch.linalg.matrix_norm(scaled, 2) ** 2
        lam = torch.linalg.svdvals(scaled) ** 2
        participation = lam.sum() ** 2 / (lam**2).sum()
        rows.append(torch.stack([*counts, effective, stable, participation]))
    return rows


def at_once(features: torch.Tensor) -> torch.Tensor:
    """The same table from :func:`tdyn.rank.ranks`."""
    r = rank.ranks(features, EPS)
    rest = torch.stack([r.effective, r.stable, r.participation], dim=-1)
    return torch.cat([r.epsilon.double(), rest], dim=-1)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"ε-ranks at {len(EPS)} thresholds, effective and stable rank, participation ratio")
    head = f"{'checkpoints':>12} {'inputs':>7} {'neurons':>8}"
    print(f"{head} {'one by one':>12} {'rank.ranks':>12} {'ratio':>7} {'max difference':>15}")
    for runs, inputs, neurons in ((500, 30, 10), (200, 64, 50), (50, 200, 100), (10, 1000, 200)):
        phi = checkpoints(runs, inputs, neurons)
        gap = (torch.stack(one_by_one(phi)) - at_once(phi)).abs().max().item()
        slow = seconds(lambda phi=phi: one_by_one(phi), 2)
        fast = seconds(lambda phi=phi: at_once(phi), 3)
        print(
            f"{runs:>12} {inputs:>7} {neurons:>8} {slow:>10.3f} s {fast:>10.4f} s "
            f"{slow / fast:>6.1f}x {gap:>15.1e}"
        )


if __name__ == "__main__":
    main()
