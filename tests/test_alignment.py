"""Alignment: closed forms against enumeration, integrals against kernels, and broken copies."""

import inspect
import itertools
import math
import types
from fractions import Fraction

import mpmath
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tdyn import data, inits, losses, nets
from tdyn.alignment import (
    CharacteristicFunction,
    discrete,
    gal_exhaustive,
    gal_iid,
    gal_monte_carlo,
    gal_network,
    gaussian,
    gradient,
    iid,
    lattice_coefficient,
    neuron_coefficient,
    one_step,
    one_step_accuracy,
    one_step_measured,
    perturbed_rademacher,
    resonance,
    uniform_perturbed,
    walsh,
    walsh_coefficient,
    walsh_transform,
    width_for_accuracy,
)

F64 = torch.float64
SIGMA = {"relu": lambda t: t.clamp(min=0), "ramp": lambda t: t.clamp(0, 1)}


def spectrum(weights, activation="relu", bias=0):
    """All Walsh coefficients of a neuron, by enumeration and the fast transform."""
    w = torch.as_tensor(weights, dtype=F64)
    return walsh_transform(SIGMA[activation](data.hypercube(len(w), dtype=F64) @ w + bias))


def arc_cosine(d, k, order):
    """Degree-k Walsh eigenvalue on the d-cube of an arc-cosine kernel, to 60 digits."""
    with mpmath.workdps(60):
        total = mpmath.mpf(0)
        for m in range(d + 1):
            weight = sum((-1) ** i * math.comb(k, i) * math.comb(d - k, m - i)
                         for i in range(min(k, m) + 1) if m - i <= d - k)  # fmt: skip
            t = mpmath.mpf(d - 2 * m) / d
            angle = mpmath.acos(t)
            value = (mpmath.pi - angle) / (2 * mpmath.pi)
            if order == 1:
                value = d * (mpmath.sin(angle) + (mpmath.pi - angle) * t) / (2 * mpmath.pi)
            total += weight * value
        return float(total / 2**d)


# ---- coefficients of one neuron ----------------------------------------------------------------


def closed_form_agrees(coefficient, dimensions=range(1, 9)):
    """Compare a closed form with enumeration, exactly, at every k, bias and activation."""
    for d, bias, activation in itertools.product(dimensions, range(-2, 3), SIGMA):
        oracle = spectrum([1] * d, activation, bias)
        for k in range(d + 1):
            got = coefficient(d, k, activation=activation, bias=bias)
            if got != Fraction(oracle[2**k - 1].item()):
                return False
    return True


def test_closed_form_equals_enumeration_for_every_d_up_to_16():
    assert closed_form_agrees(walsh_coefficient, range(1, 13))
    for d, bias in itertools.product(range(13, 17), (-1, 0, 1)):
        for activation in SIGMA:
            oracle = spectrum([1] * d, activation, bias)
            for k in range(d + 1):
                exact = walsh_coefficient(d, k, activation=activation, bias=bias)
                assert exact == Fraction(oracle[2**k - 1].item())


