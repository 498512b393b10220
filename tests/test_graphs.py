"""Graph tickets: the sparse network against PyTorch Geometric, fields, swaps, ladders, training."""

import inspect
import math
import sys
import types
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tdyn import data, graphs, losses, optim
from tdyn.graphs import gcn as gcn_module
from tdyn.graphs import retraining, sparse, swaps
from tdyn.graphs import swaps as swaps_module

F64 = torch.float64


@pytest.fixture(scope="module")
def gcn_conv():
    """The layer of PyTorch Geometric."""
    with warnings.catch_warnings():
        # Its import touches TorchScript, which PyTorch deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch_geometric.nn import GCNConv
    return GCNConv


def directed(seed, nodes=12, entries=40, width=5, dense=True):
    """A random directed graph with loops, isolated nodes and an ordinary split, in float64."""
    g = torch.Generator().manual_seed(seed)
    both = torch.randint(0, nodes - 2, (2, entries), generator=g)  # the last two are isolated
    both = torch.cat([both, torch.tensor([[0, 3], [0, 3]])], 1)
    key = (both[0] * nodes + both[1]).unique()
    edges = torch.stack([key // nodes, key % nodes])[:, torch.randperm(len(key), generator=g)]
    x = torch.randn(nodes, width, generator=g, dtype=F64)
    if not dense:
        x = x * (torch.rand(nodes, width, generator=g) < 0.1)
    y = torch.arange(nodes) % 3
    return data.Graph(x, edges, y, *torch.tensor([1, 0, nodes - 1, 5, 7, 8]).split([3, 1, 2]))


def masks_of(graph, seed):
    g = torch.Generator().manual_seed(seed)
    return torch.rand(graph.edges.shape[1], generator=g, dtype=F64) + 0.1


def by_definition(net, params, edges=None, fixed=False):
    """The network with dense matrices, as the formula has it."""
    graph, n = net.graph, net.graph.nodes
    edges = torch.ones(graph.edges.shape[1], dtype=F64) if edges is None else edges

    def with_loops(values):
        a = torch.zeros(n, n, dtype=F64).index_put((graph.edges[0], graph.edges[1]), values)
        alone = torch.ones(n, dtype=F64)
        alone[graph.edges[0][graph.edges[0] == graph.edges[1]]] = 0
        return a + alone.diag()

    a = with_loops(edges)
    d = with_loops(torch.ones_like(edges) if fixed else edges).sum(1)
    scale = torch.where(d > 0, d.clamp(min=1e-300).rsqrt(), torch.zeros_like(d))
    a_hat = scale[:, None] * a * scale
    return a_hat @ (a_hat @ graph.x @ params["W1"].T).relu() @ params["W2"].T


def gradients(value, tensors, seed=0):
    weight = torch.randn(value.shape, generator=torch.Generator().manual_seed(seed), dtype=F64)
    return torch.autograd.grad((value * weight).sum(), tensors, allow_unused=True)


def leaves(net, graph, seed):
    params = {k: p.requires_grad_(True) for k, p in net.initialize(seed).items()}
    return params, masks_of(graph, seed).requires_grad_(True)


# ---- the sparse network ------------------------------------------------------------------------


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_network_and_gradients_equal_pytorch_geometric(gcn_conv, seed):
    graph = directed(seed)
    net = graphs.GCN(graph, hidden=4)
    params, edges = leaves(net, graph, seed)
    ours = net(params, edges)
    layers = [gcn_conv(i, o, bias=False).double() for i, o in ((5, 4), (4, 3))]
    for layer, name in zip(layers, ("W1", "W2"), strict=True):
        layer.lin.weight.data = params[name].detach().clone()
    link = graph.edges.flip(0)  # its first row sends
    theirs = layers[1](layers[0](graph.x, link, edges).relu(), link, edges)
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)
    found = gradients(ours, [edges, params["W1"], params["W2"]])
    wanted = gradients(theirs, [edges, layers[0].lin.weight, layers[1].lin.weight])
    for a, b in zip(found, wanted, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("degrees", ["fixed", "masked"])
@pytest.mark.parametrize("seed", range(6))
def test_network_equals_its_definition(seed, degrees, dense):
    graph = directed(seed, dense=dense)
    net = graphs.GCN(graph, hidden=4)
    assert (net._words is None) == dense
    params, edges = leaves(net, graph, seed)
    ours = net(params, edges, degrees=degrees)
    naive = by_definition(net, params, edges, fixed=degrees == "fixed")
    assert torch.allclose(ours, naive, rtol=0, atol=1e-12)
    tensors = [edges, *params.values()]
    for a, b in zip(gradients(ours, tensors), gradients(naive, tensors), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("degrees", ["fixed", "masked"])
def test_receptive_field_gives_the_same_training_gradients(degrees, dense):
    graph = directed(7, dense=dense)
    net = graphs.GCN(graph, hidden=4)
    params, edges = leaves(net, graph, 7)
    whole = net(params, edges, degrees=degrees)[graph.train]
    part = net.train_logits(params, edges, degrees=degrees)
    view = graphs.FixedEdges(net, edges.detach(), degrees)
    frozen = view.train_logits(params)
    assert torch.allclose(part, whole, rtol=0, atol=1e-12)
    assert torch.allclose(frozen, whole, rtol=0, atol=1e-12)
    assert torch.allclose(view.logits(params)[graph.train], whole, rtol=0, atol=1e-12)
    tensors = [params["W1"], params["W2"], edges]
    wanted = gradients(whole, tensors)
    for a, b in zip(gradients(part, tensors), wanted, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-11)
    for a, b in zip(gradients(frozen, tensors[:2]), wanted[:2], strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-11)


def test_product_passes_a_gradient_check():
    row, column = torch.tensor([0, 2, 2, 1]), torch.tensor([1, 0, 3, 3])
    where = sparse.pattern(row, column, torch.tensor([3, 0, 4, 1]), (3, 4))
    values = torch.randn(6, dtype=F64, requires_grad=True)
    dense = torch.randn(4, 2, dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v, h: sparse.product(v, h, where), (values, dense))


@pytest.mark.parametrize("index", [torch.int32, torch.int64])
@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("width", [1, 7, 64])
def test_products_ignore_what_stands_in_fresh_memory(index, dtype, width, monkeypatch):
    """The result is not cleared first, so no NaN that stands there may come through."""
    g = torch.Generator().manual_seed(width)
    dense = torch.randn(9, width, generator=g, dtype=dtype)
    matrix = torch.randn(6, 9, generator=g, dtype=dtype)
    matrix *= torch.rand(6, 9, generator=g) < 0.3
    matrix[2] = 0.0
    csr = matrix.to_sparse_csr()
    parts = csr.crow_indices().to(index), csr.col_indices().to(index), csr.values()
    poison = dense.new_full((6, width), torch.nan)
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda *_: poison)
    product = sparse._times(sparse._matrix(*parts, (6, 9)), dense)
    assert product is poison
    torch.testing.assert_close(product, matrix @ dense)


def test_a_graph_without_edges_is_a_perceptron():
    base = directed(0)
    graph = data.Graph(base.x, base.edges[:, :0], base.y, base.train, base.val, base.test)
    net = graphs.GCN(graph, hidden=4)
    params = net.initialize(0)
    mlp = (graph.x @ params["W1"].T).relu() @ params["W2"].T
    assert torch.allclose(net(params), mlp, atol=1e-12)


def test_renumbering_the_nodes_renumbers_the_outputs():
    graph, order = directed(3), torch.randperm(12, generator=torch.Generator().manual_seed(0))
    place = order.argsort()
    moved = data.Graph(graph.x[order], place[graph.edges], graph.y[order],
                       *(place[p] for p in (graph.train, graph.val, graph.test)))  # fmt: skip
    net, other = graphs.GCN(graph, hidden=4), graphs.GCN(moved, hidden=4)
    params, edges = net.initialize(0), masks_of(graph, 1)
    assert torch.allclose(net(params, edges)[order], other(params, edges), atol=1e-12)


def test_zero_edges_everywhere_and_no_loop_give_zero_not_nan():
    graph = directed(0)
    net = graphs.GCN(graph, hidden=4)
    out = net(net.initialize(0), torch.zeros(graph.edges.shape[1], dtype=F64))
    assert out.isfinite().all()
    assert (out[0] == 0).all()  # node 0 has a loop of its own, which is masked, too


def test_bad_arguments_are_refused(unchecked):
    graph = directed(0)
    net = graphs.GCN(graph, hidden=4)
    with pytest.raises(ValueError, match="hidden"):
        graphs.GCN(graph, hidden=0)
    with pytest.raises(ValueError, match="mask must have shape"):
        net.coefficients(torch.ones(3))
    with pytest.raises(ValueError, match="'fixed' or 'masked'"):
        net.coefficients(degrees="none")
    with pytest.raises(ValueError, match="hops"):
        graphs.receptive_rows(graph, hops=-1)
    with pytest.raises(ValueError, match="nodes must be in 0 to 11"):
        graphs.receptive_rows(graph, torch.tensor([12]))
    with pytest.raises(ValueError, match="surviving"):
        graphs.homophily(graph, torch.zeros(graph.edges.shape[1], dtype=torch.bool))


MUTANTS = [
    (gcn_module, "scale[receiver] * scale[sender]", "scale[receiver] * scale[receiver]"),
    (gcn_module, "index_add(0, receiver, edges)", "index_add(0, sender, edges)"),
    (gcn_module, "scale[loops] ** 2]", "scale[loops]]"),
    (gcn_module, "alone[receiver[receiver == sender]] = False", "pass"),
    (sparse, "values[where.t_order]", "values[where.order]"),
    (sparse, "index_copy_(0, where.order, products)", "index_copy_(0, where.t_order, products)"),
    (sparse, "grad, dense.mT", "-grad, dense.mT"),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m[2])
def test_a_wrong_factor_or_index_is_noticed(mutant, monkeypatch):
    module, right, wrong = mutant
    source = inspect.getsource(module)
    assert source.count(right) == 1
    broken = types.ModuleType("broken")
    monkeypatch.setitem(sys.modules, "broken", broken)
    exec(source.replace(right, wrong), broken.__dict__)
    graph = directed(4)
    if module is sparse:
        monkeypatch.setattr(gcn_module, "product", broken.product)
        make = graphs.GCN
    else:
        make = broken.GCN
    net = make(graph, hidden=4)
    params, edges = leaves(net, graph, 4)
    ours, naive = net(params, edges), by_definition(net, params, edges)
    tensors = [edges, *params.values()]
    pairs = zip((ours, *gradients(ours, tensors)), (naive, *gradients(naive, tensors)), strict=True)
    assert not all(torch.allclose(a, b, atol=1e-9) for a, b in pairs)


# ---- what the loss can see ---------------------------------------------------------------------


@pytest.mark.parametrize(("degrees", "leak"), [("fixed", False), ("masked", True)])
@pytest.mark.parametrize("seed", range(5))
def test_only_visible_edges_have_gradients(seed, degrees, leak):
    graph = data.csbm(60, 2, seed=seed, degree=2.5, features=8, train=3, val=10, test=10, dtype=F64)
    net = graphs.GCN(graph, hidden=64)
    params, edges = leaves(net, graph, seed)
    loss = losses.cross_entropy(
        net(params, edges, degrees=degrees)[graph.train], graph.y[graph.train]
    )
    (grad,) = torch.autograd.grad(loss, edges)
    assert torch.equal(grad != 0, graphs.visible_edges(graph, degrees=leak))


def test_fields_of_the_citation_graphs():
    known = {"cora": (644, 3834, 7778), "citeseer": (442, 2181, None)}
    for name, (nodes, fixed, masked) in known.items():
        try:
            graph = data.citation_graph(name)
        except FileNotFoundError:
            pytest.skip("set TDYN_DATA to run the tests on citation graphs")
        assert len(graphs.receptive_rows(graph)) == nodes
        assert int(graphs.visible_edges(graph).sum()) == fixed
        assert masked in (None, int(graphs.visible_edges(graph, degrees=True).sum()))


def test_receptive_rows_grow_hop_by_hop():
    graph = directed(2)
    reached = set(graph.train.tolist())
    for hops in range(4):
        assert graphs.receptive_rows(graph, hops=hops).tolist() == sorted(reached)
        reached |= {j for i, j in graph.edges.T.tolist() if i in reached}


# ---- costs -------------------------------------------------------------------------------------


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=40))
def test_mean_difference_equals_all_pairs(numbers):
    v = torch.tensor(numbers, dtype=F64)
    assert torch.isclose(graphs.mean_difference(v), (v[:, None] - v).abs().mean(), atol=1e-10)


