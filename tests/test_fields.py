"""Receptive fields against their definitions, closed forms and independent peers."""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutation import broken
from scipy import linalg, stats

from tdyn import data, fields, inits, losses, nets, optim, pruning

F64 = torch.float64


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def random_mask(*shape, seed=0, share=0.4):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < share


# ---- locality ------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 9))
def test_inverse_participation_ratio(seed, n):
    w = normal(3, n, seed=seed)
    value = fields.inverse_participation_ratio(w)
    for row, got in zip(w.tolist(), value.tolist(), strict=True):
        want = sum(v**4 for v in row) / sum(v**2 for v in row) ** 2
        assert got == pytest.approx(want)
        assert 1 / n - 1e-12 <= got <= 1 + 1e-12
    torch.testing.assert_close(fields.inverse_participation_ratio(1e-20 * w.float()), value.float())


def test_inverse_participation_ratio_of_gaussian_and_zero_rows():
    w = normal(4000, 200)
    assert fields.inverse_participation_ratio(w).mean() * 200 == pytest.approx(3, abs=0.1)
    assert fields.inverse_participation_ratio(torch.zeros(2, 4)).isnan().all()


def pairs_of(mask, grid, periodic):
    """All ordered pairs of different surviving pixels of one neuron, as displacement vectors."""
    places = list(itertools.product(*[range(side) for side in grid]))
    for i, j in itertools.permutations(mask.nonzero().flatten().tolist(), 2):
        vector = [b - a for a, b in zip(places[i], places[j], strict=True)]
        if periodic:
            vector = [
                (v + side // 2) % side - side // 2 for v, side in zip(vector, grid, strict=True)
            ]
        yield tuple(vector)


@settings(max_examples=40)
@given(
    st.integers(0, 10**6), st.sampled_from([(7,), (4, 5), (3, 3), (6, 2)]), st.booleans(),
    st.floats(0.05, 0.9),
)  # fmt: skip
def test_locality_equals_its_definition(seed, grid, periodic, share):
    mask = random_mask(2, 3, math.prod(grid), seed=seed, share=share)
    options = {"periodic": periodic}
    full = [math.hypot(*v) for v in pairs_of(torch.ones(math.prod(grid)), grid, periodic)]
    spread = fields.spread(mask, grid, **options)
    enriched = fields.neighbor_enrichment(mask, grid, **options)
    for net in range(2):
        found = [[math.hypot(*v) for v in pairs_of(row, grid, periodic)] for row in mask[net]]
        means = [np.mean(d) for d in found if d]
        pooled = [d for row in found for d in row]
        if not means:
            assert spread[net].isnan()
            assert enriched[net].isnan()
            continue
        assert spread[net].item() == pytest.approx(np.mean(means) / np.mean(full), rel=1e-5)
        want = np.mean([d == 1 for d in pooled]) / np.mean([d == 1 for d in full])
        assert enriched[net].item() == pytest.approx(want, rel=1e-5)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([(5,), (6,), (4, 5), (2, 3)]), st.booleans())
