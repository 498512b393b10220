"""Dead ReLUs: vertices and rays against linear programs, integers and closed forms."""

import inspect
import itertools
import math
import types
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from tdyn import inits, nets, relu
from tdyn.relu import activity, cells, exact, inactive, sign_variants, stably_inactive
from tdyn.relu.exact import inactive_exactly

F64 = torch.float64


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def linear_programs(W, beta, w, b):
    """Largest value of the neuron: one linear program (HiGHS) for each sign pattern of layer 1."""
    W, beta, w, b = (np.asarray(v, dtype=float) for v in (W, beta, w, b))
    best = -np.inf
    for signs in itertools.product((1.0, -1.0), repeat=len(W)):
        s, on = np.array(signs), np.array(signs) > 0
        cost, constant = (w * on) @ W, (w * on) @ beta + b
        found = linprog(-cost, -s[:, None] * W, s * beta, bounds=(None, None), method="highs")
        if found.status == 3 or (found.status == 4 and np.abs(cost).max() > 0):
            return np.inf
        if found.status == 0:
            best = max(best, constant - found.fun)
    return best


def random_neuron(n0, n1, seed):
    """A neuron with mostly negative weights, so that many are inactive, and not trivially."""
    g = torch.Generator().manual_seed(seed)
    W = torch.randn(n1, n0, dtype=F64, generator=g)
    beta, w = (torch.randn(n1, dtype=F64, generator=g) for _ in range(2))
    flip = torch.rand(n1, generator=g) < 0.8
    w = torch.where(flip, -w.abs(), w)
    return W, beta, w, torch.randn((), dtype=F64, generator=g) * 0.6


# ---- the exact decision ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n0", "n1", "count"),
    [(1, 1, 30), (1, 2, 90), (1, 3, 90), (2, 2, 40), (2, 3, 120), (2, 4, 60), (3, 3, 30),
     (3, 4, 50), (4, 3, 20), (4, 5, 15)],
)  # fmt: skip
def test_decision_equals_a_linear_program_per_cell(n0, n1, count):
    dead = 0
    for seed in range(count):
        W, beta, w, b = random_neuron(n0, n1, 1000 * n0 + 100 * n1 + seed)
        best = linear_programs(W, beta, w, b)
        assert abs(best) > 1e-7  # generic: the program's own tolerance does not matter
        assert stably_inactive(W, beta, w, b).item() == (best < 0)
        assert inactive(W, beta, w, b).item() == (best < 0)
        dead += best < 0
    assert dead > 0