@pytest.mark.parametrize("d", [30, 41, 60, 101])
def test_closed_form_equals_generating_function_in_high_dimension(d):
    for k, bias, activation in itertools.product((2, 3, d // 2, d), (-1, 0, 1), SIGMA):
        exact = walsh_coefficient(d, k, activation=activation, bias=bias)
        assert exact == lattice_coefficient([1] * d, k=k, activation=activation, bias=bias)


@pytest.mark.parametrize("d", [2, 4, 6, 12, 20, 50])
def test_beta_formula_mirror_law_and_signs(d):
    for k in range(2, d + 1, 2):
        exact = walsh_coefficient(d, k)
        beta = math.gamma((k - 1) / 2) * math.gamma((d - k + 1) / 2) / math.gamma(d / 2)
        assert abs(exact) == abs(walsh_coefficient(d, d + 2 - k))
        assert float(exact) == pytest.approx((-1) ** (k // 2 - 1) * beta / (2 * math.pi))
    assert abs(walsh_coefficient(d, d)) == Fraction(math.comb(d - 2, d // 2 - 1), 2 ** (d - 1))
    ramp = walsh_coefficient(d, d, activation="ramp")
    assert abs(ramp) == Fraction(math.comb(d - 1, d // 2 - 1), 2**d)


@pytest.mark.parametrize("d", [5, 6, 21, 50])
def test_biases_and_odd_parities(d):
    for k in range(3, d + 1, 2):
        assert walsh_coefficient(d, k) == 0
    plus, minus = walsh_coefficient(d, d, bias=1), walsh_coefficient(d, d, bias=-1)
    if d % 2:
        assert (
            plus
            == -minus
            == (-1) ** ((d - 1) // 2) * Fraction(math.comb(d - 1, (d - 1) // 2), 2**d)
        )
    else:
        assert plus == minus == walsh_coefficient(d, d) / d


def test_known_numbers():
    assert float(abs(walsh_coefficient(20, 20))) == pytest.approx(0.0927352905, abs=1e-10)
    assert float(abs(walsh_coefficient(50, 50))) == pytest.approx(0.0572832514, abs=1e-10)


integers = st.lists(st.integers(-4, 4), min_size=1, max_size=9)


@given(integers, st.integers(-3, 3), st.sampled_from(sorted(SIGMA)), st.data())
def test_lattice_coefficient_equals_enumeration(weights, bias, activation, draw):
    k = draw.draw(st.integers(0, len(weights)))
    oracle = Fraction(spectrum(weights, activation, bias)[2**k - 1].item())
    assert lattice_coefficient(weights, k=k, activation=activation, bias=bias) == oracle


@given(st.integers(0, 7), st.integers(0, 2**32 - 1))
def test_transform_equals_sympy_and_is_its_own_inverse(d, seed):
    values = torch.randint(-9, 10, (2**d,), generator=torch.Generator().manual_seed(seed))
    peer = [float(v) / 2**d for v in sympy.fwht(values.tolist())]
    assert walsh_transform(values.double()).tolist() == peer
    both = torch.stack((values, 2 * values)).double()
    assert torch.equal(walsh_transform(walsh_transform(both)) * 2**d, both)


def integral_agrees(coefficient):
    """Compare the integral with enumeration on random weights, at every even k."""
    generator = torch.Generator().manual_seed(0)
    for d in (2, 3, 4, 7, 10, 12):
        w = torch.randn(20, d, generator=generator, dtype=F64)
        oracle = walsh_transform((w @ data.hypercube(d, dtype=F64).T).relu())
        for k in range(2, d + 1, 2):
            error = (coefficient(w, k=k) - oracle[:, 2**k - 1]).abs().max()
            if error > (3e-4 if d < 8 else 2e-5):
                return False
    return True


def test_integral_equals_enumeration():
    assert integral_agrees(neuron_coefficient)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.floats(1e-3, 1e3), st.integers(0, 1000))
def test_integral_symmetries(half, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(3, 2 * half, generator=generator, dtype=F64)
    c = neuron_coefficient(w)
    order = torch.randperm(2 * half, generator=generator)
    torch.testing.assert_close(neuron_coefficient(w[:, order]), c, atol=1e-9, rtol=1e-6)
    torch.testing.assert_close(neuron_coefficient(scale * w), scale * c, atol=1e-9, rtol=1e-6)
    flipped = torch.cat((-w[:, :1], w[:, 1:]), dim=1)
    torch.testing.assert_close(neuron_coefficient(flipped), -c, atol=1e-9, rtol=1e-6)


def test_integral_edges():
    w = torch.tensor([[3.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    assert neuron_coefficient(w).tolist() == [0.0, 0.0]
    assert neuron_coefficient(w).dtype == torch.float32
    assert neuron_coefficient(torch.ones(2, 3, 4)).shape == (2, 3)
    signs = torch.ones(20, dtype=F64)
    exact = float(walsh_coefficient(20, 20))
    assert neuron_coefficient(signs).item() == pytest.approx(exact, abs=5e-4)


# ---- alignment of random networks --------------------------------------------------------------


def gaussian_agrees(integral):
    """Compare the double integral with exact arc-cosine eigenvalues."""
    for d, k in ((2, 2), (4, 4), (6, 2), (10, 10), (10, 4), (20, 20)):
        for layer, degree, order in (("output", k, 1), ("hidden", k - 1, 0)):
            oracle = arc_cosine(d, degree, order)
            if abs(integral(gaussian(), d, k=k, layer=layer) / oracle - 1) > 2e-3:
                return False
    for d, k in ((5, 5), (7, 3)):
        oracle = arc_cosine(d, k, 0)
        if abs(integral(gaussian(), d, k=k, layer="bias") / oracle - 1) > 2e-3:
            return False
    return True


def test_gaussian_alignment_equals_arc_cosine_kernel():
    assert gaussian_agrees(gal_iid)
    assert gal_iid(gaussian(), 20) == pytest.approx(9.218e-9, rel=2e-4)
    assert gal_iid(gaussian(), 20, layer="hidden") == pytest.approx(4.277e-8, rel=2e-4)
    assert gal_iid(gaussian(), 60) == pytest.approx(arc_cosine(60, 60, 1), rel=2e-4)


def step_coefficient(weights, k, coordinate=None):
    """E chi(x) H(w x), times x_i for a hidden coordinate; a tie counts one half."""
    x = data.hypercube(len(weights), dtype=F64)
    on = (x @ torch.tensor(weights, dtype=F64)).sign() / 2 + 0.5
    factor = 1 if coordinate is None else x[:, coordinate]
    return (x[:, :k].prod(dim=1) * factor * on).mean().item()


def lattice_agrees(integral):
    """Compare periodic laws with the average over every possible neuron."""
    for values in ([-1, 1], [-2, -1, 1, 2], [-1, 0, 1], [-3, -1, 1, 3], [-1, -1, 0, 1, 1]):
        std = math.sqrt(sum(v * v for v in values) / len(values))
        neurons = list(itertools.product(values, repeat=4))
        out = [float(lattice_coefficient(w)) ** 2 for w in neurons]
        hidden = [step_coefficient(w, 4, coordinate=0) ** 2 for w in neurons]
        bias = [step_coefficient(w, 3) ** 2 for w in neurons]
        for squares, scale, layer, k in (
            (out, std**2, "output", 4), (hidden, 1, "hidden", 4), (bias, 1, "bias", 3),
        ):  # fmt: skip
            oracle = sum(squares) / len(neurons) / scale
            if abs(integral(discrete(values), 4, k=k, layer=layer) - oracle) > 1e-12:
                return False
    return True


def test_lattice_laws_are_exact():
    assert lattice_agrees(gal_iid)
    for d, k in ((4, 4), (20, 20), (50, 4), (50, 50), (51, 50)):
        assert gal_iid(perturbed_rademacher(0.0), d, k=k) == pytest.approx(
            float(walsh_coefficient(d, k)) ** 2, rel=1e-9
        )


@pytest.mark.parametrize("d", [4, 20, 50])
def test_line_rule_agrees_with_circle_rule(d):
    law = perturbed_rademacher(0.0)
    line = CharacteristicFunction(law.evaluate)
    assert gal_iid(line, d) == pytest.approx(gal_iid(law, d), rel=5e-4)
    hidden = gal_iid(law, d, layer="hidden")
    assert gal_iid(line, d, layer="hidden") == pytest.approx(hidden, rel=5e-4)


@pytest.mark.parametrize("law", [perturbed_rademacher(0.3), uniform_perturbed(0.5), gaussian()])
def test_alignment_is_the_mean_over_sampled_neurons(law):
    d, n = 8, 20_000
    generator = torch.Generator().manual_seed(1)
    signs = inits.rademacher((n, d), generator=generator, dtype=F64) * math.sqrt(d)
    noise = torch.randn(n, d, generator=generator, dtype=F64)
    flat = (2 * torch.rand(n, d, generator=generator, dtype=F64) - 1) * math.sqrt(3)
    at_one = law(torch.ones((), dtype=F64))
    samples = {
        "gaussian": (gaussian(), noise),
        "normal": (perturbed_rademacher(0.3), (signs + 0.3 * noise) / math.sqrt(1.09)),
        "uniform": (uniform_perturbed(0.5), (signs + 0.5 * flat) / math.sqrt(1.25)),
    }
    w = next(w for phi, w in samples.values() if phi(torch.ones((), dtype=F64)) == at_one)
    assert torch.cos(w).mean() == pytest.approx(at_one.item(), abs=0.01)
    squares = neuron_coefficient(w).square()
    error = squares.std().item() / math.sqrt(n)
    assert abs(squares.mean().item() - gal_iid(law, d)) < 4 * error


def test_normalized_network_of_signs():
    for d, n in ((4, 7), (20, 512), (50, 2048)):
        exact = (n + 1) * float(walsh_coefficient(d, d)) ** 2 / d
        assert gal_network(perturbed_rademacher(0.0), d, n) == pytest.approx(exact, rel=1e-9)
    assert gal_network(gaussian(), 20, 512) == pytest.approx(1.09e-6, rel=5e-3)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.sampled_from([4, 8, 12]))
def test_alignment_obeys_the_resonance_bound(positive, d):
    law = discrete([*positive, *(-v for v in positive)])
    omega = torch.linspace(0, law.period, 4001, dtype=F64)
    best = resonance(law, omega).max().item()
    assert 0 < best <= 1 + 1e-12
    signs = gal_iid(perturbed_rademacher(0.0), d)
    assert 0 < gal_iid(law, d) <= 40 * d * max(best, 0.5) ** d * signs
    assert torch.equal(law(-omega), law(omega))


# ---- alignment of given networks ---------------------------------------------------------------


def literal_gal(net, params, d, k, loss):
    """Two gradients and their distance, as in the definition, with both coin-flip labels."""
    x = data.hypercube(d, dtype=F64)
    y = x[:, :k].prod(dim=1)

    def gradient(value):
        leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
        grads = torch.autograd.grad(value(leaves), list(leaves.values()), allow_unused=True)
        return torch.cat([g.flatten() for g in grads])

    target = gradient(lambda p: loss(net(p, x), y))
    coin = gradient(lambda p: (loss(net(p, x), y * 0 + 1) + loss(net(p, x), y * 0 - 1)) / 2)
    return (target - coin).square().sum().item()


def exhaustive_agrees(alignments):
    """Compare the enumeration in one gradient with the definition in two."""
    net = nets.MLP((6, 9, 5, 1))
    params = inits.initialize(net, inits.gaussian, seed=range(3), bias=inits.gaussian, dtype=F64)
    for loss in (losses.correlation, losses.hinge, losses.mse, losses.logistic):
        for k in (2, 5, 6):
            got = alignments(net, params, 6, k=k, loss=loss)
            want = [literal_gal(net, nets.member(params, i), 6, k, loss) for i in range(3)]
            if not torch.allclose(got, torch.tensor(want, dtype=F64), rtol=1e-9, atol=0):
                return False
    return True


def test_exhaustive_alignment_equals_the_definition():
    assert exhaustive_agrees(gal_exhaustive)


@pytest.mark.parametrize(("d", "n"), [(4, 10), (16, 64)])
def test_exhaustive_alignment_of_signs_is_the_formula(d, n):
    net = nets.MLP((d, n, 1), bias=False)
    params = inits.initialize(net, inits.rademacher, seed=range(2), dtype=F64)
    delta = float(walsh_coefficient(d, d))
    exact = torch.full((2,), (n + 1) * delta**2 / d, dtype=F64)
    torch.testing.assert_close(gal_exhaustive(net, params, d), exact)
    torch.testing.assert_close(gal_exhaustive(net, params, d, only=["W2"]), exact * n / (n + 1))


def test_exhaustive_alignment_of_a_module_and_of_a_sparse_parity():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    ).double()
    f, params = nets.functional(module)
    assert gal_exhaustive(f, params, 5, k=2).item() == pytest.approx(
        literal_gal(f, params, 5, 2, losses.correlation)
    )


def test_hinge_neuron_has_the_exact_value():
    for d in (2, 4, 6, 8, 10):
        params = {"w": torch.ones(1, d, dtype=F64)}
        neuron = lambda p, x: (x @ p["w"].mT).relu()  # noqa: E731
        per_coordinate = gal_exhaustive(neuron, params, d, loss=losses.hinge).item() / d
        assert per_coordinate == pytest.approx(float(walsh_coefficient(d, d) / d) ** 2 / 4)


def test_cross_estimate_is_unbiased_and_naive_is_not():
    d, n, batch = 8, 32, 128
    net = nets.MLP((d, n, 1), bias=False)
    params = inits.initialize(net, inits.gaussian, seed=0, dtype=F64)
    exact = gal_exhaustive(net, params, d).item()
    draws = {
        kind: torch.stack([
            gal_monte_carlo(net, params, d, batch=batch, seed=s, estimator=kind)
            for s in range(200)
        ])
        for kind in ("cross", "naive")
    }  # fmt: skip
    error = draws["cross"].std().item() / math.sqrt(200)
    assert abs(draws["cross"].mean().item() - exact) < 4 * error
    floor = draws["naive"].mean().item() - exact
    assert 0.3 < floor / ((n + d) / (2 * batch)) < 1.5


def test_monte_carlo_of_an_ensemble_and_of_the_output_layer():
    net = nets.MLP((4, 8, 1))
    params = inits.initialize(net, inits.rademacher, seed=range(3), dtype=F64)
    options = {"batch": 64, "seed": 1, "batches": 4, "k": 2, "loss": losses.hinge}
    together = gal_monte_carlo(net, params, 4, **options)
    alone = [gal_monte_carlo(net, nets.member(params, i), 4, **options) for i in range(3)]
    torch.testing.assert_close(together, torch.stack(alone))
    part = gal_monte_carlo(net, params, 4, only=["W1"], estimator="naive", **options)
    whole = gal_monte_carlo(net, params, 4, estimator="naive", **options)
    assert bool((part < whole).all())


# ---- one step ----------------------------------------------------------------------------------


def law_agrees(law):
    """Compare the predicted accuracy with its definition and with networks that took the step."""
    cases = ((12, 100, "relu"), (12, 400, "relu"), (12, 30, "ramp"), (9, 40, "ramp"))
    for d, n, activation in cases:
        features = SIGMA[activation](data.hypercube(d, dtype=F64).sum(dim=1))
        z = math.sqrt(n * 0.01 / features.square().mean().item())
        if abs(law(n, d, 0.01, activation=activation) - (1 + math.erf(z / 2**0.5)) / 2) > 1e-9:
            return False
    generator = torch.Generator().manual_seed(3)
    for d, n, activation in cases[:3]:
        signs = inits.rademacher((40, n, d), generator=generator) * math.sqrt(d)
        delta = float(walsh_coefficient(d, d, activation=activation))
        measured = one_step_measured(
            signs,
            data.hypercube(d),
            coefficients=delta * signs.prod(dim=-1),
            activation=SIGMA[activation],
        )
        predicted = law(n, d, delta**2, activation=activation)
        if abs(measured.mean().item() - predicted) > 0.045:
            return False
    return True


def test_one_step_law_predicts_measured_accuracy():
    assert law_agrees(one_step_accuracy)


def test_one_step_coefficients_default_to_the_integral():
    signs = inits.rademacher((50, 8), generator=torch.Generator().manual_seed(0), dtype=F64)
    c = float(walsh_coefficient(8, 8)) * (signs * math.sqrt(8)).prod(dim=-1)
    x = data.hypercube(8, dtype=F64)
    given = one_step_measured(signs, x, coefficients=c).item()
    assert one_step_measured(signs, x).item() == pytest.approx(given, abs=0.02)


@given(st.floats(0.51, 0.99), st.integers(2, 100), st.floats(1e-12, 1))
def test_width_inverts_the_law(accuracy, d, gal):
    for activation in SIGMA:
        width = width_for_accuracy(accuracy, d, gal, activation=activation)
        if width >= 1e6:
            again = one_step_accuracy(round(width), d, gal, activation=activation)
            assert again == pytest.approx(accuracy, abs=1e-3)
    assert one_step_accuracy(1, d, 0.0) == 0.5


# ---- a broken copy must be caught --------------------------------------------------------------

MUTANTS = [
    (walsh, "walsh_coefficient", closed_form_agrees, old, new)
    for old, new in (
        ("2 * _comb_tooth(k - 2, d - k, -bias) + near", "_comb_tooth(k - 2, d - k, -bias) + near"),
        ("1 - bias) + _comb_tooth", "1 - bias) - _comb_tooth"),
        ("(-1) ** (minus - i)", "(-1) ** i"),
        ("d - k, -bias)", "d - k, bias)"),
        ("bias=bias - 1)", "bias=bias + 1)"),
        ("Fraction(total, 2**d)", "Fraction(total, 2 ** (d - 1))"),
    )
] + [
    (walsh, "neuron_coefficient", integral_agrees, old, new)
    for old, new in (
        ("sign = (-1) ** (k // 2 + 1)", "sign = (-1) ** (k // 2)"),
        ("(2 * total + origin)", "2 * total"),
        ("if i < k else", "if i <= k else"),
        ("(2 * math.pi) * (2", "math.pi * (2"),
        ("total) * scale", "total)"),
        ("/ (1.01 *", "/ (0.3 *"),
    )
    if old in inspect.getsource(walsh)
] + [
    (iid, "gal_iid", check, old, new)
    for check, old, new in (
        (gaussian_agrees, "(minus - plus) / 2, (minus + plus) / 2", "minus - plus, minus + plus"),
        (gaussian_agrees, "odd ** (k - 2)", "odd ** (k - 1)"),
        (gaussian_agrees, "even ** (d - k + lost)", "even ** (d - k)"),
        (gaussian_agrees, "-slope[1:]", "slope[1:]"),
        (gaussian_agrees, "2 * sums[0] - sums[1]", "sums[0]"),
        (gaussian_agrees, "(4 * math.pi**2)", "(2 * math.pi**2)"),
        (lattice_agrees, "period / math.pi * angle", "period / (2 * math.pi) * angle"),
        (lattice_agrees, "ratio * rule.twist[rows, None] * rule.twist", "ratio"),
        (gaussian_agrees, "weight[0] = step", "weight[0] = 2 * step"),
    )
] + [
    (one_step, "one_step_accuracy", law_agrees, old, new)
    for old, new in (
        ("width * gal /", "width * gal * 2 /"),
        ("math.sqrt(width", "-math.sqrt(width"),
        ("0.5 - (0.5 *", "0.5 + (0.5 *"),
        ("return d / 2", "return d"),
    )
] + [
    (gradient, "gal_exhaustive", exhaustive_agrees, old, new)
    for old, new in (
        ("- loss(outputs, -batch[1])", "+ loss(outputs, -batch[1])"),
        ("-batch[1])) / 2", "-batch[1]))"),
        ("x[:, :k].prod(dim=1))", "x.prod(dim=1))"),
    )
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name", "check", "old", "new"), MUTANTS, ids=[f"{m[1]}:{m[4]}" for m in MUTANTS]
)
def test_a_broken_copy_is_caught(module, name, check, old, new):
    source = inspect.getsource(module)
    assert source.count(old) >= 1
    broken = types.ModuleType("broken")
    exec(compile(source.replace(old, new), "broken", "exec"), broken.__dict__)
    assert check(getattr(module, name))
    assert not check(getattr(broken, name))


# ---- bad input ---------------------------------------------------------------------------------

NET = nets.MLP((4, 3, 1))
PARAMS = inits.initialize(NET, inits.rademacher, seed=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: walsh_coefficient(0, 0),
        lambda: walsh_coefficient(4, 5),
        lambda: walsh_coefficient(4, 4, activation="tanh"),
        lambda: lattice_coefficient([]),
        lambda: lattice_coefficient([1, 1], k=3),
        lambda: neuron_coefficient(torch.ones(3)),
        lambda: neuron_coefficient(torch.ones(4), k=0),
        lambda: neuron_coefficient(torch.ones(4), cutoff=0.0),
        lambda: neuron_coefficient(torch.tensor([1.0, math.nan])),
        lambda: walsh_transform(torch.ones(3)),
        lambda: gal_iid(gaussian(), 5),
        lambda: gal_iid(gaussian(), 4, layer="bias"),
        lambda: gal_iid(gaussian(), 4, layer="first"),
        lambda: gal_iid(gaussian(), 4, k=6),
        lambda: gal_iid(gaussian(), 4, cutoff=-1.0),
        lambda: gal_iid(gaussian(), 4, step=100.0),
        lambda: gal_network(gaussian(), 4, 0),
        lambda: gal_network(gaussian(), 5, 8),
        lambda: perturbed_rademacher(-0.1),
        lambda: uniform_perturbed(math.inf),
        lambda: discrete([]),
        lambda: discrete([0.0]),
        lambda: discrete([1, 2]),
        lambda: discrete([-1, 1], [0.5, 0.6]),
        lambda: discrete([-1, 1], [1.0]),
        lambda: gal_exhaustive(NET, PARAMS, 4, k=5),
        lambda: gal_exhaustive(NET, PARAMS, 4, only=["W9"]),
        lambda: gal_exhaustive(NET, PARAMS, 4, only=[]),
        lambda: gal_monte_carlo(NET, PARAMS, 4, batch=8, seed=0, estimator="best"),
        lambda: gal_monte_carlo(NET, PARAMS, 4, batch=8, seed=0, batches=1),
        lambda: gal_monte_carlo(NET, PARAMS, 4, batch=8, seed=0, only=["W9"]),
        lambda: one_step_accuracy(0, 4, 0.1),
        lambda: one_step_accuracy(4, 4, -0.1),
        lambda: one_step_accuracy(4, 0, 0.1),
        lambda: one_step_accuracy(4, 4, 0.1, activation="tanh"),
        lambda: width_for_accuracy(0.5, 4, 0.1),
        lambda: width_for_accuracy(0.9, 4, 0.0),
        lambda: one_step_measured(torch.ones(3, 4), torch.ones(2, 5)),
    ],
)
def test_bad_values_are_refused(call, unchecked):
    with pytest.raises(ValueError):
        call()


@pytest.mark.parametrize(
    "call",
    [lambda: walsh_coefficient(4, 4, bias=0.5), lambda: lattice_coefficient([1, 0.5])],
)
def test_bad_types_are_refused(call, unchecked):
    with pytest.raises(TypeError):
        call()
