"""Initializations: moments in closed form, supports, seeds, bad input."""

import math
from functools import partial

import pytest
import torch

from tdyn import inits
from tdyn.nets import MLP, member

SHAPE = (400, 300)
MATCHED = {
    "gaussian": (inits.gaussian, 1.0, 3.0),
    "he": (inits.he, 2.0, 3.0),
    "uniform": (inits.uniform, 1.0, 9 / 5),
    "rademacher": (inits.rademacher, 1.0, 1.0),
    # r + s g with unit scale: fourth moment 1 + 6 s^2 + 3 s^4 over (1 + s^2)^2
    "perturbed": (
        partial(inits.perturbed_rademacher, sigma=0.5),
        1.0,
        (1 + 1.5 + 3 / 16) / 1.25**2,
    ),
    "uniform noise": (
        partial(inits.uniform_rademacher, sigma=0.5),
        1.0,
        (1 + 1.5 + 9 / 5 / 16) / 1.25**2,
    ),
    "one two": (partial(inits.discrete, values=(-2, -1, 1, 2)), 1.0, (17 / 2) / 2.5**2),
    "with zero": (partial(inits.discrete, values=(-1, 0, 1)), 1.0, 1.5),
}


@pytest.mark.parametrize("name", MATCHED)
def test_moments(name):
    law, variance, kurtosis = MATCHED[name]
    w = law(SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    n = w.numel()
    z = w * math.sqrt(SHAPE[1] / variance)
    # Five standard errors of each sample moment.
    assert abs(z.mean()) < 5 / math.sqrt(n)
    assert abs(z.square().mean() - 1) < 5 * math.sqrt(max(kurtosis - 1, 1e-12) / n) + 1e-9
    assert (z**4).mean().item() == pytest.approx(kurtosis, rel=0.06)


def test_xavier_variance():
    w = inits.xavier((200, 600), generator=torch.Generator().manual_seed(0))
    assert w.var().item() == pytest.approx(2 / 800, rel=0.03)


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (6, 6)])
def test_orthogonal(shape):
    w = inits.orthogonal(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert w.shape == shape
    small = w @ w.mT if shape[0] <= shape[1] else w.mT @ w
    torch.testing.assert_close(small, torch.eye(min(shape), dtype=torch.float64))


def test_orthogonal_is_haar():
    """The trace of a Haar orthogonal matrix has mean 0 and variance 1; QR alone has not."""
    g = torch.Generator().manual_seed(0)
    traces = torch.stack([inits.orthogonal((4, 4), generator=g).trace() for _ in range(2000)])
    assert abs(traces.mean()) < 0.12
    assert traces.var().item() == pytest.approx(1, abs=0.15)


def test_no_noise_is_rademacher():
    g = [torch.Generator().manual_seed(3) for _ in range(2)]
    w = inits.perturbed_rademacher((9, 4), 0.0, generator=g[0])
    assert torch.equal(w, inits.rademacher((9, 4), generator=g[1]))
    assert set(w.abs().flatten().tolist()) == {0.5}


def test_members_equal_single_networks():
    net = MLP((4, 6, 2))
    law = partial(inits.perturbed_rademacher, sigma=0.3)
    many = inits.initialize(net, law, [5, 7, 5], bias=inits.rademacher)
    for i, seed in enumerate([5, 7, 5]):
        one = inits.initialize(net, law, seed, bias=inits.rademacher)
        assert all(torch.equal(member(many, i)[k], one[k]) for k in one)
    assert not torch.equal(many["W1"][0], many["W1"][1])


def test_biases_share_the_fan_in_of_their_layer():
    params = inits.initialize(MLP((4, 6, 2)), inits.rademacher, 0, bias=inits.rademacher)
    assert set(params["b1"].abs().tolist()) == {0.5}
    assert params["b2"].abs().tolist() == pytest.approx([1 / math.sqrt(6)] * 2)


def test_dtype_follows():
    params = inits.initialize(MLP((4, 6, 2)), inits.gaussian, 0, dtype=torch.float64)
    assert {p.dtype for p in params.values()} == {torch.float64}


def test_bad_input():
    g = torch.Generator()
    with pytest.raises(ValueError, match="positive integers"):
        inits.gaussian((3, 0), generator=g)
    with pytest.raises(ValueError, match="sigma"):
        inits.perturbed_rademacher((3, 2), -0.1, generator=g)
    with pytest.raises(ValueError, match="not all zero"):
        inits.discrete((3, 2), (0, 0), generator=g)
    with pytest.raises(ValueError, match="matrix shape"):
        inits.xavier((3,), generator=g)
    with pytest.raises(ValueError, match="matrix shape"):
        inits.orthogonal((3,), generator=g)
    with pytest.raises(ValueError, match="non-empty"):
        inits.initialize(MLP((2, 1)), inits.gaussian, [])
    with pytest.raises(ValueError, match="variance"):
        inits.gaussian((3, 2), generator=g, variance=0)
