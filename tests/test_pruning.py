"""Pruning against PyTorch's own, against the definition, and against broken copies of itself."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mutation import broken
from torch import nn
from torch.nn.utils import prune

from tdyn import data, inits, losses, nets, optim, pruning

NET = nets.MLP((6, 5, 1), activation=torch.tanh)


def weights(seed, *ensemble):
    generator = torch.Generator().manual_seed(seed)
    return {k: torch.randn(*ensemble, *s, generator=generator) for k, s in NET.shapes.items()}


def by_definition(params, fraction, masks, scope):
    """One network: sort the survivors' magnitudes, drop the first round(fraction × n)."""
    new = {name: mask.clone() for name, mask in masks.items()}
    groups = [[name] for name in masks] if scope == "layer" else [list(masks)]
    for names in groups:
        alive = [
            (abs(params[n].flatten()[i].item()), n, i)
            for n in names
            for i in masks[n].flatten().nonzero().flatten().tolist()
        ]
        for _, name, i in sorted(alive, key=lambda item: item[0])[: round(fraction * len(alive))]:
            new[name].view(-1)[i] = False
    return new


@given(
    st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1), st.sampled_from(["layer", "global"]),
    st.integers(0, 3),
)  # fmt: skip
def test_masks_equal_the_definition(seed, first, second, scope, members):
    ensemble = (members,) if members else ()
    params, later = weights(seed, *ensemble), weights(seed + 1, *ensemble)
    options = {"scope": scope, "ensemble": len(ensemble)}
    masks = pruning.magnitude_mask(params, first, **options)
    again = pruning.magnitude_mask(later, second, masks=masks, **options)
    for i in range(members) if members else [...]:
        one = {k: p[i] for k, p in params.items()}
        two = {k: p[i] for k, p in later.items()}
        full = pruning.dense(one)
        want = by_definition(one, first, full, scope)
        wanted = by_definition(two, second, want, scope)
        for name in want:
            assert torch.equal(masks[name][i], want[name])
            assert torch.equal(again[name][i], wanted[name])
    assert all(bool((again[n] <= masks[n]).all()) for n in masks)


@given(st.integers(0, 10**6), st.lists(st.floats(0, 0.9), min_size=1, max_size=4))
def test_masks_equal_torch_prune(seed, fractions):
    torch.manual_seed(seed)
    layer = nn.Linear(7, 4)
    masks = {"weight": torch.ones(4, 7, dtype=torch.bool)}
    for fraction in fractions:
        prune.l1_unstructured(layer, "weight", amount=fraction)
        masks = pruning.magnitude_mask({"weight": layer.weight_orig}, fraction, masks=masks)
        assert torch.equal(layer.weight_mask.bool(), masks["weight"])


def test_global_masks_equal_torch_prune():
    torch.manual_seed(3)
    module = nn.Sequential(nn.Linear(7, 4), nn.ReLU(), nn.Linear(4, 3))
    module[2].weight.data *= 3
    params = {k: p for k, p in nets.functional(module)[1].items() if k.endswith("weight")}
    masks = pruning.magnitude_mask(params, 0.6, scope="global")
    layers = [(module[0], "weight"), (module[2], "weight")]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=0.6)
    for name, (layer, _) in zip(params, layers, strict=True):
        assert torch.equal(masks[name], layer.weight_mask.bool())
    apart = pruning.magnitude_mask(params, 0.6)
    assert not torch.equal(apart["0.weight"], masks["0.weight"])


@given(st.integers(0, 10**6), st.floats(0, 1), st.sampled_from(["layer", "global"]))
def test_random_masks_remove_as_many(seed, fraction, scope):
    params, first = weights(seed, 2), {"scope": scope, "ensemble": 1}
    old = pruning.magnitude_mask(params, 0.3, **first)
    masks, same = (
        pruning.random_mask(
            params, fraction, masks=old, generator=torch.Generator().manual_seed(seed), **first
        )
        for _ in range(2)
    )
    chosen = pruning.magnitude_mask(params, fraction, masks=old, **first)
    assert torch.equal(pruning.density(masks, 1), pruning.density(chosen, 1))
    assert all(bool((masks[n] <= old[n]).all()) for n in old)
    assert all(torch.equal(masks[n], same[n]) for n in old)
    if scope == "layer":
        assert all(torch.equal(masks[n].sum(), chosen[n].sum()) for n in old)


