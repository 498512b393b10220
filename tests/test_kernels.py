"""Kernels: closed forms against quadrature and samples; spectra against exact statements."""

import inspect
import itertools
import math
import types

import mpmath
import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr
from torch.nn.functional import normalize

from tdyn import inits, kernels, nets
from tdyn.kernels import circle, closed, matrices, training
from tdyn.kernels.hermite import hermite_coefficients

F64 = torch.float64
GRID = torch.linspace(-1, 1, 21, dtype=F64)
SMOOTH = ("tanh", "erf", "swish", "gelu", "sin", "softplus")
#: Eigenvalues that are zero in exact arithmetic come out below this.
ZERO = 1e-13


def draw(n, d, seed, dtype=F64):
    """Random points on the sphere."""
    return normalize(
        torch.randn(n, d, dtype=dtype, generator=torch.Generator().manual_seed(seed)), dim=-1
    )


def spectrum(matrix):
    return torch.linalg.eigvalsh(matrix)


def elu_by_quadrature(rho, scale, height):
    """κ as one integral: the inner mean over v given u is elementary."""
    s = math.sqrt(1 - rho * rho)

    def inner(u):
        on = ndtr(rho * u / s)
        return on + height * math.exp(rho * u + s * s / 2) * ndtr(-(rho * u + s * s) / s)

    def part(u, slope):
        return slope * inner(u) * math.exp(-u * u / 2) / math.sqrt(2 * math.pi)

    right = quad(lambda u: part(u, 1.0), 0, 12, epsabs=1e-14, epsrel=1e-13)[0]
    left = quad(lambda u: part(u, height * math.exp(u)), -12, 0, epsabs=1e-14, epsrel=1e-13)[0]
    return scale**2 * (right + left)


# ---- expectations ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", kernels.names())
def test_kernels_agree_with_monte_carlo(name):
    phi = kernels.activation(name)
    z, w = torch.randn(2, 400_000, dtype=F64, generator=torch.Generator().manual_seed(1))
    for rho in (0.4, -0.3):
        u, v = z, rho * z + math.sqrt(1 - rho**2) * w
        for kernel, f in ((kernels.dual_derivative, phi.derivative), (kernels.dual, phi.value)):
            sample = f(u) * f(v)
            error = sample.std() / math.sqrt(len(sample))
            gap = sample.mean() - kernel(phi, torch.tensor(rho, dtype=F64))
            assert abs(gap) < 4.5 * error


@pytest.mark.parametrize("name", kernels.names())
def test_the_kernel_of_the_slopes_is_the_slope_of_the_kernel(name):
    rho, h = GRID[1:-1], 1e-5
    slope = (kernels.dual(name, rho + h) - kernels.dual(name, rho - h)) / (2 * h)
    assert torch.allclose(slope, kernels.dual_derivative(name, rho), atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("name", kernels.names())
def test_listed_derivatives_are_derivatives(name):
    phi = kernels.activation(name)
    z = torch.linspace(-3, 3, 60, dtype=F64, requires_grad=True)
    (slope,) = torch.autograd.grad(phi.value(z).sum(), z)
    assert torch.allclose(slope, phi.derivative(z.detach()), atol=1e-12)
    if phi.exact is not None:
        for value in (-1.3, 0.2, 2.0):
            wanted = phi.derivative(torch.tensor(value, dtype=F64)).item()
            assert float(phi.exact(mpmath, mpmath.mpf(value))) == pytest.approx(wanted, abs=1e-14)


def elu_agrees(make):
    """Compare a closed form of κ with quadrature, also next to its special points."""
    for scale, height in (closed.SELU, (1.0, 1.0), (0.7, 0.3)):
        for rho in (-0.999, -0.7, -1e-9, 0.0, 1e-9, 0.3, 0.95, 0.9999):
            r = np.array([rho])
            got = float(make(scale, height)(r, np.arccos(r))[0])
            if abs(got - elu_by_quadrature(rho, scale, height)) > 1e-11:
                return False
    return True


def test_elu_and_selu_agree_with_quadrature():
    assert elu_agrees(closed.elu_derivative)


@pytest.mark.parametrize(("name", "constants"), [("selu", closed.SELU), ("elu", (1.0, 1.0))])
def test_elu_and_selu_at_the_ends(name, constants):
    scale, height = constants
    ends = kernels.dual_derivative(name, torch.tensor([-1.0, 1.0], dtype=F64))
    low = 2 * scale**2 * height * math.exp(0.5) * ndtr(-1)
    high = scale**2 * (0.5 + height**2 * math.exp(2) * ndtr(-2))
    assert ends.tolist() == pytest.approx([low, high], abs=1e-15)
    if name == "selu":  # SELU keeps mean zero and variance one
        fixed = kernels.dual(name, torch.tensor([0.0, 1.0], dtype=F64))
        assert fixed.tolist() == pytest.approx([0.0, 1.0], abs=1e-7)


@pytest.mark.parametrize("name", ["erf", "sin", "square", "cube"])
def test_series_agree_with_closed_forms(name):
    mu = hermite_coefficients(name, 300)
    powers = GRID.unsqueeze(-1) ** torch.arange(300)
    assert torch.allclose(powers @ mu**2, kernels.dual_derivative(name, GRID), atol=1e-13)
    c = hermite_coefficients(name, 300, of="value")
    assert torch.allclose(powers @ c**2, kernels.dual(name, GRID), atol=1e-13)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "selu", "elu", "relu2"])
