"""Kernels: closed forms of SELU and ELU beside Monte Carlo, and how cost grows.

Run ``python -m benchmarks kernels``. One thread; every ratio comes from one run.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.polynomial.hermite_e import hermegauss

from benchmarks.timing import seconds
from tdyn import kernels

F64 = torch.float64


def monte_carlo(name: str, rho: torch.Tensor, samples: int, seed: int) -> torch.Tensor:
    """Mean of φ'(u)φ'(v) over Gaussian pairs: all correlations share the draws."""
    generator = torch.Generator().manual_seed(seed)
    slope = kernels.activation(name).derivative
    u, w = torch.randn(2, samples, dtype=F64, generator=generator)
    v = rho.unsqueeze(-1) * u + (1 - rho**2).sqrt().unsqueeze(-1) * w
    return (slope(u) * slope(v)).mean(-1)


def gauss_hermite(name: str, rho: torch.Tensor, nodes: int) -> torch.Tensor:
    """The rule that numerical kernels in other libraries use: a product of two Gauss rules."""
    x, weights = hermegauss(nodes)
    weights = weights / weights.sum()
    z = torch.from_numpy(x)
    slope = kernels.activation(name).derivative
    v = rho[:, None, None] * z[:, None] + (1 - rho**2).sqrt()[:, None, None] * z
    inner = slope(v) @ torch.from_numpy(weights)
    return (slope(z) * inner) @ torch.from_numpy(weights)


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    rho = torch.linspace(-0.99, 0.99, 50, dtype=F64)
    print("kernel of the derivative at 50 correlations; Monte Carlo and Gauss-Hermite as they come")
    print(f"{'':>6} {'closed form':>12} {'rule':>24} {'time':>10} {'error':>9} {'slower':>9}")
    for name in ("selu", "elu"):
        exact = kernels.dual_derivative(name, rho)
        ours = seconds(lambda name=name: kernels.dual_derivative(name, rho), 5)
        rules = [
            (f"Monte Carlo, {n:,} pairs", lambda s, n=n, name=name: monte_carlo(name, rho, n, s), n)
            for n in (10_000, 100_000)
        ]
        rules.append(
            ("Gauss-Hermite, 100 nodes", lambda _, name=name: gauss_hermite(name, rho, 100), 0)
        )
        for label, rule, samples in rules:
            took = seconds(lambda rule=rule: rule(0), 2)
            error = np.sqrt(np.mean([(rule(s) - exact).square().mean().item() for s in range(3)]))
            print(f"{name:>6} {ours:>10.1e} s {label:>24} {took:>8.1e} s {error:>9.1e} "
                  f"{took / ours:>8.0f}x")  # fmt: skip
            if samples == 100_000:
                # Its error falls like the root of the samples; that of the closed form is 1e-15.
                wanted = took * (error / 1e-4) ** 2
                print(f"{'':>6} at an error of 1e-4 Monte Carlo takes {wanted:,.0f} s (by its root "
                      f"law), the closed form {ours:.1e} s at 1e-15")  # fmt: skip

    print("\nhow cost grows (seconds)")
    print(f"{'n':>6} {'gram selu':>11} {'gram tanh':>11} {'eigvalsh':>11} {'deep x8':>11}")
    for n in (50, 100, 200, 400):
        generator = torch.Generator().manual_seed(0)
        x = torch.nn.functional.normalize(torch.randn(n, 5, dtype=F64, generator=generator))
        g = kernels.gram("selu", x)
        calls = [
            lambda x=x: kernels.gram("selu", x),
            lambda x=x: kernels.gram("tanh", x),
            lambda g=g: torch.linalg.eigvalsh(g),
            lambda x=x: kernels.deep_gram("selu", x, 8),
        ]
        print(f"{n:>6} " + " ".join(f"{seconds(call, 2):>11.1e}" for call in calls))
    print(f"\n{'m':>6} {'Jacobian, svd':>14} {'QR, then svd':>13} {'ratio':>7}   (n = 33, d = 5)")
    x = torch.nn.functional.normalize(torch.randn(33, 5, dtype=F64), dim=-1)
    for m in (100, 1000, 10_000):
        generator = torch.Generator().manual_seed(0)
        w = torch.randn(m, 5, dtype=F64, generator=generator)
        j = kernels.feature_jacobian("tanh", x, w)
        slow = seconds(lambda j=j: torch.linalg.svdvals(j)[-1] ** 2, 2)
        fast = seconds(lambda j=j: kernels.smallest_eigenvalue(j), 2)
        gap = abs(math.sqrt(kernels.smallest_eigenvalue(j).item()) -
                  torch.linalg.svdvals(j)[-1].item())  # fmt: skip
        print(f"{m:>6} {slow:>12.1e} s {fast:>11.1e} s {slow / fast:>6.1f}x   gap {gap:.0e}")


if __name__ == "__main__":
    main()
