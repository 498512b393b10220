"""Swarms: against brute force, pyswarms, closed forms and simulation."""

import inspect
import itertools
import logging
import math
import types
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tdyn import inits, losses, nets, swarm
from tdyn.swarm import context as context_module
from tdyn.swarm import flocks as flocks_module
from tdyn.swarm import heads, moments, rules, visits

F64 = torch.float64
XOR = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], dtype=F64)
XOR_CLASS = torch.tensor([0, 1, 1, 0])


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def network(widths=(3, 4, 2), seeds=range(3), activation=torch.tanh, bias=True):
    net = nets.MLP(widths, activation=activation, bias=bias)
    return net, inits.initialize(net, inits.uniform, seeds, bias=inits.uniform, dtype=F64)


def task(n=11, d=3, classes=2, members=None, seed=0):
    """Inputs and labels for a loss, shared or one set a member."""
    lead = () if members is None else (members,)
    x = normal(*lead, n, d, seed=seed)
    y = torch.randint(0, classes, (*lead, n), generator=torch.Generator().manual_seed(seed))
    return x, y


def one_hot(y, classes):
    return torch.nn.functional.one_hot(y, classes).to(F64)


# ---- coefficients and stability ----------------------------------------------------------------


def test_constriction_is_the_textbook_number():
    assert swarm.constriction(4.1) == pytest.approx(0.7298437881, abs=1e-10)
    omega, c1, c2 = swarm.constricted()
    assert c1 == c2 == pytest.approx(1.4961797657, abs=1e-10)
    assert omega == swarm.constriction(4.1)
    assert swarm.constriction(4.1, kappa=0.5) == pytest.approx(omega / 2)


def test_constriction_is_the_factor_that_makes_the_modes_shrink_alike():
    # With both random factors at one, complex modes shrink by sqrt(omega) a step.
    omega, c1, c2 = swarm.constricted()
    companion = np.array([[1 + omega - (c1 + c2) / 2, -omega], [1, 0]])
    assert np.abs(np.linalg.eigvals(companion)) == pytest.approx(math.sqrt(omega))


@pytest.mark.parametrize("omega", [0.0, 0.3, 0.5, 0.7298, 0.9, -0.6])
def test_the_variance_limit_is_where_the_radius_is_one(omega):
    c = swarm.variance_limit(omega) / 2
    assert swarm.stability(omega, c, c).variance == pytest.approx(1, abs=1e-9)
    assert swarm.stability(omega, 0.98 * c, 0.98 * c).variance < 1
    assert swarm.stability(omega, 1.02 * c, 1.02 * c).variance > 1


@pytest.mark.parametrize("omega", [-0.5, 0.0, 0.5, 0.9])
def test_the_mean_converges_up_to_four_times_one_plus_omega(omega):
    limit = 4 * (1 + omega)
    assert swarm.stability(omega, limit / 2 - 0.01, limit / 2 - 0.01).mean < 1
    assert swarm.stability(omega, limit / 2 + 0.01, limit / 2 + 0.01).mean > 1


def test_known_radii():
    assert swarm.stability(1, 2, 2).variance == pytest.approx(1.387, abs=1e-3)
    assert swarm.stability(*swarm.constricted()).variance == pytest.approx(0.9442, abs=1e-4)
    assert swarm.stability(0.9, 0.5, 0.3).variance == pytest.approx(0.9385, abs=1e-4)
    assert swarm.stability(0.6, 2.5, 0.8).variance == pytest.approx(0.9526, abs=1e-4)
    assert swarm.stability(*swarm.constricted()).fourth == pytest.approx(1.217, abs=1e-3)


def test_second_moments_equal_the_matrix_written_by_hand():
    omega, c1, c2 = 0.4, 1.3, 0.7
    m, s = 1 + omega - (c1 + c2) / 2, (c1**2 + c2**2) / 12
    by_hand = [[m * m + s, -2 * omega * m, omega**2], [m, -omega, 0], [1, 0, 0]]
    made = swarm.moment_matrix(swarm.Rule(omega, c1, c2), 2)
    torch.testing.assert_close(made, torch.tensor(by_hand, dtype=F64))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_moment_matrix_equals_quadrature(order):
    """One step from fixed places: the mean over both factors by Gauss-Legendre nodes."""
    rule = swarm.Rule(0.6, 1.4, 0.9)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    r, w = (nodes + 1) / 2, weights / 2
    x, before = 1.3, -0.4
    new = (1 + rule.omega - rule.c1 * r[:, None] - rule.c2 * r[None]) * x - rule.omega * before
    now = [np.sum(w[:, None] * w * new ** (order - i) * x**i) for i in range(order + 1)]
    then = torch.tensor([x ** (order - i) * before**i for i in range(order + 1)], dtype=F64)
    predicted = swarm.moment_matrix(rule, order) @ then
    np.testing.assert_allclose(predicted.numpy(), now, rtol=1e-12)