def test_series_of_kinks_agree_inside_the_disk(name):
    mu, rho = hermite_coefficients(name, 1500), GRID[1:-1] * 0.97
    series = (rho.unsqueeze(-1) ** torch.arange(1500)) @ mu**2
    assert torch.allclose(series, kernels.dual_derivative(name, rho), atol=1e-13)


@given(st.floats(-1, 1), st.sampled_from(kernels.names()))
@settings(max_examples=60)
def test_kernels_obey_cauchy_and_schwarz(rho, name):
    inside, at_one = kernels.dual_derivative(name, torch.tensor([rho, 1.0], dtype=F64)).tolist()
    assert abs(inside) <= at_one * (1 + 1e-12)


def test_kernels_keep_shape_type_and_own_activations():
    rho = torch.rand(2, 3, dtype=torch.float32)
    assert kernels.dual_derivative("selu", rho).dtype == torch.float32
    assert kernels.dual("tanh", rho).shape == (2, 3)
    own = kernels.Activation("own", torch.sin, torch.cos)
    assert torch.allclose(kernels.dual("sin", GRID), kernels.dual(own, GRID), atol=1e-13)
    soft, one = kernels.softplus(1.0), kernels.activation("softplus")
    assert torch.equal(kernels.dual(soft, GRID), kernels.dual(one, GRID))


def test_a_sharp_softplus_has_the_kernel_of_relu():
    gaps = [
        (kernels.dual_derivative(kernels.softplus(b), GRID[1:-1]) -
         kernels.dual_derivative("relu", GRID[1:-1])).abs().max().item()
        for b in (4.0, 8.0, 16.0)
    ]  # fmt: skip
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2]
    assert gaps[2] < 0.01


# ---- Hermite coefficients ----------------------------------------------------------------------


def test_coefficients_of_relu_are_the_known_ones():
    mu = hermite_coefficients("relu", 4000)
    assert mu[0] == pytest.approx(0.5, abs=1e-15)
    assert torch.all(mu[2::2].abs() < 1e-13)
    square = 1 / (2 * math.pi)  # μ_1², then μ_{k+2}² = μ_k² k² / ((k + 1)(k + 2))
    for k in range(1, 3998, 2):
        assert mu[k].item() ** 2 == pytest.approx(square, rel=1e-10, abs=1e-16)
        square *= k * k / ((k + 1) * (k + 2))


@pytest.mark.parametrize("name", SMOOTH)
def test_coefficients_agree_with_gauss_hermite_and_with_many_digits(name):
    x, w = np.polynomial.hermite_e.hermegauss(120)
    x, w = torch.from_numpy(x), torch.from_numpy(w / math.sqrt(2 * math.pi))
    mu = hermite_coefficients(name, 8)
    fine = hermite_coefficients(name, 100, digits=30)
    assert torch.allclose(hermite_coefficients(name, 100), fine, atol=2e-15)
    f = kernels.activation(name).derivative(x)
    for k in range(8):
        h = np.polynomial.hermite_e.hermeval(x.numpy(), [0] * k + [1]) / math.sqrt(
            math.factorial(k)
        )
        assert mu[k].item() == pytest.approx((w * f * torch.from_numpy(h)).sum().item(), abs=1e-9)