def test_displacements_equal_their_definition(seed, grid, periodic):
    mask = random_mask(1, 4, math.prod(grid), seed=seed, share=0.6)
    got = fields.displacements(mask, grid, periodic=periodic)[0]
    here, all_pairs = {}, {}
    for row in mask[0]:
        for v in pairs_of(row, grid, periodic):
            here[v] = here.get(v, 0) + 1
    for v in pairs_of(torch.ones(math.prod(grid)), grid, periodic):
        all_pairs[v] = all_pairs.get(v, 0) + 1
    overall = sum(here.values()) / sum(all_pairs.values()) if here else math.nan
    middle = [side // 2 if periodic else side - 1 for side in grid]
    assert got[tuple(middle)].isnan()
    for v, available in all_pairs.items():
        value = got[tuple(m + a for m, a in zip(middle, v, strict=True))].item()
        if math.isnan(overall):
            assert math.isnan(value)
        else:
            assert value == pytest.approx(here.get(v, 0) / available / overall, rel=1e-5)


def test_a_random_mask_has_no_locality():
    grid = (8, 8)
    for periodic in (True, False):
        mask = random_mask(3000, 64, seed=1, share=0.2)
        assert fields.spread(mask, grid, periodic=periodic) == pytest.approx(1, abs=0.01)
        assert fields.neighbor_enrichment(mask, grid, periodic=periodic) == pytest.approx(
            1, abs=0.02
        )
        field = fields.displacements(mask, grid, periodic=periodic)
        center = field[field.shape[0] // 2 - 2 : field.shape[0] // 2 + 3]
        assert (center[~center.isnan()] - 1).abs().max() < 0.35


def test_patches_are_local():
    mask = torch.zeros(1, 8, 8, dtype=torch.bool)
    mask[0, :2, :2] = True
    tight = mask.reshape(1, 64)
    assert fields.spread(tight, (8, 8)) < 0.4
    assert fields.neighbor_enrichment(tight, (8, 8)) > 8
    across = mask.roll((-1, -1), (1, 2)).reshape(1, 64)  # over the seam of the torus
    assert torch.equal(fields.spread(across, (8, 8)), fields.spread(tight, (8, 8)))
    assert fields.spread(across, (8, 8), periodic=False) > 1.5


# ---- non-Gaussianity -----------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.floats(1e-18, 1e12))
def test_kurtosis_equals_scipy(seed, size):
    x = size * normal(50, 3, seed=seed).abs() ** 1.5
    want = stats.kurtosis(x.numpy(), axis=0)
    np.testing.assert_allclose(fields.excess_kurtosis(x, 0), want, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(fields.excess_kurtosis(x.T), want, rtol=1e-9, atol=1e-9)


def test_kurtosis_of_preactivations_is_within_classes():
    x, w = normal(300, 5) ** 3, normal(2, 4, 5, seed=1)
    y = torch.arange(300) % 3
    got = fields.preactivation_kurtosis(w, x, y)
    assert got.shape == (2, 3, 4)
    for e, c, k in itertools.product(range(2), range(3), range(4)):
        want = stats.kurtosis((x[y == c] @ w[e, k]).numpy())
        assert got[e, c, k].item() == pytest.approx(want)
    each = torch.stack([x, 2 * x.flip(0)])
    apart = fields.preactivation_kurtosis(w, each, y)
    torch.testing.assert_close(apart[1], fields.preactivation_kurtosis(w[1], each[1], y))


@given(st.integers(0, 10**6), st.integers(2, 6), st.floats(-2, 3))
def test_r1_independent_pixels_tie_the_two_measures(seed, n, kurtosis):
    """R1 by cumulants: exact moments of a product measure on few values."""
    # A symmetric law on {-a, 0, a} with variance 1 has excess kurtosis 1/p - 3, p = P(nonzero).
    p = 1 / (kurtosis + 3)
    a = 1 / math.sqrt(p)
    values = torch.tensor([-a, 0, a], dtype=F64)
    chance = torch.tensor([p / 2, 1 - p, p / 2], dtype=F64)
    w = normal(n, seed=seed)
    points = torch.cartesian_prod(*[values] * n)
    weight = torch.cartesian_prod(*[chance] * n).prod(1)
    seen = points @ w
    m2, m4 = (weight * seen**2).sum(), (weight * seen**4).sum()
    want = kurtosis * fields.inverse_participation_ratio(w)
    assert (m4 / m2**2 - 3).item() == pytest.approx(want.item(), abs=1e-9)


@settings(max_examples=40)
@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=30))
def test_r2_removing_small_weights_raises_kurtosis(weights):
    w = torch.tensor(weights, dtype=F64)
    p = w**2 / (w**2).sum()
    before = fields.inverse_participation_ratio(w)
    threshold = 2 * before / (1 + before)
    rest = ~torch.eye(len(w), dtype=torch.bool)
    after = torch.stack([fields.inverse_participation_ratio(w[keep]) for keep in rest])
    torch.testing.assert_close(after, (before - p**2) / (1 - p) ** 2, rtol=1e-6, atol=1e-9)
    clear = (p - threshold).abs() > 1e-9
    assert torch.equal((after > before)[clear], (p < threshold)[clear])
    assert p.min() < threshold
    order = w.sort(descending=True).values
    falling = [fields.inverse_participation_ratio(order[:k]).item() for k in range(1, len(w) + 1)]
    assert all(a > b - 1e-12 for a, b in itertools.pairwise(falling))


def brute_force(w, x, y):
    """Delete every weight in turn and measure the kurtosis again."""
    less = w[:, None] * ~torch.eye(w.shape[1], dtype=torch.bool)  # (neurons, deleted, pixels)
    result = torch.zeros_like(w)
    for c in y.unique():
        after, before = (torch.as_tensor(stats.kurtosis((x[y == c] @ v.mT).numpy(), axis=-2))
                         for v in (less, w))  # fmt: skip
        result += (after.abs() - before[:, None].abs()) / len(y.unique())
    return result


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(2, 6))
def test_cavity_equals_brute_force(seed, neurons, pixels):
    x = normal(60, pixels, seed=seed) ** 3 + 2
    y = torch.arange(60) % 2
    w = normal(neurons, pixels, seed=seed + 1)
    torch.testing.assert_close(fields.cavity(w, x, y), brute_force(w, x, y), atol=1e-7, rtol=1e-7)


