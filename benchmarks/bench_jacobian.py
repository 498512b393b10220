"""The full training Jacobian beside the tools that one would use instead, in one run.

Run ``python -m benchmarks jacobian``. One thread; CPU seconds, the best of some rounds that take
turns, for 25 of 625 steps. The recursion and JAX push all tangents, chunk by chunk; the slow ones
push a few and are extrapolated.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import numpy as np
import torch

from benchmarks.timing import in_turns
from tdyn import data, inits, jacobian, losses, nets, optim

BATCH, ALL_STEPS, STEPS, TANGENTS, ROUNDS = 64, 625, 25, 128, 5
RATE, BETA = optim.cosine(0.1, ALL_STEPS), 0.9


class Problem:
    """A perceptron of some width on the digits."""

    def __init__(self, width: int = 16, batch: int = BATCH, dtype: torch.dtype = torch.float32):
        x, y = data.digits(dtype)
        self.net = nets.MLP((64, width, 10), partial(torch.nn.functional.gelu, approximate="tanh"))
        self.params = inits.initialize(
            self.net, inits.truncated, seed=0, bias=inits.gaussian, dtype=dtype
        )
        self.size = len(nets.flatten(self.params))
        self.batch, self.dtype = batch, dtype
        self.x, self.y = x[: 1797 // batch * batch], y[: 1797 // batch * batch]

    def batches(self, t: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Batch of a step, in a fixed order."""
        i = t * self.batch % len(self.x)
        return self.x[i : i + self.batch], self.y[i : i + self.batch]

    def directions(self, k: int) -> torch.Tensor:
        """The first ``k`` tangents."""
        return torch.eye(self.size, k, dtype=self.dtype)

    def loss(self, params: nets.Params, t: int) -> torch.Tensor:
        """Loss on the batch of a step."""
        x, y = self.batches(t)
        return losses.cross_entropy(self.net(params, x), y)


def recursion(p: Problem, k: int, steps: int, method: str = "fast") -> torch.Tensor:
    """Ours: the recursion, or forward mode step by step."""
    return jacobian.training_jacobian(
        p.net, p.params, p.batches, optim.momentum(RATE, BETA), steps=steps,
        directions=p.directions(k), method=method, chunk=TANGENTS,
    )  # fmt: skip


def unrolled(p: Problem, k: int, steps: int) -> torch.Tensor:
    """torch.func: one jvp through the whole unrolled training, vectorized over tangents."""
    optimizer = optim.momentum(RATE, BETA)

    def final(vector: torch.Tensor) -> torch.Tensor:
        params = nets.unflatten(vector, p.net.shapes)
        state = optimizer.init(params)
        for t in range(steps):
            grads = torch.func.grad(p.loss)(params, t)
            params, state = optimizer.update(params, grads, state, t)
        return nets.flatten(params)

    start = nets.flatten(p.params)
    push = torch.func.vmap(lambda v: torch.func.jvp(final, (start,), (v,))[1])
    return push(p.directions(k).mT).mT


def double_backward(p: Problem, k: int, steps: int) -> torch.Tensor:
    """Naive: one tangent at a time, each Hessian-vector product by two backward passes."""
    columns = []
    for v in p.directions(k).mT:
        params = {n: w.clone().requires_grad_() for n, w in p.params.items()}
        V, M = list(nets.unflatten(v, p.net.shapes).values()), [torch.zeros(())] * 4
        G = [torch.zeros(())] * 4
        for t in range(steps):
            leaves = list(params.values())
            grads = torch.autograd.grad(p.loss(params, t), leaves, create_graph=True)
            product = sum((g * u).sum() for g, u in zip(grads, V, strict=True))
            M = [BETA * m + h for m, h in zip(M, torch.autograd.grad(product, leaves), strict=True)]
            G = [BETA * m + g.detach() for m, g in zip(G, grads, strict=True)]
            V = [u - RATE(t) * m for u, m in zip(V, M, strict=True)]
            moved = [w.detach() - RATE(t) * g for w, g in zip(leaves, G, strict=True)]
            params = {n: w.requires_grad_() for n, w in zip(params, moved, strict=True)}
        columns.append(torch.cat([u.flatten() for u in V]))
    return torch.stack(columns, dim=1)


