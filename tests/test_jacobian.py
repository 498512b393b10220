"""The training Jacobian: exact values, exact laws, memory, resuming."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from tdyn import data, inits, jacobian, losses, nets, optim
from tdyn.jacobian import chunks
from tdyn.jacobian.fast import FastTraining
from tdyn.train import train

# torch itself compiles its forward-mode rules with a function that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

F64 = torch.float64
gelu = partial(torch.nn.functional.gelu, approximate="tanh")


class Case(NamedTuple):
    net: nets.MLP
    params: nets.Params
    batches: object
    steps: int


def case(h=4, d=5, c=3, n=12, steps=15, seed=0, activation=gelu, bias=True, size=4):
    """A small training run whose first input is always zero."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, d, generator=generator, dtype=F64)
    x[:, 0] = 0
    y = torch.randint(0, c, (n,), generator=generator)
    net = nets.MLP((d, h, c), activation=activation, bias=bias)
    params = inits.initialize(net, inits.gaussian, seed=seed, bias=inits.gaussian, dtype=F64)
    parts = n // size
    return Case(net, params, lambda t: (x[t % parts :: parts], y[t % parts :: parts]), steps)


def trained(c: Case, vector, optimizer, loss=losses.cross_entropy):
    """The training map itself, as one function of a vector."""
    params = nets.unflatten(vector, c.net.shapes)
    state = optimizer.init(params)
    for t in range(c.steps):
        x, y = c.batches(t)
        grads = torch.func.grad(lambda p, x=x, y=y: loss(c.net(p, x), y))(params)
        params, state = optimizer.update(params, grads, state, t)
    return nets.flatten(params)


def hessians(c: Case, optimizer, loss=losses.cross_entropy):
    """The Hessian at every step, by torch.func."""
    params, state, found = c.params, optimizer.init(c.params), []
    for t in range(c.steps):
        x, y = c.batches(t)

        def value(v, x=x, y=y):
            return loss(c.net(nets.unflatten(v, c.net.shapes), x), y)

        vector = nets.flatten(params)
        found.append(torch.func.hessian(value)(vector))
        grads = nets.unflatten(torch.func.grad(value)(vector), c.net.shapes)
        params, state = optimizer.update(params, grads, state, t)
    return found


def jac(c: Case, optimizer, **options):
    return jacobian.training_jacobian(
        c.net, c.params, c.batches, optimizer, steps=c.steps, **options
    )


def decayed(lr, weight_decay, beta=0.9):
    """Heavy ball with weight decay: linear, but not one of the package's optimizers."""
    plain = optim.momentum(lr, beta)

    def update(params, grads, state, step):
        grads = {k: g + weight_decay * params[k] for k, g in grads.items()}
        return plain.update(params, grads, state, step)

    return optim.Optimizer(plain.init, update)


def smooth_adam(lr, eps=1e-8):
    """Adam with eps inside the square root, where v = 0 would have no derivative."""

    def init(params):
        zeros = {k: torch.zeros_like(p) for k, p in params.items()}
        return zeros, dict(zeros)

    def update(params, grads, state, step):
        m = {k: 0.9 * state[0][k] + 0.1 * g for k, g in grads.items()}
        v = {k: 0.999 * state[1][k] + 0.001 * g**2 for k, g in grads.items()}
        a, b = 1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1)
        new = {k: params[k] - lr * (m[k] / a) / (v[k] / b + eps).sqrt() for k in grads}
        return new, (m, v)

    return optim.Optimizer(init, update)


OPTIMIZERS = {
    "sgd": optim.sgd(0.3),
    "sgd-schedule": optim.sgd(optim.linear_decay(0.5, 20)),
    "heavy-ball": optim.momentum(0.2),
    "heavy-ball-cosine": optim.momentum(optim.cosine(0.3, 15), 0.8),
    "nesterov": optim.momentum(0.1, nesterov=True),
    "weight-decay": decayed(0.1, 0.05),
}


