"""Natural gradient: exact matrices, exact laws, peers, optimizers."""

from __future__ import annotations

import importlib
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tdyn import inits, losses, natural, nets, optim
from tdyn.natural import layers, likelihoods, metrics
from tdyn.train import gradients, train

F64 = torch.float64
WIDTHS = {"gaussian": (4, 3, 3, 2), "categorical": (4, 3, 3, 3), "bernoulli": (4, 3, 1)}


def draw(widths, likelihood="gaussian", *, n=12, seed=0, activation=torch.tanh, bias=True):
    """A random network with random inputs and labels, in double precision."""
    g = torch.Generator().manual_seed(seed)
    net = nets.MLP(widths, activation, bias=bias)
    params = inits.initialize(net, inits.gaussian, seed, bias=inits.gaussian, dtype=F64)
    x = torch.randn(n, widths[0], generator=g, dtype=F64)
    if likelihood == "categorical":
        y = torch.randint(0, widths[-1], (n,), generator=g)
    elif likelihood == "bernoulli":
        y = torch.randint(0, 2, (n,), generator=g) * 2 - 1.0
    else:
        y = torch.randn(n, widths[-1], generator=g, dtype=F64)
    return net, params, x, y.to(F64) if likelihood == "bernoulli" else y


def loss_of(net, likelihood):
    nll = natural.negative_log_likelihood(likelihood)
    return lambda params, batch: nll(net(params, batch[0]), batch[1])


def relative(a, b):
    return float((a - b).norm() / b.norm())


def flat(params):
    return nets.flatten(params)


def dense(net, parts, act):
    """A linear map of parameters as a matrix, in the order of flatten."""
    eye = torch.eye(sum(torch.Size(s).numel() for s in net.shapes.values()), dtype=F64)
    columns = [flat(natural.split(net, act(natural.join(net, nets.unflatten(e, net.shapes)))))
               for e in eye]  # fmt: skip
    return torch.stack(columns, 1)


def kfac_dense(net, factors):
    return dense(
        net, factors, lambda ms: [B @ m @ A for (B, A), m in zip(factors, ms, strict=True)]
    )


def case(likelihood, **options):
    return draw(WIDTHS[likelihood], likelihood, **options)


each_likelihood = pytest.mark.parametrize("likelihood", natural.LIKELIHOODS)


# ---------------------------------------------------------------- the Fisher matrix


@given(
    likelihood=st.sampled_from(natural.LIKELIHOODS),
    hidden=st.lists(st.integers(1, 4), max_size=2),
    d=st.integers(1, 4),
    classes=st.integers(2, 4),
    bias=st.booleans(),
    activation=st.sampled_from([torch.tanh, torch.relu, lambda z: z]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=12)
def test_fisher_is_the_gauss_newton_matrix(likelihood, hidden, d, classes, bias, activation, seed):
    out = 1 if likelihood == "bernoulli" else classes
    net, params, x, y = draw(
        (d, *hidden, out), likelihood, n=5, seed=seed, activation=activation, bias=bias
    )
    expected = natural.gauss_newton(
        net, params, x, y, natural.negative_log_likelihood(likelihood)
    )  # fmt: skip
    assert (natural.fisher(net, params, x, likelihood) - expected).abs().max() < 1e-11


def test_fisher_is_the_mean_over_the_labels_of_the_model():
    net, params, x, _ = case("categorical")
    loss, p = loss_of(net, "categorical"), torch.softmax(net(params, x), -1)
    expected = torch.zeros(len(flat(params)), len(flat(params)), dtype=F64)
    for i, c in [(i, c) for i in range(len(x)) for c in range(3)]:
        g = flat(gradients(loss, params, (x[i : i + 1], torch.tensor([c])))[0])
        expected += p[i, c] * torch.outer(g, g) / len(x)
    assert (natural.fisher(net, params, x, "categorical") - expected).abs().max() < 1e-12


@each_likelihood
def test_empirical_fisher_is_the_second_moment_of_the_gradients(likelihood):
    net, params, x, y = case(likelihood)
    loss = loss_of(net, likelihood)
    g = torch.stack(
        [flat(gradients(loss, params, (x[i : i + 1], y[i : i + 1]))[0]) for i in range(len(x))]
    )
    found = natural.empirical_fisher(net, params, x, y, likelihood)
    assert (found - g.mT @ g / len(x)).abs().max() < 1e-12


@each_likelihood
def test_sampled_fisher_approaches_the_exact_one(likelihood):
    net, params, x, _ = case(likelihood)
    exact = natural.fisher(net, params, x, likelihood)
    gaps = []
    for samples in (10, 10_000):
        g = torch.Generator().manual_seed(1)
        found = natural.fisher(net, params, x, likelihood, samples=samples, generator=g)
        gaps.append(relative(found, exact))
    assert gaps[1] < 0.03
    assert gaps[1] < gaps[0] / 5


def test_fisher_is_the_curvature_of_the_divergence():
    net, params, x, _ = case("categorical")
    theta, F = flat(params), natural.fisher(net, params, x, "categorical")
    d = torch.randn(len(theta), generator=torch.Generator().manual_seed(3), dtype=F64)
    gaps = []
    for size in (1e-2, 5e-3):
        moved = nets.unflatten(theta + size * d, net.shapes)
        a, b = (torch.log_softmax(net(p, x), -1) for p in (params, moved))
        divergence = (a.exp() * (a - b)).sum(-1).mean()
        gaps.append(abs(divergence - size**2 * d @ F @ d / 2))
    assert 6 < gaps[0] / gaps[1] < 10  # the rest is of third order


@each_likelihood
def test_an_ensemble_is_its_members(likelihood):
    net, _, x, y = case(likelihood)
    params = inits.initialize(net, inits.gaussian, [3, 4], dtype=F64)
    grads, _ = gradients(loss_of(net, likelihood), params, (x, y))
    F = natural.fisher(net, params, x, likelihood)
    for i in range(2):
        own = nets.member(params, i)
        assert torch.allclose(F[i], natural.fisher(net, own, x, likelihood), atol=1e-14)
    for kind in natural.KINDS:
        options = {"likelihood": likelihood, "kind": kind, "damping": 0.1}
        both = natural.natural_gradient(net, params, grads, x, **options)
        for i in range(2):
            one = natural.natural_gradient(
                net, nets.member(params, i), nets.member(grads, i), x, **options
            )
            assert relative(flat(nets.member(both, i)), flat(one)) < 1e-10


def test_gauss_newton_of_a_torch_module_and_of_the_package_loss():
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2))
    model, params = nets.functional(module.double())
    net = nets.MLP((3, 2, 2), torch.tanh)
    own = dict(zip(net.shapes, params.values(), strict=True))
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    G = natural.gauss_newton(model, params, x, torch.zeros(6, 2, dtype=F64), losses.mse)
    # mse has no factor one half, so its matrix is twice the Fisher matrix.
    assert (G - 2 * natural.fisher(net, own, x)).abs().max() < 1e-12