def test_mean_difference_has_the_gradient_of_all_pairs():
    v = torch.randn(30, dtype=F64, requires_grad=True)
    (fast,) = torch.autograd.grad(graphs.mean_difference(v), v)
    (slow,) = torch.autograd.grad((v[:, None] - v).abs().mean(), v)
    assert torch.allclose(fast, slow, atol=1e-12)
    with pytest.raises(ValueError, match="at least one"):
        graphs.mean_difference(torch.empty(0))


def test_mean_difference_of_equal_values_and_other_types():
    for dtype in (torch.float32, torch.bfloat16, F64):
        v = torch.tensor([2.0, 2.0, -1.0, 2.0], dtype=dtype, requires_grad=True)
        mean = graphs.mean_difference(v)
        assert mean.dtype == dtype
        assert mean.item() == pytest.approx(6 * 3 / 16, rel=1e-2)
        (grad,) = torch.autograd.grad(mean, v)
        assert grad.sum().item() == pytest.approx(0.0, abs=1e-6)  # a shift changes nothing
        assert grad[2].item() == pytest.approx(-6 / 16, rel=1e-2)


def test_operations_of_cora_by_hand():
    full = graphs.macs(2708, 1433, 512, 7, 10556)
    assert tuple(full) == (1_986_848_768, 6_791_168, 9_705_472, 92_848)
    assert full.total == 2_003_438_256
    words = graphs.macs(2708, 1433, 512, 7, 10556, nonzero=49_216)
    assert round(words.total / 1e6, 1) == 41.8
    assert round(words.edge_share, 3) == 0.165
    pruned = graphs.macs(2708, 1433, 512, 7, 10556, edge_sparsity=0.35)
    assert 0 < 1 - pruned.total / full.total < 0.001
    one = graphs.macs(10, 3, 4, 2, 7, weight_sparsity=(1.0, 0.5), edge_sparsity=1.0)
    assert tuple(one) == (0, 40, 40, 20)


