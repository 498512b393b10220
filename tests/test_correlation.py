"""Correlation: eigenvectors, closed values and enumeration against flows, and broken copies."""

import inspect
import math
import types

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

from tdyn import correlation, inits, losses, nets, optim, train
from tdyn.correlation import (
    PowerReLU,
    amplitude,
    best_direction,
    closed,
    correlation_gradient,
    degree,
    escape_time,
    flow,
    homogeneous_sgd,
    kkt_residual,
    layer_shares,
    linear_maximum,
    ncf,
    neural_correlation,
    planar_points,
    plane,
    quadratic_maximum,
    residual,
    sphere_flow,
)

F64 = torch.float64


def problem(n=30, d=4, seed=0):
    """Inputs on the unit sphere with normal labels."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=F64)
    return x / x.norm(dim=1, keepdim=True), torch.randn(n, generator=generator, dtype=F64)


def network(*widths, power=1, slope=0.0):
    return nets.MLP((*widths, 1), activation=PowerReLU(power, slope), bias=False)


def draw(net, seeds=range(3)):
    return inits.initialize(net, inits.gaussian, seed=seeds, dtype=F64)


def unit(params):
    """The same direction with norm one, for an ensemble with one axis."""
    size = torch.stack([p.square().flatten(1).sum(1) for p in params.values()]).sum(0).sqrt()
    return {name: p / size[:, None, None] for name, p in params.items()}


# ---- values and gradients ----------------------------------------------------------------------


def gradient_agrees(gradient):
    """Compare the closed form with autograd: depths, powers, slopes, shared and separate data."""
    for hidden in ((5,), (5, 3), (4, 3, 2)):
        for power, slope in ((1, 0.0), (2, 0.0), (3, 0.0), (1, 0.1), (2, -1.0), (1, 1.0), (2, 0.3)):
            net = network(4, *hidden, power=power, slope=slope)
            params = draw(net)
            x, y = problem()
            for batch in ((x, y), (torch.stack((x, -x, 2 * x)), torch.stack((y, y, -y)))):
                value, grads = gradient(net, params, *batch)
                want, peer = train.gradients(
                    lambda p, b, net=net: neural_correlation(net, p, *b), params, batch
                )
                if not torch.allclose(value, peer, rtol=1e-9, atol=1e-12):
                    return False
                if set(grads) != set(want) or not all(
                    torch.allclose(grads[k], want[k], rtol=1e-9, atol=1e-10) for k in want
                ):
                    return False
    return True


def test_closed_form_gradient_equals_autograd():
    assert gradient_agrees(correlation_gradient)


@settings(max_examples=30)
@given(
    st.integers(1, 3), st.sampled_from([-1.0, 0.0, 0.2, 1.0]), st.integers(2, 3), st.floats(0.1, 3)
)
def test_homogeneity_and_euler(power, slope, depth, c):
    net = network(*[3] * depth, power=power, slope=slope)
    params, (x, y), order = draw(net, range(2)), problem(8, 3), degree(net)
    value, grads = correlation_gradient(net, params, x, y)
    scaled = neural_correlation(net, {k: c * p for k, p in params.items()}, x, y)
    torch.testing.assert_close(scaled, c**order * value, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(ncf.inner(params, grads, 1), order * value, rtol=1e-9, atol=1e-12)


def test_other_networks_fall_back_on_autograd():
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 6, bias=False), torch.nn.ReLU(), torch.nn.Linear(6, 1, bias=False)
    ).double()
    f, params = nets.functional(module)
    x, y = problem()
    same = {"W1": params["0.weight"], "W2": params["2.weight"]}
    value, grads = correlation_gradient(f, params, x, y)
    want, wanted = correlation_gradient(network(4, 6), same, x, y)
    torch.testing.assert_close(value, want)
    torch.testing.assert_close(grads["0.weight"], wanted["W1"])
    run = sphere_flow(f, params, x, y, steps=5, degree=2)
    again = sphere_flow(network(4, 6), same, x, y, steps=5)
    torch.testing.assert_close(run.value, again.value)
    torch.testing.assert_close(
        kkt_residual(f, params, x, y), kkt_residual(network(4, 6), same, x, y)
    )


def test_degrees():
    assert degree(nets.MLP((3, 4, 1), bias=False)) == 2
    assert [degree(network(3, 4, 4, power=p)) for p in (1, 2, 3)] == [3, 7, 13]


@pytest.mark.parametrize(("name", "loss"), [("square", losses.mse), ("logistic", losses.logistic)])
def test_residual_is_minus_the_derivative_of_the_loss(name, loss):
    y = torch.tensor([1.0, -1.0, 1.0], dtype=F64)
    outputs = torch.tensor([[0.3], [0.2], [-2.0]], dtype=F64, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(outputs, y) * 3, outputs)
    ratio = residual(y, outputs.detach()[:, 0], loss=name) / -slope[:, 0]
    torch.testing.assert_close(ratio, torch.full((3,), ratio[0].item(), dtype=F64))
    assert ratio[0].item() in (pytest.approx(1.0), pytest.approx(0.5))
    at_zero = residual(y, loss=name)
    torch.testing.assert_close(at_zero, y if name == "square" else y / 2)


# ---- the flow ----------------------------------------------------------------------------------


def integrate(net, params, x, y, until):
    """Follow the flow of all weights in ordinary time with scipy until the norm has grown."""
    start = nets.flatten(params).numpy()

    def field(t, w):
        return nets.flatten(
            correlation_gradient(net, nets.unflatten(torch.from_numpy(w), params), x, y)[1]
        ).numpy()

    def grown(t, w):
        return (w @ w) ** 0.5 - until

    grown.terminal = True
    run = solve_ivp(field, (0, 1e9), start, events=grown, rtol=1e-6, atol=1e-9)
    return run.t[-1], nets.unflatten(torch.from_numpy(run.y[:, -1]), params)


def flow_agrees(follow, escape):
    """Compare times and directions of the sphere flow with integration of all weights."""
    x, y = problem(12, 3)
    for hidden, power in (((3,), 2), ((3, 2), 2), ((3,), 1)):
        net = network(3, *hidden, power=power, slope=1.0 if power == 1 else 0.0)
        params = unit(draw(net, [5]))
        order = degree(net)
        run = follow(net, params, x, y, steps=250, step=0.02)
        if run.value[-1].item() <= 0 or run.log_norm[-1].item() < math.log(3):
            return False
        if not bool((run.value.diff(dim=0) > -1e-12).all()):
            return False
        for delta in (0.5,):
            small = {k: delta * p[0] for k, p in params.items()}
            time, there = integrate(net, small, x, y, until=2 * delta)
            index = int((run.log_norm[:, 0] < math.log(2)).sum())
            clock = delta ** (2 - order) * run.clock[index, 0].item()
            if abs(clock / time - 1) > 0.06:
                return False
            gain = neural_correlation(net, there, x, y)
            if gain > 0 and abs(escape(run, delta, gain=gain.item()).item() / time - 1) > 1e-2:
                return False
    return True


def test_flow_on_the_sphere_is_the_flow_of_all_weights():
    assert flow_agrees(sphere_flow, escape_time)


def blow_up_agrees(follow, escape):
    """Compare with the exact times from a KKT point, where r' = L N r^(L-1)."""
    one = torch.ones(1, 1, dtype=F64)
    x, y = torch.tensor([[1.0, 0.0]], dtype=F64), torch.tensor([3.0], dtype=F64)
    for power, delta, steps in ((2, 1.0, 1), (2, 0.01, 30), (3, 0.1, 30)):
        net, order = network(2, 1, power=power), power + 1
        at = {"W1": torch.tensor([[math.sqrt(power), 0.0]], dtype=F64), "W2": one}
        exact = 3 * amplitude(power, 2)
        run = follow(net, at, x, y, steps=steps)
        wanted = 1 / (order * (order - 2) * exact * delta ** (order - 2))
        if abs(escape(run, delta).item() / wanted - 1) > 1e-9:
            return False
        for growth in (1.2, 10.0):  # before and beyond the end of the records
            time = wanted * (1 - growth ** (2 - order))
            gain = exact * (growth * delta) ** order
            if abs(escape(run, delta, gain=gain).item() / time - 1) > 1e-6:
                return False
        if escape(run, delta, gain=exact * delta**order / 2).item() != 0:
            return False
    linear = network(2, 1)
    run = follow(
        linear, {"W1": one * torch.tensor([1.0, 0.0], dtype=F64), "W2": one}, x, y, steps=9
    )
    wanted = math.log(1.0 / (1.5 * 1e-4)) / 6.0  # N(w) = 1.5 r^2 grows at the rate 4 * 1.5
    return abs(escape(run, 0.01, gain=1.0).item() / wanted - 1) < 1e-9