def test_cavity_on_images_members_and_masks():
    x, y = data.nlgp(3000, 12, xi=(1.0, 3.0), gain=3.0, seed=0, dtype=F64)
    w = normal(2, 3, 12, seed=1)
    w[0, 0, :6] = 0
    w[1, 2, 3] = 1e4  # nearly everything
    got = fields.cavity(w, x, y)
    for e in range(2):
        torch.testing.assert_close(got[e], brute_force(w[e], x, y), atol=1e-7, rtol=0)
    assert (got[0, 0, :6] == 0).all()
    each = torch.stack([x, x.flip(0)])
    torch.testing.assert_close(fields.cavity(w, each, y)[1], fields.cavity(w[1], x.flip(0), y))
    assert fields.cavity(w.float(), x.float(), y).dtype == torch.float32
    single = torch.tensor([[0.0, 2.0, 0.0]], dtype=F64)
    alone = fields.cavity(single, x[:, :3], y)
    assert alone[0, 1].isnan()
    assert alone[0, [0, 2]].tolist() == [0, 0]


def test_cavity_of_independent_pixels_follows_r2():
    x = data.hypercube(9, dtype=F64)
    w = normal(3, 9, seed=4)
    before = fields.inverse_participation_ratio(w)[:, None]
    p = w**2 / (w**2).sum(1, keepdim=True)
    want = 2 * ((before - p**2) / (1 - p) ** 2 - before)
    got = fields.cavity(w, x, torch.zeros(512).long())
    torch.testing.assert_close(got, want, atol=1e-10, rtol=1e-8)


