"""Derivatives of elementwise functions, against closed forms and automatic differentiation."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tdyn.elementwise import derivative, second_derivative

POINTS = st.lists(st.floats(-5, 5), min_size=1, max_size=8)


@given(POINTS)
def test_closed_forms(points):
    z = torch.tensor(points, dtype=torch.float64)
    t = z.tanh()
    value, slope = derivative(torch.tanh, z)
    torch.testing.assert_close(value, t)
    torch.testing.assert_close(slope, 1 - t**2)
    torch.testing.assert_close(second_derivative(torch.tanh, z), -2 * t * (1 - t**2))


@pytest.mark.parametrize(
    "f", [torch.nn.functional.gelu, torch.nn.functional.silu, torch.sigmoid, torch.sin]
)
def test_one_by_one(f):
    z = torch.linspace(-3, 3, 13, dtype=torch.float64).reshape(13, 1)
    slope = torch.func.vmap(torch.func.grad(lambda v: f(v)[0]))
    bend = torch.func.vmap(torch.func.grad(lambda v: torch.func.grad(lambda u: f(u)[0])(v)[0]))
    torch.testing.assert_close(derivative(f, z)[1], slope(z))
    torch.testing.assert_close(second_derivative(f, z), bend(z))


@pytest.mark.parametrize(("f", "slope"), [(torch.ones_like, 0.0), (lambda z: z, 1.0)])
def test_constant_and_linear_functions(f, slope):
    z = torch.arange(3.0)
    assert torch.equal(derivative(f, z)[1], torch.full_like(z, slope))
    assert derivative(f, z)[0].requires_grad is False


def test_the_input_keeps_its_graph():
    z = torch.ones(2, requires_grad=True)
    assert not derivative(torch.square, z)[1].requires_grad
    assert z.grad is None
