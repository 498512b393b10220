"""Ranks against torch, NumPy, inertia and definitions; floors against training."""

import inspect
import math
import types

import mpmath
import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import roots_legendre

from tdyn import data, inits, losses, nets, optim, rank, train
from tdyn.rank import counts, floor

F64 = torch.float64
EPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)
EYE = torch.eye(3, dtype=F64)


def random_features(seed, batch=(4,), inputs=20, neurons=12, decay=0.35):
    """Features whose singular values fall over many decades."""
    g = torch.Generator().manual_seed(seed)
    q = torch.linalg.qr(torch.randn(*batch, inputs, neurons, generator=g, dtype=F64))[0]
    v = torch.linalg.qr(torch.randn(*batch, neurons, neurons, generator=g, dtype=F64))[0]
    size = 3 * decay ** torch.arange(q.shape[-1], dtype=F64)
    return (q * size) @ v[..., : q.shape[-1], :]


def random_weights(seed, inputs=20):
    w = torch.rand(inputs, generator=torch.Generator().manual_seed(seed + 1), dtype=F64)
    return w / w.sum()


def gram(features, weights):
    return features.mT @ (weights.unsqueeze(-1) * features)


# ---- against peers -----------------------------------------------------------------------------


def ranks_agree(module):
    """Compare every rank with a definition that uses another mechanism."""
    for seed in range(6):
        phi, w = random_features(seed), random_weights(seed)
        got = module.ranks(phi, EPS, w)
        scaled = w.sqrt().unsqueeze(-1) * phi
        for j, eps in enumerate(EPS):
            want = torch.linalg.matrix_rank(scaled, atol=math.sqrt(eps), rtol=0)
            if not torch.equal(got.epsilon[:, j], want):
                return False
            m = gram(phi, w)
            ridge = torch.linalg.solve(m + eps * torch.eye(12, dtype=F64), m)
            if not torch.allclose(got.soft[:, j], ridge.diagonal(dim1=-1, dim2=-2).sum(-1)):
                return False
        sigma = torch.linalg.svdvals(scaled)
        p = sigma / sigma.sum(-1, keepdim=True)
        fro = scaled.square().sum((-1, -2))
        m = gram(phi, w)
        wanted = (
            torch.special.entr(p).sum(-1).exp(),
            fro / torch.linalg.matrix_norm(scaled, 2) ** 2,
            fro**2 / m.square().sum((-1, -2)),
        )
        if not all(torch.allclose(a, b, rtol=1e-9) for a, b in zip(got[2:], wanted, strict=True)):
            return False
    return True


def test_ranks_equal_their_definitions():
    assert ranks_agree(counts)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 15), st.integers(1, 15), st.floats(1e-9, 10.0))
def test_epsilon_rank_equals_matrix_rank(seed, inputs, neurons, eps):
    g = torch.Generator().manual_seed(seed)
    phi = torch.randn(3, inputs, neurons, generator=g, dtype=F64)
    phi = phi * torch.logspace(0, -6, neurons, dtype=F64)
    w = random_weights(seed, inputs)
    scaled = w.sqrt().unsqueeze(-1) * phi
    want = torch.linalg.matrix_rank(scaled, atol=math.sqrt(eps), rtol=0)
    assert torch.equal(rank.epsilon_rank(phi, eps, w), want)
    numpy = [np.linalg.matrix_rank(one, tol=math.sqrt(eps)) for one in scaled.numpy()]
    assert want.tolist() == numpy


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(1e-7, 1.0))
def test_epsilon_rank_is_an_inertia(seed, eps):
    """Sylvester: the eigenvalues above eps are the positive blocks of LDL^T of M - eps."""
    phi, w = random_features(seed, (), decay=0.5), random_weights(seed)
    m = gram(phi, w).numpy() - eps * np.eye(12)
    block = scipy.linalg.ldl(m)[1]
    positive, i = 0, 0
    while i < 12:
        size = 2 if i < 11 and block[i + 1, i] != 0 else 1
        positive += int((np.linalg.eigvalsh(block[i : i + size, i : i + size]) > 0).sum())
        i += size
    assert rank.epsilon_rank(phi, eps, w).item() == positive