# ---------------------------------------------------------------- the matrix itself


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("method", ["fast", "forward"])
def test_equals_reverse_mode_through_the_unrolled_loop(name, method):
    c, optimizer = case(steps=12), OPTIMIZERS[name]
    expected = torch.func.jacrev(lambda v: trained(c, v, optimizer))(nets.flatten(c.params))
    assert (jac(c, optimizer, method=method) - expected).abs().max() < 1e-10


@given(
    seed=st.integers(0, 10**6),
    h=st.integers(1, 5),
    d=st.integers(1, 6),
    classes=st.integers(1, 4),
    bias=st.booleans(),
    squared=st.booleans(),
    activation=st.sampled_from([gelu, torch.tanh, torch.relu, torch.nn.functional.softplus]),
    chunk=st.integers(1, 40),
)
@settings(max_examples=10)
def test_recursion_equals_forward_mode(seed, h, d, classes, bias, squared, activation, chunk):
    c = case(h, d, classes, steps=4, seed=seed, activation=activation, bias=bias)
    loss = losses.mse if squared and classes == 1 else losses.cross_entropy
    optimizer = optim.momentum(optim.cosine(0.2, 8), 0.7)
    one = jac(c, optimizer, loss=loss, method="fast", chunk=chunk)
    two = jac(c, optimizer, loss=loss, method="forward", chunk=chunk)
    torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-11)


def test_central_differences_of_training():
    c, optimizer = case(steps=30), optim.momentum(optim.cosine(0.2, 30))
    start, J, eps = nets.flatten(c.params), None, 1e-5
    J = jac(c, optimizer)
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        w = torch.randn(len(start), dtype=F64, generator=generator)
        w /= w.norm()
        step = trained(c, start + eps * w, optimizer) - trained(c, start - eps * w, optimizer)
        assert (step / (2 * eps) - J @ w).abs().max() < 1e-8


def test_agrees_with_the_training_loop_of_the_package():
    c, optimizer, eps = case(steps=10), optim.momentum(0.2), 1e-5
    J = jac(c, optimizer)

    def final(vector):
        run = train(
            lambda p, b: losses.cross_entropy(c.net(p, b[0]), b[1]),
            nets.unflatten(vector, c.net.shapes), optimizer, c.steps, batches=c.batches,
        )  # fmt: skip
        return nets.flatten(run.params)

    start = nets.flatten(c.params)
    for j in (0, 7, 30):
        unit = torch.zeros_like(start)
        unit[j] = eps
        assert (
            (final(start + unit) - final(start - unit)) / (2 * eps) - J[:, j]
        ).abs().max() < 1e-8


def test_product_of_steps_without_momentum_only():
    c, rate = case(steps=10), optim.cosine(0.4, 12)
    for optimizer, equal in ((optim.sgd(rate), True), (optim.momentum(rate, 0.5), False)):
        product = torch.eye(len(nets.flatten(c.params)), dtype=F64)
        for t, H in enumerate(hessians(c, optimizer)):
            product = product - rate(t) * H @ product
        gap = float((jac(c, optimizer) - product).abs().max())
        assert (gap < 1e-12) is equal
        assert equal or gap > 1e-3


def test_a_wrong_recursion_is_noticed():
    """The schedule multiplies after accumulation; inside the velocity it is another matrix."""
    c, rate = case(steps=12), optim.cosine(0.3, 12)

    def update(params, grads, state, step):
        v = {k: 0.9 * state[k] + rate(step) * grads[k] for k in params}
        return {k: p - v[k] for k, p in params.items()}, v

    plain = optim.momentum(rate)
    inside = optim.Optimizer(plain.init, update)
    assert (jac(c, plain) - jac(c, inside)).abs().max() > 1e-3
    expected = torch.func.jacrev(lambda v: trained(c, v, inside))(nets.flatten(c.params))
    assert (jac(c, inside, method="fast") - expected).abs().max() < 1e-10


