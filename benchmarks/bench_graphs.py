"""Graph tickets: a sparse GCN step beside PyTorch Geometric, penalties without pairs, growth.

Run ``python -m benchmarks graphs``. One thread; every ratio comes from one run. Cora is used if
``TDYN_DATA`` names a folder that holds it; otherwise a block model of the same size stands in.
"""

from __future__ import annotations

import resource
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.timing import in_turns, seconds
from tdyn import data, graphs, losses


def cora() -> tuple[str, data.Graph]:
    """Cora, or a graph of its size and sparsity."""
    try:
        return "Cora", data.citation_graph("cora")
    except FileNotFoundError:
        g = data.csbm(2709, 7, seed=0, degree=3.9, features=1433, val=500, test=1000)
        keep = torch.rand(g.x.shape, generator=torch.Generator().manual_seed(0)) < 0.0127
        x = data.row_normalize(keep.float())
        return "block model", data.Graph(x, g.edges, g.y, g.train, g.val, g.test)


def step_of(graph: data.Graph, forward: Callable[[], Tensor], leaves: list[Tensor]) -> Callable:
    """Forward and backward of the training loss; `forward` returns the training logits."""

    def step() -> object:
        loss = losses.cross_entropy(forward(), graph.y[graph.train])
        return torch.autograd.grad(loss, leaves)

    return step


def geometric(graph: data.Graph, hidden: int, sparse: bool) -> Callable:
    """One step of PyTorch Geometric, with dense or CSR features; normalization is cached."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn import GCNConv
    first = GCNConv(graph.x.shape[1], hidden, bias=False, cached=True)
    second = GCNConv(hidden, graph.classes, bias=False, cached=True)
    link = graph.edges.flip(0)
    leaves = [first.lin.weight, second.lin.weight]
    x = graph.x.to_sparse_csr() if sparse else graph.x

    def forward() -> Tensor:
        return second(first(x, link).relu(), link)[graph.train]

    return step_of(graph, forward, leaves)


def networks() -> None:
    """One training step at fixed edges, and one with gradients for the edge mask."""
    name, graph = cora()
    print(f"one step (forward and backward) on {name}, milliseconds; ratios to PyG, dense features")
    print(f"{'width':>6} {'PyG':>9} {'PyG, CSR':>9} {'ours':>16} {'field':>16} {'mask, field':>12}")
    for hidden in (16, 64, 256):
        net = graphs.GCN(graph, hidden)
        params = {k: p.requires_grad_(True) for k, p in net.initialize(0).items()}
        edges = torch.ones(graph.edges.shape[1], requires_grad=True)
        view, leaves = graphs.FixedEdges(net), list(params.values())
        calls = {
            "dense": geometric(graph, hidden, False),
            "CSR": geometric(graph, hidden, True),
            "whole": step_of(
                graph, lambda n=net, p=params: n(p, degrees="fixed")[graph.train], leaves
            ),
            "field": step_of(graph, lambda v=view, p=params: v.train_logits(p), leaves),
            "mask": step_of(
                graph, lambda n=net, p=params, e=edges: n.train_logits(p, e), [*leaves, edges]
            ),
        }
        t = [1e3 * spent for spent in in_turns(calls, 20).values()]
        print(
            f"{hidden:>6} {t[0]:>9.2f} {t[1]:>9.2f} {t[2]:>8.2f} {t[0] / t[2]:>6.1f}x "
            f"{t[3]:>8.2f} {t[0] / t[3]:>6.1f}x {t[4]:>12.2f}"
        )


def pairs(values: Tensor) -> Tensor:
    """The mean absolute difference by its definition."""
    return (values[:, None] - values).abs().mean()


def penalties() -> None:
    """The term that spreads the edge values, over all pairs and by sorting."""
    print("\nmean absolute difference, forward and backward")
    print(f"{'E':>6} {'all pairs':>12} {'sorted':>12} {'ratio':>8}")
    for n in (1000, 5278, 10556):
        v = torch.randn(n, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
        calls = {
            "slow": lambda v=v: torch.autograd.grad(pairs(v), v),
            "fast": lambda v=v: torch.autograd.grad(graphs.mean_difference(v), v),
        }
        slow, fast = in_turns(calls, 4).values()
        print(f"{n:>6} {slow * 1e3:>9.2f} ms {fast * 1e3:>9.3f} ms {slow / fast:>7.0f}x")


def growth() -> None:
    """Cost of a step, mask gradients included, against the number of edges."""
    print("\nblock models, degree 10, width 16: one epoch with gradients for all edges")
    print(f"{'edges':>9} {'draw':>10} {'step':>12} {'ns an edge':>11} {'peak memory':>12}")
    for nodes in (1000, 10_000, 100_000):
        start = time.process_time()
        graph = data.csbm(nodes, 4, seed=0, features=16)
        draw = time.process_time() - start
        net = graphs.GCN(graph, 16)
        params = {k: p.requires_grad_(True) for k, p in net.initialize(0).items()}
        edges = torch.ones(graph.edges.shape[1], requires_grad=True)
        forward = lambda n=net, p=params, e=edges, g=graph: n(p, e)[g.train]  # noqa: E731
        t = seconds(step_of(graph, forward, [edges, *params.values()]), 3)
        count = graph.edges.shape[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(
            f"{count:>9} {draw:>8.2f} s {t * 1e3:>9.1f} ms {t / count * 1e9:>11.0f} {peak:>9.2f} GB"
        )


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    networks()
    penalties()
    growth()


if __name__ == "__main__":
    main()