@pytest.mark.parametrize("name", ["tanh", "swish", "gelu", "erf", "sin", "relu2", "square"])
def test_coefficients_obey_parseval(name):
    mu = hermite_coefficients(name, 4000 if name == "relu2" else 400)
    total = kernels.dual_derivative(name, torch.tensor(1.0, dtype=F64)).item()
    assert mu.square().sum().item() == pytest.approx(total, rel=1e-4 if name == "relu2" else 1e-12)


def test_coefficients_of_erf_with_many_digits_are_relatively_right():
    # of (2/√π) e^{-z²}: μ_{2j} = (2/√(3π)) (-1/3)^j √(2j choose j)
    mu = hermite_coefficients("erf", 121, digits=45)
    exact = [
        2 / math.sqrt(3 * math.pi) * 3.0**-j * math.sqrt(math.comb(2 * j, j)) * (-1) ** j
        for j in range(61)
    ]
    assert mu[::2].tolist() == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "first", "total"),
    [("tanh", 0.36688, 0.464403), ("swish", 0.25, 0.379482), ("gelu", 0.25, 0.455851)],
)
def test_known_coefficients(name, first, total):
    mu = hermite_coefficients(name)
    assert mu[0].item() ** 2 == pytest.approx(first, abs=1e-5)
    assert mu.square().sum().item() == pytest.approx(total, abs=1e-6)


# ---- Gram matrices -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["relu", "selu", "tanh", "cube"])
def test_gram_is_the_definition(name):
    x = draw(6, 3, 0)
    g = kernels.gram(name, x)
    for i, j in itertools.product(range(6), repeat=2):
        rho = (x[i] @ x[j]).clamp(-1, 1)
        wanted = kernels.dual_derivative(name, rho) * rho
        assert g[i, j].item() == pytest.approx(wanted.item(), abs=1e-7)
    unit = kernels.gram(name, x, normalize=True)
    assert torch.allclose(unit.diagonal(), torch.ones(6, dtype=F64), atol=1e-14)
    batch = kernels.gram(name, torch.stack([x, draw(6, 3, 1)]))
    assert torch.allclose(batch[0], g, atol=1e-15)
    assert kernels.gram(name, x.float()).dtype == torch.float32


def rational_points(count, seed):
    """Points with rational coordinates on the sphere in three dimensions, by stereography."""
    rng = np.random.default_rng(seed)
    points = []
    for a, b in rng.integers(-9, 10, (count, 2)).tolist():
        s = sympy.Rational(a, 7), sympy.Rational(b, 7)
        q = s[0] ** 2 + s[1] ** 2
        points.append([2 * s[0] / (1 + q), 2 * s[1] / (1 + q), (q - 1) / (1 + q)])
    return points


@pytest.mark.parametrize(("name", "q"), [("square", 2), ("cube", 3)])
def test_the_rank_of_a_power_is_exact(name, q):
    points = rational_points(14, 3)
    inner = sympy.Matrix(points) * sympy.Matrix(points).T
    factor = (lambda r: 4 * r * r) if q == 2 else (lambda r: 9 * (1 + 2 * r * r) * r)
    exact = inner.applyfunc(factor)
    assert exact.rank() == math.comb(3 + q - 1, q)
    g = kernels.gram(name, torch.tensor([[float(c) for c in p] for p in points], dtype=F64))
    assert (spectrum(g) > 1e-10).sum() == exact.rank()


def antipodal(pairs, d, seed, extra=0):
    x = draw(pairs + extra, d, seed)
    return torch.cat([x, -x[:pairs]])


@pytest.mark.parametrize(("pairs", "d"), [(3, 2), (5, 2), (5, 3), (8, 3)])
def test_antipodal_pairs_kill_what_the_theorem_says(pairs, d):
    x = antipodal(pairs, d, seed=4)
    for name in ("relu", "leaky_relu", "swish", "gelu", "softplus"):
        rank = pairs + min(pairs, d)
        assert spectrum(kernels.gram(name, x))[: 2 * pairs - rank].abs().max() < ZERO
    for name in ("tanh", "erf", "sin", "cube"):
        assert spectrum(kernels.gram(name, x))[:pairs].abs().max() < ZERO
    for name in ("selu", "elu"):
        assert spectrum(kernels.gram(name, x))[0] > 1e-6
    if 2 * pairs > pairs + math.comb(d + 1, 2):
        zeros = pairs - math.comb(d + 1, 2)
        assert spectrum(kernels.gram("relu2", x))[:zeros].abs().max() < ZERO