def test_one_by_one_equals_all_at_once():
    phi, w = random_features(1, (2, 3)), random_weights(1)
    everything = rank.ranks(phi, EPS, w)
    assert torch.equal(rank.epsilon_rank(phi, EPS, w), everything.epsilon)
    assert torch.equal(rank.soft_rank(phi, EPS, w), everything.soft)
    assert torch.equal(rank.effective_rank(phi, w), everything.effective)
    assert torch.equal(rank.stable_rank(phi, w), everything.stable)
    assert torch.equal(rank.participation_ratio(phi, w), everything.participation)
    again = rank.spectrum_ranks(rank.spectrum(phi, w), EPS)
    for a, b in zip(everything, again, strict=True):
        torch.testing.assert_close(a, b)
    one = rank.epsilon_rank(phi[1, 2], 1e-3, w)
    assert one.shape == ()
    assert one == everything.epsilon[1, 2, 2]


def test_known_numbers():
    phi = torch.diag(torch.tensor([4.0, 2.0, 1.0]))
    assert rank.effective_rank(phi).item() == pytest.approx(2.6005, abs=5e-5)
    assert rank.effective_rank(phi**2).item() == pytest.approx(1.9504, abs=5e-5)
    assert rank.stable_rank(phi).item() == pytest.approx(1.3125)
    assert rank.participation_ratio(phi).item() == pytest.approx(1.6154, abs=5e-5)


def test_weights_are_the_mean_by_default():
    phi = random_features(0)
    torch.testing.assert_close(rank.spectrum(phi), rank.spectrum(phi, torch.full((20,), 1 / 20)))
    m = gram(phi, torch.full((20,), 0.05, dtype=F64))
    torch.testing.assert_close(rank.spectrum(phi), torch.linalg.eigvalsh(m).flip(-1))


# ---- where the Gram matrix in float32 fails -----------------------------------------------------


def spread_features(neurons=50, gamma=10.0, inputs=100):
    """A tanh layer whose kinks are equispaced: eigenvalues over sixteen decades."""
    net = nets.MLP((1, neurons, 1), torch.tanh)
    params = inits.initialize(net, inits.gaussian, seed=0, dtype=F64)
    params = inits.uniform_density(params, 0, gamma=gamma)
    x, w = (torch.as_tensor(v) for v in roots_legendre(inputs))
    return net.features(params, x[:, None])[0], w / 2


def test_float32_features_are_counted_in_float64():
    phi, w = spread_features(neurons=30, inputs=40)
    phi, w = phi.float(), w.float()
    with mpmath.workdps(40):
        half = mpmath.matrix((w.double().sqrt()[:, None] * phi.double()).tolist())
        exact = mpmath.eigsy(half.T * half, eigvals_only=True)
    eps = [1e-4, 1e-6, 1e-8, 1e-10, 1e-12]
    right = [sum(value > e for value in exact) for e in eps]
    assert rank.epsilon_rank(phi, eps, w).tolist() == right
    naive = torch.linalg.eigvalsh(gram(phi, w))
    assert [(naive > e).sum().item() for e in eps] != right
    assert rank.spectrum(phi, w).dtype == F64
    largest = sorted((float(v) for v in exact), reverse=True)
    torch.testing.assert_close(
        rank.spectrum(phi, w), torch.tensor(largest, dtype=F64), atol=1e-15, rtol=1e-6
    )