@pytest.mark.parametrize(
    "change", [{"edge_sparsity": 1.1}, {"weight_sparsity": -0.1}, {"hidden": 0}]
)
def test_impossible_counts_are_refused(change):
    given_ = {"nodes": 10, "features": 3, "hidden": 4, "classes": 2, "edges": 7} | change
    with pytest.raises(ValueError, match=r"positive|in \[0, 1\]"):
        graphs.macs(**given_)


# ---- swaps and tickets -------------------------------------------------------------------------


def naive_swap(alive, magnitude, score, share):
    """Drop one by one, then grow one by one."""
    n = sum(alive)
    count = min(math.floor(share * n), len(alive) - n)
    kept = list(alive)
    for i in sorted((i for i in range(len(alive)) if alive[i]), key=lambda i: magnitude[i])[:count]:
        kept[i] = False
    new = list(kept)
    for i in sorted((i for i in range(len(alive)) if not kept[i]), key=lambda i: -score[i])[:count]:
        new[i] = True
    return new


@given(st.data())
def test_swap_equals_the_naive_one_and_keeps_the_count(draw):
    n = draw.draw(st.integers(1, 25))
    alive = draw.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    g = torch.Generator().manual_seed(draw.draw(st.integers(0, 999)))
    magnitude, score = torch.rand(2, n, generator=g, dtype=F64)
    share = draw.draw(st.floats(0, 1))
    new = graphs.swap(torch.tensor(alive), magnitude, score, share)
    assert new.sum() == sum(alive)
    assert new.tolist() == naive_swap(alive, magnitude.tolist(), score.tolist(), share)