def adversarial():
    """Degenerate neurons by name: (W, beta, w, b)."""
    cross = [[1, 0], [0, 1]]
    cases = {
        "zero row": ([[0, 0], *cross], [2, 1, 1], [-1, -1, -1], 1.5),
        "zero row that lifts": ([[0, 0], *cross], [2, 1, 1], [1, -1, -1], -1.9),
        "zero row and zero bias": ([[0, 0], *cross], [0, 1, 1], [5, -1, -1], -1),
        "all rows zero": ([[0], [0]], [1, -1], [-1, 7], 1),
        "all rows zero, on": ([[0], [0]], [1, 1], [-1, 1.5], -0.4),
        "parallel": ([[1, 1], [2, 2], [1, 0]], [0, 1, 0], [1, -0.5, -1], -1),
        "parallel, gap": ([[1, 1], [2, 2], [1, 0]], [1, 0, 0], [1, -0.5, -1], -0.9),
        "opposite": ([[1, 2], [-1, -2], [3, 1]], [1, 1, 0], [-1, -1, -1], 1.5),
        "opposite, one line": ([[1], [-1]], [0, 0], [-1, -1], 0),
        "duplicates": ([[1, 1], [1, 1], [1, -1]], [1, 1, 0], [1, -1, -1], -1),
        "duplicates, a push": ([[1, 1], [1, 1], [1, -1]], [1, 1, 0], [1, -0.9, -1], -1),
        "all duplicates": ([[1, 1]] * 3, [1] * 3, [1, 1, -2], 0),
        "concurrent": ([[1, 0], [0, 1], [1, 1]], [0, 0, 0], [-1, -1, 1], -1),
        "concurrent, tie": ([[1, 0], [0, 1], [1, 1]], [0, 0, 0], [-1, -1, 1], 0),
        "no biases": ([[1], [-1]], [0, 0], [-1, -2], 0),
        "no bias b": ([[1], [-1]], [-1, -1], [-1, -2], 0),
        "no bias b, never all off": ([[1], [-1]], [1, 1], [-1, -2], 0),
        "no first biases": ([[1], [-2]], [0, 0], [-1, -2], -1),
        "all negative": ([[1, 2], [0.5, -1], [-1, 0.3]], [1, -1, 0.3], [-1] * 3, -1),
        "weight zero": ([[1, 2], [0.5, -1]], [1, -1], [-1, 0], -1),
        "weight zero, spare": ([[1], [-1], [2]], [1, 1, -3], [-1, -1, 0], 1),
        "all zero": ([[0], [0]], [0, 0], [0, 0], 0),
        "rank one in three": ([[1, 2, 3], [-1, -2, -3]], [1, 1], [-1, -1], 1),
        "rank two in three": ([[1, 0, 1], [0, 1, 0], [-1, -1, -1]], [1, 1, 1], [-1] * 3, 2),
        "fewer neurons than inputs": ([[1, 2, 0]], [5], [-1], -0.1),
        "fewer and on": ([[1, 2, 0]], [5], [-1], 0.1),
        "touches zero": ([[1], [-1]], [1, 1], [-1, -1], 2),
        "slope zero at infinity": ([[1], [1], [-1]], [0, -1, 0], [-1, 1, -1], -1),
    }  # fmt: skip
    # The same with rows, inputs and weights in units that differ by up to 1e12.
    for name in (
        "zero row that lifts",
        "parallel",
        "opposite",
        "duplicates, a push",
        "all negative",
    ):
        W, beta, w, b = (np.array(v) for v in cases[name])
        rows = 2.0 ** np.array([20, -20, 0])[: len(W)]
        columns = 2.0 ** np.array([-20, 20])
        cases[name + ", units"] = (W * rows[:, None] * columns, beta * rows, w / rows, b)
    return {
        name: tuple(torch.as_tensor(np.array(v), dtype=F64) for v in case)
        for name, case in cases.items()
    }


def ever_on_nearby(W, beta, w, b, trials=400, size=1e-6):
    """Look for a small change of the parameters that lets some input switch the neuron on."""
    g = torch.Generator().manual_seed(0)

    def near(v):
        scale = size * v.abs().clamp(min=v.abs().max().clamp(min=1e-3))
        return v + scale * (2 * torch.rand(trials, *v.shape, dtype=F64, generator=g) - 1)

    return not bool(inactive(near(W), near(beta), near(w), near(b)).all())


@pytest.mark.parametrize("name", adversarial())
def test_degenerate_neurons(name):
    W, beta, w, b = adversarial()[name]
    fair = adversarial()[name.removesuffix(", units")]  # the linear programs want fair units
    best = linear_programs(*fair)
    assert inactive(W, beta, w, b).item() == (best <= 1e-6)
    stable = stably_inactive(W, beta, w, b).item()
    assert stable == (best <= 1e-6 and not ever_on_nearby(*fair))


whole = st.integers(-2, 2)


@st.composite
def small_integers(draw):
    n0, n1 = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    row = st.lists(whole, min_size=n0, max_size=n0)
    weights = st.lists(whole, min_size=n1, max_size=n1)
    W = draw(st.lists(row, min_size=n1, max_size=n1))
    return [torch.tensor(v, dtype=F64) for v in (W, draw(weights), draw(weights), draw(whole))]


@given(small_integers())
@settings(max_examples=120)
def test_small_integers_equal_linear_programs(neuron):
    best = linear_programs(*neuron)
    assert inactive(*neuron).item() == (best <= 1e-7)


@given(small_integers())
@settings(max_examples=200)
def test_rounding_never_contradicts_integers(neuron):
    plain = [v.tolist() for v in neuron]
    for stable, decide in ((True, stably_inactive), (False, inactive)):
        assert decide(*neuron).item() == inactive_exactly(*plain, stable=stable)
    assert stably_inactive(*neuron) <= inactive(*neuron)


@given(small_integers())
@settings(max_examples=100)
def test_stability_is_a_neighborhood(neuron):
    if inactive(*neuron):
        assert stably_inactive(*neuron).item() != ever_on_nearby(*neuron)


