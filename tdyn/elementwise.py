"""Derivatives of elementwise functions, such as activations, at many points at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["derivative", "second_derivative"]


def derivative(
    f: Callable[[Tensor], Tensor], z: Float[Tensor, "..."]
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    r"""Return an elementwise function and its derivative.

    .. math::

        f(z_i), \qquad f'(z_i)

    Args:
        f: The function; a constant one has zero derivative.
        z: Where.

    Returns:
        Values and slopes, shaped like ``z``, without a graph.

    Example:
        >>> derivative(torch.square, torch.tensor([1.0, 3.0]))
        (tensor([1., 9.]), tensor([2., 6.]))
    """
    with torch.enable_grad():
        z = z.detach().requires_grad_(True)
        value = f(z)
        if not value.requires_grad:
            return value, torch.zeros_like(z)
        (slope,) = torch.autograd.grad(value.sum(), z)
    return value.detach(), slope


def second_derivative(
    f: Callable[[Tensor], Tensor], z: Float[Tensor, "..."]
) -> Float[Tensor, "..."]:
    r"""Return the second derivative :math:`f''(z_i)` of an elementwise function.

    Args:
        f: The function; a piecewise linear one has zero.
        z: Where.

    Returns:
        The second derivatives, shaped like ``z``.

    Example:
        >>> second_derivative(torch.square, torch.tensor([1.0, 3.0]))
        tensor([2., 2.])
        >>> second_derivative(torch.relu, torch.tensor([1.0, 3.0]))
        tensor([0., 0.])
    """

    def slope(z: Tensor) -> Tensor:
        return torch.autograd.grad(f(z).sum(), z, create_graph=True)[0]

    return derivative(slope, z)[1]