def test_shuffling_keeps_values_and_loses_places():
    w = normal(2, 500, 9)
    new = fields.shuffled(w, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(new.sort(-1).values, w.sort(-1).values, rtol=0, atol=0)
    first = torch.zeros(4000, 5)
    first[:, 0] = 1
    moved = fields.shuffled(first, generator=torch.Generator().manual_seed(2)).mean(0)
    assert (moved - 0.2).abs().max() < 5 * 0.4 / 4000**0.5


# ---- discriminants -------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_discriminant_equals_scipy(seed, size):
    a, b = normal(6, 9, seed=seed), normal(6, 9, seed=seed + 1)
    first, second = a @ a.T, b @ b.T
    supports = torch.tensor(list(itertools.combinations(range(6), size)))
    got = fields.gaussian_discriminant(first, second, supports)
    for s, value in zip(supports.tolist(), got.tolist(), strict=True):
        ratio = linalg.eigh(first[s][:, s], second[s][:, s], eigvals_only=True)
        assert value == pytest.approx(np.abs(np.log(ratio)).max(), rel=1e-6)


def test_r4_sparse_gaussian_discriminants_are_local():
    first, second = (data.nlgp_covariance(40, xi=xi, gain=3.0) for xi in (1.0, 3.0))
    pairs = torch.tensor([[0, d] for d in (1, 2, 3, 4, 5, 20)])
    values = fields.gaussian_discriminant(first, second, pairs).tolist()
    for value, want in zip(values, (1.45, 0.782, 0.359, 0.147, 0.051, 0), strict=True):
        assert value == pytest.approx(want, abs=0.005)
    triples = torch.tensor([[0, *rest] for rest in itertools.combinations(range(1, 40), 2)])
    found = fields.gaussian_discriminant(first, second, triples)
    best = triples[found >= found.max() - 1e-9]
    assert found.max().item() == pytest.approx(2.275, abs=0.005)
    steps = {tuple(sorted(((t - t.roll(1)) % 40).tolist())) for t in best}
    assert steps == {(1, 1, 38)}


# ---- the whole pipeline --------------------------------------------------------------------------


def test_r5_permuting_pixels_permutes_the_masks():
    x, y = data.nlgp(400, 12, xi=(0.7, 2.0), gain=100.0, seed=0, dtype=F64)
    net = nets.MLP((12, 6, 2), activation=partial(torch.nn.functional.gelu))
    params = inits.initialize(net, inits.gaussian, 3, dtype=F64)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(5))

    def tickets(x, params):
        fit = pruning.trainer(
            lambda p, b: losses.cross_entropy(net(p, b[0]), b[1]),
            optim.adam(0.01),
            data.minibatches(x, y, 50, seed=1),
        )
        return pruning.iterative_magnitude_pruning(
            fit, params, 3, 0.4, steps=40, rewind=10, names=["W1"]
        )

    plain = tickets(x, params)
    moved = tickets(x[:, order], {**params, "W1": params["W1"][:, order]})
    for a, b in zip(plain, moved, strict=True):
        assert torch.equal(a.masks["W1"][:, order], b.masks["W1"])
    assert pruning.density(plain[-1].masks) < 0.25


# ---- a broken copy must be caught ----------------------------------------------------------------


def locality_holds(package):
    mask = random_mask(4, 15, seed=8)
    mask[0] = False
    ours = package.spread(mask, (3, 5)), package.neighbor_enrichment(mask, (3, 5))
    d = fields.distances((3, 5))
    pairs = [
        [d[i, j].item() for i, j in itertools.permutations(row.nonzero().flatten().tolist(), 2)]
        for row in mask
    ]
    everywhere = d.sum() / (15 * 14)
    spread = np.mean([np.mean(p) for p in pairs if p]) / everywhere
    pooled = [v for p in pairs for v in p]
    near = np.mean([v == 1 for v in pooled]) / ((d == 1).sum() / (15 * 14))
    return ours[0].item() == pytest.approx(spread.item(), rel=1e-5) and ours[
        1
    ].item() == pytest.approx(near.item(), rel=1e-5)


def map_is_right(package):
    mask = torch.tensor([[[True, True, False, False, False]]])
    got = package.displacements(mask, (5,), periodic=False)[0].tolist()
    want = [0, 0, 0, 2.5, math.nan, 2.5, 0, 0, 0]
    return got == pytest.approx(want, nan_ok=True)


def cavity_holds(package):
    x = normal(80, 4, seed=3) ** 3 + 1
    x[::2] = x[::2].clamp(0, 2)  # one class with negative kurtosis
    y = torch.arange(80) % 2
    w = normal(2, 4, seed=4)
    return torch.allclose(package.cavity(w, x, y), brute_force(w, x, y), atol=1e-7)


def kurtosis_holds(package):
    x = normal(80, seed=3) ** 2
    return package.excess_kurtosis(x).item() == pytest.approx(stats.kurtosis(x.numpy()))


def participation_holds(package):
    return package.inverse_participation_ratio(torch.ones(1, 8)).item() == 0.125


def discriminant_holds(package):
    first, second = (data.nlgp_covariance(12, xi=xi, gain=2.0) for xi in (2.0, 1.0))
    pair = torch.tensor([[0, 1]])
    ratio = linalg.eigh(first[:2, :2], second[:2, :2], eigvals_only=True)
    got = package.gaussian_discriminant(first, second, pair).item()
    return got == pytest.approx(np.abs(np.log(ratio)).max())