@pytest.mark.parametrize("n0", [1, 2, 3])
def test_rounding_agrees_with_integers_on_wild_magnitudes(n0):
    """Entries of one neuron that differ by up to 1e12."""
    g = torch.Generator().manual_seed(n0)
    n1, n = n0 + 2, 150
    scale = [10 ** (12 * torch.rand(*s, dtype=F64, generator=g) - 6)
             for s in ((n, n1, n0), (n, n1), (n, n1), (n,))]  # fmt: skip
    signs = [torch.randn(*s.shape, dtype=F64, generator=g).sign() for s in scale]
    W, beta, w, b = (s * v for s, v in zip(signs, scale, strict=True))
    w = torch.where(torch.rand(n, n1, generator=g) < 0.7, -w.abs(), w)
    got = stably_inactive(W, beta, w, b)
    oracle = [
        inactive_exactly(W[i].tolist(), beta[i].tolist(), w[i].tolist(), b[i].item(), stable=True)
        for i in range(n)
    ]
    assert got.tolist() == oracle
    if n0 == 1:
        assert got.tolist() == [on_the_line(W[i], beta[i], w[i], b[i]) for i in range(n)]
    assert 5 < int(got.sum()) < n - 5


def on_the_line(W, beta, w, b):
    """One input, in fractions: values at the kinks and slopes at both ends, from the definition."""
    W, beta, w = ([Fraction(v) for v in t.flatten().tolist()] for t in (W, beta, w))
    kinks = [-c / a for a, c in zip(W, beta, strict=True)]
    inside = all(
        Fraction(b.item()) + sum(v * max(a * x + c, 0) for v, a, c in zip(w, W, beta, strict=True))
        < 0
        for x in kinks
    )
    right = sum(v * max(a, 0) for v, a in zip(w, W, strict=True))
    left = sum(v * max(-a, 0) for v, a in zip(w, W, strict=True))
    return inside and right <= 0 and left <= 0


def test_batches_equal_single_neurons():
    W, beta = normal(3, 2, 4, 2), normal(3, 2, 4)
    w, b = normal(3, 2, 5, 4, seed=1), normal(3, 2, 5, seed=2)
    w[..., :3, :] = -w[..., :3, :].abs()
    got = stably_inactive(W, beta, w, b)
    assert got.shape == (3, 2, 5)
    for i in itertools.product(range(3), range(2), range(5)):
        assert got[i] == stably_inactive(W[i[:2]], beta[i[:2]], w[i], b[i])
    assert stably_inactive(W.float(), beta.float(), w.float(), b.float()).shape == (3, 2, 5)


def test_large_batches_are_cut_into_pieces(monkeypatch):
    args = normal(50, 3, 2), normal(50, 3), -normal(50, 4, 3).abs(), normal(50, 4)
    whole_batch = stably_inactive(*args)
    monkeypatch.setattr(activity, "_NUMBERS", 500)
    assert torch.equal(stably_inactive(*args), whole_batch)


def test_random_inputs_report_too_many_dead_neurons():
    n = 4000
    W, beta, w, b = (normal(*v, seed=i) for i, v in enumerate(((n, 6, 2), (n, 6), (n, 6), (n,))))
    exact = stably_inactive(W, beta, w, b)
    shares = []
    for count, scale in ((100, 1.0), (1000, 1.0), (1000, 10.0)):
        x = scale * normal(count, 2, seed=7)
        z = (w.unsqueeze(1) * (x @ W.mT + beta.unsqueeze(1)).relu()).sum(-1) + b.unsqueeze(1)
        seems = (z <= 0).all(dim=1)
        assert not (exact & ~seems).any()  # never a missed dead neuron
        shares.append(seems.double().mean().item())
    assert shares[0] > shares[1] > shares[2] > exact.double().mean().item() + 0.005
    assert shares[0] > 2 * exact.double().mean().item()


# ---- probabilities -----------------------------------------------------------------------------


def cauchy(shape, *, generator, dtype=None, device=None):
    u = torch.rand(shape, generator=generator, dtype=dtype)
    return torch.tan(math.pi * (u - 0.5))


def counts(n0, n1, draws, law=inits.gaussian, seed=0):
    estimate = relu.stably_inactive_monte_carlo(n0, n1, draws=draws, seed=seed, law=law)
    return (estimate.shares * 2 ** (2 * n1 + 1)).round().unique().int().tolist()


