"""Networks as pure functions: against torch.nn, and flatten/unflatten as inverses."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tdyn import nets

WIDTHS = st.lists(st.integers(1, 5), min_size=2, max_size=5).map(tuple)


def random_params(net, *ensemble, seed=0):
    g = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(*ensemble, *shape, generator=g, dtype=torch.float64)
        for name, shape in net.shapes.items()
    }


def as_module(net, params, activation):
    layers = []
    for i in range(1, net.depth + 1):
        layer = nn.Linear(*net.shapes[f"W{i}"][::-1], bias=net.bias, dtype=torch.float64)
        layer.weight.data = params[f"W{i}"]
        if net.bias:
            layer.bias.data = params[f"b{i}"]
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


@given(WIDTHS, st.booleans(), st.sampled_from([(torch.relu, nn.ReLU), (torch.tanh, nn.Tanh)]))
def test_mlp_equals_torch_modules(widths, bias, activation):
    net = nets.MLP(widths, activation[0], bias)
    params = random_params(net)
    x = torch.randn(7, widths[0], dtype=torch.float64)
    torch.testing.assert_close(net(params, x), as_module(net, params, activation[1])(x))


@given(WIDTHS, st.integers(1, 4))
def test_ensemble_equals_its_members(widths, size):
    net = nets.MLP(widths)
    params = random_params(net, size)
    x = torch.randn(6, widths[0], dtype=torch.float64)
    own = torch.randn(size, 6, widths[0], dtype=torch.float64)
    for i in range(size):
        one = nets.member(params, i)
        torch.testing.assert_close(net(params, x)[i], net(one, x))
        torch.testing.assert_close(net(params, own)[i], net(one, own[i]))
        for h, h_one in zip(net.features(params, x), net.features(one, x), strict=True):
            torch.testing.assert_close(h[i], h_one)
    again = nets.stack([nets.member(params, i) for i in range(size)])
    assert all(torch.equal(again[name], params[name]) for name in params)


@given(WIDTHS, st.lists(st.integers(1, 3), max_size=2))
def test_unflatten_inverts_flatten(widths, ensemble):
    net = nets.MLP(widths)
    params = random_params(net, *ensemble)
    vector = nets.flatten(params, net.shapes)
    assert vector.shape == (*ensemble, sum(torch.Size(s).numel() for s in net.shapes.values()))
    back = nets.unflatten(vector, net.shapes)
    assert all(torch.equal(back[name], params[name]) for name in params)


def test_functional_is_pure_and_differentiable():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).eval()
    f, params = nets.functional(module)
    x = torch.randn(5, 3)
    torch.testing.assert_close(f(params, x), module(x))
    before = {k: v.clone() for k, v in module.state_dict().items()}
    f({k: torch.zeros_like(v) for k, v in params.items()}, x)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    jacobian = torch.func.jacrev(lambda p: f(p, x))(params)
    assert jacobian["0.weight"].shape == (5, 2, 4, 3)


@pytest.mark.parametrize("widths", [(3,), (3, 0), (3, 2.5, 1), ()])
def test_bad_widths(widths, unchecked):
    with pytest.raises(ValueError, match="widths must be"):
        nets.MLP(widths)


def test_bad_input_is_named(unchecked):
    net = nets.MLP((3, 2))
    params = random_params(net)
    with pytest.raises(ValueError, match=r"x must have shape \(\.\.\., n, 3\)"):
        net(params, torch.zeros(4, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match="missing"):
        net({"W1": params["W1"]}, torch.zeros(4, 3, dtype=torch.float64))
    with pytest.raises(TypeError, match=r"torch.nn.Module"):
        nets.functional(lambda x: x)
    with pytest.raises(ValueError, match="names differ"):
        nets.stack([{"a": torch.zeros(1)}, {"b": torch.zeros(1)}])
    with pytest.raises(ValueError, match="none"):
        nets.stack([])
    with pytest.raises(ValueError, match="hold 8 numbers"):
        nets.unflatten(torch.zeros(7), net.shapes)
    with pytest.raises(ValueError, match="does not end in"):
        nets.flatten({"W1": torch.zeros(3, 2), "b1": torch.zeros(2)}, net.shapes)
