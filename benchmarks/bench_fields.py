"""Images with edges, the cavity effect and pruning masks beside their peers, in one run.

Run ``python -m benchmarks fields``. One thread; CPU seconds, the best of some rounds that take
turns. The peer of the sampler is ``scipy.stats.multivariate_normal.rvs`` with the same covariance,
which factorizes it at every call; that of the cavity effect deletes each weight and measures again.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import erf
from scipy.stats import multivariate_normal

from benchmarks.timing import in_turns
from tdyn import data, fields, pruning

BATCH, GAIN, XI, ROUNDS = 128, 3.0, 3.0, 5


def scipy_images(cov: np.ndarray, seed: int) -> np.ndarray:
    """The same images: dense factorization, then the error function."""
    z = multivariate_normal.rvs(cov=cov, size=BATCH, random_state=seed)
    a = GAIN**2 / (1 + GAIN**2)
    return erf(GAIN * z / math.sqrt(2)) / math.sqrt(2 / math.pi * math.asin(a))


def sampler() -> None:
    """Print the times of one batch on rings."""
    print(f"\n{BATCH} images on a ring of D pixels, gain {GAIN:g}")
    print(f"{'D':>6} {'tdyn':>10} {'scipy rvs':>11} {'ratio':>8} {'covariances differ by':>22}")
    sizes, ours, theirs = (40, 100, 200, 400, 800), [], []
    for d in sizes:
        cov = data.nlgp_covariance(d, xi=XI, gain=0.0).numpy()
        calls = {
            "tdyn": lambda d=d: data.nlgp(BATCH, d, xi=XI, gain=GAIN, seed=0),
            "scipy": lambda cov=cov: scipy_images(cov, 0),
        }
        spent = in_turns(calls, 12)
        mine, _ = data.nlgp(20_000, d, xi=XI, gain=GAIN, seed=1)
        gap = (mine.T @ mine / len(mine)).double() - data.nlgp_covariance(d, xi=XI, gain=GAIN)
        ours.append(spent["tdyn"])
        theirs.append(spent["scipy"])
        print(
            f"{d:>6} {spent['tdyn'] * 1e3:>7.2f} ms {spent['scipy'] * 1e3:>8.1f} ms "
            f"{spent['scipy'] / spent['tdyn']:>7.0f}x {gap.abs().max():>22.3f}"
        )
    for name, costs in (("tdyn", ours), ("scipy", theirs)):
        slope = np.polyfit(np.log(sizes[-3:]), np.log(costs[-3:]), 1)[0]
        print(f"  {name} grows like D^{slope:.2f}")


def brute_force(w: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Delete each weight in turn and measure the kurtosis again, class by class."""
    effect = torch.zeros_like(w)
    for label in y.unique():
        own = x[y == label]
        seen = own @ w.T
        before = fields.excess_kurtosis(seen, 0).abs()
        for i in range(w.shape[1]):
            after = fields.excess_kurtosis(seen - w[:, i] * own[:, i, None], 0).abs()
            effect[:, i] += (after - before) / len(y.unique())
    return effect


def one_by_one(w: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The definition: one weight of one neuron at a time."""
    effect = torch.zeros_like(w)
    for label in y.unique():
        own = x[y == label]
        for k, row in enumerate(w):
            before = fields.excess_kurtosis(own @ row).abs()
            for i in range(w.shape[1]):
                without = row.clone()
                without[i] = 0
                after = fields.excess_kurtosis(own @ without).abs()
                effect[k, i] += (after - before) / len(y.unique())
    return effect


def cavity() -> None:
    """Print the times of the cavity effect of all weights."""
    print("\ncavity effect of all weights, 20 neurons, 8000 images, float64")
    print(f"{'D':>6} {'tdyn':>10} {'all neurons at once':>20} {'weight by weight':>22}")
    generator = torch.Generator().manual_seed(0)
    for d in (40, 100, 200):
        x, y = data.nlgp(8000, d, xi=(1.0, 3.0), gain=GAIN, seed=0, dtype=torch.float64)
        w = torch.randn(20, d, generator=generator, dtype=torch.float64)
        calls = {
            "tdyn": lambda w=w, x=x, y=y: fields.cavity(w, x, y),
            "neurons": lambda w=w, x=x, y=y: brute_force(w, x, y),
            "weights": lambda w=w, x=x, y=y: one_by_one(w, x, y),
        }
        for call in (calls["neurons"], calls["weights"]):
            torch.testing.assert_close(calls["tdyn"](), call(), rtol=0, atol=1e-7)
        spent = in_turns(calls, 2)
        ours = spent.pop("tdyn")
        others = "".join(f"{v * 1e3:>13.1f} ms {v / ours:>5.1f}x" for v in spent.values())
        print(f"{d:>6} {ours * 1e3:>7.1f} ms{others}")


def masks() -> None:
    """Print the times of one pruning of a layer."""
    from torch import nn
    from torch.nn.utils import prune

    print("\none pruning of half the survivors of a square layer, 20 networks")
    print(f"{'width':>6} {'tdyn':>10} {'torch prune':>12} {'ratio':>7}")
    for n in (64, 256):
        layers = [nn.Linear(n, n) for _ in range(20)]
        params = {"W1": torch.stack([layer.weight.detach() for layer in layers])}

        def torch_prune(layers: list[nn.Linear] = layers) -> None:
            for layer in layers:
                prune.l1_unstructured(layer, "weight", amount=0.5)
                prune.remove(layer, "weight")

        spent = in_turns(
            {
                "tdyn": lambda p=params: pruning.magnitude_mask(p, 0.5, ensemble=1),
                "torch": torch_prune,
            },
            3,
        )
        ratio = spent["torch"] / spent["tdyn"]
        print(
            f"{n:>6} {spent['tdyn'] * 1e3:>7.2f} ms {spent['torch'] * 1e3:>9.2f} ms {ratio:>6.1f}x"
        )


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    sampler()
    cavity()
    masks()


if __name__ == "__main__":
    main()
