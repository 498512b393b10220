"""Swarms: cached scores beside loops over particles, one swarm beside pyswarms, and how cost grows.

Run ``python -m benchmarks swarm``. One thread; every ratio comes from one run.
"""

from __future__ import annotations

import itertools
import logging
import math
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.timing import seconds
from tdyn import data, inits, losses, nets, swarm


def looped(
    module: nn.Sequential, x: Tensor, y: Tensor, candidates: list[Tensor], loss: nn.Module
) -> list[Tensor]:
    """Score every particle of every neuron the usual way: put it in, run the network."""
    layers = [layer for layer in module if isinstance(layer, nn.Linear)]
    scores = []
    with torch.no_grad():
        for layer, flock in zip(layers, candidates, strict=True):
            values = torch.empty(flock.shape[:2], dtype=x.dtype)
            for i, particles in enumerate(flock):
                weight, bias = layer.weight[i].clone(), layer.bias[i].clone()
                for p, particle in enumerate(particles):
                    layer.weight[i], layer.bias[i] = particle[:-1], particle[-1]
                    values[i, p] = loss(module(x), y)
                layer.weight[i], layer.bias[i] = weight, bias
            scores.append(values)
    return scores


def cached(
    net: nets.MLP, params: nets.Params, x: Tensor, y: Tensor, candidates: list[Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
) -> list[Tensor]:  # fmt: skip
    """Score them from cached activations; building the cache is part of the time."""
    context = swarm.Context(net, params, x, y, loss)
    return [context.score_layer(layer, flock) for layer, flock in enumerate(candidates, start=1)]


def modules(params: nets.Params) -> nn.Sequential:
    """Build the same network from layers."""
    first, last = (
        nn.Linear(*params[f"W{layer}"].shape[::-1], dtype=params["W1"].dtype) for layer in (1, 2)
    )
    with torch.no_grad():
        for number, layer in enumerate((first, last), start=1):
            layer.weight.copy_(params[f"W{number}"])
            layer.bias.copy_(params[f"b{number}"])
    return nn.Sequential(first, nn.Tanh(), last)


def case(x: Tensor, hidden: int, classes: int, particles: int = 10) -> tuple:
    """Return a network, its parameters and candidates for all its neurons, of the type of ``x``."""
    net = nets.MLP((x.shape[1], hidden, classes), activation=torch.tanh)
    params = inits.initialize(net, inits.uniform, seed=0, bias=inits.uniform, dtype=x.dtype)
    generator = torch.Generator().manual_seed(1)
    candidates = [
        torch.randn(width, particles, fan_in + 1, generator=generator, dtype=x.dtype)
        / math.sqrt(fan_in)
        for fan_in, width in ((x.shape[1], hidden), (hidden, classes))
    ]
    return net, params, candidates


class Squares(nn.Module):
    """The mean squared error of the package: summed over outputs, averaged over samples."""

    def forward(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the loss."""
        return ((outputs - y) ** 2).sum(-1).mean()


def scoring() -> None:
    """Compare the cache with the loop, for two losses and three data sets."""
    print("all particles of all neurons once, k = 10: cached scores against a loop of passes")
    print(
        f"{'data':>14} {'net':>10} {'bits':>4} {'loss':>6} {'loop':>10} {'cached':>10} "
        f"{'ratio':>7} {'diff':>8}"
    )
    tables = (("iris", data.iris, 8, 3), ("breast cancer", data.breast_cancer, 8, 2),
              ("digits", data.digits, 16, 10), ("digits", data.digits, 64, 10))  # fmt: skip
    for (name, table, hidden, classes), dtype in itertools.product(
        tables, (torch.float64, torch.float32)
    ):
        x, y = table(dtype)
        x = (x - x.mean(0)) / x.std(0).clamp_min(1e-3)
        net, params, candidates = case(x, hidden, classes)
        module, hot = modules(params), nn.functional.one_hot(y, classes).to(dtype)
        for label, goal, ours, theirs in (
            ("CE", y, losses.cross_entropy, nn.CrossEntropyLoss()),
            ("MSE", hot, losses.mse, Squares()),
        ):
            slow_scores = looped(module, x, goal, candidates, theirs)
            fast_scores = cached(net, params, x, goal, candidates, ours)
            pairs = zip(slow_scores, fast_scores, strict=True)
            off = max((a - b).abs().max().item() for a, b in pairs)
            slow = seconds(partial(looped, module, x, goal, candidates, theirs))
            fast = seconds(partial(cached, net, params, x, goal, candidates, ours), 7)
            shape = "-".join(map(str, net.widths))
            bits = torch.finfo(dtype).bits
            print(
                f"{name:>14} {shape:>10} {bits:>4} {label:>6} {slow * 1e3:>7.1f} ms "
                f"{fast * 1e3:>7.2f} ms {slow / fast:>6.1f}x {off:>8.1e}"
            )


def against_pyswarms() -> None:
    """Run the same whole-network swarm, and the neuron-wise one, on iris."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyswarms
    logging.disable(logging.CRITICAL)
    x, y = data.iris()
    x = (x - x.mean(0)) / x.std(0)
    net = nets.MLP((4, 8, 3), activation=torch.tanh)
    size = sum(math.prod(shape) for shape in net.shapes.values())
    start = torch.randn(50, size, generator=torch.Generator().manual_seed(0)) / 2

    def batched(v: Tensor) -> Tensor:
        return losses.cross_entropy(net(nets.unflatten(v, net.shapes), x), y)

    def one_by_one(v: np.ndarray) -> np.ndarray:
        return np.array([batched(torch.as_tensor(row).float()).item() for row in v])

    def together(v: np.ndarray) -> np.ndarray:
        return batched(torch.as_tensor(v).float()).numpy()

    rule = swarm.constricted()
    options = {"w": rule.omega, "c1": rule.c1, "c2": rule.c2}

    def peer(cost: Callable[[np.ndarray], np.ndarray]) -> float:
        np.random.seed(0)  # noqa: NPY002 - the peer draws from the global generator
        found = pyswarms.single.GlobalBestPSO(50, size, options, init_pos=start.double().numpy())
        return found.optimize(cost, 200, verbose=False)[0]

    def neuronwise(members: int) -> float:
        params = inits.initialize(net, inits.uniform, range(members), bias=inits.uniform)
        return swarm.neuronwise_pso(net, params, x, y, sweeps=40).losses[-1].mean().item()

    print("\niris, 4-8-3: one swarm of 50 particles, 200 steps; then flocks of 10, 40 sweeps")
    many = torch.stack([start + 0.1 * i for i in range(20)])
    for name, call, members in (
        ("pyswarms, one pass a particle", lambda: peer(one_by_one), 1),
        ("pyswarms, vectorized cost", lambda: peer(together), 1),
        ("pso", lambda: swarm.pso(batched, start, 200).value.item(), 1),
        ("pso, 20 swarms at once", lambda: swarm.pso(batched, many, 200).value.mean().item(), 20),
        ("neuron-wise", lambda: neuronwise(1), 1),
        ("neuron-wise, 20 at once", lambda: neuronwise(20), 20),
    ):
        spent = seconds(call, 2)
        print(f"{name:>32} {spent / members:>8.3f} s a seed   loss {call():.4f}")
    logging.disable(logging.NOTSET)


def growth() -> None:
    """Time a sweep against fan-in and width, with the slope on log-log axes."""
    print("\ncost of a sweep, 1000 samples, k = 10: exponent of the last doublings")
    generator = torch.Generator().manual_seed(0)
    for what, sizes in (("fan-in", (16, 64, 256, 1024)), ("width", (8, 16, 32, 64, 128))):
        for name, loss in (("CE", losses.cross_entropy), ("MSE", losses.mse)):
            times = []
            for size in sizes:
                fan_in, width = (size, 8) if what == "fan-in" else (16, size)
                x = torch.randn(1000, fan_in, generator=generator)
                y = torch.randint(0, 4, (1000,), generator=generator)
                goal = nn.functional.one_hot(y, 4).float() if name == "MSE" else y
                net, params, _ = case(x, width, 4)
                times.append(
                    seconds(
                        lambda n=net, p=params, x=x, g=goal, o=loss: swarm.neuronwise_pso(
                            n, p, x, g, sweeps=3, loss=o
                        )
                    )
                    / 3
                )
            slope = np.polyfit(np.log(sizes[-3:]), np.log(times[-3:]), 1)[0]
            row = "  ".join(f"{s}: {t * 1e3:.1f} ms" for s, t in zip(sizes, times, strict=True))
            print(f"{what:>7} {name:>4}  {row}   slope {slope:.2f}")


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    scoring()
    against_pyswarms()
    growth()


if __name__ == "__main__":
    main()