@pytest.mark.parametrize("law", [inits.gaussian, inits.uniform, cauchy])
@pytest.mark.parametrize(("n0", "draws"), [(1, 300), (2, 100), (3, 30), (4, 6), (5, 1)])
def test_the_number_of_dead_sign_choices_is_always_the_same(n0, draws, law):
    n1 = n0 + 1
    assert counts(n0, n1, draws, law) == [2**n1 + 2]
    assert counts(n0, n0, draws, law) == [2**n0]
    share = relu.stably_inactive_probability(n0, n1)
    assert share == Fraction(2**n1 + 2, 2 ** (2 * n1 + 1))
    assert relu.stably_inactive_probability(n0, n0) == Fraction(1, 2 ** (n0 + 1))


def test_dependent_magnitudes_give_the_same_count():
    common = normal(50, 1, seed=5).exp()
    W, beta = common.unsqueeze(-1) * normal(50, 3, 2), common**3 * normal(50, 3, seed=6)
    w = common * beta + W[..., 0]
    variants = sign_variants(W, beta, w, w.prod(dim=-1))
    assert (stably_inactive(*variants).sum(dim=(-2, -1)) == 10).all()


def test_zero_biases():
    """T3 of the chapter: counts over signs where some biases vanish."""
    for n0 in (1, 2, 3):
        n1 = n0 + 1
        W, beta, w = normal(9, n1, n0), normal(9, n1, seed=5), normal(9, n1, seed=1)
        b = torch.zeros(9, dtype=F64)
        none = torch.zeros_like(beta)

        def count(decide, *neuron, biased=False):
            found = decide(*sign_variants(*neuron)).sum(dim=(-2, -1))
            assert (found == found[0]).all()
            return int(found[0]) // (1 if biased else 2)  # the sign of a zero bias is idle

        assert count(inactive, W, beta, w, b) == 2**n1 + 1
        assert count(stably_inactive, W, beta, w, b) == 1
        assert count(stably_inactive, W, none, w, b) == 0
        assert count(inactive, W, none, w, b) == 2**n1 * (2**n0 + 1) // 2 ** (n0)
        assert count(stably_inactive, W, none, w, normal(9, seed=3), biased=True) == 2**n1 + 2


def test_sampling_agrees_with_the_average_over_signs():
    for n0, n1 in ((1, 3), (2, 4), (1, 8)):
        a = relu.stably_inactive_monte_carlo(n0, n1, draws=30 if n1 == 8 else 400, seed=1)
        b = relu.stably_inactive_monte_carlo(n0, n1, draws=20000, seed=2, signs=False)
        assert abs(a.probability - b.probability) < 4.5 * math.hypot(a.error, b.error)


def test_sorting_on_the_line_equals_vertices_and_rays():
    law = inits.gaussian
    wide = relu.stably_inactive_monte_carlo(1, 12, draws=3000, seed=4, law=law, signs=False)
    generator = torch.Generator().manual_seed(4)
    rows = law((3000 * 24, 1), generator=generator, dtype=F64).reshape(3000, 12, 2)
    neuron = law((3000 * 13, 1), generator=generator, dtype=F64).reshape(3000, 13)
    exact = stably_inactive(rows[..., :1], rows[..., 1], neuron[:, :12], neuron[:, 12])
    assert torch.equal(wide.shares > 0, exact)


def test_probability_refuses_what_is_not_proved():
    with pytest.raises(ValueError, match="no formula"):
        relu.stably_inactive_probability(2, 4)
    for n0, n1 in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="positive"):
            relu.stably_inactive_probability(n0, n1)


# ---- whole networks ----------------------------------------------------------------------------


def he(widths, count, bias=inits.zeros, law=inits.he):
    return nets.MLP(widths), inits.initialize(
        nets.MLP(widths), law, range(count), bias=bias, dtype=F64
    )


@pytest.mark.parametrize("bias", [inits.zeros, inits.gaussian])
def test_kinks_agree_with_a_dense_grid(bias):
    net, params = he((1, 3, 3, 3, 3, 1), 300, bias)
    ends = (-math.sqrt(3), math.sqrt(3))
    exact = relu.dead_layer(params, ends)
    grid = relu.dead_layer(params, torch.linspace(*ends, 4001, dtype=F64)[:, None])
    assert ((grid == 0) <= (exact == 0)).all()  # the grid can only overlook life
    assert (grid != exact).double().mean() < 0.01
    assert 0.1 < (exact > 0).double().mean() < 0.6
    assert torch.equal(relu.born_dead(params, ends), exact > 0)
    for i in (0, 7):
        assert relu.dead_layer(nets.member(params, i), ends) == exact[i]
    features = net.features(params, torch.linspace(*ends, 4001, dtype=F64)[:, None])
    for layer, h in enumerate(features, start=1):
        all_off = relu.dead_on(h).all(dim=-1)
        assert all_off[grid == layer].all()
        assert not all_off[(grid == 0) | (grid > layer)].any()