def jax_scan(p: Problem, steps: int) -> Callable[[int], torch.Tensor]:
    """JAX: ``jit(vmap(jvp(lax.scan(step))))``, compiled before the clock starts."""
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    jax.config.update("jax_platforms", "cpu")
    if p.dtype == torch.float64:
        jax.config.update("jax_enable_x64", True)
    params = {n: jnp.asarray(w.numpy()) for n, w in p.params.items()}
    parts = [p.batches(t) for t in range(steps)]
    xs, ys = (jnp.asarray(torch.stack(list(z)).numpy()) for z in zip(*parts, strict=True))
    rates = jnp.asarray(np.array([RATE(t) for t in range(steps)]), dtype=xs.dtype)
    start, cut = ravel_pytree(params)

    def loss(q: Any, x: Any, y: Any) -> Any:
        a = jax.nn.gelu(x @ q["W1"].T + q["b1"], approximate=True)
        log_p = jax.nn.log_softmax(a @ q["W2"].T + q["b2"])
        return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()

    def step(carry: Any, item: Any) -> Any:
        q, m = carry
        x, y, rate = item
        m = jax.tree.map(lambda a, g: BETA * a + g, m, jax.grad(loss)(q, x, y))
        return (jax.tree.map(lambda w, a: w - rate * a, q, m), m), None

    def final(vector: Any) -> Any:
        q = cut(vector)
        zero = jax.tree.map(jnp.zeros_like, q)
        (q, _), _ = jax.lax.scan(step, (q, zero), (xs, ys, rates))
        return ravel_pytree(q)[0]

    push = jax.jit(jax.vmap(lambda v: jax.jvp(final, (start,), (v,))[1]))
    names = {n: torch.arange(w.numel()) for n, w in p.params.items()}
    offset, places = 0, {}
    for n in p.params:
        places[n], offset = names[n] + offset, offset + len(names[n])
    order = torch.cat([places[n] for n in sorted(p.params)])  # JAX sorts the names

    eye = torch.eye(p.size, dtype=p.dtype)[order]

    def run(k: int) -> torch.Tensor:
        padded = torch.nn.functional.pad(eye, (0, -p.size % k))  # one shape: one compilation
        out = [
            np.asarray(push(jnp.asarray(part.mT.contiguous().numpy())))
            for part in padded.split(k, dim=1)
        ]
        return torch.tensor(np.concatenate(out)[: p.size]).mT[torch.argsort(order)]

    return run


def matmul_rate(n: int = 1024) -> float:
    """Floating-point operations a second in a square product of float32 matrices."""
    a = torch.randn(n, n)
    return 2 * n**3 / in_turns({"product": lambda: a @ a})["product"]


def peers(width: int) -> None:
    """Print the table of one network."""
    p, few = Problem(width), 2
    calls: dict[str, tuple[int, Callable[[], Any]]] = {
        "tdyn, recursion": (p.size, lambda: recursion(p, p.size, STEPS)),
        "tdyn, any model (jvp a step)": (64, lambda: recursion(p, 64, STEPS, "forward")),
        "torch.func, vmap(jvp(train))": (TANGENTS, lambda: unrolled(p, TANGENTS, STEPS)),
        "double backward": (few, lambda: double_backward(p, few, STEPS)),
    }
    try:
        jitted = jax_scan(p, STEPS)
        for k in (64, TANGENTS):
            calls[f"JAX, jit, {k} at once"] = (p.size, partial(jitted, k))
    except ImportError:
        print("JAX is not installed; its row is left out")
    results = {}
    for name, (k, call) in calls.items():  # also the warm-up
        results[name] = (k, call())
    mine = results["tdyn, recursion"][1]
    rounds = ROUNDS if p.size < 2000 else 2
    spent = in_turns({name: call for name, (_, call) in calls.items()}, rounds)
    scale = {name: ALL_STEPS * p.size / (STEPS * k) for name, (k, _) in results.items()}
    ours = spent["tdyn, recursion"] * scale["tdyn, recursion"]
    print(f"\n64-{width}-10, N = {p.size}, {ALL_STEPS} steps of {BATCH} samples, float32")
    print(f"{'method':>30} {'full J':>9} {'ratio':>7} {'largest difference':>19}")
    for name, (k, out) in results.items():
        whole, gap = spent[name] * scale[name], float((out - mine[:, :k]).abs().max())
        print(f"{name:>30} {whole:>7.1f} s {whole / ours:>6.1f}x {gap:>19.1e}")
    rate = jacobian.flops(p.net, BATCH, ALL_STEPS, p.size) / ours
    peak = matmul_rate()
    print(f"{rate / 1e9:.1f} GFLOP/s; a 1024 x 1024 product reaches {peak / 1e9:.1f}")


def chunk_seconds(p: Problem, steps: int) -> float:
    """CPU seconds of one more chunk of tangents, without the preparation."""
    one, two = (
        in_turns({"": lambda k=k: recursion(p, k * TANGENTS, steps)}, ROUNDS)[""] for k in (1, 2)
    )
    return two - one


def exponents() -> None:
    """Print how the cost of the full matrix grows."""
    print("\ncost of the full matrix, and its growth")
    sizes, costs = [], []
    for width in (4, 8, 16, 32, 64):
        p = Problem(width)
        sizes.append(p.size)
        costs.append(chunk_seconds(p, 20) * p.size / TANGENTS * ALL_STEPS / 20)
        print(f"  width {width:>3}, N = {p.size:>5}: {costs[-1]:>7.1f} s")
    slope = np.polyfit(np.log(sizes), np.log(costs), 1)[0]
    late = np.polyfit(np.log(sizes[2:]), np.log(costs[2:]), 1)[0]
    print(f"  grows like N^{slope:.2f} (N^{late:.2f} from N = {sizes[2]})")
    batches = (16, 32, 64, 128, 256)
    costs = [chunk_seconds(Problem(16, batch), 1280 // batch) for batch in batches]
    for batch, cost in zip(batches, costs, strict=True):
        print(f"  batch {batch:>3}: {cost * 1210 / TANGENTS * ALL_STEPS * BATCH / 1280:>7.1f} s")
    slope = np.polyfit(np.log(batches), np.log(costs), 1)[0]
    print(f"  at a fixed number of samples, with the batch size: B^{slope:.2f}")


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*torch.jit.script", category=DeprecationWarning)
    for width in (8, 16, 64):
        peers(width)
    exponents()


if __name__ == "__main__":
    main()