def test_seven_points_and_some_antipodes():
    x = kernels.circle_points(7)
    low = [
        spectrum(kernels.gram("relu", torch.cat([x, -x[:p]]), normalize=True))[0].item()
        for p in (1, 2, 3)
    ]
    assert low[0] == pytest.approx(4.1e-2, rel=0.02)
    assert low[1] == pytest.approx(1.6e-2, rel=0.04)
    assert abs(low[2]) < ZERO


def test_angles_are_right_where_the_arc_cosine_is_not():
    tiny = 1e-9
    x = torch.tensor([[1.0, 0.0], [-math.cos(tiny), math.sin(tiny)]], dtype=F64)
    assert math.pi - matrices.angles(x)[0, 1].item() == pytest.approx(tiny, rel=1e-6)


def test_the_gram_of_a_wide_network_converges_to_the_formula():
    x = draw(5, 3, 2)
    w = torch.randn(20, 4000, 3, dtype=F64, generator=torch.Generator().manual_seed(5))
    for name in ("relu", "elu", "tanh"):
        j = kernels.feature_jacobian(name, x, w)
        gap = (j @ j.mT).mean(0) - kernels.gram(name, x)
        assert gap.abs().max() < 0.01


# ---- the circle --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", kernels.names())
@pytest.mark.parametrize("n", [3, 4, 9, 10])
def test_circle_agrees_with_the_dense_matrix(name, n):
    dense = spectrum(kernels.gram(name, kernels.circle_points(n)))
    assert torch.allclose(kernels.circle_spectrum(name, n).sort().values, dense, atol=2e-13)


def circle_agrees(function):
    return all(
        torch.allclose(
            function("relu", n).sort().values,
            spectrum(kernels.gram("relu", kernels.circle_points(n))), atol=1e-13,
        )
        for n in (5, 8, 17)
    )  # fmt: skip


def test_relu_on_the_circle_is_exact():
    for n in (9, 17, 33, 65, 129, 1001):
        values = kernels.circle_spectrum("relu", n)
        exact = (math.cos(math.pi / n) ** -2 + math.cos(2 * math.pi / n) ** -2) / (8 * n)
        assert values.min().item() == pytest.approx(exact, rel=1e-12)
        assert values.sum().item() == pytest.approx(n / 2, rel=1e-12)
    for n in range(6, 30, 2):
        zeros = kernels.circle_spectrum("relu", n) == 0
        assert int(zeros.sum()) == n // 2 - 2
        assert not zeros[::2].any()


def test_relu_agrees_with_its_fourier_series():
    n, m = 9, np.arange(-20_000, 20_001)
    even = np.zeros(len(m))
    square = m[::2].astype(float) ** 2
    even[::2] = (square + 1) / (math.pi * (square - 1)) ** 2
    even[np.abs(m) == 1] = 1 / 8
    sums = [n * even[m % n == r].sum() for r in range(n)]
    assert kernels.circle_spectrum("relu", n).tolist() == pytest.approx(sums, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "n", "digits", "wanted"),
    [
        ("relu", 33, None, 1.55e-2), ("elu", 17, None, 9.2e-4), ("elu", 33, None, 6.95e-5),
        ("tanh", 33, None, 6.0e-11), ("erf", 33, None, 1.9e-13), ("swish", 33, 35, 4.9e-17),
        ("tanh", 65, 35, 1.3787e-18), ("swish", 65, 35, 9.398e-30),
    ],
)  # fmt: skip
def test_known_circle_eigenvalues(name, n, digits, wanted):
    low = kernels.circle_spectrum(name, n, normalize=True, digits=digits).min().item()
    assert low == pytest.approx(wanted, rel=1e-4 if n == 65 else 0.02)


