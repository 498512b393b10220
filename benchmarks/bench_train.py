"""Training several seeds: one ensemble beside a loop over ``nn.Module`` trainings.

Run ``python -m benchmarks train``. One thread; every ratio comes from one run.
"""

from __future__ import annotations

import time

import torch
from torch import nn

from tdyn import inits, losses, nets, optim
from tdyn.train import train

STEPS = 300
POINTS = 64
REPEAT = 3


def problem(d: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A small regression problem."""
    x = torch.linspace(-1, 1, POINTS).unsqueeze(1).repeat(1, d)
    return x, torch.sin(3 * x).mean(dim=1)


def module_of(net: nets.MLP, params: nets.Params) -> nn.Module:
    """An ordinary module with the same weights."""
    layers: list[nn.Module] = []
    for layer in range(1, net.depth + 1):
        linear = nn.Linear(*net.shapes[f"W{layer}"][::-1])
        linear.load_state_dict({"weight": params[f"W{layer}"], "bias": params[f"b{layer}"]})
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def loop_of_modules(net: nets.MLP, params: nets.Params, seeds: int, kind: str) -> list[float]:
    """Train one module after another, as most scripts do; return the final losses."""
    x, y = problem(net.widths[0])
    final = []
    for i in range(seeds):
        model = module_of(net, nets.member(params, i))
        maker = torch.optim.SGD if kind == "sgd" else torch.optim.Adam
        optimizer = maker(model.parameters(), lr=0.01)
        for _ in range(STEPS):
            loss = (model(x).squeeze(1) - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        final.append(float((model(x).squeeze(1) - y).square().mean().detach()))
    return final


def ensemble(net: nets.MLP, params: nets.Params, kind: str) -> list[float]:
    """Train all seeds at once; return the final losses."""
    optimizer = {"sgd": optim.sgd, "adam": optim.adam}[kind](0.01)

    def loss(p: nets.Params, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return losses.mse(net(p, batch[0]), batch[1])

    batch = problem(net.widths[0])
    run = train(loss, params, optimizer, STEPS, batches=batch)
    return loss(run.params, batch).tolist()


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"seconds a seed for {STEPS} steps, {POINTS} points")
    print(
        f"{'network':>12} {'optimizer':>10} {'seeds':>6} {'loop':>9} {'ensemble':>9} {'ratio':>7}"
    )
    for widths in ((1, 50, 50, 1), (20, 512, 1)):
        net = nets.MLP(widths)
        for kind in ("sgd", "adam"):
            for seeds in (1, 4, 8, 32) if widths[0] == 1 else (8,):
                params = inits.initialize(net, inits.gaussian, seed=range(seeds))
                slow, fast = [], []
                for _ in range(REPEAT):  # interleaved, and the best of each
                    start = time.process_time()
                    one = loop_of_modules(net, params, seeds, kind)
                    middle = time.process_time()
                    two = ensemble(net, params, kind)
                    slow.append((middle - start) / seeds)
                    fast.append((time.process_time() - middle) / seeds)
                if kind == "sgd":  # Adam divides by small numbers and magnifies rounding
                    assert torch.allclose(torch.tensor(one), torch.tensor(two), rtol=0.05)
                per_loop, per_member = min(slow), min(fast)
                name = "-".join(map(str, widths))
                print(
                    f"{name:>12} {kind:>10} {seeds:>6} {per_loop:>7.3f} s {per_member:>7.3f} s "
                    f"{per_loop / per_member:>6.1f}x"
                )


if __name__ == "__main__":
    main()