def test_swap_share_is_half_a_cosine():
    assert graphs.swap_share(0, 10, 0.3) == 0.3
    assert abs(graphs.swap_share(10, 10, 0.3)) < 1e-16
    assert graphs.swap_share(5, 10, 0.3) == pytest.approx(0.15)
    with pytest.raises(ValueError, match="one shape"):
        graphs.swap(torch.ones(2, dtype=torch.bool), torch.ones(2), torch.ones(3), 0.1)


def test_degree_scores_of_a_small_graph():
    graph = data.Graph(torch.eye(4), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]),
                       torch.tensor([0, 1, 0, 1]), *torch.tensor([[0], [1], [2]]))  # fmt: skip
    full = graphs.degree_scores(graph, torch.ones(4))
    assert torch.allclose(full, torch.full((4,), (2 * 3) ** -1.5))
    half = graphs.degree_scores(graph, torch.tensor([1.0, 0, 0, 0]))  # only 1 sends, to 0
    assert torch.allclose(half, torch.tensor([2.0, 2.0, 2.0, 2.0]) ** -1.5)


@pytest.fixture(scope="module")
def small():
    net = graphs.GCN(data.csbm(200, 4, seed=0, features=16, train=8, val=40, test=60), hidden=8)
    return net, net.initialize(0)