def test_blow_up_time_from_a_kkt_point_is_exact():
    assert blow_up_agrees(sphere_flow, escape_time)


def test_no_escape_where_the_flow_ends_below_zero():
    net, x = network(2, 1), torch.tensor([[1.0, 0.0]], dtype=F64)
    w = {"W1": torch.tensor([[-1.0, 0.2]], dtype=F64), "W2": torch.ones(1, 1, dtype=F64)}
    run = sphere_flow(net, w, x, torch.ones(1, dtype=F64), steps=5)
    assert escape_time(run, 0.1, gain=1.0).item() == math.inf
    assert run.tau[-1].item() == 0
    assert kkt_residual(net, w, x, torch.ones(1, dtype=F64)).item() == 0


def test_size_of_the_first_weights_does_not_matter():
    net, (x, y) = network(4, 6, power=2), problem()
    params = draw(net)
    a = sphere_flow(net, params, x, y, steps=50, every=7, keep=True)
    b = sphere_flow(net, {k: 1e-3 * p for k, p in params.items()}, x, y, steps=50, every=7)
    torch.testing.assert_close(a.value, b.value)
    assert a.tau.shape == (9, 3)  # records at 0, 7, ..., 49 and 50
    torch.testing.assert_close(a.path["W1"][-1], a.params["W1"])
    assert a.path["W1"].shape == (9, 3, 6, 4)
    assert b.path == {}
    one = sphere_flow(net, nets.member(params, 1), x, y, steps=50)
    torch.testing.assert_close(one.clock[-1], a.clock[-1, 1])


