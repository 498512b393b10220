"""Gradient alignment: the double integral beside the triple sum that the definition suggests.

Run ``python -m benchmarks alignment``. One thread; every ratio comes from one run.
"""

from __future__ import annotations

import math

import torch
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

from benchmarks.timing import seconds
from tdyn import alignment, data

SIGMA = 1.0


def triple_sum(d: int, sigma: float = SIGMA) -> float:
    """Squared bias gradient of one neuron, summed over pairs of inputs grouped by overlap.

    For two inputs that agree in ``m`` places the pre-activations are ``u + v`` and ``u - v`` with
    independent parts; both are positive if ``u > |v|``: one quadrature a term.
    """
    total = 0.0
    for m in range(d + 1):
        su, sv = sigma * math.sqrt(m), sigma * math.sqrt(d - m)
        part = 0.0
        for i in range(m + 1):
            for j in range((d - m) // 2 + 1):
                twice = 1 if 2 * j == d - m else 2  # v and -v
                ways = twice * math.comb(m, i) * math.comb(d - m, j)
                part += ways * orthant(m - 2 * i, su, d - m - 2 * j, sv)
        total += (-1) ** (d - m) * math.comb(d, m) * part
    return total / 4**d


def orthant(mu: float, su: float, mv: float, sv: float) -> float:
    """Probability that u > |v| for independent normal u and v."""
    if sv == 0:
        return float(norm.cdf((mu - abs(mv)) / su))
    if su == 0:
        return max(0.0, float(norm.cdf((mu - mv) / sv) - norm.cdf((-mu - mv) / sv)))
    scale = 1 / (sv * math.sqrt(2 * math.pi))

    def integrand(v: float) -> float:
        return scale * math.exp(-0.5 * ((v - mv) / sv) ** 2) * ndtr((mu - abs(v)) / su)

    low, high = mv - 8 * sv, mv + 8 * sv
    kinks = [0.0] if low < 0 < high else None
    return quad(integrand, low, high, points=kinks, epsabs=0, epsrel=1e-10)[0]


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    law = alignment.perturbed_rademacher(SIGMA)
    print(f"gal_iid (layer='bias', sigma={SIGMA}) against the triple sum with scipy.integrate.quad")
    print(f"{'d':>4} {'triple sum':>12} {'gal_iid':>12} {'ratio':>8} {'rel. difference':>16}")
    for d in (11, 21, 31, 41):
        slow = seconds(lambda d=d: triple_sum(d), 1)
        fast = seconds(lambda d=d: alignment.gal_iid(law, d, layer="bias"), 3)
        gap = triple_sum(d) / alignment.gal_iid(law, d, layer="bias") - 1
        print(f"{d:>4} {slow:>10.3f} s {fast:>10.4f} s {slow / fast:>7.0f}x {gap:>16.1e}")
    print("\nneuron_coefficient against enumeration of the cube, 100 Gaussian neurons")
    print(f"{'d':>4} {'enumeration':>12} {'integral':>12} {'ratio':>8} {'max difference':>16}")
    for d in (8, 12, 16):
        w = torch.randn(100, d, dtype=torch.float64, generator=torch.Generator().manual_seed(d))

        def enumerate_cube(d: int = d, w: torch.Tensor = w) -> torch.Tensor:
            x = data.hypercube(d, dtype=torch.float64)
            return (x.prod(dim=1) @ (x @ w.T).relu()) / len(x)

        slow = seconds(enumerate_cube, 3)
        fast = seconds(lambda w=w: alignment.neuron_coefficient(w), 3)
        gap = float((enumerate_cube() - alignment.neuron_coefficient(w)).abs().max())
        print(f"{d:>4} {slow:>10.4f} s {fast:>10.4f} s {slow / fast:>7.1f}x {gap:>16.1e}")


if __name__ == "__main__":
    main()
