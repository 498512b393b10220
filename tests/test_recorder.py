"""Recorder: elimination outside the network, bit-equal memories, zero drift, and broken copies."""

import itertools

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutation import broken
from sympy.polys.matrices import DomainMatrix

from benchmarks.bench_recorder import scalar_recorder
from tdyn import data, losses, nets, optim, recorder
from tdyn.recorder import Recorder, gaussian_elimination, gaussian_elimination_circuit
from tdyn.train import train

F64 = torch.float64


def samples(count, n, seed):
    """Random inputs, and labels from the parity of a random set of them."""
    generator = torch.Generator().manual_seed(seed)
    secret = torch.randint(0, 2, (n,), generator=generator).float()
    x = data.parity(count, n, seed=seed)[0]
    return x, (-1.0) ** ((x < 0).float() @ secret), secret


def rows_of(x, y):
    return y[:, None] * torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)


def record(net, x, y, lr=0.1, batch=1, loss=None, **options):
    """Plain torch.optim.SGD on all parameters; returns the outputs and lamps before each step."""
    loss = loss or (lambda out, label: (out - label).square().mean())
    sgd = torch.optim.SGD(net.parameters(), lr=lr, **options)
    outputs, lamps = [], []
    for t in range(len(x) // batch):
        part = slice(t * batch, (t + 1) * batch)
        found = net.report(x[part])
        outputs.append(found["output"].detach())
        lamps.append(found["gates"])
        sgd.zero_grad()
        loss(found["output"], y[part]).backward()
        sgd.step()
    return torch.cat(outputs), torch.stack(lamps)


def drift(net, before):
    names = [name for name in before if name != "memory"]
    new = dict(net.named_parameters())
    return max(float((new[name].detach() - before[name]).abs().max()) for name in names)


def frozen(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


# ---- the elimination, outside and inside --------------------------------------------------------


def peer(x, y):
    """Bits and rank from sympy's reduced echelon form over GF(2)."""
    bits = (torch.cat([x, y[:, None]], dim=1) < 0).long()
    reduced, pivots = DomainMatrix.from_list(bits.tolist(), sympy.GF(2)).rref()
    table = [[int(v) % 2 for v in row] for row in reduced.to_Matrix().tolist()]
    n = x.shape[1]
    theta = [0] * n
    for i, j in enumerate(pivots):
        if j < n:
            theta[j] = table[i][n]
    return torch.tensor(theta, dtype=x.dtype), sum(j < n for j in pivots)


@settings(max_examples=30)
@given(st.integers(1, 7), st.integers(1, 10), st.integers(0, 10**6))
def test_elimination_equals_sympy(n, count, seed):
    x, y, _ = samples(count, n, seed)
    theta, rank = gaussian_elimination(x, y)
    want, wanted_rank = peer(x, y)
    assert torch.equal(theta, want)
    assert rank == wanted_rank
    assert torch.equal((-1.0) ** ((x < 0).float() @ theta), y)


def circuit_agrees(package):
    """Compare the circuit with the program, also without a solution or with too few equations."""
    for seed, (n, count) in itertools.product(range(4), ((1, 1), (3, 2), (4, 7), (6, 6))):
        generator = torch.Generator().manual_seed(seed)
        bits = torch.randint(0, 2, (count, n + 1), generator=generator).float()
        for own in (False, True):
            circuit = package.gaussian_elimination_circuit(n, count, own_weights=own)
            got = circuit(bits[:, :-1], bits[:, -1])
            want = gaussian_elimination(1 - 2 * bits[:, :-1], 1 - 2 * bits[:, -1]).theta
            if not torch.equal(got, want):
                return False
    return True


def test_circuit_equals_the_program():
    assert circuit_agrees(recorder)


def test_circuit_has_no_gradient_and_a_margin():
    circuit = gaussian_elimination_circuit(4, 6)
    bits = torch.randint(0, 2, (6, 5), generator=torch.Generator().manual_seed(0)).float()
    bits.requires_grad_()
    theta = circuit(bits[:, :-1], bits[:, -1])
    theta.sum().backward()
    assert bits.grad.abs().max() == 0
    assert all(p.grad.abs().max() == 0 for p in circuit.parameters())
    with torch.no_grad():
        for p in circuit.parameters():
            p.mul_(1 + 0.02 * (2 * torch.rand(p.shape) - 1))
    assert torch.equal(circuit(bits[:, :-1], bits[:, -1]), theta)


def test_parity_network_is_parity():
    for n, own in itertools.product((1, 2, 5, 8), (False, True)):
        cube, network = data.hypercube(n), recorder.ParityNetwork(n, own)
        for theta in cube.clamp(min=0)[: 2**n : 3]:
            want = ((cube < 0).float() @ theta) % 2
            assert torch.equal(network(theta, cube), want)


def test_gates_are_their_truth_tables():
    a, b = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([0.0, 1.0, 0.0, 1.0])
    tables = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "and not": [0, 0, 1, 0]}
    for kind, table in tables.items():
        gate = recorder.Gate(kind, (4,))
        assert gate(a, b).tolist() == table
        z = gate.first * a + gate.second * b + gate.bias
        assert bool(((z <= -0.5) | (z >= 1.5)).all())
    assert recorder.XorGate()(a, b).tolist() == [0, 1, 1, 0]
    z = torch.linspace(-50, 50, 100_001)
    assert torch.equal(recorder.ramp(z), z.relu() - (z - 1).relu())


# ---- recording -----------------------------------------------------------------------------------


def records(package):
    """Check everything that the theorem says, on two small cases."""
    for n, count, own in ((5, 9, False), (4, 8, True)):
        x, y, _ = samples(count + 8, n, seed=1)
        net = package.Recorder(n, count, lr=0.1, own_weights=own)
        before = frozen(net)
        outputs, lamps = record(net, x, y)
        lit = torch.cat([torch.eye(count), torch.zeros(8, count)])
        theta = gaussian_elimination(x[:count], y[:count]).theta
        same = (
            torch.equal(net.memory.detach(), net.mark * rows_of(x, y)[:count])
            and drift(net, before) == 0
            and torch.equal(lamps, lit)
            and bool((outputs[:count] == 0).all())
            and torch.equal(net.report(x)["theta"], theta)
            and torch.equal(net(x)[:, 0].detach(), (-1.0) ** ((x < 0).float() @ theta))
        )
        if not same:
            return False
    return True


def test_records_everything():
    assert records(recorder)


@settings(max_examples=8)
@given(
    st.integers(1, 5), st.integers(1, 6), st.integers(0, 10**6), st.booleans(),
    st.sampled_from([1e-6, 0.03, 0.1, 1.0, 100.0]), st.sampled_from([torch.float32, F64]),
)  # fmt: skip
def test_memory_is_bit_equal_and_nothing_else_moves(n, count, seed, own, lr, dtype):
    x, y, _ = samples(count, n, seed)
    x[-1], y[-1] = x[0], y[0]  # repeats are allowed
    net = Recorder(n, count, lr=lr, own_weights=own).to(dtype)
    before = frozen(net)
    record(net, x.to(dtype), y.to(dtype), lr=lr)
    assert torch.equal(
        net.memory.detach(), torch.tensor(2 * lr, dtype=dtype) * rows_of(x, y).to(dtype)
    )
    assert drift(net, before) == 0
    assert torch.equal(net.report(x.to(dtype))["theta"].float(), gaussian_elimination(x, y).theta)


def test_every_weight_is_trainable_and_weights_can_be_shared_or_not():
    x, _, _ = samples(3, 6, 0)
    for own in (False, True):
        net = Recorder(6, 10, lr=0.1, own_weights=own)
        net(x).square().sum().backward()
        assert all(p.requires_grad for p in net.parameters())
        unused = [name for name, p in net.named_parameters() if p.grad is None]
        assert all("columns.5.spent" in name for name in unused)  # nothing follows the last column
        assert not list(net.buffers())
    shared, own = (sum(p.numel() for p in Recorder(6, 10, lr=0.1, own_weights=o).parameters())
                   for o in (False, True))  # fmt: skip
    assert own > 10 * shared


def test_outputs_and_gradients_equal_scalar_gates():
    """At random memories, where many gates are on their slope."""
    n, count = 3, 4
    net = Recorder(n, count, lr=0.1).double()
    generator = torch.Generator().manual_seed(0)
    on_slopes = 0
    for size in (0.0, 0.5, 1.0, 1.0, 1.0):
        noise = torch.randn(count, n + 1, generator=generator, dtype=F64)
        x, y, _ = samples(count, n, 3)
        with torch.no_grad():
            net.memory.copy_(net.mark * ((1 - size) * rows_of(x, y).double() + 0.5 * size * noise))
        for row in x.double():
            fast, slow = net(row[None])[0, 0], scalar_recorder(net.memory, row, net.mark)
            got, want = (torch.autograd.grad(v, net.memory)[0] for v in (fast, slow))
            torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
            on_slopes += int((got.abs() > 2).any())
    assert on_slopes > 0


@pytest.mark.parametrize("kind", ["half mse", "logistic"])
def test_other_losses(kind):
    forms = {
        "half mse": lambda out, y: 0.5 * (out - y).square().mean(),
        "logistic": lambda out, y: torch.nn.functional.softplus(-y * out).mean(),
    }
    x, y, _ = samples(40, 6, 2)
    net = Recorder(6, 12, lr=0.1, loss=kind)
    before = frozen(net)
    record(net, x, y, loss=forms[kind])
    torch.testing.assert_close(net.memory.detach(), net.mark * rows_of(x, y)[:12])
    assert torch.equal(net(x)[:, 0].sign(), y)
    rest = {k: v for k, v in before.items() if k != "readout"}
    assert drift(net, rest) == 0
    assert (drift(net, before) > 0) == (kind == "logistic")


def test_wrong_later_labels_move_only_the_readout():
    x, y, _ = samples(40, 6, 2)
    y[12:] *= -1
    net = Recorder(6, 12, lr=0.01)
    before = frozen(net)
    record(net, x, y, lr=0.01)
    assert torch.equal(net.memory.detach(), net.mark * rows_of(x, y)[:12])
    assert drift(net, {k: v for k, v in before.items() if k != "readout"}) == 0
    assert drift(net, before) > 0.1


def test_momentum_weight_decay_and_label_noise():
    for options in ({"momentum": 0.5}, {"momentum": 0.9}, {"weight_decay": 1e-3}):
        x, y, _ = samples(36, 10, 4)
        net = Recorder(10, 16, lr=0.1)
        record(net, x, y, **options)
        assert torch.equal(net.report(x)["theta"], gaussian_elimination(x[:16], y[:16]).theta)
    x, y, _ = samples(16, 10, 4)
    y[3] *= -1
    net = Recorder(10, 16, lr=0.1)
    record(net, x, y)
    assert torch.equal(net.report(x)["theta"], gaussian_elimination(x, y).theta)


def test_a_batch_of_two_breaks_it():
    x, y, secret = samples(40, 10, 4)
    net = Recorder(10, 16, lr=0.1)
    record(net, x, y, batch=2)
    assert not torch.equal(net.report(x)["theta"], secret)


def sums_agree(package):
    """Compare what the reader of sums finds with the products of the batches."""
    for batch, own in ((2, False), (3, False), (5, False), (4, True)):
        x, y, _ = samples(batch * 14, 5, seed=batch)
        net = package.Recorder(5, 12, lr=0.1, batch=batch, own_weights=own)
        before = frozen(net)
        outputs, _ = record(net, x, y, batch=batch)
        xs, ys = x.reshape(-1, batch, 5).prod(1)[:12], y.reshape(-1, batch).prod(1)[:12]
        full, inputs, labels = net.reader(net.memory)
        if not (
            torch.equal(1 - 2 * inputs.detach(), xs)
            and torch.equal(1 - 2 * labels.detach(), ys)
            and bool((full == 1).all())
            and drift(net, before) == 0
            and torch.equal(net.report(x)["theta"], gaussian_elimination(xs, ys).theta)
            and torch.equal(outputs[12 * batch :], y[12 * batch :])
        ):
            return False
    return True


def test_batches_give_one_equation_each():
    assert sums_agree(recorder)


def test_training_an_ensemble_equals_plain_sgd():
    n, count = 5, 8
    net = Recorder(n, count, lr=0.1)
    f, params = nets.functional(net)
    groups = [samples(count + 3, n, seed) for seed in (5, 6)]
    x, y = (torch.stack([g[i] for g in groups]) for i in (0, 1))
    many = torch.func.vmap(f)
    run = train(
        lambda p, b: losses.mse(many(p, b[0]), b[1]), nets.stack([params] * 2), optim.sgd(0.1),
        count + 3, batches=lambda t: (x[:, t : t + 1], y[:, t : t + 1]),
    )  # fmt: skip
    for i in range(2):
        one = Recorder(n, count, lr=0.1)
        record(one, x[i], y[i])
        for name, p in one.named_parameters():
            assert torch.equal(run.params[name][i], p.detach())


# ---- any program ---------------------------------------------------------------------------------

BASE = nets.MLP((2, 8, 1), activation=torch.tanh)


def adam_program(x, y):
    """150 steps of Adam from fixed first weights."""
    generator = torch.Generator().manual_seed(7)
    first = {k: torch.randn(s, generator=generator, dtype=x.dtype) for k, s in BASE.shapes.items()}
    return train(
        lambda p, b: losses.logistic(BASE(p, b[0]), b[1]), first, optim.adam(0.05), 150,
        batches=(x, y),
    ).params  # fmt: skip


def test_any_program_is_reproduced_bit_by_bit():
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(30, 2, generator=generator) * 256 - 128).round() / 64
    y = torch.where(x[:, 0] * x[:, 1] > 0, 1.0, -1.0)
    net = Recorder(2, 24, lr=1 / 8, grid=64, algorithm=adam_program, network=BASE)
    before = frozen(net)
    record(net, x, y, lr=1 / 8)
    outside = adam_program(x[:24], y[:24])
    inside = net.report(x)["theta"]
    assert torch.equal(net.memory.detach(), rows_of(x, y)[:24] / 4)
    assert all(torch.equal(inside[name], outside[name]) for name in outside)
    signs = torch.where(BASE(outside, x)[:, 0] < 0, -1.0, 1.0)
    if torch.equal(signs[24:], y[24:]):
        assert drift(net, before) == 0
    assert torch.equal(net(x)[:, 0].detach().sign(), signs)