def test_gradient_descent_escapes_when_predicted():
    """The prediction is made before the training starts."""
    delta, step = 0.01, 0.006
    net, (x, y) = network(4, 8, power=2), problem(40)
    params = unit(draw(net))
    start = losses_of(net, params, x, y, 0.0)
    run = sphere_flow(net, params, x, y, steps=400)
    lr = step * delta
    predicted = escape_time(run, delta, gain=0.02 * start) / lr
    small = {k: delta * p for k, p in params.items()}
    history = train.train(
        lambda p, b: 0.5 * (b[1] - net(p, b[0])[..., 0]).square().sum(-1),
        small, homogeneous_sgd(step, 3), 700, batches=(x, y),
        probes={
            "loss": lambda p: losses_of(net, p, x, y, 1.0),
            "norm": lambda p: ncf.inner(p, p, 1).sqrt(),
        },
    )  # fmt: skip
    time = (step / history["norm"]).cumsum(0) - step / history["norm"]
    left = (history["loss"] > 0.98 * start).sum(0)
    measured = time.gather(0, left[None])[0] / lr
    torch.testing.assert_close(measured, predicted, rtol=0.03, atol=0)


def losses_of(net, params, x, y, scale):
    """Half the sum of squares, one a member."""
    return 0.5 * (y - scale * net(params, x)[..., 0]).square().sum(-1)


def test_homogeneous_sgd_is_sgd_for_degree_two():
    params, grads = draw(network(4, 3)), draw(network(4, 3), range(3, 6))
    got = homogeneous_sgd(0.1, 2).update(params, grads, None, 0)[0]
    want = optim.sgd(0.1).update(params, grads, optim.sgd(0.1).init(params), 0)[0]
    for name, value in got.items():
        torch.testing.assert_close(value, want[name])


# ---- where the flow ends -----------------------------------------------------------------------


