"""The training loop: against a plain torch loop, interrupted, diverging, saved."""

import pytest
import torch
from torch import nn

from tdyn import data, inits, losses, optim
from tdyn.nets import MLP, member
from tdyn.train import DivergenceError, History, gradients, train

NET = MLP((6, 8, 1))
STREAM = data.parity_stream(16, 6, seed=0, dtype=torch.float64)


def loss(params, batch):
    x, y = batch
    return losses.hinge(NET(params, x), y)


def start(seed=(0, 1, 2)):
    return inits.initialize(NET, inits.gaussian, seed, dtype=torch.float64)


def test_equals_a_plain_torch_loop():
    params = start(0)
    module = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1)).double()
    for i, name in ((0, "1"), (2, "2")):
        module[i].weight.data = params["W" + name].clone()
        module[i].bias.data = params["b" + name].clone()
    peer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    for step in range(20):
        x, y = STREAM(step)
        peer.zero_grad()
        torch.relu(1 - y * module(x).squeeze(1)).mean().backward()
        peer.step()
    run = train(loss, params, optim.momentum(0.1, 0.9), 20, batches=STREAM)
    torch.testing.assert_close(run.params["W1"], module[0].weight.detach())
    torch.testing.assert_close(run.params["b2"], module[2].bias.detach())


def test_ensemble_equals_a_loop_over_members():
    probes = {"loss": lambda p: loss(p, STREAM(99))}
    many = train(loss, start(), optim.adam(0.01), 15, batches=STREAM, probes=probes, every=5)
    assert many.steps.tolist() == [0, 5, 10, 15]
    assert many["loss"].shape == (4, 3)
    for i in range(3):
        one = train(loss, start(i), optim.adam(0.01), 15, batches=STREAM, probes=probes, every=5)
        torch.testing.assert_close(member(many.params, i)["W1"], one.params["W1"])
        torch.testing.assert_close(many["loss"][:, i], one["loss"])


def test_gradients_are_those_of_each_member():
    params, batch = start(), STREAM(0)
    grads, values = gradients(loss, params, batch)
    for i in range(3):
        alone, value = gradients(loss, member(params, i), batch)
        torch.testing.assert_close(values[i], value)
        torch.testing.assert_close(grads["W1"][i], alone["W1"])


def test_the_start_is_not_changed():
    params = start()
    before = {k: p.clone() for k, p in params.items()}
    train(loss, params, optim.sgd(0.5), 3, batches=STREAM)
    assert all(torch.equal(before[k], params[k]) for k in params)


def test_fixed_batch_and_listed_steps():
    run = train(
        loss,
        start(),
        optim.sgd(0.1),
        10,
        batches=STREAM(0),
        probes={"n": lambda p: p["W1"].norm()},
        every=[1, 2, 4],
    )
    assert run.steps.tolist() == [0, 1, 2, 4, 10]
    assert set(run.records) == {"n"}


class Stop:
    """A probe, or a batch function, that is interrupted once."""

    def __init__(self, f, at):
        self.f, self.at, self.calls = f, at, 0

    def __call__(self, *args):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return self.f(*args)


@pytest.mark.parametrize("where", ["batch", "probe", "optimizer"])
@pytest.mark.parametrize("at", [1, 2, 7, 8])
def test_interrupted_and_resumed_equals_uninterrupted(where, at, tmp_path):
    opt = optim.adam(0.02)
    probe = {"w": lambda p: p["W1"].sum((-1, -2))}
    whole = train(loss, start(), opt, 12, batches=STREAM, probes=probe, every=1)
    batches = Stop(STREAM, at) if where == "batch" else STREAM
    probes = {"w": Stop(probe["w"], at)} if where == "probe" else probe
    stopping = opt._replace(update=Stop(opt.update, at)) if where == "optimizer" else opt
    part = train(loss, start(), stopping, 12, batches=batches, probes=probes, every=1)
    assert part.interrupted
    assert part.step < 12
    part.save(tmp_path / "run.pt")
    loaded = History.load(tmp_path / "run.pt")
    rest = train(loss, start(), opt, 12, batches=STREAM, probes=probe, every=1, resume=loaded)
    assert not rest.interrupted
    assert torch.equal(rest.steps, whole.steps)
    assert torch.equal(rest["w"], whole["w"])
    assert torch.equal(rest.params["W2"], whole.params["W2"])


def test_divergence_names_step_and_members():
    params = start()
    params["W1"] = params["W1"].clone()
    params["W1"][1] = float("nan")
    with pytest.raises(DivergenceError, match=r"at step 0 in members \[1\]") as caught:
        train(loss, params, optim.sgd(0.1), 5, batches=STREAM, probes={"one": lambda p: 1.0})
    assert caught.value.members == [1]
    assert caught.value.history["one"].tolist() == [1.0]


def test_divergence_of_a_single_network_keeps_what_was_recorded():
    def explosive(p, batch):
        return (p["w"] ** 4).sum()

    with pytest.raises(DivergenceError, match="in the network") as caught:
        train(
            explosive,
            {"w": torch.full((1,), 3.0)},
            optim.sgd(1.0),
            50,
            batches=None,
            probes={"w": lambda p: p["w"]},
        )
    error = caught.value
    assert 0 < error.step < 10
    assert error.history.step == error.step
    assert len(error.history["w"]) == error.step + 1


def test_bad_arguments():
    with pytest.raises(ValueError, match="steps must be"):
        train(loss, start(), optim.sgd(0.1), -1, batches=STREAM)
    with pytest.raises(ValueError, match="every must be"):
        train(loss, start(), optim.sgd(0.1), 3, batches=STREAM, every=0)
    with pytest.raises(ValueError, match=r"outside 0\.\.3"):
        train(loss, start(), optim.sgd(0.1), 3, batches=STREAM, every=[5])
    run = train(loss, start(), optim.sgd(0.1), 3, batches=STREAM, probes={"a": lambda p: 1})
    with pytest.raises(ValueError, match="cannot resume"):
        train(loss, start(), optim.sgd(0.1), 9, batches=STREAM, probes={}, resume=run)
    with pytest.raises(KeyError, match="no record named 'b'"):
        run["b"]


def test_silent_when_pages_are_rendered(capfd, monkeypatch):
    monkeypatch.setenv("TDYN_RENDER", "page")
    train(loss, start(), optim.sgd(0.1), 30, batches=STREAM, label="noise")
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