def test_a_narrow_peak_is_seen():
    """A layer that is on only in (0.3, 0.3 + 2e-7), between any reasonable grid points."""
    params = {
        "W1": torch.tensor([[1.0], [-1.0]], dtype=F64),
        "b1": torch.tensor([-0.3, 0.3], dtype=F64),
        "W2": torch.tensor([[-1.0, -1.0]], dtype=F64),
        "b2": torch.tensor([1e-7], dtype=F64),
        "W3": torch.ones(1, 1, dtype=F64),
    }
    assert relu.dead_layer(params, (-1.0, 1.0)) == 0
    assert relu.dead_layer(params, torch.linspace(-1, 1, 1000, dtype=F64)[:, None]) == 2
    params["b2"] -= 2e-7
    assert relu.dead_layer(params, (-1.0, 1.0)) == 2


def test_rounding_at_the_origin_is_not_life():
    """Without biases everything meets at 0, which an uneven interval hits only up to rounding."""
    _, params = he((1, 2, 2, 2, 2, 1), 2000)
    even, uneven = (relu.dead_layer(params, ends) for ends in ((-1.0, 1.0), (-0.7, 1.9)))
    assert torch.equal(even, uneven)


def share(law, widths, bias=inits.zeros, networks=20000, domain=(-1.0, 1.0)):
    return relu.born_dead_monte_carlo(
        nets.MLP(widths), law, networks=networks, seed=3, bias=bias, domain=domain
    )


def test_known_births():
    se = math.sqrt(5 / 32 * 27 / 32 / 20000)
    assert share(inits.he, (1, 2, 2, 1))[1] == pytest.approx(5 / 32, abs=4 * se)
    for bias in (inits.zeros, inits.joint):
        assert not share(inits.mirrored, (1, 4, 4, 4, 4, 1), bias, 500).any()
    deep = share(inits.he, (1, *[2] * 9, 1))
    assert deep[-1] == pytest.approx(0.880, abs=0.01)
    rai = share(
        inits.randomized_asymmetric, (1, *[2] * 9, 1), inits.joint, domain=(-(3**0.5), 3**0.5)
    )
    assert rai[-1] == pytest.approx(0.235, abs=0.015)


def test_orthogonal_layers_die_exactly_as_often_as_stated():
    _, params = he((1, 2, 2, 1), 2000, law=inits.orthogonal)
    dead = relu.born_dead(params, (-1.0, 1.0)).double().mean()
    assert dead == pytest.approx(1 / 8, abs=4 * math.sqrt(7 / 64 / 2000))


@pytest.mark.parametrize("bias", [inits.zeros, inits.gaussian])
@pytest.mark.parametrize("law", [inits.he, inits.uniform])
def test_one_input_follows_the_product_law(law, bias):
    x = torch.tensor([[0.7]], dtype=F64)
    got = share(law, (1, 2, 3, 2, 1), bias, domain=x)[-1]
    expected = relu.dead_at_input_probability([2, 3, 2])
    assert got == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 20000))


def test_asymmetric_rows_escape_the_law():
    x = torch.tensor([[0.7]], dtype=F64)
    got = share(inits.randomized_asymmetric, (1, 2, 2, 2, 1), inits.joint, domain=x)[-1]
    assert got < relu.dead_at_input_probability([2, 2, 2]) - 0.2


def test_networks_drawn_at_once_follow_the_same_law_as_one_by_one():
    for law, bias in ((inits.randomized_asymmetric, inits.joint), (inits.he, inits.gaussian)):
        _, params = he((1, 2, 2, 2, 2, 1), 800, bias, law)
        single = relu.born_dead(params, (-1.0, 1.0)).double().mean().item()
        many = share(law, (1, 2, 2, 2, 2, 1), bias)[-1].item()
        assert abs(single - many) < 4.5 * math.sqrt(many * (1 - many) * (1 / 800 + 1 / 20000))