def test_quadratic_networks_end_at_an_extreme_eigenvector():
    x, y = problem(40, 5)
    value, u = quadratic_maximum(x, y)
    net = network(5, 12, power=2, slope=-1.0)
    run = sphere_flow(net, draw(net, range(6)), x, y, steps=400, step=0.1)
    eigenvalues = torch.linalg.eigvalsh((x * y[:, None]).T @ x)
    ends = run.value[-1] / amplitude(2, 2)
    distance = (ends[:, None] - eigenvalues.abs()).abs().min(1).values
    assert float(distance.max()) < 1e-6 * value
    best = int(run.value[-1].argmax())
    assert run.value[-1, best].item() == pytest.approx(value, rel=1e-6)
    row = run.params["W1"][best][run.params["W1"][best].norm(dim=1).argmax()]
    assert abs(float(row @ u) / float(row.norm())) == pytest.approx(1, abs=1e-6)
    assert float(kkt_residual(net, run.params, x, y).max()) < 1e-3


@pytest.mark.parametrize("hidden", [(6,), (6, 5)])
def test_linear_networks_end_at_the_closed_value(hidden):
    x, y = problem()
    net = network(4, *hidden, slope=1.0)
    run = sphere_flow(net, draw(net), x, y, steps=400, step=0.1)
    want = torch.full((3,), linear_maximum(x, y, len(hidden) + 1), dtype=F64)
    torch.testing.assert_close(run.value[-1], want, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("hidden", "power"), [((8,), 1), ((8,), 2), ((8, 8), 2), ((8,), 3)])
def test_balance_and_one_path_value(hidden, power):
    x, y = problem(60, 4)
    net = network(4, *hidden, power=power)
    run = sphere_flow(net, draw(net, range(4)), x, y, steps=400, step=lambda i: 0.1 / (1 + i / 100))
    squares = torch.stack([p.square().sum((1, 2)) for p in run.params.values()])
    want = torch.tensor(layer_shares(power, len(hidden) + 1), dtype=F64)
    torch.testing.assert_close(squares, want[:, None].expand_as(squares), atol=2e-2, rtol=0)
    found = best_direction(x, y, power ** len(hidden))[0][0].item() * amplitude(
        power, len(hidden) + 1
    )
    assert float(run.value[-1].max()) < found * 1.0001


def test_best_direction_equals_scipy():
    for power in (1, 2, 4):
        x, y = problem(30, 3)
        value, u, sign = best_direction(x, y, power)

        def negative(v, s, power=power, x=x, y=y):
            w = torch.from_numpy(v / (v @ v) ** 0.5)
            return -s * float(((x @ w).clamp(min=0) ** power) @ y)

        peer = max(
            -minimize(negative, start, args=(s,), method="Nelder-Mead", options={"xatol": 1e-7}).fun
            for s in (1, -1)
            for start in torch.cat((x, -x))[::6].numpy()
        )
        assert value[0].item() == pytest.approx(peer, rel=1e-4)
        again = sign[0] * (((x @ u[0]).clamp(min=0) ** power) @ y)
        assert again.item() == pytest.approx(value[0].item())


def closed_values_agree(factor):
    """Compare the factor with a search over the norms of the layers."""
    for power, layers in ((1, 2), (2, 2), (3, 2), (1, 3), (2, 3), (1, 4)):
        generator = torch.Generator().manual_seed(0)
        squares = torch.rand(20000, layers, generator=generator, dtype=F64).log().neg()
        squares /= squares.sum(1, keepdim=True)
        exponents = torch.tensor(
            [power ** (layers - i) / 2 for i in range(1, layers + 1)], dtype=F64
        )
        found = float((squares**exponents).prod(1).max())
        if not found <= factor(power, layers) + 1e-12 <= 1.05 * found:
            return False
    return True


def test_amplitude_is_the_best_split_of_the_norm():
    assert closed_values_agree(amplitude)
    assert amplitude(1, 3) == pytest.approx(27**-0.5)
    assert amplitude(2, 3) == pytest.approx(0.035262, abs=1e-6)


