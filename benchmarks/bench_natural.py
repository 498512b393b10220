"""The exact Fisher matrix and Kronecker factors beside the tools that one would use instead.

Run ``python -m benchmarks natural``. One thread, double precision; CPU seconds, the best of some
rounds that take turns. Every ratio comes from one run.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.timing import in_turns
from tdyn import data, inits, natural, nets
from tdyn.train import gradients

ROUNDS = 3


class Problem:
    """A tanh perceptron on the digits."""

    def __init__(self, width: int = 16, samples: int = 1797):
        x, y = data.digits(torch.float64)
        self.x, self.y = x[:samples], y[:samples]
        self.net = nets.MLP((64, width, 10), torch.tanh)
        self.params = inits.initialize(self.net, inits.gaussian, seed=0, dtype=torch.float64)
        self.size = len(nets.flatten(self.params))

    def outputs(self, vector: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Outputs as a function of one vector."""
        return self.net(nets.unflatten(vector, self.net.shapes), x)

    def roots(self) -> torch.Tensor:
        """Roots of the Fisher matrix of the softmax, ``(n, c, c)``."""
        p = torch.softmax(self.net(self.params, self.x), -1)
        return torch.diag_embed(p.sqrt()) - p.unsqueeze(-1) * p.sqrt().unsqueeze(-2)

    def module(self) -> torch.nn.Sequential:
        """The same network for the peers."""
        (h, d), (c, _) = self.net.shapes["W1"], self.net.shapes["W2"]
        parts = torch.nn.Linear(d, h), torch.nn.Tanh(), torch.nn.Linear(h, c)
        module = torch.nn.Sequential(*parts).double()
        for p, value in zip(module.parameters(), self.params.values(), strict=True):
            p.data = value.clone()
        return module


def ours(p: Problem) -> torch.Tensor:
    """The Gram matrix of Kronecker products."""
    return natural.fisher(p.net, p.params, p.x, "categorical")


def stacked(p: Problem) -> torch.Tensor:
    """By hand: write out the Jacobian of every output, layer by layer, and multiply."""
    found = natural.terms(p.net, p.params, p.x, "categorical")
    rows = []
    for a, R in zip(found.inputs, found.signals, strict=True):
        outer = torch.einsum("nok,ni->nkoi", R, a)
        rows += [outer[..., :-1].flatten(2), outer[..., -1]]
    J = torch.cat(rows, -1).flatten(0, 1)
    return J.mT @ J / len(p.x)


def automatic(p: Problem) -> torch.Tensor:
    """torch.func: ``vmap(jacrev)``, then the Gram matrix."""
    one = lambda v, x: p.outputs(v, x.unsqueeze(0)).squeeze(0)  # noqa: E731
    J = torch.func.vmap(torch.func.jacrev(one), (None, 0))(nets.flatten(p.params), p.x)
    J = (p.roots().mT @ J).flatten(0, 1)
    return J.mT @ J / len(p.x)


def operator(p: Problem, name: str, **options: Any) -> Any:
    """An operator of curvlinops."""
    import curvlinops

    module = p.module()
    return getattr(curvlinops, name)(
        module, torch.nn.CrossEntropyLoss(), list(module.parameters()), [(p.x, p.y)],
        check_deterministic=False, **options,
    )  # fmt: skip


def peer_fisher(p: Problem) -> torch.Tensor:
    """curvlinops: the matrix-free Gauss-Newton operator times the identity."""
    return operator(p, "GGNLinearOperator") @ torch.eye(p.size, dtype=torch.float64)


def our_step(p: Problem) -> torch.Tensor:
    """K-FAC: gradient, factors, solve."""
    loss = natural.negative_log_likelihood("categorical")
    grads, _ = gradients(lambda q, b: loss(p.net(q, b[0]), b[1]), p.params, (p.x, p.y))
    return nets.flatten(natural.natural_gradient(
        p.net, p.params, grads, p.x, "categorical", kind="kfac", damping=1e-2
    ))  # fmt: skip


def peer_step(p: Problem) -> torch.Tensor:
    """curvlinops: gradient, factors, inverse."""
    import curvlinops

    module = p.module()
    weights = list(module.parameters())
    loss = torch.nn.functional.cross_entropy(module(p.x), p.y)
    grads = torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)])
    kfac = curvlinops.KFACLinearOperator(
        module, torch.nn.CrossEntropyLoss(), weights, [(p.x, p.y)], check_deterministic=False,
        fisher_type=curvlinops.FisherType.TYPE2, separate_weight_and_bias=False,
    )  # fmt: skip
    inverse = curvlinops.KFACInverseLinearOperator(kfac, damping=1e-2, use_heuristic_damping=True)
    return inverse @ grads


def compare(title: str, calls: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> None:
    """Print seconds, ratios and differences; the first call is ours, and all are warmed up."""
    results = {name: call() for name, call in calls.items()}
    spent = in_turns(calls, rounds)
    first = next(iter(calls))
    print(f"\n{title}\n{'method':>34} {'seconds':>9} {'ratio':>7} {'relative difference':>20}")
    for name, out in results.items():
        gap = float((out - results[first]).norm() / results[first].norm())
        print(f"{name:>34} {spent[name]:>9.4f} {spent[name] / spent[first]:>6.1f}x {gap:>20.1e}")


def exponents() -> None:
    """Print how the cost of the exact matrix grows with parameters and samples."""
    for what, problems in (
        ("parameters", [(width, 600) for width in (4, 8, 16, 32)]),
        ("samples", [(16, n) for n in (225, 450, 900, 1797)]),
    ):
        cases = [Problem(width, n) for width, n in problems]
        for p in cases:
            ours(p)
        costs = [in_turns({"": lambda p=p: ours(p)}, 5)[""] for p in cases]
        at = [p.size if what == "parameters" else len(p.x) for p in cases]
        slope = np.polyfit(np.log(at), np.log(costs), 1)[0]
        listed = ", ".join(f"{v}: {1e3 * c:.0f} ms" for v, c in zip(at, costs, strict=True))
        print(f"  {what}: {listed}; exponent {slope:.2f}")


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")  # the peers' own
    p, small = Problem(), Problem(4, 300)
    compare(
        f"Exact Fisher matrix, 64-16-10, {len(p.x)} samples, {p.size} parameters",
        {
            "tdyn.natural.fisher": lambda: ours(p),
            "stacked Jacobian": lambda: stacked(p),
            "vmap(jacrev) and Gram": lambda: automatic(p),
        },
    )
    compare(
        f"The same, 64-4-10, {len(small.x)} samples, {small.size} parameters",
        {
            "tdyn.natural.fisher": lambda: ours(small),
            "stacked Jacobian": lambda: stacked(small),
            "vmap(jacrev) and Gram": lambda: automatic(small),
            "curvlinops, GGN @ identity": lambda: peer_fisher(small),
        },
    )
    for width in (16, 128):
        wide = Problem(width)
        compare(
            f"K-FAC direction, 64-{width}-10, {len(wide.x)} samples",
            {
                "tdyn.natural.natural_gradient": lambda w=wide: our_step(w),
                "curvlinops, KFAC and its inverse": lambda w=wide: peer_step(w),
            },
        )
    print("\ngrowth of the cost of the exact matrix")
    exponents()


if __name__ == "__main__":
    main()