def test_random_masks_are_uniform():
    like = {"w": torch.zeros(4000, 6)}
    generator = torch.Generator().manual_seed(0)
    share = pruning.random_mask(like, 0.5, generator=generator, ensemble=1)["w"].double().mean(0)
    assert (share - 0.5).abs().max() < 5 * 0.5 / 4000**0.5


def test_edges():
    params = {"w": torch.tensor([1.0, 1.0, 1.0, 0.0])}
    assert pruning.magnitude_mask(params, 0.5)["w"].tolist() == [False, True, True, False]
    assert pruning.magnitude_mask(params, 0.0)["w"].all()
    assert not pruning.magnitude_mask(params, 1.0)["w"].any()
    none = {"w": torch.zeros(4, dtype=torch.bool)}
    assert not pruning.magnitude_mask(params, 0.5, masks=none)["w"].any()
    assert pruning.density(none) == 0
    half = pruning.magnitude_mask({"w": torch.tensor([float("inf"), -1.0])}, 0.5)["w"]
    assert half.tolist() == [True, False]
    assert pruning.magnitude_mask({"w": torch.zeros(0)}, 0.5)["w"].shape == (0,)


def test_a_zero_that_survives_is_not_dead():
    """A pruned entry is not counted among the small ones that survive."""
    params = {"w": torch.tensor([5.0, 0.0, 3.0, 4.0])}
    masks = {"w": torch.tensor([False, True, True, True])}
    new = pruning.magnitude_mask(params, 1 / 3, masks=masks)["w"]
    assert new.tolist() == [False, False, True, True]


def test_members_may_have_different_numbers_of_survivors():
    params = {"w": torch.arange(1.0, 9.0).reshape(2, 4)}
    masks = {"w": torch.tensor([[True] * 4, [False, False, True, True]])}
    new = pruning.magnitude_mask(params, 0.5, masks=masks, ensemble=1)["w"]
    assert new.tolist() == [[False, False, True, True], [False, False, False, True]]


def test_apply_and_masked_keep_gradients_to_survivors():
    params = weights(0)
    masks = pruning.magnitude_mask(params, 0.5, masks=pruning.dense(params, ["W1"]))
    zeroed = pruning.apply(params, masks)
    assert torch.equal(zeroed["W1"], params["W1"] * masks["W1"])
    assert zeroed["b1"] is params["b1"]
    leaves = {k: p.clone().requires_grad_() for k, p in params.items()}
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    out = pruning.masked(NET, masks)(leaves, x)
    assert torch.equal(out, NET(zeroed, x))
    grad = torch.autograd.grad(out.sum(), leaves["W1"])[0]
    assert (grad[~masks["W1"]] == 0).all()
    assert (grad[masks["W1"]] != 0).all()
    bad = pruning.apply(
        {"w": torch.tensor([float("nan"), 1.0])}, {"w": torch.tensor([False, True])}
    )
    assert bad["w"].tolist() == [0.0, 1.0]


# ---- whole experiments ---------------------------------------------------------------------------