@pytest.mark.parametrize(
    "broken",
    [
        {"bend": lambda s: 0 * s.bend},
        {"bend": lambda s: -s.bend},
        {"p": lambda s: s.p * len(s.x)},
        {"delta": lambda s: -s.delta},
        {"delta": lambda s: s.delta * len(s.x)},
        {"slope": lambda s: s.slope.roll(1, dims=1)},
        {"W2": lambda s: 0.9 * s.W2},
        {"x": lambda s: s.x.roll(1, dims=1)},
    ],
)
def test_a_wrong_factor_in_any_term_is_noticed(broken, monkeypatch):
    c, optimizer = case(steps=6), optim.momentum(0.2)
    right, finished = jac(c, optimizer), FastTraining._finished

    def mutated(self, waiting):
        steps = finished(self, waiting)
        return [s._replace(**{name: f(s) for name, f in broken.items()}) for s in steps]

    monkeypatch.setattr(FastTraining, "_finished", mutated)
    assert (jac(c, optimizer) - right).abs().max() > 1e-4


def test_any_model_and_adam():
    """Two hidden layers as a torch module; an optimizer with two moments."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3), torch.nn.LayerNorm(3),
        torch.nn.Linear(3, 2),
    ).double()  # fmt: skip
    f, params = nets.functional(module)
    x, y = torch.rand(8, 3, dtype=F64), torch.arange(8) % 2
    optimizer = smooth_adam(0.02)
    J = jacobian.training_jacobian(f, params, (x, y), optimizer, steps=8)

    def end(vector):
        p = nets.unflatten(vector, params)
        state = optimizer.init(p)
        for t in range(8):
            g = torch.func.grad(lambda q: losses.cross_entropy(f(q, x), y))(p)
            p, state = optimizer.update(p, {k: g[k] for k in reversed(list(g))}, state, t)
            p = {k: p[k] for k in params}
        return nets.flatten(p)

    expected = torch.func.jacrev(end)(nets.flatten(params))
    assert (J - expected).abs().max() < 1e-9


def test_the_package_adam_runs_forward():
    c = case(steps=4)
    x, y = c.batches(0)
    c = c._replace(batches=lambda t: (x + 0.1, y))  # no dead input
    optimizer = optim.adam(0.01, eps=1e-3)
    J = jac(c, optimizer)
    expected = torch.func.jacrev(lambda v: trained(c, v, optimizer))(nets.flatten(c.params))
    assert (J - expected).abs().max() < 1e-10


def test_snapshots_and_directions():
    c, optimizer = case(steps=9), optim.momentum(0.2)
    J = jac(c, optimizer, at=[0, 4, 9])
    assert torch.equal(J[0], torch.eye(J.shape[1], dtype=F64))
    torch.testing.assert_close(J[1], jac(c._replace(steps=4), optimizer), rtol=0, atol=1e-13)
    torch.testing.assert_close(J[2], jac(c, optimizer), rtol=0, atol=0)
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(J.shape[1], 3, dtype=F64, generator=generator)
    for method in ("fast", "forward"):
        image = jac(c, optimizer, directions=w, method=method, chunk=2)
        torch.testing.assert_close(image, J[2] @ w, rtol=0, atol=1e-12)


def test_single_precision_is_enough():
    c, optimizer = case(h=6, steps=40), optim.momentum(optim.cosine(0.2, 40))
    double = jac(c, optimizer)

    def single(t):
        x, y = c.batches(t)
        return x.float(), y

    small = c._replace(params={k: p.float() for k, p in c.params.items()}, batches=single)
    assert (jac(small, optimizer) - double).norm() / double.norm() < 1e-5


def test_zero_steps_change_nothing():
    c = case(steps=0)
    J = jac(c, optim.sgd(0.1))
    assert torch.equal(J, torch.eye(len(J), dtype=F64))


# ---------------------------------------------------------------- laws


def digits_rows():
    x, y = data.digits(F64)
    x, _, y, _ = train_test_split(x, y, test_size=197, random_state=0)
    return x, y


@pytest.mark.parametrize("h", [2, 4])
def test_p1_frozen_directions_of_the_digits(h):
    """Exactly 4h+1 singular values are one, and training does not touch their directions."""
    x, y = digits_rows()
    net = nets.MLP((64, h, 10), activation=gelu)
    params = inits.initialize(net, inits.gaussian, seed=1, bias=inits.gaussian, dtype=F64)
    steps = 100  # four epochs: every row is used

    def batches(t):
        i = t % 25 * 64
        return x[i : i + 64], y[i : i + 64]

    optimizer = optim.momentum(optim.cosine(0.1, steps))
    J = jacobian.training_jacobian(net, params, batches, optimizer, steps=steps)
    E = jacobian.frozen_directions(net, x)
    assert E.shape[1] == 4 * h + 1
    assert (E.mT @ E - torch.eye(4 * h + 1, dtype=F64)).abs().max() < 1e-13
    assert (J @ E - E).abs().max() < 1e-12
    assert (J.mT @ E - E).abs().max() < 1e-12
    away = (jacobian.spectrum(J).values - 1).abs()
    assert int((away < 1e-9).sum()) == 4 * h + 1


def test_p1_counts_of_other_rows():
    net = nets.MLP((64, 16, 10))
    x, _ = digits_rows()
    assert jacobian.frozen_directions(net, x).shape[1] == 65
    assert jacobian.frozen_directions(nets.MLP((64, 64, 10)), x).shape[1] == 257
    test = data.digits(F64)[0]
    test = train_test_split(test, test_size=197, random_state=0)[1]
    assert jacobian.frozen_directions(net, test).shape[1] > 65  # ten dead pixels
    noise = torch.rand(1600, 64, dtype=F64, generator=torch.Generator().manual_seed(0))
    assert jacobian.frozen_directions(net, noise).shape[1] == 17  # only the shifts
    few = jacobian.frozen_directions(net, x[:10])
    assert few.shape[1] == 16 * (65 - 10) + 17


def test_p1_fails_with_weight_decay_and_half_fails_with_adam():
    c = case(h=4, steps=15)
    E = jacobian.frozen_directions(c.net, torch.cat([c.batches(t)[0] for t in range(3)]))
    shifts, dead = E[:, -5:], E[:, :-5]
    assert dead.shape[1] == 4
    values = jacobian.spectrum(jac(c, decayed(0.1, 0.05))).values
    assert int(((values - 1).abs() < 1e-9).sum()) == 0
    J = jac(c, smooth_adam(0.02))
    assert (J @ E - E).abs().max() < 1e-12
    assert (J.mT @ dead - dead).abs().max() < 1e-12
    assert (J.mT @ shifts - shifts).abs().max() > 1e-4


def test_p2_bound_on_expansion():
    c = case(steps=12)
    for lr in (0.1, 1.0, 4.0):
        optimizer, bound = optim.sgd(lr), 1.0
        for H in hessians(c, optimizer):
            e = torch.linalg.eigvalsh(H)
            bound *= float(torch.maximum((1 - lr * e[0]).abs(), (1 - lr * e[-1]).abs()))
        assert float(jacobian.spectrum(jac(c, optimizer)).values[0]) <= bound * (1 + 1e-10)


def quadratic(eigenvalues, optimizer, steps, at=None):
    """The Jacobian of training on a quadratic: a generic model, differentiated forward."""
    lam = torch.tensor(eigenvalues, dtype=F64)
    params = {"w": torch.ones(len(lam), dtype=F64)}
    return jacobian.training_jacobian(
        lambda p, x: p["w"] * x, params, (lam.sqrt(), torch.zeros(())), optimizer, steps=steps,
        loss=lambda o, y: (o**2).sum() / 2, at=at,
    )  # fmt: skip


def test_p2_convex_quadratic_has_no_chaos_without_momentum():
    lam, lr, steps = [0.0, 0.3, 1.0, 1.9], 1.0, 7
    values = jacobian.spectrum(quadratic(lam, optim.sgd(lr), steps)).values
    expected = sorted((abs(1 - lr * v) ** steps for v in lam), reverse=True)
    torch.testing.assert_close(values, torch.tensor(expected, dtype=F64), rtol=1e-12, atol=1e-14)
    assert float(values[0]) <= 1
    above = jacobian.spectrum(quadratic([2.1], optim.sgd(lr), steps)).values
    assert math.isclose(float(above[0]), 1.1**steps, rel_tol=1e-9)


def test_p2_stable_heavy_ball_overshoots():
    sizes = quadratic([1.5, 2.5, 3.0], optim.momentum(1.0), 150, at=range(151))
    sizes = sizes.diagonal(dim1=1, dim2=2).abs()
    expected = torch.tensor([1.10, 1.50, 2.0], dtype=F64)
    assert (sizes.max(0).values - expected).abs().max() < 0.05
    assert float(sizes[-1].max()) < 1e-2


def test_p3_volume():
    c, lr = case(steps=10), 0.5
    expected = sum(
        torch.linalg.slogdet(torch.eye(len(H), dtype=F64) - lr * H)[1]
        for H in hessians(c, optim.sgd(lr))
    )
    found = torch.linalg.slogdet(jac(c, optim.sgd(lr)))[1]
    assert abs(float(found - expected)) < 1e-10


def test_p4_heavy_ball_shrinks_phase_space_at_a_fixed_rate():
    """The determinant of the map of (weights, velocity) is beta**(N*T), whatever the loss."""
    c, beta = case(h=2, d=3, c=2, steps=5), 0.9
    optimizer = optim.momentum(optim.cosine(0.7, 9), beta)
    n = len(nets.flatten(c.params))

    def phase(joint):
        params = nets.unflatten(joint[:n], c.net.shapes)
        state = nets.unflatten(joint[n:], c.net.shapes)
        for t in range(c.steps):
            x, y = c.batches(t)
            g = torch.func.grad(lambda p, x=x, y=y: losses.cross_entropy(c.net(p, x), y))(params)
            params, state = optimizer.update(params, g, state, t)
        return torch.cat([nets.flatten(params), nets.flatten(state)])

    start = torch.cat([nets.flatten(c.params), torch.zeros(n, dtype=F64)])
    whole = torch.func.jacfwd(phase)(start)
    logdet = float(torch.linalg.slogdet(whole)[1])
    assert abs(logdet - n * c.steps * math.log(beta)) < 1e-9
    torch.testing.assert_close(whole[:n, :n], jac(c, optimizer), rtol=0, atol=1e-12)


def test_p5_permuted_units():
    """Permuting the hidden units at the start conjugates the Jacobian."""
    c, optimizer = case(h=4, steps=20), optim.momentum(0.2)
    order = torch.tensor([2, 0, 3, 1])
    p = c.params
    moved = {"W1": p["W1"][order], "b1": p["b1"][order], "W2": p["W2"][:, order], "b2": p["b2"]}
    index = nets.unflatten(torch.arange(len(nets.flatten(p))).double(), c.net.shapes)
    index = {
        "W1": index["W1"][order], "b1": index["b1"][order], "W2": index["W2"][:, order],
        "b2": index["b2"],
    }  # fmt: skip
    P = torch.eye(len(nets.flatten(p)), dtype=F64)[nets.flatten(index).long()]
    J, K = jac(c, optimizer), jac(c._replace(params=moved), optimizer)
    assert (K - P @ J @ P.mT).abs().max() < 1e-12
    assert (K - J).abs().max() > 1e-3


# ---------------------------------------------------------------- reading it


def test_spectrum_signs_belong_together():
    A = torch.randn(6, 6, dtype=F64, generator=torch.Generator().manual_seed(0))
    U, s, V = jacobian.spectrum(A)
    torch.testing.assert_close(U * s @ V.mT, A, rtol=0, atol=1e-12)
    B = A @ A.mT
    U, s, V = jacobian.spectrum(B)
    torch.testing.assert_close(jacobian.alignment(U, V), torch.ones(6, dtype=F64))
    U, s, V = jacobian.spectrum(torch.stack([A, B]))
    assert jacobian.alignment(U, V).shape == (2, 6)


@given(
    values=st.lists(st.floats(0, 10), min_size=1, max_size=30),
    tol=st.floats(0, 0.99),
)
def test_regions_partition(values, tol):
    s = torch.tensor(values, dtype=F64)
    chaotic, bulk, stable = jacobian.regions(s, tol)
    assert torch.equal(chaotic.int() + bulk.int() + stable.int(), torch.ones(len(s)).int())
    assert bool((s[chaotic] > 1).all())
    assert bool((s[stable] < 1).all())
    order = jacobian.bulk_order(s)
    assert bool(((s[order] - 1).abs().diff() >= 0).all())


def test_overlap_of_random_subspaces_is_the_baseline():
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(200):
        a, b = (
            torch.linalg.qr(torch.randn(30, 10, generator=generator, dtype=F64))[0] for _ in "ab"
        )
        overlap = jacobian.subspace_overlap(a, b, sizes=[3, 10])
        found.append(overlap.value)
    mean = torch.stack(found).mean(0)
    torch.testing.assert_close(overlap.baseline, torch.tensor([0.1, 1 / 3], dtype=F64))
    assert (mean - overlap.baseline).abs().max() < 0.01
    rotation = torch.linalg.qr(torch.randn(10, 10, generator=generator, dtype=F64))[0]
    assert abs(float(jacobian.subspace_overlap(a, a @ rotation).value) - 1) < 1e-12
    whole, angles = jacobian.subspace_overlap(a, b).value, torch.linalg.svdvals(a.mT @ b)
    torch.testing.assert_close(whole, angles.square().mean())


def test_predicted_bulk_orders_by_variance():
    x, _ = digits_rows()
    net = nets.MLP((64, 3, 10))
    basis = jacobian.predicted_bulk(net, x)
    assert basis.shape == (3 * 65 + 30 + 10, 3 * 65 + 4)
    eye = torch.eye(basis.shape[1], dtype=F64)
    assert (basis.mT @ basis - eye).abs().max() < 1e-12
    frozen = jacobian.frozen_directions(net, x)
    overlap = jacobian.subspace_overlap(frozen, basis[:, : frozen.shape[1]])
    assert abs(float(overlap.value) - 1) < 1e-10
    z = torch.cat([x, torch.ones(len(x), 1, dtype=F64)], dim=1)
    size = []
    for j in range(4, basis.shape[1], 3):
        parts = nets.unflatten(basis[:, j], net.shapes)
        size.append(float((z @ torch.cat([parts["W1"][0], parts["b1"][:1]])).square().mean()))
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(size))


def test_parameter_function_jacobian():
    c = case()
    x, _ = c.batches(0)
    F = jacobian.parameter_function_jacobian(c.net, c.params, x)
    vector = nets.flatten(c.params)
    expected = torch.func.jacfwd(lambda v: c.net(nets.unflatten(v, c.net.shapes), x))(vector)
    torch.testing.assert_close(F, expected, rtol=0, atol=1e-13)
    centered = jacobian.parameter_function_jacobian(c.net, c.params, x, centered=True)
    shifts = jacobian.frozen_directions(c.net, x)[:, -5:]
    assert (centered @ shifts).abs().max() < 1e-13
    assert (F @ shifts).abs().max() > 0.1


# ---------------------------------------------------------------- chunks


@pytest.mark.parametrize("method", ["fast", "forward"])
def test_an_interrupted_run_goes_on(tmp_path, method, monkeypatch):
    c, optimizer = case(), optim.momentum(0.2)
    path, pushed = tmp_path / "run.npy", []
    expected = jac(c, optimizer, method=method)
    add = chunks.Store.add

    def interrupt(self, columns):
        add(self, columns)
        pushed.append(self.done)
        if len(pushed) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(chunks.Store, "add", interrupt)
    with pytest.raises(KeyboardInterrupt):
        jac(c, optimizer, method=method, chunk=7, path=path)
    J = jac(c, optimizer, method=method, chunk=9, path=path)
    assert pushed[:3] == [7, 14, 23]
    torch.testing.assert_close(J, expected, rtol=0, atol=1e-13)
    again = len(pushed)
    torch.testing.assert_close(jac(c, optimizer, method=method, path=path), J, rtol=0, atol=0)
    assert len(pushed) == again


def test_a_file_of_another_run_is_refused(tmp_path):
    c, path = case(), tmp_path / "run.npy"
    jac(c, optim.momentum(0.2), path=path)
    with pytest.raises(ValueError, match="another training run"):
        jac(c, optim.momentum(0.1), path=path)
    with pytest.raises(ValueError, match="another training run"):
        jac(case(seed=1), optim.momentum(0.2), path=path)


@pytest.mark.parametrize("method", ["fast", "forward"])
def test_memory_is_kept(tmp_path, method):
    c, optimizer = case(h=8, d=12, n=60, size=20, steps=3), optim.momentum(0.2)
    free = chunks.LiveBytes()
    with free:
        expected = jac(c, optimizer, method=method)
    limit = 0.4 * free.peak / 2**20
    counted = chunks.LiveBytes()
    with counted:
        J = jac(c, optimizer, method=method, memory=limit, path=tmp_path / "run.npy")
    assert counted.peak <= limit * 2**20 < free.peak
    torch.testing.assert_close(J, expected, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="memory must be at least"):
        jac(c, optimizer, method=method, memory=0.001)


# ---------------------------------------------------------------- bad input


def test_bad_input(unchecked):
    c, sgd = case(), optim.sgd(0.1)
    for options in ({"chunk": 0}, {"at": [99]}, {"at": []}):
        with pytest.raises(ValueError, match="steps must be"):
            jac(c, sgd, **options)
    with pytest.raises(ValueError, match="method must be"):
        jac(c, sgd, method="magic")
    with pytest.raises(ValueError, match="'fast' wants"):
        jac(c, smooth_adam(0.1), method="fast")
    with pytest.raises(ValueError, match="directions must be"):
        jac(c, sgd, directions=torch.zeros(3, 2, dtype=F64))
    two = nets.stack([c.params, c.params])
    with pytest.raises(ValueError, match="one network"):
        jacobian.training_jacobian(c.net, two, c.batches, sgd, steps=2)
    with pytest.raises(ValueError, match="must be"):
        jacobian.spectrum(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="left has shape"):
        jacobian.alignment(torch.zeros(2, 3), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="tol"):
        jacobian.regions(torch.ones(2), 1.5)
    eye = torch.eye(4)
    with pytest.raises(ValueError, match="both be"):
        jacobian.subspace_overlap(eye, eye[:, :2])
    with pytest.raises(ValueError, match="sizes"):
        jacobian.subspace_overlap(eye, eye, sizes=[0])
    with pytest.raises(ValueError, match="not orthonormal"):
        jacobian.subspace_overlap(2 * eye, eye)
    with pytest.raises(ValueError, match="one hidden layer"):
        jacobian.predicted_bulk(nets.MLP((2, 3, 3, 2)), torch.eye(2))
    with pytest.raises(ValueError, match="x must have"):
        jacobian.frozen_directions(nets.MLP((2, 3, 2)), torch.eye(3))


def test_divergence_is_reported():
    c = case(steps=60)
    with pytest.raises(FloatingPointError, match="not finite"):
        jac(c, optim.sgd(1e200))
    dead = optim.adam(0.01)  # the square root of a zero second moment
    with pytest.raises(FloatingPointError, match="Adam"):
        jac(case(steps=2), dead)