def test_hexagon_needs_more_than_one_path():
    """Alternating labels on a hexagon: no single path does anything, two first neurons do."""
    angle = torch.arange(6, dtype=F64) * math.pi / 3
    x, y = torch.stack((angle.cos(), angle.sin()), 1), torch.tensor([1.0, -1.0] * 3, dtype=F64)
    assert abs(best_direction(x, y, 1)[0][0].item()) < 1e-12
    assert all(abs(p.value) < 1e-12 for p in planar_points(x, y))
    net = network(2, 12, 8)
    run = sphere_flow(net, draw(net, range(4)), x, y, steps=400, step=lambda i: 0.1 / (1 + i / 80))
    assert 0.08 < float(run.value[-1].max()) < 0.1


# ---- the plane ---------------------------------------------------------------------------------


def plane_agrees(enumerate_points):
    """Compare with all stationary points on a fine grid of angles."""
    for seed in range(6):
        x, y = problem(9, 2, seed)
        x = x * torch.linspace(0.5, 2, 9, dtype=F64)[:, None]
        angle = torch.arange(400_000, dtype=F64) * (2 * math.pi / 400_000)
        u = torch.stack((angle.cos(), angle.sin()))
        g = (x @ u).clamp(min=0).T @ y
        rise, fall = g - g.roll(1), g.roll(-1) - g
        top, bottom = (rise > 0) & (fall <= 0), (rise < 0) & (fall >= 0)
        want = sorted(
            [(a, bool(g[i] * s > 0)) for s, which in ((1, top), (-1, bottom))
             for i, a in zip(which.nonzero()[:, 0].tolist(), angle[which].tolist(), strict=True)]
        )  # fmt: skip
        points = [p for p in enumerate_points(x, y) if p.kind != "flat"]
        got = sorted((p.angle % (2 * math.pi), p.maximum) for p in points)
        if len(got) != len(want) or any(
            abs(a[0] - b[0]) > 1e-4 or a[1] != b[1] for a, b in zip(got, want, strict=True)
        ):
            return False
        for p in points:
            v = torch.tensor([math.cos(p.angle), math.sin(p.angle)], dtype=F64)
            if abs(float((x @ v).clamp(min=0) @ y) - p.value) > 1e-9:
                return False
            at = {"W1": v[None], "W2": torch.tensor([[math.copysign(1, p.value)]], dtype=F64)}
            if p.kind == "smooth" and kkt_residual(network(2, 1), at, x, y).item() > 1e-7:
                return False
    return True


def test_enumeration_in_the_plane_equals_a_fine_grid():
    assert plane_agrees(planar_points)


def test_neurons_in_the_plane_end_at_an_enumerated_point():
    x, y = problem(12, 2, 3)
    net = network(2, 40)
    run = sphere_flow(net, draw(net, [0]), x, y, steps=700, step=lambda i: 0.1 / (1 + i / 100))
    best = planar_points(x, y)[0]
    assert run.value[-1, 0].item() == pytest.approx(abs(best.value) / 2, rel=0.01)


def test_plane_edges():
    zero = torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    points = planar_points(zero, torch.tensor([5.0, 1.0, 1.0]))
    assert sorted((round(p.angle, 6), p.value, p.maximum) for p in points if p.maximum) == [
        (0.0, 1.0, True), (round(math.pi, 6), 1.0, True)
    ]  # fmt: skip
    flat = planar_points(torch.tensor([[1.0, 0.0]]), torch.tensor([1.0]))
    assert [p.kind for p in flat] == ["smooth", "flat"]


# ---- a broken copy must be caught --------------------------------------------------------------


def escapes(follow=sphere_flow, escape=escape_time):
    return flow_agrees(follow, escape) and blow_up_agrees(follow, escape)