def test_dead_neurons_lower_the_functional_dimension():
    net = nets.MLP((2, 4, 3, 1))
    x = normal(150, 2, seed=9)
    params = inits.initialize(net, inits.he, range(10), bias=inits.gaussian, dtype=F64)
    dimension = []
    for dead in range(4):
        params["W2"][:, :dead] = -params["W2"][:, :dead].abs()
        params["b2"][:, :dead] = -params["b2"][:, :dead].abs() - 0.1
        dimension.append(int(relu.functional_dimension(net, params, x).max()))
    assert dimension == [24, 19, 14, 1]
    one = nets.member(params, 3)
    assert relu.functional_dimension(net, one, x) == 1


def test_dead_on():
    h = torch.tensor([[[0.0, 1.0], [0.0, 0.0]], [[2.0, 0.0], [0.0, 0.0]]])
    assert relu.dead_on(h).tolist() == [[True, False], [False, True]]


# ---- initializations ---------------------------------------------------------------------------


def test_randomized_asymmetric_moments():
    g = torch.Generator().manual_seed(0)
    n = 9
    rows = inits.randomized_asymmetric((60000, n + 1), generator=g, dtype=F64)
    mean = rows.mean(dim=0)
    assert mean.tolist() == pytest.approx([2 / 3 / (n + 1)] * (n + 1), abs=0.006)
    assert rows.square().sum(1).mean() == pytest.approx(0.6007**2 + 0.5, abs=0.01)
    second = (1 - 1 / (n + 1)) * 0.6007**2 / n + 0.5 / (n + 1)
    assert rows.square().mean(0).tolist() == pytest.approx([second] * (n + 1), abs=0.006)


def test_mirrored_rows_and_joint_biases():
    net = nets.MLP((3, 4, 5, 1))
    params = inits.initialize(net, inits.mirrored, range(3), bias=inits.joint, dtype=F64)
    assert torch.equal(params["W1"][:, ::2], -params["W1"][:, 1::2])
    assert torch.equal(params["b1"][:, ::2], -params["b1"][:, 1::2])
    assert torch.equal(params["W2"][:, 0], -params["W2"][:, 1])
    assert params["W2"].shape == (3, 5, 4)
    x = normal(100, 3)
    z = net.preactivations(params, x)[0]
    assert ((z > 0).sum(dim=-1) == 2).all()
    single = inits.initialize(net, inits.mirrored, 2, bias=inits.joint, dtype=F64)
    assert torch.equal(single["b2"], params["b2"][2])


def test_laws_refuse_bad_shapes():
    g = torch.Generator().manual_seed(0)
    for shape in ((3, 1), (3,)):
        with pytest.raises(ValueError, match="shape"):
            inits.randomized_asymmetric(shape, generator=g)
    with pytest.raises(ValueError, match="matrix"):
        inits.mirrored((3,), generator=g)
    with pytest.raises(TypeError, match="joint"):
        inits.joint((3, 2))


# ---- bad input ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_named():
    W, beta, w, b = normal(3, 2), normal(3), normal(3), normal(1)[0]
    for bad in (
        (W, beta[:2], w, b),
        (W, beta, w[:2], b),
        (W, beta, w, normal(2)),
        (W[0], beta, w, b),
    ):
        with pytest.raises(ValueError, match="must be"):
            stably_inactive(*bad)
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="w2 must be finite"):
            inactive(W, beta, w * value, b)
    with pytest.raises(ValueError, match="positive"):
        relu.stably_inactive_monte_carlo(1, 2, draws=0, seed=0)
    with pytest.raises(ValueError, match="enumerates"):
        relu.stably_inactive_monte_carlo(1, 9, draws=1, seed=0)
    with pytest.raises(ValueError, match="not numbers"):
        relu.dead_on(torch.tensor([[math.nan]]))
    with pytest.raises(ValueError, match="features"):
        relu.dead_on(torch.zeros(0, 3))
    net, params = he((2, 2, 1), 1)
    with pytest.raises(ValueError, match="interval"):
        relu.born_dead(params, (-1.0, 1.0))
    with pytest.raises(ValueError, match="domain"):
        relu.born_dead(params, normal(4, 3))
    with pytest.raises(ValueError, match="two layers"):
        relu.born_dead({"W1": W}, (0.0, 1.0))
    with pytest.raises(ValueError, match="networks"):
        relu.born_dead_monte_carlo(nets.MLP((1, 2, 1)), inits.he, networks=0, seed=0)
    for widths in ([], [0]):
        with pytest.raises(ValueError, match="widths"):
            relu.dead_at_input_probability(widths)
    with pytest.raises(ValueError, match="not numbers"):
        relu.functional_dimension(net, {**params, "b1": params["b1"] * math.nan}, normal(4, 2))
    stacked = nets.stack([params, params])
    with pytest.raises(ValueError, match="ensemble axis"):
        relu.functional_dimension(net, stacked, normal(4, 2))


