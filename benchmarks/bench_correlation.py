"""The correlation flow: batched closed-form steps beside the plain autograd loop.

Run ``python -m benchmarks correlation``. One thread; every ratio comes from one run, in CPU
time, so that other work on the machine does not count.
"""

from __future__ import annotations

import torch
from scipy.optimize import minimize

from benchmarks.timing import seconds
from tdyn import correlation, inits, nets

F64 = torch.float64


def problem(n: int, d: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs on the unit sphere with normal labels."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, d, generator=generator, dtype=F64)
    return x / x.norm(dim=1, keepdim=True), torch.randn(n, generator=generator, dtype=F64)


def autograd_loop(x: torch.Tensor, y: torch.Tensor, width: int, steps: int) -> torch.Tensor:
    """Climb the correlation of one network as a tutorial would write it."""
    torch.manual_seed(0)
    inner = torch.nn.Linear(x.shape[1], width, bias=False, dtype=F64)
    outer = torch.nn.Linear(width, 1, bias=False, dtype=F64)
    optimizer = torch.optim.SGD([*inner.parameters(), *outer.parameters()], lr=1e-6)
    for _ in range(steps):
        optimizer.zero_grad()
        value = -(y * outer(torch.relu(inner(x)) ** 2)[:, 0]).sum()
        value.backward()
        optimizer.step()
    return value.detach()


def closed_steps(x: torch.Tensor, y: torch.Tensor, width: int, seeds: int, steps: int) -> None:
    """Climb the correlation of many networks at once with gradients in closed form."""
    net = nets.MLP((x.shape[1], width, 1), activation=correlation.PowerReLU(2), bias=False)
    params = inits.initialize(net, inits.gaussian, range(seeds), dtype=F64)
    for _ in range(steps):
        _, grads = correlation.correlation_gradient(net, params, x, y)
        params = {name: p + 1e-6 * grads[name] for name, p in params.items()}


def best_by_scipy(x: torch.Tensor, y: torch.Tensor, starts: int) -> float:
    """Maximize plus and minus G on the sphere with scipy, from the first samples."""
    best = 0.0
    for u in x[:starts].numpy():
        for sign in (1, -1):

            def negative(w: object, sign: int = sign) -> tuple[float, object]:
                leaf = torch.from_numpy(w).requires_grad_()
                g = sign * ((x @ leaf / leaf.norm()).clamp(min=0) ** 2 @ y)
                (grad,) = torch.autograd.grad(-g, leaf)
                return -g.item(), grad.numpy()

            best = max(best, -minimize(negative, u, jac=True).fun)
    return best


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    print("one step of one network (two layers, squared ReLU), microseconds of CPU time")
    print(
        f"{'n':>5} {'d':>4} {'width':>6} {'seeds':>6} {'autograd':>10} {'closed':>10} {'ratio':>7}"
    )
    for n, d, width in ((100, 10, 20), (100, 10, 100), (400, 10, 20), (100, 40, 20)):
        x, y = problem(n, d)
        plain = seconds(lambda x=x, y=y, m=width: autograd_loop(x, y, m, 100)) / 100
        for seeds in (8, 64):
            fast = seconds(lambda x=x, y=y, m=width, s=seeds: closed_steps(x, y, m, s, 50))
            fast /= 50 * seeds
            print(
                f"{n:>5} {d:>4} {width:>6} {seeds:>6} {1e6 * plain:>8.0f} {1e6 * fast:>10.1f} "
                f"{plain / fast:>7.0f}x"
            )
    print("\nthe best direction, 200 starts for each sign: scipy.optimize.minimize (BFGS) and ours")
    x, y = problem(100, 10)
    peer, ours = best_by_scipy(x, y, 100), correlation.best_direction(x, y, 2, starts=1)[0][0]
    slow = seconds(lambda: best_by_scipy(x, y, 100), 1)
    fast = seconds(lambda: correlation.best_direction(x, y, 2, starts=1), 1)
    print(f"values {peer:.8f} and {ours:.8f}; {slow:.2f} s and {fast:.3f} s: {slow / fast:.0f}x")


if __name__ == "__main__":
    main()