def problem(members=None):
    x, y = data.parity(40, 6, k=2, seed=1)
    batches = data.minibatches(x, y, 8, seed=2)
    seeds = 0 if members is None else list(range(members))
    params = inits.initialize(NET, inits.gaussian, seeds, bias=inits.gaussian)

    def loss(p, b):
        return losses.logistic(NET(p, b[0]), b[1])

    return loss, params, batches


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("rewind", [0, 5])
def test_iterating_equals_a_plain_loop(scope, rewind):
    """The definition, written with torch.optim and masked gradients."""
    loss, params, batches = problem()
    fit = pruning.trainer(loss, optim.adam(optim.linear_decay(0.1, 30)), batches)
    tickets = pruning.iterative_magnitude_pruning(
        fit, params, 3, 0.4, steps=12, rewind=rewind, names=["W1", "W2"], scope=scope
    )

    def plain(p, masks, start, stop):
        p = {k: v.clone().requires_grad_() for k, v in p.items()}
        opt = torch.optim.Adam(p.values(), lr=0.1)
        for t in range(start, stop):
            opt.param_groups[0]["lr"] = 0.1 * (1 - t / 30)
            opt.zero_grad()
            loss(p, batches(t)).backward()
            for name, mask in masks.items():
                p[name].grad *= mask
            opt.step()
        return {k: v.detach() for k, v in p.items()}

    masks = pruning.dense(params, ["W1", "W2"])
    start = plain(params, masks, 0, rewind)
    for i, ticket in enumerate(tickets):
        if i:
            masks = by_definition(trained, 0.4, masks, scope)
        trained = plain({k: v * masks.get(k, 1) for k, v in start.items()}, masks, rewind, 12)
        for name, mask in masks.items():
            assert torch.equal(ticket.masks[name], mask)
        for name in params:
            torch.testing.assert_close(ticket.params[name], trained[name], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(ticket.start[name], start[name], rtol=1e-4, atol=1e-5)


def test_an_ensemble_equals_its_members():
    loss, params, batches = problem(members=3)
    fit = pruning.trainer(loss, optim.momentum(0.2), batches)
    run = partial(pruning.iterative_magnitude_pruning, fit, rounds=2, fraction=0.5, steps=9)
    together = run(params=params, rewind=3, ensemble=1)
    for i in range(3):
        alone = run(params=nets.member(params, i), rewind=3)
        for one, many in zip(alone, together, strict=True):
            for name in params:
                assert torch.equal(one.masks[name], many.masks[name][i])
                torch.testing.assert_close(one.params[name], many.params[name][i])


def test_one_shot_is_one_large_round():
    loss, params, batches = problem()
    fit = pruning.trainer(loss, optim.sgd(0.1), batches)
    options = {"steps": 8, "rewind": 2, "names": ["W1"]}
    single = pruning.iterative_magnitude_pruning(fit, params, 1, 0.75, **options)
    other = pruning.one_shot(fit, params, 0.75, **options)
    reuse = pruning.one_shot(fit, {}, 0.75, steps=8, rewind=2, trained=single[0])
    for ticket in (other, reuse):
        assert torch.equal(ticket.masks["W1"], single[1].masks["W1"])
        assert all(torch.equal(ticket.params[k], single[1].params[k]) for k in params)
    twice = pruning.iterative_magnitude_pruning(fit, params, 2, 0.5, **options)
    assert pruning.density(twice[2].masks) == pytest.approx(7 / 30)  # 7.5 go, rounded to even
    assert pruning.density(other.masks) == pytest.approx(8 / 30)


def test_any_module_can_be_pruned():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    f, params = nets.functional(module)
    x, y = torch.randn(20, 1, 6), torch.arange(20) % 3
    fit = pruning.trainer(
        lambda p, b: losses.cross_entropy(f(p, b[0]), b[1]), optim.sgd(0.1), lambda t: (x, y)
    )
    names = ["0.weight", "3.weight"]
    tickets = pruning.iterative_magnitude_pruning(
        fit, params, 3, 0.5, steps=5, names=names, scope="global"
    )
    assert pruning.density(tickets[-1].masks) == pytest.approx(0.125, abs=0.02)
    assert all(torch.equal(tickets[-1].start[k], params[k]) for k in params)
    one = pruning.masked(f, tickets[-1].masks)(tickets[-1].params, x)
    assert torch.equal(one, f(tickets[-1].params, x))


def test_training_that_revives_entries_is_refused():
    def grow(p, masks, start, stop):
        return {k: v + 1 for k, v in p.items()}

    with pytest.raises(ValueError, match="moved pruned entries"):
        pruning.one_shot(grow, weights(0), 0.5, steps=1)


# ---- a broken copy must be caught ----------------------------------------------------------------


def definition_holds(package):
    params = weights(4)
    old = by_definition(weights(5), 0.3, pruning.dense(params), "layer")
    for scope in ("layer", "global"):
        want = by_definition(params, 0.5, old, scope)
        got = package.magnitude_mask(params, 0.5, masks=old, scope=scope)
        if any(not torch.equal(want[name], got[name]) for name in want):
            return False
    return True


def members_are_apart(package):
    params = weights(4, 2)
    many = package.magnitude_mask(params, 0.5, ensemble=1, scope="global")
    one = package.magnitude_mask(nets.member(params, 1), 0.5, scope="global")
    return all(torch.equal(many[name][1], one[name]) for name in one)


def rewinds(package):
    loss, params, batches = problem()
    fit = package.trainer(loss, optim.adam(optim.linear_decay(0.1, 30)), batches)
    run = package.iterative_magnitude_pruning(fit, params, 2, 0.5, steps=9, rewind=4)
    plain = pruning.trainer(loss, optim.adam(optim.linear_decay(0.1, 30)), batches)
    want = pruning.iterative_magnitude_pruning(plain, params, 2, 0.5, steps=9, rewind=4)
    return all(
        torch.equal(a.params[k], b.params[k])
        for a, b in zip(run, want, strict=True)
        for k in params
    )


def tied(package):
    mask = package.magnitude_mask({"w": torch.zeros(64)}, 0.5)["w"]
    return not mask[:32].any() and bool(mask[32:].all())


MUTANTS = [
    ("masks", "kthvalue(k)", "kthvalue(1)", definition_holds),
    ("masks", ".detach().abs()", ".detach()", definition_holds),
    ("masks", "torch.where(kept, up if", "torch.where(kept | True, up if", definition_holds),
    ("masks", "row &= ~lower", "row &= lower", definition_holds),
    ("masks", "int(row.sum())", "len(row)",
     definition_holds),
    ("masks", 'if scope == "layer"', "if True", definition_holds),
    ("masks", "alive = [m.reshape(*m.shape[:ensemble], -1)", "alive = [m.reshape(*m.shape[:0], -1)",
     members_are_apart),
    ("masks", "values == limit", "values >= limit", definition_holds),
    ("tickets", "masks=latest.masks, ", "", rewinds),
    ("tickets", "train_fn, latest.start, masks", "train_fn, latest.params, masks", rewinds),
    ("tickets", "(p, g, state, start + t)", "(p, g, state, t)", rewinds),
    ("tickets", "batches(start + t)", "batches(t)", rewinds),
    ("tickets", "stop - start, batches", "stop, batches", rewinds),
    ("tickets", "masks, 0, rewind)", "masks, 0, steps)", rewinds),
    ("masks", ".nonzero()[:", ".nonzero().flip(0)[:", tied),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "old", "new", "check"), MUTANTS, ids=[f"{m[0]}:{i}" for i, m in enumerate(MUTANTS)]
)
def test_a_broken_copy_is_caught(module, old, new, check, tmp_path):
    assert check(pruning)
    with broken(pruning, module, old, new, tmp_path) as copy:
        try:
            caught = not check(copy)
        except (ValueError, RuntimeError, IndexError):
            caught = True
    assert caught