# ---- laws ---------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.floats(0.05, 20.0), st.floats(1e-5, 1.0))
def test_scaling_duplicating_and_rotating(seed, a, eps):
    phi, w = random_features(seed), random_weights(seed)
    lam = rank.spectrum(phi, w)
    if ((lam / eps - 1).abs() < 1e-6).any() or ((a * a * lam / eps - 1).abs() < 1e-6).any():
        return
    assert torch.equal(rank.epsilon_rank(a * phi, eps, w), rank.epsilon_rank(phi, eps / a**2, w))
    torch.testing.assert_close(rank.effective_rank(a * phi, w), rank.effective_rank(phi, w))
    torch.testing.assert_close(rank.stable_rank(a * phi, w), rank.stable_rank(phi, w))
    twice = rank.spectrum(torch.cat([phi, phi], dim=-1), w)
    torch.testing.assert_close(twice[..., :12], 2 * lam)
    assert twice[..., 12:].max() < 1e-20
    order = torch.randperm(20, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(rank.spectrum(phi[:, order], w[order]), lam)


@given(st.integers(0, 10**6), st.floats(1e-6, 1e-1))
def test_weyl(seed, size):
    phi, w = random_features(seed, ()), random_weights(seed)
    other = phi + size * torch.randn(
        20, 12, generator=torch.Generator().manual_seed(seed), dtype=F64
    )
    gap = torch.linalg.matrix_norm(gram(phi, w) - gram(other, w), 2)
    assert ((rank.spectrum(phi, w) - rank.spectrum(other, w)).abs() <= gap + 1e-12).all()


def test_relu_gram_has_its_closed_form_and_fourth_order_decay():
    knots = torch.linspace(-1, 1, 51, dtype=F64)[:50]
    x, w = (torch.as_tensor(v) for v in roots_legendre(2000))
    phi = (x[:, None] - knots).clamp(min=0)
    later = torch.maximum(knots[:, None], knots)
    closed = (1 - later) ** 3 / 3 + (knots[:, None] - knots).abs() * (1 - later) ** 2 / 2
    lam = torch.linalg.eigvalsh(closed).flip(-1)
    torch.testing.assert_close(rank.spectrum(phi, w), lam, rtol=1e-3, atol=1e-9)
    k = torch.arange(5.0, 31.0, dtype=F64)
    slope = np.polyfit(k.log().numpy(), lam[4:30].log().numpy(), 1)[0]
    assert slope == pytest.approx(-4.17, abs=0.1)


def test_modes_are_orthogonal_and_span():
    phi, w = random_features(3, decay=0.7), random_weights(3)
    lam, psi, q, units = rank.modes(phi, w)
    torch.testing.assert_close(gram(psi, w), torch.diag_embed(lam), rtol=0, atol=1e-12)
    torch.testing.assert_close(psi, phi @ q)
    torch.testing.assert_close(units * lam.sqrt().unsqueeze(-2), w.sqrt()[:, None] * psi)


def test_edges():
    assert all(not v.any() for v in rank.ranks(torch.zeros(3, 4, 2), [1e-3]))
    assert rank.spectrum(torch.ones(2, 5)).tolist()[2:] == [0.0] * 3
    assert rank.effective_rank(torch.ones(1, 1)).item() == 1
    assert rank.effective_rank(torch.eye(7)).item() == pytest.approx(7)
    assert rank.epsilon_rank(0.5 * EYE, 0.25, torch.ones(3)).item() == 0
    assert rank.epsilon_rank(torch.ones(4, 2, dtype=torch.int64), 0.1).item() == 1
    assert rank.epsilon_rank(1e-200 * EYE, 1e-300).item() == 0
    assert rank.stable_rank(1e-150 * EYE).item() == pytest.approx(3)
    assert rank.participation_ratio(1e-150 * EYE).item() == pytest.approx(3)


# ---- floors -------------------------------------------------------------------------------------


def definition(phi, f, beta, c, w, eps):
    """The floor from an eigendecomposition and a least-squares fit."""
    lam, q = torch.linalg.eigh(gram(phi, w))
    keep = lam > eps
    root = w.sqrt()[:, None]
    target = root * (f - c)
    fit = torch.zeros_like(target)
    if keep.any():
        span = root * (phi @ q[:, keep])
        fit = span @ torch.linalg.lstsq(span, target).solution
    tail = root * (phi @ q[:, ~keep]) @ (q[:, ~keep].T @ beta.T)
    return (torch.linalg.norm(target - fit) - torch.linalg.norm(tail)).clamp(min=0).item() ** 2


def floors_agree(module):
    """Compare the floor with its definition, and with the loss that it bounds."""
    for seed in range(12):
        g = torch.Generator().manual_seed(seed)
        outputs = 1 + seed % 3
        phi, w = random_features(seed, (), decay=0.5), random_weights(seed)
        f = torch.randn(20, outputs, generator=g, dtype=F64)
        beta = torch.randn(outputs, 12, generator=g, dtype=F64)
        c = torch.randn(outputs, generator=g, dtype=F64)
        loss = (w * (f - c - phi @ beta.T).square().sum(-1)).sum().item()
        for eps in (0.3, 1e-2, 1e-4, 1e-12):
            got = module.loss_floor(phi, f, beta, eps, bias=c, weights=w).item()
            crude = module.loss_floor(phi, f, beta, eps, bias=c, weights=w, crude=True).item()
            want = definition(phi, f, beta, c, w, eps)
            if abs(got - want) > 1e-8 or not crude <= got <= loss * (1 + 1e-12):
                return False
    return True


def test_floor_equals_its_definition():
    assert floors_agree(floor)


def free_floors_agree(module):
    """Compare the feature-free floor with its definition and with the loss that it bounds."""
    for seed in range(12):
        g = torch.Generator().manual_seed(seed)
        phi = random_features(seed, (), decay=0.5)
        f = torch.eye(4, dtype=F64)[torch.randint(4, (20,), generator=g)]
        beta = 0.3 * torch.randn(4, 12, generator=g, dtype=F64)
        centered = phi - phi.mean(0)
        s = torch.linalg.eigvalsh(torch.cov(f.T, correction=0)).flip(-1)
        lam, q = torch.linalg.eigh(centered.T @ centered / 20)
        residual = f - phi @ beta.T
        loss = (residual - residual.mean(0)).square().sum(-1).mean().item()
        for eps in (10.0, 0.05, 1e-3, 1e-6):
            small = lam <= eps
            r = int((~small).sum())
            tau = (lam[small].clamp(min=0) * (beta @ q[:, small]).square().sum(0)).sum().sqrt()
            want = (s[r:].clamp(min=0).sum().sqrt() - tau).clamp(min=0).item() ** 2
            got = module.feature_free_floor(phi, f, beta, eps).item()
            if abs(got - want) > 1e-7 or got > loss * (1 + 1e-12):
                return False
    return True


def test_feature_free_floor_equals_its_definition():
    assert free_floors_agree(floor)


def test_floor_never_exceeds_the_loss_while_training():
    net = nets.MLP((1, 20, 20, 1), torch.tanh)
    params = inits.initialize(net, inits.gaussian, seed=range(3))
    x, w = (torch.as_tensor(v) for v in roots_legendre(40))
    w, f = w / 2, torch.sin(9 * x)

    def measured(p):
        p = {k: v.double() for k, v in p.items()}
        phi = net.features(p, x[:, None])[-1]
        loss = (w * (net(p, x[:, None])[..., 0] - f).square()).sum(-1)
        floor = rank.loss_floor(phi, f, p["W3"], EPS, bias=p["b3"], weights=w)
        return torch.cat([loss.unsqueeze(-1), floor], dim=-1)

    run = train.train(
        lambda p, b: (b[2] * (net(p, b[0])[..., 0] - b[1]).square()).sum(-1),
        params, optim.adam(3e-3), 300,
        batches=(x[:, None].float(), f.float(), w.float()), probes={"bounds": measured}, every=10,
    )  # fmt: skip
    loss, floors = run["bounds"][..., :1], run["bounds"][..., 1:]
    assert (floors <= loss * (1 + 1e-10)).all()
    assert (floors.amax(-1) > 0.5 * loss[..., 0]).any()


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_balanced_classes_have_equal_stairs(classes):
    f = torch.eye(classes, dtype=F64).repeat(6, 1)
    stairs = torch.arange(classes - 1, -1, -1, dtype=F64) / classes
    torch.testing.assert_close(
        rank.target_tail(f), torch.cat([stairs, torch.zeros(1, dtype=F64)]), atol=1e-12, rtol=0
    )


def test_best_readout_of_random_features_obeys_the_stairs():
    x, y = data.digits(F64)
    f = torch.eye(10, dtype=F64)[y]
    g = torch.Generator().manual_seed(0)
    for r in (0, 1, 3, 8):
        phi = torch.cat([torch.tanh(x @ torch.randn(64, r, generator=g, dtype=F64)),
                         torch.ones(len(x), 1, dtype=F64)], dim=1)  # fmt: skip
        fit = phi @ torch.linalg.lstsq(phi, f).solution
        assert losses.mse(fit, f) >= rank.target_tail(f)[r] - 1e-12


# ---- first layers of uniform density ------------------------------------------------------------


def first_layers_agree(density):
    """Kinks are where the docstring says, in one dimension and in several."""
    net = nets.MLP((1, 50, 1))
    params = inits.initialize(net, inits.gaussian, seed=[4, 9], dtype=F64)
    grid = density(params, [4, 9], gamma=7.0)
    kinks = -grid["b1"] / grid["W1"][..., 0]
    even = torch.linspace(-1, 1, 50, dtype=F64).expand(2, 50)
    if not torch.allclose(kinks, even) or not torch.allclose(
        grid["W1"].abs(), torch.full((2, 50, 1), 7.0, dtype=F64)
    ):
        return False
    if torch.equal(grid["W1"][0], grid["W1"][1]) or not torch.equal(grid["W2"], params["W2"]):
        return False
    net = nets.MLP((3, 4000, 1))
    one = inits.initialize(net, inits.gaussian, seed=0, dtype=F64)
    wide = density(one, 0, gamma=2.0, radius=5.0, grid=False)
    normals = wide["W1"] / 2
    distance = (wide["b1"] / 2).sort().values
    even = torch.linspace(-5, 5, 4000, dtype=F64)
    return bool(
        (normals.norm(dim=1) - 1).abs().max() < 1e-12
        and normals.mean(0).abs().max() < 0.06
        and (normals.T @ normals / 4000 - torch.eye(3) / 3).abs().max() < 0.03
        and (distance - even).abs().max() < 0.3
        and not torch.allclose(distance, even, atol=1e-6)
    )


def test_first_layer_of_uniform_density():
    assert first_layers_agree(inits.uniform_density)


def test_members_of_a_structured_ensemble_equal_single_networks():
    net = nets.MLP((2, 6, 5, 1))
    params = inits.initialize(net, inits.gaussian, seed=[3, 8])
    before = params["W1"].clone()
    many = inits.uniform_density(params, [3, 8], gamma=4.0, grid=False)
    one = inits.uniform_density(nets.member(params, 1), 8, gamma=4.0, grid=False)
    assert all(torch.equal(nets.member(many, 1)[k], one[k]) for k in one)
    assert list(many) == list(params)
    assert many["W1"].dtype == torch.float32
    assert torch.equal(before, params["W1"])


def test_structure_raises_the_last_rank():
    net = nets.MLP((1, 50, 50, 1), torch.tanh)
    plain = inits.initialize(net, inits.xavier, seed=range(5), dtype=F64)
    x, w = (torch.as_tensor(v) for v in roots_legendre(96))
    counts = []
    for params in (plain, inits.uniform_density(plain, range(5), gamma=10.0)):
        phi = net.features(params, x[:, None])[-1]
        counts.append(rank.epsilon_rank(phi, 1e-3, w / 2).double().mean())
    assert counts[1] > counts[0] + 6


# ---- a broken copy must be caught ---------------------------------------------------------------

MUTANTS = [
    (counts, ranks_agree, old, new)
    for old, new in (
        ("sigma.unsqueeze(-2) > limits.sqrt()", "sigma.unsqueeze(-2) > limits"),
        ("shares / (shares +", "limits.unsqueeze(-1) / (shares +"),
        ("entropy.exp()", "(entropy / 0.6931471805599453).exp()"),
        ("entropy_rank(sigma),", "entropy_rank(sigma.square()),"),
        ("eigenvalues.sum(-1), eigenvalues.amax(-1)", "eigenvalues.sum(-1), eigenvalues.mean(-1)"),
        ("participation(eigenvalues),", "participation(sigma),"),
    )
] + [
    (floor, floors_agree, old, new)
    for old, new in (
        ("f = f - bias.double()", "f = f + bias.double()"),
        ("_tails(lam * (w @ q)", "_tails((w @ q)"),
        ("limits.reshape(-1) * w.square()", "limits.reshape(-1).square() * w.square()"),
        ("_tails(shares) + beyond", "_tails(shares) - beyond"),
        ("- lost)", "+ lost)"),
        ("values.flip(-1).cumsum(-1).flip(-1)", "values.cumsum(-1)"),
        ("distance.gather(-1, count)", "distance.gather(-1, (count + 1).clamp(max=12))"),
    )
] + [
    (floor, free_floors_agree, old, new)
    for old, new in (
        ("centered = phi -", "centered = phi + 0 *"),
        ("lam = modes(f - (w * f)", "lam = modes(f - 0 * (w * f)"),
        ("reach = rest[count.clamp(max=", "reach = rest[(count + 1).clamp(max="),
    )
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "check", "old", "new"), MUTANTS, ids=[f"{m[1].__name__}:{m[3]}" for m in MUTANTS]
)
def test_a_broken_copy_is_caught(module, check, old, new, unchecked):
    source = inspect.getsource(module)
    assert source.count(old) >= 1
    broken = types.ModuleType("broken")
    exec(compile(source.replace(old, new), "broken", "exec"), broken.__dict__)
    assert not check(broken)