def test_tickets_have_the_exact_size(small):
    net, start = small
    n = net.graph.edges.shape[1]
    sizes = {"W1": 8 * 16, "W2": 4 * 8}
    found = {
        "random": graphs.random_ticket(net, 0.3, 0.75, seed=1),
        "one shot": graphs.one_shot_ticket(net, start, 0.3, 0.75, seed=1, pretrain=3),
        "fast": graphs.fast_ticket(net, start, 0.3, 0.75, seed=1, steps=20, pretrain=3).masks,
        "fast random": graphs.fast_ticket(net, start, 0.3, 0.75, seed=1, steps=20, pretrain=3,
                                          first="random", growth="gradient").masks,
    }  # fmt: skip
    for masks in found.values():
        assert int(masks["edges"].sum()) == n - round(0.3 * n)
        assert {k: int(masks[k].sum()) for k in sizes} == {k: v // 4 for k, v in sizes.items()}
    for masks in (
        graphs.degree_ticket(net, 0.3),
        graphs.pseudo_label_ticket(net, start, 0.3, seed=1, steps=10),
    ):
        assert int(masks["edges"].sum()) == n - round(0.3 * n)
        assert all(masks[k].all() for k in sizes)


def test_a_global_cut_counts_both_matrices_together(small):
    net, start = small
    options = {"seed": 1, "pretrain": 20, "scope": "global"}
    found = [
        graphs.one_shot_ticket(net, start, 0.0, 0.75, **options),
        graphs.fast_ticket(net, start, 0.0, 0.75, steps=12, **options).masks,
    ]
    for masks in found:
        assert int(masks["W1"].sum() + masks["W2"].sum()) == 160 // 4
        assert masks["edges"].all()
    assert int(found[0]["W2"].sum()) == int(found[1]["W2"].sum()) != 8


def test_equal_scores_are_ordered_at_random():
    ring = torch.arange(100)
    edges = torch.cat(
        [torch.stack([ring, (ring + 1) % 100]), torch.stack([(ring + 1) % 100, ring])], 1
    )
    graph = data.Graph(torch.eye(100), edges, ring % 2, ring[:5], ring[5:10], ring[10:20])
    net = graphs.GCN(graph, hidden=2)
    gone = ~graphs.degree_ticket(net, 0.5, seed=0)["edges"]
    assert 20 < int(gone[:100].sum()) < 80
    assert 20 < int(gone[edges[0] < 50].sum()) < 80
    with pytest.raises(ValueError, match="zero or positive"):
        graphs.edge_ticket(net, -torch.ones(200), 0.5)


def test_edge_ticket_keeps_the_highest_scores():
    net = graphs.GCN(directed(0), hidden=2)
    scores = masks_of(net.graph, 5)
    kept = graphs.edge_ticket(net, scores, 0.4)["edges"]
    assert scores[kept].min() > scores[~kept].max()


def test_ladder_of_ugs(small):
    net, start = small
    n = net.graph.edges.shape[1]
    ladder = graphs.ugs(net, start, 4, seed=0, steps=5)
    alive, weights = n, 8 * 16 + 4 * 8
    for k, masks in enumerate(ladder):
        alive -= round(0.05 * alive)
        weights -= round(0.2 * weights)
        assert int(masks["edges"].sum()) == alive
        assert int(masks["W1"].sum() + masks["W2"].sum()) == weights
        if k:
            assert all((masks[name] <= ladder[k - 1][name]).all() for name in masks)
    assert abs(graphs.sparsity(ladder[-1]) - (1 - 0.95**4)) < 0.003
    with pytest.raises(ValueError, match="rounds"):
        graphs.ugs(net, start, 0, seed=0)


def test_soft_masks_count_down_whatever_the_pull(small):
    net, start = small
    records = []
    for pull in (1e-2, 1.0):
        stage = graphs.ugs_stage(net, start, seed=0, steps=60, lr=0.01, pull=(pull, pull),
                                 degrees="fixed", every=20)  # fmt: skip
        records.append(stage.history["soft edges"].mean(1))
    straight = 1 - 0.01 * torch.tensor([0.0, 20, 40, 60])
    for record in records:
        assert torch.allclose(record, straight, atol=0.02)
    # By plain gradient descent the pull matters.
    slow = graphs.ugs_stage(net, start, seed=0, steps=20, pull=(1e-2, 1e-2), degrees="fixed",
                            optimizer=optim.sgd(0.01)).history["soft edges"][-1]  # fmt: skip
    assert slow.mean() > 0.99


def test_ugs_on_weights_alone_leaves_the_edges(small):
    net, start = small
    ticket = graphs.ugs(net, start, 2, seed=0, steps=5, edge_share=0.0)[-1]
    assert ticket["edges"].all()
    assert int(ticket["W1"].sum() + ticket["W2"].sum()) == round(0.8 * 0.8 * 160)


def test_pruned_entries_never_come_back_in_ugs(small):
    net, start = small
    masks = graphs.random_ticket(net, 0.5, 0.5, seed=3)
    stage = graphs.ugs_stage(net, start, masks, seed=0, steps=5)
    for name, mask in masks.items():
        assert (stage.masks[name][~mask] == 0).all()
        assert (graphs.cut(stage.masks, 0.1, 0.1, masks)[name] <= mask).all()


def test_gradient_growth_ignores_blind_edges():
    graph = data.csbm(400, 4, seed=0, features=16, degree=4, train=2, val=40, test=60)
    net = graphs.GCN(graph, hidden=8)
    start = net.initialize(0)
    found = graphs.fast_ticket(net, start, 0.5, seed=0, steps=60, pretrain=10, growth="gradient")
    alive = found.history["alive edges"]
    assert (alive.sum(1) == alive[0].sum()).all()
    seen = graphs.visible_edges(graph)
    shares = [graphs.field_share(graph, a) for a in (alive[0], alive[-1])]
    assert shares[1] > 0.95
    assert alive[-1][~seen].double().mean() < alive[0][~seen].double().mean() <= 1


def test_bad_searches_are_refused(small):
    net, start = small
    with pytest.raises(ValueError, match="sparsity"):
        graphs.fast_ticket(net, start, 1.0, seed=0)
    with pytest.raises(ValueError, match="positive"):
        graphs.fast_ticket(net, start, 0.5, seed=0, steps=0)
    with pytest.raises(ValueError, match="drop"):
        graphs.retrain(net, start, seed=0, drop=1.0)


def test_swapping_is_the_only_change_at_a_swap_step(small):
    net, start = small
    setting = swaps.Setting(net, ("W1",), 0.01, 0.0, 0.0, 0)
    rule = swaps_module.denoiser(setting, 30, 3, 2, 0.3, "score")
    alive = (torch.rand(8, 16, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    params = {"W1": start["W1"] * alive, "W2": start["W2"], "alive W1": alive}
    state = rule.init(params)
    grads = {
        k: torch.randn(p.shape, generator=torch.Generator().manual_seed(1))
        for k, p in params.items()
    }
    grads["alive W1"] = torch.zeros_like(alive)
    for step in range(2):
        params, state = rule.update(params, grads, state, step)
        assert torch.equal(params["alive W1"], alive)
        assert (params["W1"][alive == 0] == 0).all()
    after, _ = rule.update(params, grads, state, 2)
    both = (alive > 0) & (after["alive W1"] > 0)
    assert torch.equal(after["W2"], params["W2"])
    assert torch.equal(after["W1"][both], params["W1"][both])
    assert (after["W1"][~both] == 0).all()
    grown = (after["alive W1"] > 0) & (alive == 0)
    best = grads["W1"].abs()[alive == 0].sort(descending=True).values
    assert grads["W1"].abs()[grown].min() >= best[int(grown.sum()) + 12]


# ---- training ----------------------------------------------------------------------------------


def test_retraining_equals_a_plain_loop_of_torch():
    graph = directed(11)
    net = graphs.GCN(graph, hidden=4)
    start = net.initialize(1)
    masks = graphs.random_ticket(net, 0.3, 0.4, seed=2)
    found = graphs.retrain(net, start, masks, seed=0, steps=25, lr=0.02, decay=0.01, drop=0.0)
    weights = {k: (p * masks[k]).clone().requires_grad_(True) for k, p in start.items()}
    adam = torch.optim.Adam(weights.values(), lr=0.02, weight_decay=0.01)
    for _ in range(25):
        adam.zero_grad()
        out = by_definition(net, weights, masks["edges"].double())
        torch.nn.functional.cross_entropy(out[graph.train], graph.y[graph.train]).backward()
        for k, p in weights.items():
            p.grad *= masks[k]
        adam.step()
    for k, p in weights.items():
        assert torch.allclose(found.params[k] * masks[k], p, atol=1e-9)
    right = by_definition(net, weights, masks["edges"].double()).argmax(1) == graph.y
    assert found.history["accuracy"][-1].tolist() == pytest.approx(
        [right[graph.val].double().mean().item(), right[graph.test].double().mean().item()]
    )


@pytest.mark.parametrize("dense", [True, False])
def test_an_ensemble_of_tickets_equals_one_after_the_other(dense):
    graph = directed(12, dense=dense)
    net = graphs.GCN(graph, hidden=4)
    start = net.initialize(1)
    tickets = [graphs.random_ticket(net, s, s / 2, seed=2) for s in (0.0, 0.3, 0.8)]
    together = graphs.retrain_all(net, start, tickets, seed=5, steps=20)
    for found, ticket in zip(together, tickets, strict=True):
        alone = graphs.retrain(net, start, ticket, seed=5, steps=20)
        assert found[:3] == alone[:3]
        assert torch.equal(found.history["accuracy"], alone.history["accuracy"])
        for k in net.shapes:
            assert torch.allclose(found.params[k], alone.params[k], atol=1e-10)
    with pytest.raises(ValueError, match="must be a ticket"):
        graphs.retrain_all(net, start, [], seed=0)


def test_outcome_is_read_at_the_first_best_validation(small):
    net, start = small
    found = graphs.retrain(net, start, seed=3, steps=60)
    val, test = found.history["accuracy"].T
    first = next(i for i, v in enumerate(val) if v == val.max())
    assert (found.validation, found.accuracy) == (val[first].item(), test[first].item())
    assert found.step == int(found.history.steps[first])


def test_training_is_reproducible_and_depends_on_the_seed(small):
    net, start = small
    a, b, c = (graphs.retrain(net, start, seed=s, steps=12).params["W1"] for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_dropout_keeps_its_share_and_its_mean(small):
    net, _ = small
    kept = torch.stack([retraining.dropout(net, 0.25, 0, step) for step in range(300)])
    assert kept.unique().tolist() == pytest.approx([0, 4 / 3])
    assert abs((kept == 0).double().mean().item() - 0.25) < 0.005
    flat = kept.flatten(1)
    assert abs(torch.corrcoef(torch.stack([flat[:, 0], flat[:, 1]]))[0, 1]) < 0.25
    assert retraining.dropout(net, 0.0, 0, 0) is None
    assert not torch.equal(kept[0], kept[1])


def test_pseudo_labels_use_no_label_but_those_of_the_training_nodes(small):
    net, start = small
    graph = net.graph
    rest = torch.cat([graph.val, graph.test, torch.arange(132, 200)])
    y = graph.y.clone()
    y[rest] = (y[rest] + 1) % 4
    other = graphs.GCN(
        data.Graph(graph.x, graph.edges, y, graph.train, graph.val, graph.test), hidden=8
    )
    pair = [graphs.pseudo_label_ticket(n, start, 0.3, seed=0, steps=20) for n in (net, other)]
    assert torch.equal(pair[0]["edges"], pair[1]["edges"])


def test_agreement_is_symmetric(small):
    net, start = small
    score = graphs.agreement(net, start)
    key = net.graph.edges[0] * net.graph.nodes + net.graph.edges[1]
    back = net.graph.edges[1] * net.graph.nodes + net.graph.edges[0]
    assert torch.allclose(score[key.argsort()], score[back.argsort()])


def test_a_million_edges_train_one_epoch():
    graph = data.csbm(100_000, 4, seed=0, features=8)
    net = graphs.GCN(graph, hidden=8)
    params = {k: p.requires_grad_(True) for k, p in net.initialize(0).items()}
    edges = torch.ones(graph.edges.shape[1], requires_grad=True)
    loss = losses.cross_entropy(net(params, edges)[graph.train], graph.y[graph.train])
    grads = torch.autograd.grad(loss, [edges, *params.values()])
    assert all(g.isfinite().all() for g in grads)
    assert not (grads[0][~graphs.visible_edges(graph, degrees=True)] != 0).any()
