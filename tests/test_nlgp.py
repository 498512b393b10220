"""Images with edges, their Gaussian clones and patches of textures, against closed forms."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mutation import broken
from scipy import integrate, stats

from tdyn import data, fields
from tdyn.data import stationary

F64 = torch.float64
GAINS = [0.0, 0.5, 1.0, 3.0, 100.0, math.inf]


def wrapped(grid):
    return fields.distances(grid).numpy()


def by_definition(grid, xi, power):
    """exp(-(d/xi)^p), a product over the axes; negative eigenvalues clipped, diagonal 1."""
    sides = (grid,) if isinstance(grid, int) else grid
    c = np.ones((1, 1))
    for side in sides:
        c = np.kron(c, np.exp(-((wrapped(side) / xi) ** power)))
    values, vectors = np.linalg.eigh(c)
    c = (vectors * values.clip(min=0)) @ vectors.T
    return c / c[0, 0], -values.clip(max=0).sum() / values.sum()


LAWS = [(1.0, 2.0), (3.0, 2.0), (1.5, 1.0)]
CASES = [(grid, *law) for grid in (12, 13, 40, (12, 12)) for law in LAWS]
CASES += [(grid, *law) for grid in ((5, 8), (3, 4, 5)) for law in LAWS if law[0] < 3]  # small grids


@pytest.mark.parametrize(("grid", "xi", "power"), CASES)
def test_covariance_equals_its_definition(grid, xi, power):
    want, _ = by_definition(grid, xi, power)
    got = data.nlgp_covariance(grid, xi=xi, gain=0.0, power=power)
    np.testing.assert_allclose(got, want, atol=1e-12)
    for gain in (0.5, 3.0):
        a = gain**2 / (1 + gain**2)
        got = data.nlgp_covariance(grid, xi=xi, gain=gain, power=power)
        np.testing.assert_allclose(got, np.arcsin(a * want) / np.arcsin(a), atol=1e-12)
        assert np.linalg.eigvalsh(got).min() > -1e-10  # a covariance again
    limit = data.nlgp_covariance(grid, xi=xi, gain=math.inf, power=power)
    np.testing.assert_allclose(limit, np.arcsin(want.clip(-1, 1)) * 2 / np.pi, atol=1e-7)


def test_two_dimensional_squared_exponential_is_isotropic():
    d = fields.distances((12, 12))
    got = data.nlgp_covariance((12, 12), xi=1.0, gain=0.0)
    torch.testing.assert_close(got, torch.exp(-(d**2)), atol=1e-10, rtol=0)


def test_clipped_share():
    assert by_definition(40, 3.0, 2.0)[1] < 1e-6
    assert 1e-3 < by_definition((12, 12), 3.0, 2.0)[1] < 1e-2
    with pytest.raises(ValueError, match="too long"):
        data.nlgp_covariance((12, 12), xi=5.0, gain=1.0)


@pytest.fixture
def small_grids(monkeypatch):
    """Send small grids by the product with a root, or by one Fourier transform of drawn waves."""

    def choose(way):
        monkeypatch.setattr(stationary, "SMALL", {"product": 10**6, "waves": 0}[way])
        stationary._filters.cache_clear()

    yield choose
    stationary._filters.cache_clear()


@pytest.mark.parametrize("grid", [1, 2, 3, 6, 7, (2, 2), (3, 4), (4, 3), (1, 5), (2, 3, 3)])
@pytest.mark.parametrize("way", ["product", "waves"])
def test_every_shape_of_grid_gets_its_covariance(grid, way, small_grids):
    """Even and odd sides, one pixel, three axes: among waves some columns are their own mates."""
    small_grids(way)
    n = 100_000
    x, _ = data.gaussian_clone(n, grid, xi=0.8, gain=2.0, seed=11, dtype=F64)
    want = data.nlgp_covariance(grid, xi=0.8, gain=2.0)
    assert (x.T @ x / n - want).abs().max() < 5.5 * math.sqrt(2 / n)
    assert x.mean(0).abs().max() < 5 / math.sqrt(n)


@pytest.mark.parametrize(("xi", "waves"), [(1.0, 201), (3.0, 160), (10.0, 48)])
def test_only_waves_that_rounding_would_lose_are_left_out(xi, waves):
    """The others carry the whole variance (σ₀² + 4 Σ σₖ² + σ₂₀₀²) / D², to single precision."""
    sizes = stationary._filters(stationary.Law((400,), (xi,), 2.0), 1.0, torch.float32)[0].double()
    assert len(sizes) == waves
    weights = torch.full((waves,), 4.0, dtype=F64)
    weights[0] = 1.0
    weights[200:] = 1.0
    assert ((weights * sizes**2).sum() / 400**2).item() == pytest.approx(1.0, abs=3e-7)
    both = stationary.Law((400,), (xi, 1.0), 2.0)
    assert stationary._filters(both, 1.0, torch.float32).shape == (2, 201)
    assert stationary._filters(both, 1.0, F64).shape == (2, 201)


def test_a_large_grid_goes_by_waves_and_has_its_covariance():
    x, y = data.nlgp(8000, (16, 16), xi=(1.0, 2.0), gain=3.0, seed=2, dtype=F64)
    for label, xi in enumerate((1.0, 2.0)):
        own = x[y == label]
        want = data.nlgp_covariance((16, 16), xi=xi, gain=3.0)
        assert (own.T @ own / len(own) - want).abs().max() < 6 * math.sqrt(2 / len(own))
    assert data.nlgp(0, (16, 16), xi=(1.0, 2.0), gain=3.0, seed=2)[0].shape == (0, 256)


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("make", [data.nlgp, data.gaussian_clone])
@pytest.mark.parametrize("grid", [9, (4, 5)])
@pytest.mark.parametrize("way", ["product", "waves"])
def test_samples_have_the_covariance_of_their_class(make, gain, grid, way, small_grids):
    small_grids(way)
    n, lengths = 60_000, (0.6, 1.2)
    x, y = make(n, grid, xi=lengths, gain=gain, seed=3, dtype=F64)
    for label, xi in enumerate(lengths):
        own = x[y == label]
        want = data.nlgp_covariance(grid, xi=xi, gain=gain)
        found = own.T @ own / len(own)
        # A product of two entries has variance at most 1 + the Gaussian's: 5.5 standard errors.
        assert (found - want).abs().max() < 5.5 * math.sqrt(2 / len(own))
        assert own.mean(0).abs().max() < 5 / math.sqrt(len(own))


@pytest.mark.parametrize("gain", GAINS)
def test_one_pixel_kurtosis_equals_quadrature(gain):
    x, _ = data.nlgp(400_000, 2, xi=0.1, gain=gain, seed=1, dtype=F64)  # independent pixels
    if math.isinf(gain):
        want = -2.0
    elif gain == 0:
        want = 0.0
    else:
        moments = [
            integrate.quad(
                lambda z, p=p: math.erf(gain * z / math.sqrt(2)) ** p * stats.norm.pdf(z), -9, 9,
                limit=400, points=[0],
            )[0]
            for p in (2, 4)
        ]  # fmt: skip
        want = moments[1] / moments[0] ** 2 - 3
        assert moments[0] == pytest.approx(2 / math.pi * math.asin(gain**2 / (1 + gain**2)))
    if gain == 1:
        assert want == pytest.approx(-1.2, abs=1e-9)  # uniform
    assert fields.excess_kurtosis(x.flatten()).item() == pytest.approx(want, abs=0.03)


def test_at_gain_one_pixels_are_uniform():
    x, _ = data.nlgp(20_000, 5, xi=0.2, gain=1.0, seed=0, dtype=F64)
    half = math.sqrt(3)
    assert stats.kstest(x[:, 0].numpy(), stats.uniform(-half, 2 * half).cdf).pvalue > 0.001


def test_clone_is_gaussian_within_a_class_and_not_when_pooled():
    """R3: kurtosis 0 for every filter; pooled 3 ((v1 - v2) / (v1 + v2))²."""
    grid, xi, gain = 10, (0.7, 2.0), 100.0
    x, y = data.gaussian_clone(400_000, grid, xi=xi, gain=gain, seed=5, dtype=F64)
    w = torch.randn(4, 10, generator=torch.Generator().manual_seed(0), dtype=F64)
    w[0] = 1.0
    within = fields.preactivation_kurtosis(w, x, y)
    assert within.abs().max() < 5 * math.sqrt(24 / 200_000)
    pooled = fields.preactivation_kurtosis(w, x, torch.zeros_like(y))[0]
    v = [torch.einsum("kd,de,ke->k", w, data.nlgp_covariance(grid, xi=s, gain=gain), w) for s in xi]
    want = 3 * ((v[0] - v[1]) / (v[0] + v[1])) ** 2
    assert want[0] > 0.5
    torch.testing.assert_close(pooled, want, atol=0.05, rtol=0)


def test_images_are_smooth_and_edges_sharp():
    x, _ = data.nlgp(200, 60, xi=4.0, gain=math.inf, seed=0)
    assert set(x.unique().tolist()) == {-1.0, 1.0}
    assert (x != x.roll(1, 1)).float().mean() < 0.2


def test_seeds_classes_and_types():
    x, y = data.nlgp(11, (3, 4), xi=(1.0, 0.5, 0.7), gain=3.0, seed=7)
    again = data.nlgp(11, (3, 4), xi=(1.0, 0.5, 0.7), gain=3.0, seed=7)
    clone, same = data.gaussian_clone(11, (3, 4), xi=(1.0, 0.5, 0.7), gain=3.0, seed=7)
    other = data.nlgp(11, (3, 4), xi=(1.0, 0.5, 0.7), gain=3.0, seed=8)[0]
    assert torch.equal(x, again[0])
    assert torch.equal(y, same)
    assert not torch.equal(x, other)
    assert not torch.equal(x, clone)
    assert y.bincount().tolist() == [4, 4, 3]
    assert x.dtype == torch.float32
    assert data.nlgp(2, 3, xi=1.0, gain=1.0, seed=0, dtype=F64)[0].dtype == F64
    assert data.nlgp(0, 5, xi=1.0, gain=1.0, seed=0)[0].shape == (0, 5)
    gauss = data.nlgp(5, 6, xi=1.0, gain=0.0, seed=2)[0]
    torch.testing.assert_close(gauss, data.gaussian_clone(5, 6, xi=1.0, gain=0.0, seed=2)[0])


def test_sampler_agrees_with_scipy():
    """The same law as a dense factorization, by a two-sample test on random projections."""
    x, _ = data.gaussian_clone(20_000, 40, xi=3.0, gain=3.0, seed=0, dtype=F64)
    cov = data.nlgp_covariance(40, xi=3.0, gain=3.0).numpy()
    other = stats.multivariate_normal.rvs(cov=cov, size=20_000, random_state=0)
    for direction in np.random.default_rng(0).standard_normal((5, 40)):
        assert stats.ks_2samp(x.numpy() @ direction, other @ direction).pvalue > 1e-4


@given(st.integers(1, 3), st.integers(2, 6), st.integers(0, 10**6))
def test_gaussian_like_keeps_mean_and_covariance(classes, d, seed):
    g = torch.Generator().manual_seed(seed)
    n = 6000
    y = torch.randint(0, classes, (n,), generator=g)
    mix = torch.randn(classes, d, d, generator=g, dtype=F64)
    mix = mix / mix.norm(dim=-1, keepdim=True)
    x = (
        torch.einsum("ni,nij->nj", torch.randn(n, d, generator=g, dtype=F64).sign(), mix[y])
        + y[:, None]
    )
    clone = data.gaussian_like(x, y, seed=seed + 1)
    for label in range(classes):
        own, new = x[y == label], clone[y == label]
        scale = 7 * float(own.std()) * math.sqrt(d / len(own))
        assert (own.mean(0) - new.mean(0)).abs().max() < scale
        limit = 7 * math.sqrt(2 / len(own)) * float(torch.cov(own.T).abs().max())
        assert (torch.cov(own.T) - torch.cov(new.T)).abs().max() < limit


def test_textures():
    x, y = data.textures(4000, 10, seed=0)
    assert x.shape == (4000, 100)
    assert y.bincount().tolist() == [1000] * 4
    assert x.mean(1).abs().max() < 1e-3
    alive = x.abs().amax(1) > 0
    assert (x.std(1, correction=0)[alive] - 1).abs().max() < 1e-3
    assert alive.float().mean() > 0.99
    assert not x.isnan().any()
    near = (x[:, 0] * x[:, 1]).mean()
    assert near > (x[:, 0] * x[:, 9]).mean() + 0.2  # neighbors in a row
    assert torch.equal(x, data.textures(4000, 10, seed=0)[0])
    from skimage import data as images

    patch = torch.as_tensor(images.brick()).float().log1p()
    one, _ = data.textures(1, 512, seed=0, names=["brick"])
    want = (patch - patch.mean()) / patch.std(correction=0)
    torch.testing.assert_close(one[0], want.flatten(), atol=1e-3, rtol=1e-3)


# ---- a broken copy must be caught ----------------------------------------------------------------

MUTANTS = [
    ("images", "2 / math.pi * math.asin(saturation(gain))", "math.asin(saturation(gain))"),
    ("images", "gain / math.sqrt(2)", "gain"),
    ("stationary", "gain * gain / (1 + gain * gain)", "gain / (1 + gain)"),
    ("stationary", "torch.minimum(d, side - d)", "d"),
    ("stationary", "** law.power)", "** 1)"),
    ("stationary", "clipped / clipped.mean()", "clipped / clipped.sum()"),
    ("stationary", ".clamp(min=0).sqrt()", ".clamp(min=0)"),
    ("stationary", "filters if len(filters) == 1 else filters[y]", "filters[:1]"),
    ("stationary", "noise[own] @ root", "noise[own] @ roots[0]"),
    ("stationary", "torch.arcsin(a * row", "(a * row"),
    ("stationary", "roots *= math.sqrt(d)", "roots *= d"),
    ("stationary", "roots[..., inside] /= math.sqrt(2)", "pass"),
    ("stationary", "slice(1, (law", "slice(0, (law"),
    ("stationary", "(law.grid[-1] + 1) // 2", "None"),
]


def agrees(package):
    """The sample covariance of two classes, and their variance, are right on both ways."""
    module, good = package.stationary, True
    for make, small in product((package.nlgp, package.gaussian_clone), (0, 160)):
        module.SMALL = small
        module._filters.cache_clear()
        for grid, lengths in ((12, (1.0, 2.0)), (4, (0.3, 0.9))):
            x, y = make(40_000, grid, xi=lengths, gain=2.0, seed=0, dtype=F64)
            for label, xi in enumerate(lengths):
                own = x[y == label]
                want = np.arcsin(0.8 * by_definition(grid, xi, 2.0)[0]) / np.arcsin(0.8)
                good &= bool(np.abs((own.T @ own / len(own)).numpy() - want).max() < 0.05)
    module._filters.cache_clear()
    return good


@pytest.mark.parametrize(("module", "old", "new"), MUTANTS)
def test_a_broken_copy_is_caught(module, old, new, tmp_path):
    with broken(data, module, old, new, tmp_path) as copy:
        try:
            caught = not agrees(copy)
        except ValueError:
            caught = True
    assert caught


def test_the_check_passes_on_the_real_module():
    assert agrees(data)


OK = {"xi": 1.0, "gain": 1.0, "seed": 0}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("make", [data.nlgp, data.gaussian_clone])
@pytest.mark.parametrize(
    ("n", "grid", "change"),
    [
        (-1, 5, {}), (3, 0, {}), (3, (4, 0), {}), (3, (), {}), (3, 5, {"xi": 0.0}),
        (3, 5, {"xi": (1.0, -1.0)}), (3, 5, {"xi": ()}), (3, 5, {"xi": math.inf}),
        (3, 5, {"gain": -1.0}), (3, 5, {"gain": math.nan}), (3, 5, {"power": 0.0}),
        (3, 5, {"power": 2.5}), (3, (12, 12), {"xi": 5.0}),
    ],
)  # fmt: skip
def test_bad_values_are_refused(make, n, grid, change):
    with pytest.raises(ValueError):
        make(n, grid, **{**OK, **change})


@pytest.mark.parametrize(
    "call",
    [
        lambda: data.textures(-1, 5, seed=0),
        lambda: data.textures(4, 1, seed=0),
        lambda: data.textures(4, 513, seed=0),
        lambda: data.textures(4, 5, seed=0, names=["nothing"]),
        lambda: data.textures(4, 5, seed=0, names=["astronaut"]),
        lambda: data.gaussian_like(torch.zeros(1, 2), torch.zeros(1).long(), seed=0),
    ],
)
def test_bad_values_of_the_others_are_refused(call):
    with pytest.raises(ValueError):
        call()