def test_ten_points_on_the_circle():
    low = {a: kernels.circle_spectrum(a, 10, normalize=True).min().item() for a in kernels.names()}
    assert low.pop("selu") == pytest.approx(1.9e-2, rel=0.03)
    assert low.pop("elu") == pytest.approx(4.7e-3, rel=0.03)
    assert max(abs(v) for v in low.values()) < 1e-15


# ---- depth -------------------------------------------------------------------------------------


def deep_agrees(function):
    """Compare with the Jacobian of an actual network; the widest layer sets the error."""
    x = draw(3, 2, 8, torch.float32)
    for name, centered in (("tanh", True), ("relu", True), ("relu", False), ("swish", False)):
        phi, one = kernels.activation(name), torch.ones((), dtype=F64)
        mean = kernels.dual(name, 0 * one).sqrt().item() if centered else 0.0
        scale = (kernels.dual(name, one).item() - mean**2) ** 0.5
        net = nets.MLP((2, 1200, 1200, 1), lambda z: (phi.value(z) - mean) / scale, bias=False)  # noqa: B023
        whole, last = torch.zeros(3, 3), torch.zeros(3, 3)
        for seed in range(3):
            params = inits.initialize(net, inits.gaussian, seed)
            params["W1"] = params["W1"] * math.sqrt(2)  # pre-activations of variance one
            parts = {}
            for layer in net.shapes:
                others = {k: v for k, v in params.items() if k != layer}
                j = kernels.parameter_jacobian(
                    lambda p, r, o=others, n=net: n({**o, **p}, r), {layer: params[layer]}, x
                )
                # In the formulas the weights are standard normal, the layers divided by √fan-in.
                parts[layer] = (j @ j.mT) / (params[layer].shape[1] if layer != "W1" else 1)
            whole += sum(parts.values())
            last += parts["W2"]
        for kind, total in (("all", whole), ("last", last)):
            wanted = total / total.diagonal().mean()
            got = function(name, x.double(), 2, centered=centered, kind=kind)
            if (got - wanted).abs().max() > 0.06:
                return False
    return True


def test_deep_kernels_agree_with_wide_networks():
    assert deep_agrees(kernels.deep_gram)


def test_one_layer_is_the_shallow_gram():
    x = draw(7, 3, 1)
    for name in ("relu", "elu", "swish"):
        shallow = kernels.gram(name, x, normalize=True)
        for centered in (True, False):
            deep = kernels.deep_gram(name, x, 1, centered=centered)
            assert torch.allclose(deep, shallow, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "centered", "kind", "depth", "wanted"),
    [
        ("tanh", True, "last", 8, 6.0e-6), ("tanh", True, "last", 15, 1.8e-3),
        ("tanh", True, "all", 15, 6.3e-3), ("swish", True, "last", 15, 4.9e-2),
        ("relu", True, "last", 15, 0.63), ("relu", False, "last", 15, 3.2e-2),
    ],
)  # fmt: skip
def test_known_deep_eigenvalues(name, centered, kind, depth, wanted):
    g = kernels.deep_gram(name, kernels.circle_points(33), depth, centered=centered, kind=kind)
    assert torch.allclose(g.diagonal(), torch.ones(33, dtype=F64), atol=1e-9)
    assert spectrum(g)[0].item() == pytest.approx(wanted, rel=0.03)


# ---- Jacobians and training --------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(8, 26))
@settings(max_examples=15)
def test_smallest_eigenvalue_is_right_far_below_rounding(seed, exponent):
    generator = torch.Generator().manual_seed(seed)
    u = torch.linalg.qr(torch.randn(6, 6, dtype=F64, generator=generator)).Q
    v = torch.linalg.qr(torch.randn(40, 6, dtype=F64, generator=generator)).Q
    values = torch.tensor([3.0, 1.0, 0.5, 0.1, 1e-3, 10 ** (-exponent / 2)], dtype=F64)
    got = kernels.smallest_eigenvalue((u * values) @ v.mT).item()
    assert got == pytest.approx(10.0**-exponent, rel=0.02)