@pytest.mark.parametrize(("omega", "c"), [(0.4, 1.2), (0.6, 1.0), (0.2, 1.5)])
def test_sampling_width_equals_a_simulation_by_the_package(omega, c):
    # b = 0 and g = 1 stand still: a swarm of many particles with frozen memories.
    g = torch.Generator().manual_seed(0)
    x, v = torch.zeros(20_000, dtype=F64), torch.zeros(20_000, dtype=F64)
    rule, squares = swarm.Rule(omega, c, c), 0.0
    for step in range(140):
        draws = tuple(torch.rand(20_000, dtype=F64, generator=g) for _ in range(2))
        x, v = rules.moved(rule, x, v, torch.zeros_like(x), torch.ones_like(x), draws, None)
        squares += (x - 0.5).square().mean().item() / 100 if step >= 40 else 0.0
    assert math.sqrt(squares) == pytest.approx(swarm.sampling_width(omega, c), rel=0.03)


def test_sampling_width_known_values():
    assert swarm.sampling_width(*swarm.constricted()[:2]) == pytest.approx(1.0432, abs=1e-4)
    assert swarm.sampling_width(0.6, 1.7) == pytest.approx(0.8791, abs=1e-4)
    assert swarm.sampling_width(0.4, 1.2) == pytest.approx(0.3208, abs=1e-4)


# ---- one swarm ---------------------------------------------------------------------------------


def sphere(x):
    return ((x - 0.7) ** 2).sum(-1) + 0.3 * torch.sin(5 * x).sum(-1)


def naive_pso(objective, x, v, steps, rule, draws, v_max=None):
    """The definition, one particle and one coordinate at a time."""
    particles, d = x.shape
    x, v = x.clone(), v.clone()
    best, value, leader, lowest = x.clone(), [math.inf] * particles, None, math.inf
    for step in range(steps):
        for p in range(particles):
            f = objective(x[p]).item()
            if f < value[p]:
                value[p], best[p] = f, x[p]
        if min(value) < lowest:
            lowest = min(value)
            leader = best[value.index(lowest)].clone()
        r1, r2 = draws(step)
        for p, j in itertools.product(range(particles), range(d)):
            new = rule.omega * v[p, j] + rule.c1 * r1[p, j] * (best[p, j] - x[p, j])
            new = new + rule.c2 * r2[p, j] * (leader[j] - x[p, j])
            v[p, j] = new if v_max is None else min(max(new, -v_max), v_max)
        x = x + v
    return leader, lowest, x


@pytest.mark.parametrize("v_max", [None, 0.2])
@pytest.mark.parametrize("rule", [swarm.constricted(), swarm.inertia(0.6, 2.5, 0.8)])
def test_pso_equals_the_definition(rule, v_max):
    x, v = normal(5, 3), normal(5, 3, seed=1)
    numbers = torch.rand(2, 12, 5, 3, dtype=F64, generator=torch.Generator().manual_seed(2))
    draws = lambda step: (numbers[0, step], numbers[1, step])  # noqa: E731
    found = swarm.pso(sphere, x, 12, rule=rule, v_max=v_max, velocities=v, draws=draws, record=True)
    leader, lowest, last = naive_pso(sphere, x, v, 12, rule, draws, v_max)
    torch.testing.assert_close(found.best, leader, rtol=0, atol=1e-12)
    assert found.value.item() == pytest.approx(lowest, abs=1e-12)
    torch.testing.assert_close(found.positions, last, rtol=0, atol=1e-12)
    assert torch.equal(found.path[-1], found.positions)
    assert torch.equal(found.path[0], x)


def test_swarms_of_an_ensemble_do_not_see_each_other():
    x = normal(4, 6, 2)
    numbers = torch.rand(2, 9, 4, 6, 2, dtype=F64, generator=torch.Generator().manual_seed(2))
    both = swarm.pso(sphere, x, 9, draws=lambda t: (numbers[0, t], numbers[1, t]))
    for i in range(4):
        alone = swarm.pso(
            sphere, x[i], 9, draws=lambda t, i=i: (numbers[0, t, i], numbers[1, t, i])
        )
        assert torch.equal(both.values[:, i], alone.values)
        assert torch.equal(both.best[i], alone.best)


def test_pso_never_forgets_its_best():
    run = swarm.pso(sphere, normal(8, 2), 30, rule=swarm.original(), v_max=1.0, seed=3)
    assert (run.values[1:] <= run.values[:-1]).all()
    assert run.values[-1] == run.value == sphere(run.best)