def test_long_batches_are_cut_into_chunks(monkeypatch):
    net, params, x, _ = case("categorical", n=40)
    whole = natural.fisher(net, params, x, "categorical")
    monkeypatch.setattr("tdyn.natural.matrices.TEMPORARY", 60)
    assert torch.allclose(natural.fisher(net, params, x, "categorical"), whole, atol=1e-14)


# ---------------------------------------------------------------- peers


@pytest.fixture(scope="module")
def curvlinops():
    with warnings.catch_warnings():
        # Its own dependencies deprecate what they use; nothing of ours is imported here.
        warnings.simplefilter("ignore")
        return importlib.import_module("curvlinops")


def as_module(net, params):
    parts = []
    for k in range(1, net.depth + 1):
        o, i = net.shapes[f"W{k}"]
        layer = torch.nn.Linear(i, o).double()
        layer.weight.data, layer.bias.data = params[f"W{k}"].clone(), params[f"b{k}"].clone()
        parts += [layer, torch.nn.Tanh()] if k < net.depth else [layer]
    return torch.nn.Sequential(*parts)


def peer(curvlinops, name, module, loss, data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of the peer are not ours
        params = list(module.parameters())
        operator = getattr(curvlinops, name)(
            module, loss, params, data, progressbar=False, check_deterministic=False, **options
        )
        return operator @ torch.eye(sum(p.numel() for p in params), dtype=F64)


@pytest.mark.parametrize("likelihood", ["gaussian", "categorical"])
def test_fisher_equals_curvlinops(curvlinops, likelihood):
    net, params, x, y = draw((6, 5, 4, 3), likelihood, n=40)
    loss = torch.nn.MSELoss() if likelihood == "gaussian" else torch.nn.CrossEntropyLoss()
    scale = 2 / 3 if likelihood == "gaussian" else 1.0  # torch's mean runs over outputs too
    module = as_module(net, params)
    found = peer(curvlinops, "GGNLinearOperator", module, loss, [(x, y)])
    assert relative(scale * natural.fisher(net, params, x, likelihood), found) < 1e-10


@pytest.mark.parametrize("likelihood", ["gaussian", "categorical"])
@pytest.mark.parametrize("kind", ["kfac", "ekfac"])
def test_kronecker_factors_equal_curvlinops(curvlinops, kind, likelihood):
    net, params, x, y = draw((6, 5, 4, 3), likelihood, n=40)
    loss = torch.nn.MSELoss() if likelihood == "gaussian" else torch.nn.CrossEntropyLoss()
    scale = 2 / 3 if likelihood == "gaussian" else 1.0
    found = peer(
        curvlinops, f"{kind.upper()}LinearOperator", as_module(net, params), loss, [(x, y)],
        fisher_type=curvlinops.FisherType.TYPE2, separate_weight_and_bias=False,
    )  # fmt: skip
    ours = kfac_dense(net, natural.kfac(net, params, x, likelihood))
    if kind == "ekfac":
        blocks = natural.metric_blocks(natural.terms(net, params, x, likelihood), kind)
        ours = dense(
            net, blocks,
            lambda ms: [B @ (s * (B.mT @ m @ A)) @ A.mT
                        for (B, A, s), m in zip(blocks, ms, strict=True)],
        )  # fmt: skip
    assert relative(scale * ours, found) < 1e-10


class Averaged(torch.nn.Module):
    """The same network at every position; outputs are averaged."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x).mean(1)


@pytest.mark.parametrize("positions", ["expand", "reduce"])
def test_shared_weights_equal_curvlinops(curvlinops, positions):
    net, params, _, _ = draw((3, 4, 2))
    g = torch.Generator().manual_seed(2)
    x = torch.randn(9, 5, 3, generator=g, dtype=F64)
    module = as_module(net, params)
    if positions == "reduce":
        module = Averaged(module)
    y = torch.randn(module(x).shape, generator=g, dtype=F64)
    found = peer(
        curvlinops, "KFACLinearOperator", module, torch.nn.MSELoss(), [(x, y)],
        fisher_type=curvlinops.FisherType.TYPE2, separate_weight_and_bias=False,
        kfac_approx=getattr(curvlinops.KFACType, positions.upper()),
    )  # fmt: skip
    ours = kfac_dense(net, natural.kfac(net, params, x, positions=positions))
    scale = 2 / 2 / (5 if positions == "expand" else 1)  # torch's mean runs over positions too
    assert relative(scale * ours, found) < 1e-10


# ---------------------------------------------------------------- Kronecker factors


def blocks_of(net, params, x, likelihood="gaussian"):
    return natural.metric_blocks(natural.terms(net, params, x, likelihood), "block")


def test_kfac_is_exact_on_linear_networks_with_squared_loss():
    net, params, x, _ = draw((4, 5, 3, 2), activation=lambda z: z)
    pairs = natural.kfac(net, params, x)
    for pair, (block,) in zip(pairs, blocks_of(net, params, x), strict=True):
        assert relative(pair.dense(), block) < 1e-12


def test_kfac_is_inexact_with_cross_entropy_or_nonlinear_units():
    for likelihood, activation in (("categorical", lambda z: z), ("gaussian", torch.tanh)):
        net, params, x, _ = draw((4, 5, 3, 3), likelihood, activation=activation)
        first = natural.kfac(net, params, x, likelihood)[0].dense()
        assert relative(first, blocks_of(net, params, x, likelihood)[0][0]) > 0.02


def test_kfac_of_the_last_layer_is_exact_with_squared_loss():
    net, params, x, _ = draw((4, 5, 3, 2))
    last = natural.kfac(net, params, x)[-1].dense()
    assert relative(last, blocks_of(net, params, x)[-1][0]) < 1e-12


@pytest.mark.parametrize("positions", ["expand", "reduce"])
def test_expand_and_reduce_are_exact_for_their_own_loss_only(positions):
    net, params, _, _ = draw((3, 4, 2), activation=lambda z: z)
    x = torch.randn(9, 5, 3, generator=torch.Generator().manual_seed(5), dtype=F64)

    def model(p, x):  # summed over positions: every position is an output of its own
        z = net(p, x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return z.flatten(1) if positions == "expand" else z.mean(1)

    half = natural.negative_log_likelihood("gaussian")
    y = torch.zeros_like(model(params, x))
    G = natural.gauss_newton(model, params, x, y, half)
    gaps = {}
    for kind in ("expand", "reduce"):
        K = kfac_dense(net, natural.kfac(net, params, x, positions=kind))
        first = slice(0, 16)  # W1 and b1
        gaps[kind] = relative(K[first, first], G[first, first])
    other = "reduce" if positions == "expand" else "expand"
    assert gaps[positions] < 1e-12
    assert gaps[other] > 0.05


@given(seed=st.integers(0, 10**6), likelihood=st.sampled_from(natural.LIKELIHOODS))
@settings(max_examples=8)
def test_eigenbasis_is_never_farther_from_the_block(seed, likelihood):
    net, params, x, _ = case(likelihood, seed=seed)
    found = natural.terms(net, params, x, likelihood)
    pairs = natural.kfac(net, params, x, likelihood)
    for (UB, UA, s), pair, (block,) in zip(
        natural.metric_blocks(found, "ekfac"),
        pairs,
        natural.metric_blocks(found, "block"),
        strict=True,
    ):
        U = torch.kron(UB, UA)
        better = U @ torch.diag(s.flatten()) @ U.mT
        assert (better - block).norm() <= (pair.dense() - block).norm() + 1e-12


# ---------------------------------------------------------------- the ladder


def dense_metric(net, params, x, likelihood, kind):
    """The matrix that each kind stands for, by brute force from the exact one."""
    found = natural.terms(net, params, x, likelihood)
    blocks = natural.metric_blocks(found, kind)
    if kind == "exact":
        return blocks[0][0]
    if kind == "block":
        return torch.block_diag(*(b[0] for b in blocks))
    if kind in ("unit", "local unit"):
        return torch.block_diag(*(unit for b in blocks for unit in b[0]))
    if kind == "local input":
        parts = zip(blocks, found.signals, strict=True)
        return torch.block_diag(*(A for (A,), R in parts for _ in range(R.shape[-2])))
    return torch.block_diag(*(torch.diag(b[0].flatten()) for b in blocks))


@each_likelihood
@pytest.mark.parametrize("kind", [k for k in natural.KINDS if "kfac" not in k])
def test_every_kind_solves_with_the_matrix_that_it_stands_for(kind, likelihood):
    net, params, x, y = case(likelihood)
    grads, _ = gradients(loss_of(net, likelihood), params, (x, y))
    g = torch.cat([m.flatten() for m in natural.join(net, grads)])
    G = dense_metric(net, params, x, likelihood, kind)
    found = natural.natural_gradient(
        net, params, grads, x, likelihood, kind=kind, damping=0.01
    )  # fmt: skip
    v = torch.cat([m.flatten() for m in natural.join(net, found)])
    assert relative(G @ v + 0.01 * v, g) < 1e-9


@pytest.mark.parametrize("kind", ["block", "unit", "diagonal"])
def test_the_kinds_are_parts_of_the_exact_matrix(kind):
    net, params, x, _ = case("categorical")
    exact = dense_metric(net, params, x, "categorical", "exact")
    part = dense_metric(net, params, x, "categorical", kind)
    kept = part != 0
    assert (part - exact)[kept].abs().max() < 1e-13


def test_local_unit_is_the_definition():
    net, params, x, _ = draw((3, 2, 2))
    z = net.preactivations(params, x)[0]
    a = torch.cat([x, torch.ones(len(x), 1, dtype=F64)], 1)
    first = natural.metric_blocks(natural.terms(net, params, x), "local unit")[0][0]
    for o in range(2):
        weight = (1 - torch.tanh(z[:, o]) ** 2) ** 2
        assert relative(first[o], (weight[:, None] * a).mT @ a / len(x)) < 1e-12


def test_damping_of_the_factors():
    net, params, x, _ = case("categorical")
    (B, A), *_ = natural.kfac(net, params, x, "categorical")
    (dB, dA), *_ = metrics.damped("kfac", [(B, A)], 0.04)
    pi = ((A.trace() / len(A)) / (B.trace() / len(B))).sqrt()
    assert torch.allclose(dB - B, 0.2 / pi * torch.eye(len(B), dtype=F64))
    assert torch.allclose(dA - A, 0.2 * pi * torch.eye(len(A), dtype=F64))


def test_natural_gradient_of_logistic_regression_is_the_newton_step():
    net, params, x, y = draw((4, 1), "bernoulli", n=50)
    loss = loss_of(net, "bernoulli")

    def value(v):
        return loss(nets.unflatten(v, net.shapes), (x, y))

    H = torch.func.jacrev(torch.func.jacrev(value))(flat(params))
    grads, _ = gradients(loss, params, (x, y))
    step = flat(natural.natural_gradient(net, params, grads, x, "bernoulli"))
    assert relative(step, torch.linalg.solve(H, flat(grads))) < 1e-10


# ---------------------------------------------------------------- the rebuilt network


def teacher_and_student(seed=0):
    net = nets.MLP((4, 5, 3), torch.tanh)

    def law(shape, **o):
        return 1.5 * inits.gaussian(shape, **o)

    teacher = inits.initialize(net, law, seed, bias=law, dtype=F64)
    g = torch.Generator().manual_seed(seed + 1)
    x = torch.randn(200, 4, generator=g, dtype=F64)
    y = net(teacher, x) + 0.1 * torch.randn(200, 3, generator=g, dtype=F64)

    def noise(p):
        return 0.15 * torch.randn(p.shape, generator=g, dtype=F64)

    return net, {k: p + noise(p) for k, p in teacher.items()}, x, y


@pytest.mark.parametrize("root", ["symmetric", "cholesky"])
@pytest.mark.parametrize("kind", natural.REBUILDABLE)
def test_descent_on_the_rebuilt_network_is_the_natural_gradient(kind, root):
    net, params, x, y = teacher_and_student()
    loss, lam = loss_of(net, "gaussian"), 1e-3
    new = natural.structured(net, params, x, kind=kind, damping=lam, root=root)
    primed = new.rebuild(params)
    assert relative(flat(new.restore(primed)), flat(params)) < 1e-12
    assert relative(new.model(primed, x), net(params, x)) < 1e-12
    half = natural.negative_log_likelihood("gaussian")

    def on_new(p, b):
        return half(new.model(p, b[0]), b[1])

    run = train(on_new, primed, optim.sgd(0.1), 1, batches=(x, y))
    grads, _ = gradients(loss, params, (x, y))
    step = natural.natural_gradient(net, params, grads, x, kind=kind, damping=lam)
    wanted = flat(params) - 0.1 * flat(step)
    assert relative(flat(new.restore(run.params)), wanted) < 1e-12


@pytest.mark.parametrize("kind", ["exact", "kfac"])
def test_a_whole_run_with_a_frozen_metric_agrees(kind):
    net, params, x, y = teacher_and_student()
    half, options = natural.negative_log_likelihood("gaussian"), {"kind": kind, "damping": 1e-3}
    new = natural.structured(net, params, x, **options)

    def on_new(p, b):
        return half(new.model(p, b[0]), b[1])

    run = train(on_new, new.rebuild(params), optim.sgd(0.02), 20, batches=(x, y))
    loss = loss_of(net, "gaussian")
    ends = [flat(new.restore(run.params))]
    for optimizer in (
        natural.natural_descent(net, (x, y), 0.02, every=10**6, **options),
        natural.rebuilt_descent(net, (x, y), 0.02, **options),
        natural.rebuilt_descent(net, (x, y), 0.02, root="cholesky", **options),
    ):
        ends.append(flat(train(loss, params, optimizer, 20, batches=(x, y)).params))
    assert max(relative(end, ends[0]) for end in ends[1:]) < 1e-8


def test_renewing_with_reprojection_is_natural_descent():
    net, params, x, y = teacher_and_student()
    loss, options = loss_of(net, "gaussian"), {"kind": "exact", "damping": 1e-3}
    ends = [
        flat(train(loss, params, optimizer, 12, batches=(x, y)).params)
        for optimizer in (
            natural.natural_descent(net, (x, y), 0.1, every=3, **options),
            natural.rebuilt_descent(net, (x, y), 0.1, every=3, **options),
        )
    ]
    assert relative(ends[1], ends[0]) < 1e-9
    kept = natural.rebuilt_descent(net, (x, y), 0.1, every=3, reproject=False, **options)
    elsewhere = train(loss, params, kept, 3, batches=(x, y)).params
    assert relative(flat(elsewhere), flat(params)) > 1e-3


def test_drift_is_of_the_order_of_the_step_however_small_the_step():
    net, params, x, y = teacher_and_student()
    grads, _ = gradients(loss_of(net, "gaussian"), params, (x, y))
    ratios = [
        float(natural.drift(net, params, grads, (x, y), lr).ratio) for lr in (0.1, 0.01, 1e-3)
    ]
    assert min(ratios) > 0.5
    assert max(ratios) / min(ratios) < 1.15


def test_a_metric_that_does_not_hang_on_the_weights_causes_no_drift():
    net, params, x, y = draw((4, 2))
    grads, _ = gradients(loss_of(net, "gaussian"), params, (x, y))
    found = natural.drift(net, params, grads, (x, y), 0.1, kind="local input")
    assert found.ratio < 1e-12
    assert found.step > 1e-3


def test_drift_is_the_distance_that_the_optimizer_jumps():
    net, params, x, y = teacher_and_student()
    grads, _ = gradients(loss_of(net, "gaussian"), params, (x, y))
    ends = []
    for reproject in (True, False):
        opt = natural.rebuilt_descent(
            net, (x, y), 0.1, kind="exact", damping=1e-3, every=1, reproject=reproject
        )
        ends.append(flat(opt.update(params, grads, opt.init(params), 0)[0]))
    found = natural.drift(net, params, grads, (x, y), 0.1)
    assert abs(found.jump - (ends[1] - ends[0]).norm()) < 1e-12
    assert abs(found.step - (ends[0] - flat(params)).norm()) < 1e-12


# ---------------------------------------------------------------- invariance


def stretched(widths, condition, seed=0, orthogonal=False):
    """Two networks that compute the same function: the second sees x M^T + b."""
    net, params, x, _ = draw(widths, n=60, seed=seed)
    g = torch.Generator().manual_seed(seed + 9)
    d = widths[0]
    U, V = (torch.linalg.qr(torch.randn(d, d, generator=g, dtype=F64))[0] for _ in range(2))
    M = U if orthogonal else U @ torch.diag(torch.logspace(0, -condition, d, dtype=F64)) @ V
    b = torch.zeros(d, dtype=F64) if orthogonal else torch.randn(d, generator=g, dtype=F64)
    W = torch.linalg.solve(M.mT, params["W1"].mT).mT
    other = {**params, "W1": W, "b1": params["b1"] - W @ b}
    y = net(params, x) + 0.3 * torch.randn(60, widths[-1], generator=g, dtype=F64)
    return net, (params, x), (other, x @ M.mT + b), y


def gap_after(net, one, two, y, make, steps):
    outputs = []
    for params, x in (one, two):
        run = train(loss_of(net, "gaussian"), params, make(x), steps, batches=(x, y))
        outputs.append(net(run.params, x))
    return relative(outputs[1], outputs[0])


@pytest.mark.parametrize("kind", ["exact", "block", "kfac", "local input"])
def test_undamped_steps_do_not_see_an_affine_change_of_the_inputs(kind):
    net, one, two, y = stretched((4, 3, 2), 2)

    def make(x):
        return natural.natural_descent(net, (x, y), 0.1, kind=kind, damping=0.0)

    assert gap_after(net, one, two, y, make, 10) < 1e-9


def test_invariance_at_condition_number_ten_to_the_seven():
    net, one, two, y = stretched((4, 3, 2), 2.2)
    condition = torch.linalg.cond(natural.fisher(net, *two))
    assert condition > 1e7

    def make(x):
        return natural.natural_descent(net, (x, y), 0.2, damping=0.0)

    assert gap_after(net, one, two, y, make, 5) < 1e-9


@pytest.mark.parametrize("kind", ["exact", "kfac"])
def test_damping_breaks_invariance_but_not_under_rotations(kind):
    def make(net, y):
        return lambda x: natural.natural_descent(net, (x, y), 0.1, kind=kind, damping=0.01)

    net, one, two, y = stretched((4, 3, 2), 1)
    assert gap_after(net, one, two, y, make(net, y), 1) > 1e-5
    net, one, two, y = stretched((4, 3, 2), 1, orthogonal=True)
    assert gap_after(net, one, two, y, make(net, y), 5) < 1e-12


def test_descent_adam_and_the_diagonal_are_not_invariant():
    net, one, two, y = stretched((4, 3, 2), 1)
    for make in (
        lambda x: optim.sgd(0.01),
        lambda x: optim.adam(0.01),
        lambda x: natural.natural_descent(net, (x, y), 0.1, kind="diagonal", damping=0.0),
    ):
        assert gap_after(net, one, two, y, make, 1) > 1e-4


def test_a_nonlinear_change_leaves_a_gap_of_second_order():
    net, params, x, y = draw((4, 3, 2), n=60)
    theta = flat(params)
    phi = theta.clone()
    for _ in range(60):  # theta = phi + 0.1 phi^3, by Newton
        phi = phi - (phi + 0.1 * phi**3 - theta) / (1 + 0.3 * phi**2)
    D = torch.diag(1 + 0.3 * phi**2)
    grads, _ = gradients(loss_of(net, "gaussian"), params, (x, y))
    g, F = flat(grads), natural.fisher(net, params, x)
    gaps = {"natural": [], "plain": []}
    for eta in (0.02, 0.01):
        for name in gaps:
            step = torch.linalg.solve(F, g) if name == "natural" else g
            new = D.mT @ F @ D if name == "natural" else torch.eye(len(g), dtype=F64)
            moved = phi - eta * torch.linalg.solve(new, D.mT @ g)
            ends = [theta - eta * step, moved + 0.1 * moved**3]
            a, b = (net(nets.unflatten(e, net.shapes), x) for e in ends)
            gaps[name].append(float((a - b).norm()))
    assert 3.6 < gaps["natural"][0] / gaps["natural"][1] < 4.4
    assert 1.8 < gaps["plain"][0] / gaps["plain"][1] < 2.2


# ---------------------------------------------------------------- deep linear networks


def test_pseudo_inverse_step_moves_a_linear_network_along_a_straight_line():
    net = nets.MLP((4, 4, 4, 4), lambda z: z, bias=False)
    params = inits.initialize(net, inits.orthogonal, 0, dtype=F64)
    params = {k: 1.2 * p for k, p in params.items()}
    x = torch.linalg.qr(torch.randn(40, 4, generator=torch.Generator().manual_seed(0), dtype=F64))[
        0
    ]
    x = x * 40**0.5
    target = torch.randn(4, 4, generator=torch.Generator().manual_seed(1), dtype=F64)
    F = natural.fisher(net, params, x)
    assert torch.linalg.matrix_rank(F, rtol=1e-10) == 16
    grads, _ = gradients(loss_of(net, "gaussian"), params, (x, x @ target.mT))
    step = -torch.linalg.pinv(F, rtol=1e-11, hermitian=True) @ flat(grads)

    def product(p):
        return p["W3"] @ p["W2"] @ p["W1"]

    delta = nets.unflatten(step, net.shapes)
    change = torch.func.vmap(
        torch.func.jacrev(lambda t: product({k: params[k] + t * delta[k] for k in params}))
    )(torch.zeros(1, dtype=F64))[0]
    assert relative(change, target - product(params)) < 1e-9


# ---------------------------------------------------------------- the empirical Fisher matrix


def regression(noise, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(1000, 1, generator=g, dtype=F64)
    y = 2 + 2 * x[:, 0] + noise * torch.randn(1000, generator=g, dtype=F64)
    solution = torch.linalg.lstsq(torch.cat([x, torch.ones_like(x)], 1), y[:, None]).solution
    best = {"W1": solution[:1].mT, "b1": solution[1]}
    return nets.MLP((1, 1)), best, x, y


@pytest.mark.parametrize("noise", [0.1, 1.0, 3.0])
def test_at_the_optimum_the_empirical_matrix_has_the_scale_of_the_noise(noise):
    net, best, x, y = regression(noise)
    E, F = natural.empirical_fisher(net, best, x, y), natural.fisher(net, best, x)
    ratio = E.diagonal() / F.diagonal() / noise**2
    assert ((ratio > 0.8) & (ratio < 1.25)).all()


def test_far_away_the_empirical_matrix_makes_tiny_steps():
    net, best, x, y = regression(1.0)
    start = {"W1": torch.tensor([[8.0]], dtype=F64), "b1": torch.tensor([-3.0], dtype=F64)}
    loss, excess = loss_of(net, "gaussian"), {}
    floor = loss(best, (x, y))
    for empirical in (False, True):
        opt = natural.natural_descent(net, (x, y), 0.1, damping=0.0, empirical=empirical)
        end = train(loss, start, opt, 50, batches=(x, y)).params
        excess[empirical] = float(loss(end, (x, y)) - floor)
    assert excess[False] < 0.01
    assert excess[True] > 20


# ---------------------------------------------------------------- optimizers


def test_marquardt_never_raises_the_loss_and_gets_there():
    net, params, x, y = teacher_and_student()
    loss = loss_of(net, "gaussian")
    for kind, rescale in (("exact", False), ("block", False), ("kfac", True)):
        opt = natural.levenberg_marquardt(net, (x, y), kind=kind, rescale=rescale, damping=0.1)
        run = train(
            loss, params, opt, 25, batches=(x, y), probes={"loss": lambda p: loss(p, (x, y))}
        )
        assert (run["loss"].diff() <= 0).all()
        assert run["loss"][-1] < 0.02


def test_marquardt_follows_its_rule_and_rejects():
    net, params, x, y = teacher_and_student()
    loss = loss_of(net, "gaussian")
    opt = natural.levenberg_marquardt(net, (x, y), damping=2.0)
    grads, _ = gradients(loss, params, (x, y))
    _, state = opt.update(params, grads, opt.init(params), 0)
    assert state["damping"] == pytest.approx(2 / 3)  # heavily damped: the model is right
    far = {k: 30 * p for k, p in params.items()}  # here the model is wrong
    tiny = natural.levenberg_marquardt(net, (x, y), damping=1e-9, smallest=1e-12)
    grads, before = gradients(loss, far, (x, y))
    new, state = tiny.update(far, grads, tiny.init(far), 0)
    if loss(new, (x, y)) == before:
        assert state["damping"] == pytest.approx(3e-9)
        assert all(torch.equal(new[k], far[k]) for k in far)


def test_damping_has_a_floor():
    net, params, x, y = draw((4, 2), n=50)
    loss = loss_of(net, "gaussian")
    opt = natural.levenberg_marquardt(net, (x, y), damping=1e-3, smallest=1e-5)
    run = train(loss, params, opt, 8, batches=(x, y))
    assert run.point[1]["damping"] >= 1e-5


def test_marquardt_solves_a_linear_model_at_once():
    net, params, x, y = draw((4, 2), n=50)
    loss = loss_of(net, "gaussian")
    opt = natural.levenberg_marquardt(net, (x, y), damping=1e-12)
    run = train(loss, params, opt, 1, batches=(x, y))
    design = torch.cat([x, torch.ones(50, 1, dtype=F64)], 1)
    best = torch.linalg.lstsq(design, y).solution.mT
    assert relative(torch.cat(natural.join(net, run.params)), best) < 1e-9


@each_likelihood
def test_pushed_tangents_measure_the_fisher_length(likelihood):
    net, params, x, _ = case(likelihood)
    d = torch.randn(len(flat(params)), generator=torch.Generator().manual_seed(0), dtype=F64)
    (image,) = natural.pushed(net, params, x, [nets.unflatten(d, net.shapes)], likelihood)
    F = natural.fisher(net, params, x, likelihood)
    assert abs(image.square().sum() / len(x) - d @ F @ d) < 1e-11


@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_descent_in_train_resumes_exactly(beta, tmp_path):
    net, params, x, y = teacher_and_student()
    loss = loss_of(net, "gaussian")

    def batches(t):
        return (x[t % 2 :: 2], y[t % 2 :: 2])

    opt = natural.natural_descent(net, batches, 0.05, kind="local input", every=3, beta=beta)
    whole = train(loss, params, opt, 9, batches=batches)
    part = train(loss, params, opt, 4, batches=batches)
    part.save(tmp_path / "run")
    again = train(loss, params, opt, 9, batches=batches, resume=type(part).load(tmp_path / "run"))
    assert all(torch.equal(whole.params[k], again.params[k]) for k in params)


def test_momentum_is_that_of_the_plain_optimizer_for_a_constant_metric():
    net, params, x, y = draw((4, 2))
    loss = loss_of(net, "gaussian")
    A = torch.cat([x, torch.ones(len(x), 1, dtype=F64)], 1)
    A = A.mT @ A / len(x) + 0.1 * torch.eye(5, dtype=F64)
    R = torch.linalg.cholesky(A).mT
    primed = {"W1": torch.cat(natural.join(net, params)) @ R.mT}

    def back(p):
        return natural.split(net, [torch.linalg.solve(R, p["W1"].mT).mT])

    for nesterov in (True, False):
        opt = natural.natural_descent(
            net, (x, y), 0.1, kind="local input", damping=0.1, beta=0.8, nesterov=nesterov
        )
        ours = train(loss, params, opt, 6, batches=(x, y)).params
        plain = optim.momentum(0.1, 0.8, nesterov=nesterov)
        other = train(lambda p, b: loss(back(p), b), primed, plain, 6, batches=(x, y)).params
        assert relative(flat(ours), flat(back(other))) < 1e-12


def test_rate_may_be_a_schedule():
    net, params, x, y = draw((4, 2))
    loss = loss_of(net, "gaussian")
    for make in (natural.natural_descent, natural.rebuilt_descent):
        opt = make(net, (x, y), lambda step: 0.0, kind="exact")
        run = train(loss, params, opt, 2, batches=(x, y))
        assert relative(flat(run.params), flat(params)) < 1e-12


# ---------------------------------------------------------------- roots


@given(size=st.integers(1, 6), condition=st.floats(0, 6), seed=st.integers(0, 10**6))
@settings(max_examples=10)
def test_denman_beavers_is_the_square_root(size, condition, seed):
    g = torch.Generator().manual_seed(seed)
    U = torch.linalg.qr(torch.randn(size, size, generator=g, dtype=F64))[0]
    values = torch.logspace(0, -condition, size, dtype=F64)
    found = natural.denman_beavers(U @ torch.diag(values) @ U.mT)
    assert relative(found.root, U @ torch.diag(values.sqrt()) @ U.mT) < 1e-6
    assert relative(found.root @ found.inverse, torch.eye(size, dtype=F64)) < 1e-6


def test_denman_beavers_needs_more_iterations_for_worse_matrices():
    counts = [
        natural.denman_beavers(torch.diag(torch.logspace(0, -c, 20, dtype=F64))).iterations
        for c in (2, 4, 6, 8)
    ]
    assert counts == sorted(set(counts))


# ---------------------------------------------------------------- wrong versions turn red


def test_a_dropped_slope_is_noticed(monkeypatch):
    net, params, x, y = case("gaussian")
    expected = natural.gauss_newton(net, params, x, y, natural.negative_log_likelihood("gaussian"))
    right = layers.backward
    monkeypatch.setattr(
        layers,
        "backward",
        lambda net, p, slopes, S: right(net, p, [s * 0 + 1 for s in slopes], S),
    )
    assert relative(natural.fisher(net, params, x), expected) > 0.05


def test_a_wrong_sign_in_the_softmax_root_is_noticed(monkeypatch):
    net, params, x, y = case("categorical")
    loss = natural.negative_log_likelihood("categorical")
    expected = natural.gauss_newton(net, params, x, y, loss)

    def wrong(outputs, likelihood):
        p = torch.softmax(outputs, -1)
        return torch.diag_embed(p.sqrt()) + p.unsqueeze(-1) * p.sqrt().unsqueeze(-2)

    monkeypatch.setattr(layers, "metric_roots", wrong)
    assert relative(natural.fisher(net, params, x, "categorical"), expected) > 0.05


def test_a_metric_at_other_weights_is_noticed():
    net, params, x, y = teacher_and_student()
    grads, _ = gradients(loss_of(net, "gaussian"), params, (x, y))
    there = {k: 1.1 * p for k, p in params.items()}
    a, b = (flat(natural.natural_gradient(net, p, grads, x, damping=1e-3)) for p in (params, there))
    assert relative(a, b) > 1e-3


# ---------------------------------------------------------------- bad input


def test_bad_options_are_named():
    net, params, x, y = draw((4, 3, 2))
    grads = params
    with pytest.raises(ValueError, match="likelihood must be one of"):
        natural.fisher(net, params, x, "poisson")
    with pytest.raises(ValueError, match="likelihood must be one of"):
        natural.negative_log_likelihood("poisson")
    with pytest.raises(ValueError, match=r"give a torch\.Generator"):
        natural.fisher(net, params, x, samples=3)
    with pytest.raises(ValueError, match="kind must be one of"):
        natural.natural_gradient(net, params, grads, x, kind="half")
    with pytest.raises(ValueError, match="damping must be zero or positive, got -1"):
        natural.natural_gradient(net, params, grads, x, damping=-1.0)
    with pytest.raises(ValueError, match="positions must be None"):
        natural.kfac(net, params, x, positions="mean")
    with pytest.raises(ValueError, match=r"x must be \(n, T, d\)"):
        natural.kfac(net, params, x, positions="expand")
    with pytest.raises(ValueError, match="kind must be one of"):
        natural.structured(net, params, x, kind="ekfac")
    with pytest.raises(ValueError, match="root must be"):
        natural.structured(net, params, x, root="qr")
    with pytest.raises(ValueError, match="every must be None or at least 1"):
        natural.rebuilt_descent(net, (x, y), 0.1, every=0)
    with pytest.raises(ValueError, match="beta in"):
        natural.natural_descent(net, (x, y), 0.1, beta=1.0)
    with pytest.raises(ValueError, match="damping and smallest must be positive"):
        natural.levenberg_marquardt(net, (x, y), damping=0.0)
    with pytest.raises(ValueError, match="kind must be one of"):
        natural.metric_blocks(natural.terms(net, params, x), "full")


def test_a_singular_metric_is_named():
    net, params, x, _ = draw((4, 3), "categorical")  # a softmax does not see a common shift
    params = {k: torch.zeros_like(p) for k, p in params.items()}
    x = torch.zeros_like(x)
    with pytest.raises(ValueError, match="singular with damping 0"):
        natural.natural_gradient(net, params, params, x, "categorical")
    for root in ("symmetric", "cholesky"):
        with pytest.raises(ValueError, match="singular with damping 0"):
            natural.structured(net, params, x, kind="local input", damping=0.0, root=root)


def test_denman_beavers_refuses(unchecked):
    with pytest.raises(ValueError, match="square matrix"):
        natural.denman_beavers(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="positive definite"):
        natural.denman_beavers(torch.tensor([[-1.0]]), most=20)


def test_labels_may_be_columns_or_not():
    net, params, x, y = draw((4, 1))
    a = natural.empirical_fisher(net, params, x, y)
    assert torch.equal(a, natural.empirical_fisher(net, params, x, y[:, 0]))
    assert likelihoods.LIKELIHOODS == natural.LIKELIHOODS