def test_smallest_eigenvalue_of_a_network_agrees_with_many_digits():
    x = kernels.circle_points(27)
    w = torch.randn(40, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    j = kernels.feature_jacobian("swish", x, w)
    got = kernels.smallest_eigenvalue(j).item()
    with mpmath.workdps(60):
        exact = mpmath.matrix(j.tolist())
        low = float(min(mpmath.eigsy(exact * exact.T, eigvals_only=True)))
    assert low < 1e-16
    assert got == pytest.approx(low, rel=1e-5)


def test_more_samples_than_parameters_and_batches():
    assert kernels.smallest_eigenvalue(torch.randn(5, 3)).item() == 0.0
    j = torch.randn(4, 3, 9, dtype=F64, generator=torch.Generator().manual_seed(0))
    wanted = torch.stack([spectrum(m @ m.mT)[0] for m in j])
    assert torch.allclose(kernels.smallest_eigenvalue(j), wanted)


@pytest.mark.parametrize("name", ["relu", "selu", "tanh"])
def test_feature_jacobian_is_that_of_a_network(name):
    x, m = draw(5, 3, 0), 11
    w = torch.randn(m, 3, dtype=F64, generator=torch.Generator().manual_seed(1))
    signs = torch.sign(torch.randn(1, m, dtype=F64, generator=torch.Generator().manual_seed(2)))
    net = nets.MLP((3, m, 1), kernels.activation(name).value, bias=False)

    def frozen(p, rows):
        return net({**p, "W2": signs / math.sqrt(m)}, rows)

    full = kernels.parameter_jacobian(frozen, {"W1": w}, x)
    mine = kernels.feature_jacobian(name, x, w)
    assert torch.allclose(mine @ mine.mT, full @ full.mT, atol=1e-14)
    assert torch.allclose(mine * signs.repeat_interleave(3), full, atol=1e-14)


def test_parameter_jacobian_agrees_with_jacrev():
    net = nets.MLP((3, 4, 1), torch.tanh)
    params = inits.initialize(net, inits.he, seed=0)
    x = draw(5, 3, 0, torch.float32)
    rows = torch.func.jacrev(lambda p: net(p, x).squeeze(-1))(params)
    wanted = torch.cat([rows[name].flatten(1) for name in params], dim=1)
    assert torch.allclose(kernels.parameter_jacobian(net, params, x), wanted, atol=1e-6)


@pytest.mark.parametrize("lr", [0.3, 1.0, 1.7])
def test_predictions_agree_with_the_linear_iteration(lr):
    g = kernels.gram("relu", draw(5, 4, 3))
    lr = lr / spectrum(g)[-1].item()
    r = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0], dtype=F64)
    losses, now = [], r.clone()
    for _ in range(2000):
        losses.append(now.square().mean())
        now = now - lr * g @ now
    losses = torch.stack(losses)
    times = torch.arange(2000, dtype=F64)
    assert torch.allclose(training.predicted_loss(g, r, lr, times), losses, rtol=1e-7, atol=1e-20)
    first = int((losses <= 1e-3).nonzero()[0])
    assert kernels.predicted_steps(g, r, lr, 1e-3) == first
    assert kernels.predicted_steps(g, r, lr, 2.0) == 0
    assert kernels.predicted_steps(g, r, lr, 0.9999999) in (0, 1)
    assert kernels.predicted_steps(torch.diag(r.abs() * 0 + 1e-9), r, 1.0, 0.1, longest=99) == 99


# ---- broken copies -----------------------------------------------------------------------------


def steps_agree(function):
    return function(torch.eye(2), torch.ones(2), 0.5, 0.01) == 4


def floor_agrees(function):
    return function(torch.tensor([[1.0, 0.0], [1.0, 1e-11]], dtype=F64)).item() == pytest.approx(
        5e-23, rel=0.01
    )


def coefficients_agree(function):
    got = function("relu", 4).tolist()
    return got == pytest.approx([0.5, 0.39894, 0, -0.16287], abs=1e-4)


