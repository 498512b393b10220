"""Optimizers step by step against torch.optim, and differentiated through a run."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tdyn import optim

PAIRS = {
    "sgd": (optim.sgd(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "heavy ball": (optim.momentum(0.1, 0.8), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8)),
    "nesterov": (
        optim.momentum(0.1, 0.8, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True),
    ),
    "adam": (
        optim.adam(0.05, (0.8, 0.95), 1e-6),
        lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-6),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@given(seed=st.integers(0, 10**6))
def test_steps_equal_torch(name, seed):
    ours, theirs = PAIRS[name]
    g = torch.Generator().manual_seed(seed)
    start = torch.randn(3, 4, generator=g, dtype=torch.float64)
    leaf = start.clone().requires_grad_()
    peer = theirs([leaf])
    params = {"w": start}
    state = ours.init(params)
    for step in range(6):
        grad = torch.randn(3, 4, generator=g, dtype=torch.float64)
        leaf.grad = grad.clone()
        peer.step()
        params, state = ours.update(params, {"w": grad}, state, step)
        torch.testing.assert_close(params["w"], leaf.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_a_run_is_differentiable(name):
    opt = PAIRS[name][0]

    def after(w0):
        params, state = {"w": w0}, opt.init({"w": w0})
        for step in range(3):
            params, state = opt.update(params, {"w": params["w"] ** 3}, state, step)
        return params["w"]

    w0 = torch.tensor([0.7, -1.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(after, (w0,))


def test_schedules():
    linear, cos = optim.linear_decay(2.0, 10), optim.cosine(2.0, 10)
    for t in range(15):
        s = min(t, 10) / 10
        assert linear(t) == pytest.approx(2 * (1 - s))
        assert cos(t) == pytest.approx(1 + math.cos(math.pi * s), abs=1e-12)
    opt = optim.sgd(lambda step: 1.0 / (step + 1))
    params = {"w": torch.zeros(1)}
    for step in range(3):
        params, _ = opt.update(params, {"w": torch.ones(1)}, (), step)
    assert params["w"].item() == pytest.approx(-(1 + 1 / 2 + 1 / 3))


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.sgd(0.0),
        lambda: optim.sgd(float("nan")),
        lambda: optim.momentum(0.1, beta=1.0),
        lambda: optim.adam(0.1, betas=(1.0, 0.9)),
        lambda: optim.adam(0.1, eps=0),
        lambda: optim.linear_decay(0.1, 0),
        lambda: optim.cosine(0.1, 0),
    ],
)
def test_bad_options(make):
    with pytest.raises(ValueError, match="must be"):
        make()