# ---- mutations: a broken copy must be caught ---------------------------------------------------


def broken(module, old, new):
    """Return a module whose source has one thing replaced."""
    source = inspect.getsource(module)
    assert source.count(old) >= 1, f"{old!r} is no longer in the source"
    copy = types.ModuleType("broken")
    copy.__dict__["__name__"] = module.__name__
    exec(compile(source.replace(old, new), module.__file__, "exec"), copy.__dict__)
    return copy


def agrees(decide_points, find_points):
    """Whether the given pieces count 10 of 128 and agree with the integers."""
    for stable in (True, False):
        g = torch.Generator().manual_seed(0)
        W, beta, w = normal(40, 3, 2), normal(40, 3, seed=1), -normal(40, 3, seed=2).abs()
        w[:, 0] *= torch.randn(40, generator=g).sign()
        beta[:10] = 0
        b = normal(40, seed=3)
        b[10:20] = 0
        rows = torch.cat((W, beta.unsqueeze(-1)), dim=-1)
        size = rows.norm(dim=-1, keepdim=True)
        found = find_points(rows / size)
        yes, no = decide_points(
            found, (w * size[..., 0]).unsqueeze(1), b.unsqueeze(1), stable=stable
        )
        if bool((yes & no).any()) or not bool((yes | no).double().mean() > 0.8):
            return False
        for i in range(40):
            args = W[i].tolist(), beta[i].tolist(), w[i].tolist(), b[i].item()
            truth = inactive_exactly(*args, stable=stable)
            if (yes[i, 0] and not truth) or (no[i, 0] and truth):
                return False
    return True


MUTATIONS = [
    ("quiet = (bias < 0) & (at_vertex | ~spoils)", "quiet = (bias < 0) & at_vertex"),
    ("quiet = (bias <= 0) | ~at_vertex", "quiet = (bias < 0)"),
    ("fine = torch.where(all_off, quiet, z < -error)", "fine = torch.where(all_off, quiet, z < 1)"),
    ("torch.cat((finite, rays, -rays)", "torch.cat((finite, rays, rays)"),
    ("* height.sign()", "* 1"),
    ("found.values.relu()", "found.values"),
    ("+ b.unsqueeze(-1) * found", "- b.unsqueeze(-1) * found"),
    ("return [(-1) ** j * minors", "return [minors"),
]  # fmt: skip


def test_the_decision_passes_its_own_check():
    assert agrees(cells.decide, cells.points)


@pytest.mark.parametrize(("old", "new"), MUTATIONS)
def test_mutations_of_the_decision_are_caught(old, new):
    copy = broken(cells, old, new)
    assert not agrees(copy.decide, copy.points)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("if p[-1] > 0 or b >= 0 or max(y) > 0", "if p[-1] > 0 or max(y) > 0"),
        ("return all(weight < 0", "return all(weight < 9"),
        ("if z > 0 or (stable", "if z >= 0 or (stable"),
        ("if p[-1] == 0:", "if False:"),
        ("return b < 0 and all(v < 0 for v in w)", "return b <= 0 and all(v <= 0 for v in w)"),
        ("max(i, 0)", "i"),
    ],
)
def test_mutations_of_the_integer_test_are_caught(old, new):
    copy = broken(exact, old, new)
    cases = [[v.tolist() for v in case] for case in adversarial().values()]
    generator = torch.Generator().manual_seed(1)
    for _ in range(400):
        n0, n1 = torch.randint(1, 3, (2,), generator=generator).tolist()
        n1 += 1
        shapes = (n1, n0), (n1,), (n1,), ()
        cases.append([torch.randint(-2, 3, s, generator=generator).tolist() for s in shapes])
    assert any(
        copy.inactive_exactly(*case, stable=stable) != inactive_exactly(*case, stable=stable)
        for case in cases
        for stable in (True, False)
    )