MUTANTS = [
    ("locality", "torch.minimum(apart, torch.tensor(sides) - apart)", "apart", locality_holds),
    ("locality", "mean = ((m @ d) * m).sum(-1) / (number * (number - 1))",
     "mean = ((m @ d) * m).sum(-1) / (number * number)", locality_holds),
    ("locality", "everywhere).nanmean(-1)", "everywhere).mean(-1)", locality_holds),
    ("locality", "d == 1", "d <= 1", locality_holds),
    ("locality", "everywhere = d.sum() / (len(d) * (len(d) - 1))",
     "everywhere = d.mean()", locality_holds),
    ("locality", "counts / available / overall", "counts / overall", map_is_right),
    ("locality", "else 2 * side - 1", "else side", map_is_right),
    ("locality", "/ square.sum(-1) ** 2", "/ square.sum(-1)", participation_holds),
    ("gaussianity", "- 4 * w * xlll", "+ 4 * w * xlll", cavity_holds),
    ("gaussianity", "6 * w**2", "4 * w**2", cavity_holds),
    ("gaussianity", "4 * w**3", "6 * w**3", cavity_holds),
    ("gaussianity", "+ w**4 * x4", "", cavity_holds),
    ("gaussianity", "l2 - 2 * w * xl", "l2 + 2 * w * xl", cavity_holds),
    ("gaussianity", "own = own - own.mean(-2, keepdim=True)", "own = own.clone()", cavity_holds),
    ("gaussianity", "(total / len(classes))", "total", cavity_holds),
    ("gaussianity", "after.abs() - (", "after - (", cavity_holds),
    ("gaussianity", "square.mean(dim) ** 2 - 3", "square.mean(dim) ** 2", kurtosis_holds),
    ("discriminant", "values.log().abs()", "values.log()", discriminant_holds),
    ("discriminant", "(factor, half.mT", "(factor, half", discriminant_holds),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "old", "new", "check"), MUTANTS, ids=[f"{m[0]}:{i}" for i, m in enumerate(MUTANTS)]
)
def test_a_broken_copy_is_caught(module, old, new, check, tmp_path):
    assert check(fields)
    with broken(fields, module, old, new, tmp_path) as copy:
        assert not check(copy)


# ---- bad input -----------------------------------------------------------------------------------

M = torch.ones(2, 6, dtype=torch.bool)
EYE = torch.eye(3)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fields.spread(M, 5), "has 5 pixels"),
        (lambda: fields.spread(M[0], 6), "must be Boolean"),
        (lambda: fields.spread(M.float(), 6), "must be Boolean"),
        (lambda: fields.spread(M[:, :1], 1), "has 1 pixels"),
        (lambda: fields.neighbor_enrichment(M, (2, 4)), "has 8 pixels"),
        (lambda: fields.displacements(M, (7,)), "has 7 pixels"),
        (lambda: fields.distances((3, 0)), "sides of the grid"),
        (lambda: fields.distances(()), "sides of the grid"),
        (lambda: fields.cavity(EYE, torch.ones(4, 2), torch.zeros(4).long()), "same pixels"),
        (lambda: fields.cavity(EYE, torch.ones(4, 3), torch.zeros(5).long()), "y must have"),
        (lambda: fields.preactivation_kurtosis(EYE[0], torch.ones(4, 3), torch.zeros(4)), "same"),
        (lambda: fields.preactivation_kurtosis(EYE, torch.ones(0, 3), torch.zeros(0)), "y must"),
        (lambda: fields.gaussian_discriminant(EYE, EYE[:2], torch.tensor([[0]])), "square"),
        (lambda: fields.gaussian_discriminant(EYE, EYE, torch.tensor([[3]])), "sets of different"),
        (lambda: fields.gaussian_discriminant(EYE, EYE, torch.tensor([[-1]])), "sets of different"),
        (lambda: fields.gaussian_discriminant(EYE, EYE, torch.tensor([[1, 1]])), "different"),
        (lambda: fields.gaussian_discriminant(EYE, -EYE, torch.tensor([[1]])), "second"),
        (lambda: fields.gaussian_discriminant(-EYE, EYE, torch.tensor([[1]])), "first"),
    ],
)
def test_bad_values_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