MUTANTS = [
    *((closed, "elu_derivative", elu_agrees, old, new) for old, new in (
        ("2 * height * _ROOT_E", "height * _ROOT_E"),
        ("2 * height * _ROOT_E", "2 * height * _ROOT_E**2"),
        ("(ndtr(-1.0) - _mixed(rho, theta))\n", "_mixed(rho, theta)\n"),
        ("ndtr(-1 - rho) - 2 * owens_t", "ndtr(-1 - rho) - owens_t"),
        ("low + tail - 0.5", "low - tail"),
        ("np.tan(theta / 2)", "np.tan(theta)"),
        ("np.exp(1 + rho)", "np.exp(1 - rho)"),
        ("scale**2", "scale"),
    )),
    *((circle, "circle_spectrum", circle_agrees, old, new) for old, new in (
        ("n / (2 * period**2)", "n / period**2"),
        ("(-1, 1)]\n", "(-1, 2)]\n"),
        ("+= n / 8", "+= n / 4"),
        ("m, m + n)", "m, m)"),
    )),
    *((matrices, "deep_gram", deep_agrees, old, new) for old, new in (
        ("rho_next + tangent * slope", "rho_next + tangent"),
        ("- mean) / variance\n", ") / variance\n"),
        ("return slope * rho *", "return slope *"),
    )),
    (training, "smallest_eigenvalue", floor_agrees, "[..., -1].square()", "[..., -1]"),
    (training, "smallest_eigenvalue", floor_agrees, "[..., -1].sq", "[..., 0].sq"),
    (training, "predicted_steps", steps_agree, "** (2 * steps", "** (steps"),
    (training, "predicted_steps", steps_agree, "return high\n", "return low\n"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name", "check", "old", "new"), MUTANTS, ids=[f"{m[1]}:{m[4]}" for m in MUTANTS]
)
def test_a_broken_copy_is_caught(module, name, check, old, new, unchecked):
    source = inspect.getsource(module)
    assert source.count(old) >= 1
    broken = types.ModuleType("broken")
    broken.__dict__["__name__"] = module.__name__
    exec(compile(source.replace(old, new), "broken", "exec"), broken.__dict__)
    assert not check(getattr(broken, name))


def test_the_checks_pass_on_the_real_thing():
    for _, name, check, _, _ in {m[1]: m for m in MUTANTS}.values():
        assert check(getattr(closed if name.startswith("elu") else kernels, name))


# ---- bad input ---------------------------------------------------------------------------------

ONE = torch.ones(1, dtype=F64)


@pytest.mark.parametrize(
    "call",
    [
        lambda: kernels.activation("RELU6"),
        lambda: kernels.softplus(0.0),
        lambda: kernels.Activation("a", torch.sin, torch.cos, strip=0.0),
        lambda: kernels.dual("relu", 1.1 * ONE),
        lambda: kernels.dual_derivative("relu", -1.1 * ONE),
        lambda: kernels.dual_derivative(
            kernels.Activation("abs", torch.abs, torch.sign, kinks=(0.0,)), ONE
        ),
        lambda: kernels.dual(kernels.Activation("abs", torch.abs, torch.sign, kinks=(0.0,)), ONE),
        lambda: kernels.hermite_coefficients("relu", 0),
        lambda: kernels.hermite_coefficients("relu", 3, of="slope"),
        lambda: kernels.hermite_coefficients("relu", 3, digits=30),
        lambda: kernels.hermite_coefficients("tanh", 3, digits=0),
        lambda: kernels.hermite_coefficients("tanh", 3, digits=20, of="value"),
        lambda: kernels.gram("relu", 2 * torch.eye(3)),
        lambda: kernels.deep_gram("relu", torch.eye(3), 0),
        lambda: kernels.deep_gram("relu", torch.eye(3), 1, kind="first"),
        lambda: kernels.circle_points(0),
        lambda: kernels.circle_spectrum("relu", 2),
        lambda: kernels.predicted_loss(torch.eye(2), torch.ones(2), -1.0, torch.ones(1)),
        lambda: kernels.predicted_loss(torch.eye(2), torch.ones(2), 1.0, -torch.ones(1)),
        lambda: kernels.predicted_steps(torch.eye(2), torch.ones(2), 2.5, 0.1),
        lambda: kernels.predicted_steps(torch.eye(2), torch.ones(2), 1.0, 0.0),
        lambda: kernels.parameter_jacobian(lambda p, x: x @ p["W"], {"W": torch.eye(2)}, ONE[None]
                                           .float().expand(3, 2)),
    ],
)  # fmt: skip
def test_bad_values_are_refused(call):
    with pytest.raises(ValueError):
        call()


def test_integers_are_refused(unchecked):
    with pytest.raises(TypeError):
        kernels.dual("relu", torch.tensor([0, 1]))