def pyswarms_path(positions, velocities, steps, options, seed):
    """Positions after every step of the peer, and the global random numbers that it draws."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer configures logging and imports old modules
        logging.disable(logging.CRITICAL)
        import pyswarms

        peer = pyswarms.single.GlobalBestPSO(*positions.shape, options, init_pos=positions.copy())
        peer.swarm.velocity = velocities.copy()
        np.random.seed(seed)  # noqa: NPY002 - the peer draws from the global generator
        cost, best = peer.optimize(
            lambda x: sphere(torch.as_tensor(x)).numpy(), steps, verbose=False
        )
        logging.disable(logging.NOTSET)
    return np.array(peer.pos_history), np.array(peer.cost_history), cost, best


@pytest.mark.parametrize("rule", [swarm.constricted(), swarm.inertia(0.9, 0.5, 0.3)])
def test_the_trajectory_is_that_of_pyswarms(rule):
    x, v = normal(7, 4), normal(7, 4, seed=1)
    options = {"w": rule.omega, "c1": rule.c1, "c2": rule.c2}
    path, costs, cost, best = pyswarms_path(x.numpy(), v.numpy(), 20, options, seed=5)
    state = np.random.RandomState(5)  # the peer's stream: cognitive, then social
    pairs = [tuple(torch.as_tensor(state.uniform(0, 1, (7, 4))) for _ in range(2)) for _ in path]
    ours = swarm.pso(sphere, x, 20, rule=rule, velocities=v, draws=pairs.__getitem__, record=True)
    np.testing.assert_array_equal(ours.path[:-1].numpy(), path)
    np.testing.assert_array_equal(ours.values.numpy(), costs)
    np.testing.assert_array_equal(ours.best.numpy(), best)
    assert ours.value.item() == cost


def test_one_random_number_a_particle_never_leaves_the_span():
    x = normal(10, 64)
    ours = swarm.pso(sphere, x, 50, seed=0)
    scalar = swarm.pso(sphere, x, 50, seed=0, randomness="particle")
    assert torch.linalg.matrix_rank(torch.cat((x, scalar.positions)), rtol=1e-9) == 10
    assert torch.linalg.matrix_rank(torch.cat((x, ours.positions)), rtol=1e-9) == 20
    assert ours.value < scalar.value


# ---- scoring one neuron ------------------------------------------------------------------------

LOSSES = {
    "cross-entropy, 2": (losses.cross_entropy, 2),
    "cross-entropy, 4": (losses.cross_entropy, 4),
    "squares": (losses.mse, 3),
    "squares, 1": (losses.mse, 1),
    "logistic": (losses.logistic, 1),
}


def targets(y, loss, outputs):
    if loss is losses.mse:
        return one_hot(y % outputs, outputs)
    return 2.0 * (y % 2) - 1 if loss is losses.logistic else y


def brute_force(net, params, x, y, loss, layer, neuron, candidates):
    """One forward pass of the whole network a candidate and a member."""
    members, k = candidates.shape[:2]
    values = torch.empty(members, k, dtype=F64)
    for s, p in itertools.product(range(members), range(k)):
        one = {name: value[s].clone() for name, value in params.items()}
        if net.bias:
            one[f"W{layer}"][neuron] = candidates[s, p, :-1]
            one[f"b{layer}"][neuron] = candidates[s, p, -1]
        else:
            one[f"W{layer}"][neuron] = candidates[s, p]
        own = (x, y) if x.ndim == 2 else (x[s], y[s])
        values[s, p] = loss(net(one, own[0]), own[1])
    return values


@pytest.mark.parametrize("hidden", [(4,), (4, 3), (3, 4, 2)])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_scores_equal_brute_force(name, shared, hidden):
    loss, outputs = LOSSES[name]
    net, params = network((3, *hidden, outputs))
    x, y = task(classes=max(outputs, 2), members=None if shared else 3)
    y = targets(y, loss, outputs)
    context = swarm.Context(net, params, x, y, loss)
    for layer, width in enumerate(net.widths[1:], start=1):
        for neuron in range(width):
            candidates = 3 * normal(3, 6, net.widths[layer - 1] + 1, seed=neuron)
            fast = context.score(layer, neuron, candidates)
            slow = brute_force(net, params, x, y, loss, layer, neuron, candidates)
            torch.testing.assert_close(fast, slow, rtol=0, atol=1e-10)


@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_a_whole_layer_is_scored_like_its_neurons(name, shared, hidden):
    loss, outputs = LOSSES[name]
    net, params = network((3, *hidden, outputs))
    x, y = task(classes=max(outputs, 2), members=None if shared else 3)
    context = swarm.Context(net, params, x, targets(y, loss, outputs), loss)
    for layer, width in enumerate(net.widths[1:], start=1):
        candidates = normal(3, width, 5, net.widths[layer - 1] + 1)
        whole = context.score_layer(layer, candidates)
        rows = [context.score(layer, i, candidates[:, i]) for i in range(width)]
        torch.testing.assert_close(whole, torch.stack(rows, 1), rtol=0, atol=1e-12)


@settings(max_examples=30)
@given(st.data())
def test_scores_equal_brute_force_on_random_networks(data):
    widths = tuple(data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=4)))
    name = data.draw(st.sampled_from(["cross-entropy, 2", "cross-entropy, 4", "squares"]))
    loss, outputs = LOSSES[name]
    seed = data.draw(st.integers(0, 1000))
    activation = data.draw(st.sampled_from([torch.tanh, torch.sign, torch.relu, torch.sigmoid]))
    net, params = network(
        (*widths, outputs), [seed, seed + 1], activation, data.draw(st.booleans())
    )
    x, y = task(data.draw(st.integers(1, 9)), widths[0], max(outputs, 2), seed=seed)
    y = targets(y, loss, outputs)
    layer = data.draw(st.integers(1, net.depth))
    neuron = data.draw(st.integers(0, net.widths[layer] - 1))
    scale = data.draw(st.sampled_from([0.1, 1.0, 30.0]))
    candidates = scale * normal(2, 4, net.widths[layer - 1] + net.bias, seed=seed)
    context = swarm.Context(net, params, x, y, loss)
    fast = context.score(layer, neuron, candidates)
    slow = brute_force(net, params, x, y, loss, layer, neuron, candidates)
    torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-10)


def test_score_of_the_present_neuron_is_the_loss_and_shapes_follow_the_ensemble():
    net = nets.MLP((3, 4, 2), activation=torch.tanh)
    params = inits.initialize(net, inits.uniform, seed=0, dtype=F64)
    x, y = task()
    context = swarm.Context(net, params, x, y)
    present = torch.cat((params["W1"][2], params["b1"][2:3]))[None]
    assert context.loss().shape == ()
    assert context.score(1, 2, present).shape == (1,)
    assert context.score(1, 2, present).item() == pytest.approx(context.loss().item(), abs=1e-12)
    assert context.loss().item() == pytest.approx(losses.cross_entropy(net(params, x), y).item())
    grid = {name: p.expand(2, 5, *p.shape) for name, p in params.items()}
    wide = swarm.Context(net, grid, x, y)
    assert wide.loss().shape == (2, 5)
    assert wide.score(1, 2, present.expand(2, 5, 1, 4)).shape == (2, 5, 1)
    assert wide.params["W1"].shape == (2, 5, 4, 3)


@pytest.mark.parametrize("activation", [torch.tanh, lambda z: z])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("hidden", [(4,), (4, 3), (3, 4, 2)])
def test_commits_keep_the_cache_true(hidden, bias, activation):
    net, params = network((3, *hidden, 2), activation=activation, bias=bias)
    before = {name: p.clone() for name, p in params.items()}
    x, y = task()
    context = swarm.Context(net, params, x, y)
    for layer, width in enumerate(net.widths[1:]):
        for neuron in range(width):
            context.commit(layer, neuron, normal(3, net.widths[layer] + bias, seed=neuron))
            again = swarm.Context(net, context.params, x, y)
            for one, two in zip(context.z, again.z, strict=True):
                torch.testing.assert_close(one, two, rtol=0, atol=1e-12)
    assert all(torch.equal(params[name], before[name]) for name in params)


def test_the_quadratic_form_follows_the_hidden_layer():
    net, params = network((3, 4, 3))
    x, y = task(classes=3)
    y = one_hot(y, 3)
    context = swarm.Context(net, params, x, y, losses.mse)
    candidates = normal(3, 5, 5)
    context.score(2, 1, candidates)  # caches the form
    context.commit(0, 0, normal(3, 4, seed=4))
    slow = brute_force(net, context.params, x, y, losses.mse, 2, 1, candidates)
    torch.testing.assert_close(context.score(2, 1, candidates), slow, rtol=0, atol=1e-10)


# ---- training ----------------------------------------------------------------------------------


def naive_training(net, params, x, y, particles, sweeps, options, loss, seed, v_max=None):
    """Neuron-wise swarms by the definition, with one forward pass for every candidate."""
    params = {name: p.clone() for name, p in params.items()}
    g = torch.Generator().manual_seed(seed)
    rule, k = swarm.constricted(), particles
    members = params["W1"].shape[0]

    def row(layer, i, source=None):
        source = params if source is None else source
        W, b = source[f"W{layer}"], source[f"b{layer}"]
        return torch.cat((W[:, i], b[:, i, None]), -1)

    def write(layer, i, w, where):
        params[f"W{layer}"][where, i] = w[where, :-1]
        params[f"b{layer}"][where, i] = w[where, -1]

    def judge(layer, i, candidates):
        return brute_force(net, params, x, y, loss, layer, i, candidates)

    def total():
        return loss(net(params, x), y)

    state = {}
    for layer in range(1, net.depth + 1):
        w = torch.stack([row(layer, i) for i in range(net.widths[layer])], 1)
        u = torch.rand(*w.shape[:2], k, w.shape[-1], generator=g, dtype=F64)
        start = (2 * u - 1) * math.sqrt(3 / w.shape[-1])
        start[:, :, 0] = w
        state[layer] = [start, torch.zeros_like(start), start.clone(),
                        torch.full(start.shape[:-1], math.inf, dtype=F64)]  # fmt: skip

    def propose(layer, i):
        here, _, best, value = state[layer]
        fresh, present = judge(layer, i, here[:, i]), total()
        if options["memory"] == "reevaluate":
            value[:, i] = judge(layer, i, best[:, i])
        for s, p in itertools.product(range(members), range(k)):
            if fresh[s, p] < value[s, i, p]:
                value[s, i, p], best[s, i, p] = fresh[s, p], here[s, i, p]
        new = torch.stack([best[s, i, value[s, i].argmin()] for s in range(members)])
        lowest = value[:, i].amin(-1)
        literal = options["acceptance"] == "literal"
        taken = (lowest < present - 1e-6) | torch.tensor(literal)
        return layer, i, new, taken, torch.where(taken, lowest, present)

    def fly(layer):
        here, speed, best, _ = state[layer]
        r = torch.rand(2, *here.shape, generator=g, dtype=F64)
        leader = torch.stack([row(layer, i) for i in range(net.widths[layer])], 1)[:, :, None]
        speed = (
            rule.omega * speed + rule.c1 * r[0] * (best - here) + rule.c2 * r[1] * (leader - here)
        )
        if v_max is not None:
            bound = v_max / math.sqrt(here.shape[-1])
            speed = speed.clamp(-bound, bound)
        state[layer][0], state[layer][1] = here + speed, speed

    curve = [total()]
    for _ in range(sweeps):
        if options["schedule"] == "jacobi":
            changes = [propose(l, i) for l in state for i in range(net.widths[l])]  # noqa: E741
            for layer, i, new, taken, _ in changes:
                write(layer, i, new, taken)
        for layer in state:
            if options["schedule"] == "gauss-seidel":
                for i in range(net.widths[layer]):
                    _, _, new, taken, _ = propose(layer, i)
                    write(layer, i, new, taken)
            elif options["schedule"] != "jacobi":
                old = {name: p.clone() for name, p in params.items()}
                changes = [propose(layer, i) for i in range(net.widths[layer])]
                for _, i, new, taken, _ in changes:
                    write(layer, i, new, taken)
                if options["schedule"] == "safeguarded":
                    promised = torch.stack([c[-1] for c in changes], 1)
                    low, at = promised.min(1)
                    worse = total() > low
                    for i in range(net.widths[layer]):
                        write(layer, i, row(layer, i, old), worse & (at != i))
            fly(layer)
        curve.append(total())
    return params, torch.stack(curve)


EVERY = [
    {"schedule": s, "memory": m, "acceptance": a}
    for s in visits.SCHEDULES
    for m in visits.MEMORIES
    for a in visits.ACCEPTANCES
]


@pytest.mark.parametrize("options", EVERY, ids=lambda o: " ".join(o.values()))
def test_training_equals_brute_force(options):
    net, params = network((2, 3, 2), range(2))
    x, y = task(8, 2)
    run = swarm.neuronwise_pso(net, params, x, y, 3, sweeps=4, seed=7, **options)
    slow, curve = naive_training(net, params, x, y, 3, 4, options, losses.cross_entropy, 7)
    torch.testing.assert_close(run.losses, curve, rtol=0, atol=1e-10)
    for name, value in slow.items():
        torch.testing.assert_close(run.params[name], value, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["cross-entropy, 4", "squares", "logistic"])
def test_training_of_other_losses_and_depths_equals_brute_force(name):
    loss, outputs = LOSSES[name]
    net, params = network((2, 3, 2, outputs), range(2))
    x, y = task(7, 2, max(outputs, 2))
    y = targets(y, loss, outputs)
    options = EVERY[0]
    run = swarm.neuronwise_pso(net, params, x, y, 3, sweeps=3, loss=loss, v_max=0.4, seed=1)
    slow, _ = naive_training(net, params, x, y, 3, 3, options, loss, 1, v_max=0.4)
    for key, value in slow.items():
        torch.testing.assert_close(run.params[key], value, rtol=0, atol=1e-10)


def commit_losses(net, params, x, y, **options):
    """The loss after every commit, ``(commits, members)``."""
    curve = [losses_of(net, params, x, y, options.get("loss", losses.cross_entropy))]
    swarm.neuronwise_pso(
        net, params, x, y, observe=lambda m: curve.append(m.context.loss()), **options
    )
    return torch.stack(curve)


def losses_of(net, params, x, y, loss):
    return loss(net(params, x), y)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from(visits.MEMORIES), st.sampled_from(list(LOSSES)))
def test_no_commit_raises_the_loss_under_gauss_seidel_and_elitism(seed, memory, name):
    """Also with stale memory (see the chapter): what a flock remembers is never below the loss."""
    loss, outputs = LOSSES[name]
    net, params = network((2, 4, outputs), [seed, seed + 1])
    x, y = task(15, 2, max(outputs, 2), seed=seed)
    y = targets(y, loss, outputs)
    curve = commit_losses(
        net, params, x, y, particles=5, sweeps=10, memory=memory, loss=loss, seed=seed
    )
    assert (curve[1:] - curve[:-1]).max() < 1e-12
    assert (curve[-1] < curve[0]).all()


def test_jacobi_schedules_and_literal_acceptance_can_raise_the_loss():
    net, params = network((2, 8, 2), range(8))
    for options in (
        {"schedule": "jacobi"},
        {"schedule": "layer-jacobi"},
        {"acceptance": "literal"},
    ):
        curve = commit_losses(net, params, XOR, XOR_CLASS, sweeps=20, **options)
        assert (curve[1:] - curve[:-1]).max() > 1e-3
    for memory in visits.MEMORIES:
        safe = commit_losses(
            net, params, XOR, XOR_CLASS, sweeps=20, schedule="safeguarded", memory=memory
        )
        assert (safe[1:] - safe[:-1]).max() < 1e-12


def test_members_do_not_see_each_other():
    net, params = network((2, 3, 2), range(3))
    x, y = task(8, 2)
    run = swarm.neuronwise_pso(net, params, x, y, 4, sweeps=3)
    other = {name: torch.cat((p[:2], 5 + p[2:])) for name, p in params.items()}
    again = swarm.neuronwise_pso(net, other, x, y, 4, sweeps=3)
    assert torch.equal(run.losses[:, :2], again.losses[:, :2])
    assert not torch.equal(run.losses[:, 2], again.losses[:, 2])


def test_xor_is_learned_by_sign_neurons_and_deep_ones():
    for widths, activation in (((2, 6, 2), torch.sign), ((2, 5, 5, 2), torch.tanh)):
        net, params = network(widths, range(5), activation)
        run = swarm.neuronwise_pso(net, params, XOR, XOR_CLASS, sweeps=60)
        assert (losses.accuracy(net(run.params, XOR), XOR_CLASS) == 1).sum() >= 4


def test_zero_network_is_a_trap():
    net = nets.MLP((2, 4, 2), activation=torch.tanh)
    params = inits.initialize(net, inits.zeros, range(3))  # float32
    run = swarm.neuronwise_pso(net, params, XOR.float(), XOR_CLASS, sweeps=60)
    assert torch.allclose(run.losses, torch.tensor(math.log(2)), rtol=0, atol=1e-7)
    context = swarm.Context(net, params, XOR.float(), XOR_CLASS)
    hidden = context.score(1, 0, torch.randn(3, 20, 3))
    assert torch.equal(hidden, context.loss().unsqueeze(-1).expand(3, 20))


def test_over_correction_of_identical_linear_neurons():
    """Each of h neurons cancels the residual alone: together they leave (1 - h) of it."""
    x, y = normal(20, 1), normal(20, 1)
    y = 0.8 * x
    for h in (2, 3, 5):
        net = nets.MLP((1, h, 1), activation=lambda z: z, bias=False)
        params = {"W1": torch.zeros(h, 1, dtype=F64), "W2": torch.ones(1, h, dtype=F64)}
        context = swarm.Context(net, params, x, y, losses.mse)
        before = context.loss()
        perfect = torch.full((1, 1), 0.8, dtype=F64)
        assert all(context.score(1, i, perfect).abs().max() < 1e-12 for i in range(h))
        context.weights[0] = torch.full((1, h, 1), 0.8, dtype=F64)
        context.refresh(0)
        assert context.loss() == pytest.approx(((h - 1) ** 2 * before).item())


def test_records_probes_evaluations_and_observer():
    net, params = network((2, 3, 2), range(2))
    seen = []
    run = swarm.neuronwise_pso(
        net, params, XOR, XOR_CLASS, 4, sweeps=5, every=2, output_steps=3, memory="reevaluate",
        probes={"norm": lambda p: p["W1"].square().sum((1, 2))},
        observe=lambda m: seen.append((m.sweep, m.layer, m.neuron, m.context.loss().clone())),
    )  # fmt: skip
    assert run.steps.tolist() == [0, 2, 4, 5]
    assert run.records["norm"].shape == (4, 2)
    assert torch.equal(run.records["norm"][-1], run.params["W1"].square().sum((1, 2)))
    assert run.evaluations == (3 + 2 * 3) * 4 * 2
    assert [m[1:3] for m in seen[:9]] == [(0, 0), (0, 1), (0, 2)] + [(1, 0), (1, 1)] * 3
    assert len(seen) == 5 * 9
    torch.testing.assert_close(seen[-1][3], run.losses[-1])
    for layers, count in (("jacobi", 5), ("layer-jacobi", 10)):
        seen.clear()
        swarm.neuronwise_pso(
            net, params, XOR, XOR_CLASS, 4, sweeps=5, schedule=layers, observe=seen.append
        )
        assert len(seen) == count


def test_clamp_spread_and_start_of_the_flocks():
    net, params = network((4, 3, 2), range(2))
    x, y = task(9, 4)
    rest = swarm.neuronwise_pso(net, params, x, y, 50, sweeps=0, spread=2.0)
    first = rest.flocks.positions[0]
    assert torch.equal(first[:, :, 0, :4], params["W1"])
    assert torch.equal(first[:, :, 0, 4], params["b1"])
    bound = 2 * math.sqrt(3 / 5)
    assert 0.9 * bound < first[:, :, 1:].abs().max() <= bound
    assert torch.equal(rest.params["W2"], params["W2"])
    clamped = swarm.neuronwise_pso(net, params, x, y, sweeps=8, v_max=0.3)
    assert clamped.flocks.velocities[0].abs().max() <= 0.3 / math.sqrt(5) + 1e-12
    assert clamped.flocks.velocities[1].abs().max() <= 0.3 / math.sqrt(4) + 1e-12


def test_mini_batches_cover_the_data_and_report_the_full_loss():
    net, params = network((2, 4, 2), range(3))
    x, y = task(40, 2)
    run = swarm.neuronwise_pso(net, params, x, y, sweeps=10, batch=8, memory="reevaluate", seed=2)
    full = losses.cross_entropy(net(run.params, x), y)
    torch.testing.assert_close(run.losses[-1], full)
    whole = swarm.neuronwise_pso(net, params, x, y, sweeps=10, batch=40, seed=2)
    plain = swarm.neuronwise_pso(net, params, x, y, sweeps=10, seed=2)
    torch.testing.assert_close(whole.losses, plain.losses)  # the same samples in another order


def test_nothing_given_is_changed_and_seeds_decide():
    net, params = network((2, 3, 2), range(2))
    copies = {name: p.clone() for name, p in params.items()}
    runs = [swarm.neuronwise_pso(net, params, XOR, XOR_CLASS, sweeps=5, seed=s) for s in (0, 0, 1)]
    assert all(torch.equal(params[name], copies[name]) for name in params)
    assert torch.equal(runs[0].losses, runs[1].losses)
    assert not torch.equal(runs[0].losses, runs[2].losses)
    assert not runs[0].params["W1"].requires_grad


# ---- the Nash point ----------------------------------------------------------------------------


def test_a_coordinate_swarm_stops_at_a_nash_point_that_a_whole_swarm_leaves():
    def valley(p):
        return (p[..., 0] - p[..., 1]).abs() + 0.1 * (p[..., 0] + p[..., 1] - 2).abs()

    line = torch.linspace(-3, 3, 601, dtype=F64)
    zero = torch.zeros_like(line)
    assert valley(torch.stack((line, zero), -1)).min() == pytest.approx(0.2)
    assert valley(torch.stack((zero, line), -1)).min() == pytest.approx(0.2)
    start = normal(5, 20, 2, seed=1)
    start[:, 0] = 0
    assert swarm.pso(valley, start, 200).value.max() < 1e-3


# ---- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: swarm.constriction(4.0), "greater than 4"),
        (lambda: swarm.constriction(4.1, 0.0), "kappa"),
        (lambda: swarm.inertia(1.5, 1.0, 1.0), "omega"),
        (lambda: swarm.inertia(0.5, -1.0, 1.0), "c1"),
        (lambda: swarm.constricted(2.0, 1.0), "greater than 4"),
        (lambda: swarm.variance_limit(1.0), "omega"),
        (lambda: swarm.sampling_width(0.5, 2.1), "converges"),
        (lambda: swarm.moment_matrix(swarm.constricted(), 0), "order"),
        (lambda: swarm.pso(sphere, normal(3, 2), 0), "steps"),
        (lambda: swarm.pso(sphere, normal(3, 2), 3, v_max=-1.0), "v_max"),
        (lambda: swarm.pso(sphere, normal(3, 2), 3, randomness="none"), "randomness"),
        (lambda: swarm.pso(lambda x: x, normal(3, 2), 3), "objective"),
    ],
)
def test_bad_input_of_one_swarm(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "chaotic"}, "schedule"),
        ({"memory": "none"}, "memory"),
        ({"acceptance": "never"}, "acceptance"),
        ({"particles": 0}, "particles"),
        ({"sweeps": -1}, "sweeps"),
        ({"output_steps": 0}, "output_steps"),
        ({"spread": 0.0}, "spread"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"v_max": 0.0}, "v_max"),
        ({"every": 0}, "every"),
        ({"batch": 5}, "size"),
    ],
)
def test_bad_options(options, message):
    net, params = network((2, 3, 2), range(2))
    with pytest.raises(ValueError, match=message):
        swarm.neuronwise_pso(net, params, XOR, XOR_CLASS, **{"sweeps": 1} | options)


def test_bad_shapes(unchecked):
    net, params = network((2, 3, 2), range(2))
    with pytest.raises(ValueError, match="differ"):
        swarm.pso(sphere, normal(3, 2), 3, velocities=normal(2, 2))
    with pytest.raises(ValueError, match="x must have shape"):
        swarm.Context(net, params, normal(4, 3), XOR_CLASS)
    with pytest.raises(ValueError, match="ensemble"):
        swarm.Context(net, params, normal(5, 4, 2), XOR_CLASS.expand(5, 4))
    with pytest.raises(ValueError, match="y has shape"):
        swarm.Context(net, params, XOR, XOR_CLASS[:3])
    with pytest.raises(ValueError, match="integer classes"):
        swarm.Context(net, params, XOR, XOR_CLASS + 1)
    with pytest.raises(ValueError, match="outputs"):
        swarm.Context(net, params, XOR, normal(4, 3), losses.mse)
    context = swarm.Context(net, params, XOR, XOR_CLASS)
    with pytest.raises(ValueError, match="layer must"):
        context.score(3, 0, normal(2, 5, 3))
    with pytest.raises(ValueError, match="3 neurons"):
        context.score(1, 3, normal(2, 5, 3))
    with pytest.raises(ValueError, match="candidates"):
        context.score(1, 0, normal(2, 5, 2))
    with pytest.raises(ValueError, match="candidates"):
        context.score_layer(1, normal(2, 2, 5, 3))
    with pytest.raises(ValueError, match="mini-batches"):
        swarm.neuronwise_pso(
            net, params, XOR.expand(2, 4, 2), XOR_CLASS.expand(2, 4), batch=2, sweeps=1
        )


# ---- mutations ---------------------------------------------------------------------------------

MUTATIONS = [
    (rules, "moved", "x + v, v", "x - v, v"),
    (rules, "moved", "(best - x)", "(leader - x)"),
    (moments, "moment_matrix", "(-1) ** k", "1 ** k"),
    (moments, "moment_matrix", "(k - i + 1))", "(k - i + 2))"),
    (heads, "CrossEntropyHead.hidden", "-(margin", "(margin"),
    (heads, "CrossEntropyHead.output", "total - own", "rest - own"),
    (heads, "SquaresHead.hidden_layer", "2 * (delta", "1 * (delta"),
    (heads, "SquaresHead.quadratic_values", "2 * tilt", "tilt"),
    (heads, "SquaresHead.quadratic_values", "+ squares[:, neuron]", ""),
    (context_module, "Context.commit", "self._form = None", "pass"),
    (context_module, "Context.commit", "self.refresh(layer + 2)", "pass"),
    (context_module, "Context.judge", "self.inputs[layer + 1][:, neuron].unsqueeze(1)", "0"),
    (flocks_module, "Flocks.remember", "fresh < old", "fresh > old"),
    (flocks_module, "Flocks.fly", "draws[0], draws[1]", "draws[1], draws[0]"),
    (visits, "_propose", "present - options.tolerance", "present + 1"),
    (visits, "_together", "> lowest", "< lowest"),
]


def _probe():
    """A few of the tests above, without pytest."""
    test_known_radii()
    for order in (1, 2, 3, 4):
        test_moment_matrix_equals_quadrature(order)
    test_the_trajectory_is_that_of_pyswarms(swarm.constricted())
    for name in LOSSES:
        test_scores_equal_brute_force(name, True, (4,))
    test_commits_keep_the_cache_true((3, 4, 2), True, torch.tanh)
    test_the_quadratic_form_follows_the_hidden_layer()
    for options in (EVERY[0], EVERY[-2]):
        test_training_equals_brute_force(options)


@pytest.mark.parametrize(("module", "name", "old", "new"), MUTATIONS, ids=lambda m: str(m)[:40])
def test_a_mutation_is_noticed(module, name, old, new, monkeypatch):
    holder, attribute = (module, name) if "." not in name else (
        getattr(module, name.split(".")[0]), name.split(".")[1]
    )  # fmt: skip
    function = inspect.unwrap(getattr(holder, attribute))
    source = inspect.getsource(function)
    assert old in source
    lines = source.replace(old, new).splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    space = dict(vars(module))
    exec("from __future__ import annotations\n" + "\n".join(s[indent:] for s in lines), space)
    mutant = space[attribute]
    assert isinstance(mutant, types.FunctionType)
    for place in (
        module,
        rules,
        flocks_module,
        moments,
        visits,
        swarm,
        inspect.getmodule(swarm.pso),
    ):
        if "." not in name and hasattr(place, attribute):
            monkeypatch.setattr(place, attribute, mutant)
    monkeypatch.setattr(holder, attribute, mutant)
    with pytest.raises((AssertionError, ValueError, RuntimeError)):
        _probe()