MUTANTS = [
    (ncf, "correlation_gradient", gradient_agrees, old, new)
    for old, new in (
        ("/ activation.power", ""),
        ("out.mT * pull", "pull"),
        ("y.unsqueeze(-1) * x)", "x)"),
        ("* derivatives[layer - 2]", ""),
        ("inputs[layer - 1]", "activation(inputs[layer - 1])"),
    )
] + [
    (flow, "sphere_flow", escapes, old, new)
    for old, new in (
        ("_scale(h * radius", "_scale(0.7 * h * radius"),
        ("h * order * value / radius**order", "h * value / radius**order"),
        ("_elapsed(h, s, grown, order - 2)", "_elapsed(h, s, grown, order - 1)"),
        ("_scale(h / 2, grad)", "_scale(-h, grad)"),
        ("1 - a / 2, -torch", "1 - a / 2, torch"),
    )
] + [
    (flow, "escape_time", lambda escape: escapes(escape=escape), old, new)
    for old, new in (
        ("delta ** (-power)", "delta ** (-power - 1)"),
        ("/ (power * rate)", "/ rate"),
        ("torch.where(end > 0, flow.degree * end, 1.0)", "torch.where(end > 0, end, 1.0)"),
        ("(level - reached[-1]) / flow.degree", "(level - reached[-1])"),
        ("+ math.log(delta)", ""),
    )
] + [
    (closed, "amplitude", closed_values_agree, old, new)
    for old, new in (
        ("(layers - layer) / 2)", "(layers - layer))"),
        ("/ sum(parts)", "/ len(parts)"),
    )
] + [
    (plane, "planar_points", plane_agrees, old, new)
    for old, new in (
        ("before * after < 0", "before * after > 0"),
        ("value * before > 0", "before > 0"),
        ("for sign in (1, -1)", "for sign in (1,)"),
        ("sums[i - 1], sums[i])", "sums[i], sums[i - 1])"),
        ("v[1] * c - v[0] * s", "v[0] * c - v[1] * s"),
    )
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name", "check", "old", "new"), MUTANTS, ids=[f"{m[1]}:{m[3]}" for m in MUTANTS]
)
def test_a_broken_copy_is_caught(module, name, check, old, new, unchecked):
    source = inspect.getsource(module)
    assert source.count(old) >= 1
    broken = types.ModuleType("broken")
    vars(broken)["__name__"] = module.__name__
    exec(compile(source.replace(old, new), "broken", "exec"), broken.__dict__)
    assert not check(getattr(broken, name))


# ---- bad input ---------------------------------------------------------------------------------

NET = network(4, 3, power=2)
PARAMS = draw(NET)
X, Y = problem()
RUN = sphere_flow(NET, PARAMS, X, Y, steps=2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: PowerReLU(0),
        lambda: PowerReLU(1.5),
        lambda: PowerReLU(True),
        lambda: PowerReLU(1, slope=2.0),
        lambda: degree(nets.MLP((3, 2, 1))),
        lambda: degree(nets.MLP((3, 2, 2), bias=False)),
        lambda: degree(nets.MLP((3, 2, 1), activation=torch.tanh, bias=False)),
        lambda: residual(Y, loss="hinge"),
        lambda: sphere_flow(NET, PARAMS, X, Y, steps=0),
        lambda: sphere_flow(NET, PARAMS, X, Y, steps=1, every=0),
        lambda: sphere_flow(NET, PARAMS, X, Y, steps=1, step=1.5),
        lambda: sphere_flow(NET, PARAMS, X, Y, steps=1, degree=1),
        lambda: sphere_flow(NET, {k: 0 * p for k, p in PARAMS.items()}, X, Y, steps=1),
        lambda: escape_time(RUN, 0.0),
        lambda: escape_time(RUN, math.inf),
        lambda: escape_time(RUN, 0.1, gain=-1.0),
        lambda: escape_time(
            sphere_flow(network(4, 3), draw(network(4, 3)), X, Y, steps=1), 0.1
        ),
        lambda: homogeneous_sgd(0.0, 3),
        lambda: homogeneous_sgd(0.1, 1),
        lambda: amplitude(0, 2),
        lambda: layer_shares(2, 1),
        lambda: linear_maximum(X, Y, 1),
        lambda: best_direction(X, Y, 0),
        lambda: best_direction(X, Y, 2, steps=0),
        lambda: planar_points(torch.zeros(2, 2), torch.ones(2)),
    ],
)  # fmt: skip
def test_bad_values_are_refused(call, unchecked):
    with pytest.raises(ValueError):
        call()


def test_wrong_shapes_are_refused(unchecked):
    with pytest.raises(ValueError):
        planar_points(torch.ones(3, 3), torch.ones(3))


def test_public_names():
    assert set(correlation.__all__) <= set(vars(correlation))