# ---- bad input -----------------------------------------------------------------------------------

W = {"w": torch.ones(2, 3)}
ALL = {"w": torch.ones(2, 3, dtype=torch.bool)}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: pruning.magnitude_mask(W, 1.5), "fraction must be"),
        (lambda: pruning.magnitude_mask(W, float("nan")), "fraction must be"),
        (lambda: pruning.magnitude_mask(W, -0.1), "fraction must be"),
        (lambda: pruning.magnitude_mask(W, 0.5, scope="network"), "scope must be"),
        (lambda: pruning.magnitude_mask(W, 0.5, ensemble=3), "first 3 axes"),
        (lambda: pruning.magnitude_mask(W, 0.5, ensemble=-1), "first -1 axes"),
        (lambda: pruning.magnitude_mask({**W, "b": torch.ones(3)}, 0.5, ensemble=1), "the same"),
        (lambda: pruning.magnitude_mask({}, 0.5), "names must be"),
        (lambda: pruning.magnitude_mask(W, 0.5, masks={}), "nothing to prune"),
        (lambda: pruning.magnitude_mask(W, 0.5, masks={"v": ALL["w"]}), "no parameter is named"),
        (lambda: pruning.magnitude_mask(W, 0.5, masks={"w": ALL["w"][:1]}), "must be Boolean"),
        (lambda: pruning.magnitude_mask(W, 0.5, masks=W), "must be Boolean"),
        (lambda: pruning.magnitude_mask({"w": torch.tensor([float("nan")])}, 0.5), "NaN"),
        (lambda: pruning.random_mask(W, 2.0, generator=torch.Generator()), "fraction must be"),
        (lambda: pruning.apply(W, {"v": ALL["w"]}), "no parameter is named"),
        (lambda: pruning.dense(W, ["v"]), "names must be"),
        (lambda: pruning.dense(W, []), "names must be"),
        (lambda: pruning.density({}), "density needs"),
        (lambda: pruning.density(ALL, 3), "density needs"),
        (lambda: pruning.retrain(None, W, ALL, steps=3, rewind=4), "rewind must be"),
        (lambda: pruning.one_shot(None, W, 0.5, steps=3, rewind=-1), "rewind must be"),
        (lambda: pruning.one_shot(None, W, 0.5, steps=3, names=["v"]), "names must be"),
        (lambda: pruning.one_shot(None, W, 7.0, steps=3), "fraction must be"),
        (lambda: pruning.iterative_magnitude_pruning(None, W, -1, 0.5, steps=3), "rounds must be"),
        (lambda: pruning.iterative_magnitude_pruning(None, W, 1, 1.5, steps=3), "fraction must be"),
    ],
)  # fmt: skip
def test_bad_values_are_refused_before_training(call, says):
    with pytest.raises(ValueError, match=says):
        call()