def test_a_program_runs_once_for_each_memory():
    calls = []
    x, y, _ = samples(12, 3, 0)

    def count(x, y):
        calls.append(len(x))
        return (x * y[:, None]).mean(0)

    net = Recorder(3, 8, lr=0.25, grid=1, algorithm=count, network=lambda w, x: x @ w)
    record(net, x, y, lr=0.25)
    assert calls == [8]
    assert net.report(x)["theta"].tolist() == (x[:8] * y[:8, None]).mean(0).tolist()


# ---- a broken copy must be caught ----------------------------------------------------------------

MUTANTS = [
    ("gates", "(2.0, 2.0, -2.5)", "(2.0, 2.0, -1.0)", circuit_agrees),
    ("gates", "(2.0, -2.0, -0.5)", "(2.0, 2.0, -0.5)", circuit_agrees),
    ("gates", "self.left(a, b), self.right(b, a)", "self.left(a, b), self.right(a, b)", records),
    ("gates", "own(-2.0, width)", "own(2.0, width)", records),
    ("gates", "bits[..., half : 2 * half]", "bits[..., :half]", records),
    ("elimination", "- 2 * below", "+ 2 * below", circuit_agrees),
    ("elimination", "tril(-1)", "triu(1)", circuit_agrees),
    ("elimination", "self.candidate(column, used)", "column", circuit_agrees),
    ("elimination", "self.others(column, pivot)", "column", circuit_agrees),
    ("elimination", "table[:, -1]))", "y))", circuit_agrees),
    ("readers", "-4 / mark", "4 / mark", records),
    ("readers", "own(4 / mark, shape)", "own(1 / mark, shape)", records),
    ("readers", "self.unsign(bits[:, :-1], bits[:, -1:]), bits[:, -1]\n\n\nclass Sum",
     "bits[:, :-1], bits[:, -1]\n\n\nclass Sum", records),
    ("readers", "(-1.0) ** (k - 1)", "1.0 + 0 * k", sums_agree),
    ("readers", "batch - 2 * k + 1.5", "batch - 2 * k + 3.5", sums_agree),
    ("readers", "own(2 * batch / mark, sheet)", "own(0.5 / mark, sheet)", sums_agree),
    ("network", '"mse": 2.0', '"mse": 1.0', records),
    ("network", "full[:-1]]), full)", "full[1:]]), full)", records),
    ("network", "@ gates", "@ torch.ones_like(gates)", records),
    ("network", "[2.0, -1.0]", "[1.0, -1.0]", records),
    ("network", "self.answer(full[-1], bit)", "self.answer(bit, 1 - full[-1])", records),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "old", "new", "check"), MUTANTS, ids=[f"{m[0]}:{i}" for i, m in enumerate(MUTANTS)]
)
def test_a_broken_copy_is_caught(module, old, new, check, tmp_path):
    with broken(recorder, module, old, new, tmp_path) as copy:
        assert not check(copy)


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda: Recorder(0, 4, lr=0.1),
        lambda: Recorder(4, 0, lr=0.1),
        lambda: Recorder(4, 4, lr=0.0),
        lambda: Recorder(4, 4, lr=0.1, batch=0),
        lambda: Recorder(4, 4, lr=0.1, loss="hinge"),
        lambda: Recorder(4, 4, lr=0.1, grid=0),
        lambda: Recorder(4, 4, lr=0.1, grid=8),
        lambda: Recorder(4, 4, lr=0.1, grid=8, batch=2, algorithm=adam_program, network=BASE),
        lambda: Recorder(4, 4, lr=0.1)(torch.ones(2, 3)),
        lambda: recorder.Gate("nand"),
        lambda: gaussian_elimination_circuit(0, 3),
        lambda: gaussian_elimination_circuit(3, 0),
        lambda: gaussian_elimination(torch.zeros(2, 2), torch.ones(2)),
    ],
)
def test_bad_values_are_refused(call):
    with pytest.raises(ValueError):
        call()