@pytest.mark.parametrize(
    ("old", "new"),
    [("-gamma * sign", "gamma * sign"), ("gamma * sign * distance", "gamma * distance"),
     ("/ normal.norm(dim=-1, keepdim=True)", ""), ("radius * (2 *", "(2 *")],
)  # fmt: skip
def test_a_broken_first_layer_is_caught(old, new):
    from tdyn.inits import density

    source = inspect.getsource(density)
    assert source.count(old) >= 1
    broken = types.ModuleType("broken")
    exec(compile(source.replace(old, new), "broken", "exec"), broken.__dict__)
    assert not first_layers_agree(broken.uniform_density)


# ---- bad input ----------------------------------------------------------------------------------

PHI = torch.ones(5, 3)
PARAMS = inits.initialize(nets.MLP((2, 4, 1)), inits.gaussian, seed=0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rank.spectrum(torch.ones(3)), "shape"),
        (lambda: rank.spectrum(torch.ones(0, 3)), "shape"),
        (lambda: rank.spectrum(torch.full((2, 2), math.nan)), "finite"),
        (lambda: rank.spectrum(PHI, torch.ones(4)), "length 5"),
        (lambda: rank.spectrum(PHI, -torch.ones(5)), "negative"),
        (lambda: rank.epsilon_rank(PHI, 0.0), "positive"),
        (lambda: rank.epsilon_rank(PHI, [1e-3, -1.0]), "positive"),
        (lambda: rank.epsilon_rank(PHI, []), "positive"),
        (lambda: rank.epsilon_rank(PHI, math.nan), "positive"),
        (lambda: rank.soft_rank(PHI, 0.0), "positive"),
        (lambda: rank.ranks(PHI, [0.0]), "positive"),
        (lambda: rank.spectrum_ranks(torch.tensor([-1.0]), [0.1]), "negative"),
        (lambda: rank.modes(torch.ones(3)), "shape"),
        (lambda: rank.loss_floor(PHI, torch.ones(5), torch.ones(4), 0.1), "readout"),
        (lambda: rank.loss_floor(PHI, torch.ones(5), torch.ones(3), 0.0), "positive"),
        (lambda: rank.feature_free_floor(PHI, torch.ones(5, 2), torch.ones(3, 3), 0.1), "readout"),
        (lambda: inits.uniform_density(PARAMS, 0, gamma=0.0), "gamma"),
        (lambda: inits.uniform_density(PARAMS, 0, gamma=1.0, radius=-1.0), "radius"),
        (lambda: inits.uniform_density({"W1": torch.ones(2, 2)}, 0, gamma=1.0), "b1"),
        (lambda: inits.uniform_density(PARAMS, [0, 1], gamma=1.0), "ensemble"),
    ],
)
def test_bad_values_are_refused(call, words, unchecked):
    with pytest.raises(ValueError, match=words):
        call()
