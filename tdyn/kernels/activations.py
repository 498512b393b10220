"""Activations with all that their kernels need: derivative, kinks, closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tdyn.kernels import closed
from tdyn.kernels.closed import Closed

__all__ = ["Activation", "activation", "names", "resolve", "softplus"]

Elementwise = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Activation:
    r"""An elementwise nonlinearity and its derivative.

    Make your own for a smooth activation that is not listed; its kernels come from a series. One
    with kinks needs ``dual_derivative`` in closed form, because a truncated series is wrong there.

    Args:
        name: What it is called.
        value: :math:`\phi`, elementwise on tensors.
        derivative: :math:`\phi'`, elementwise on tensors.
        kinks: Where :math:`\phi'` or one of its derivatives jumps.
        strip: Half-width of the strip around the real axis in which :math:`\phi'` is analytic;
            tells how long the series must be.
        dual: Closed form of :math:`\mathbb E\,\phi(u)\phi(v)`, a function of ``(rho, theta)``.
        dual_derivative: Closed form of :math:`\mathbb E\,\phi'(u)\phi'(v)`.
        exact: :math:`\phi'` of an ``mpmath`` number, as ``exact(mpmath, z)``.

    Example:
        >>> square_root = Activation("sqrt(1 + z²)", lambda z: (1 + z * z).sqrt(),
        ...                          lambda z: z / (1 + z * z).sqrt(), strip=1.0)
        >>> from tdyn.kernels import dual_derivative
        >>> round(dual_derivative(square_root, torch.tensor(1.0, dtype=torch.float64)).item(), 4)
        0.3443
    """

    name: str
    value: Elementwise
    derivative: Elementwise
    kinks: tuple[float, ...] = ()
    strip: float = math.inf
    dual: Closed | None = None
    dual_derivative: Closed | None = None
    exact: Callable[[Any, Any], Any] | None = None

    def __post_init__(self) -> None:
        if not self.strip > 0:
            raise ValueError(f"strip must be positive, got {self.strip}")

    @property
    def terms(self) -> int:
        r"""How long a series must be for :math:`e^{-2s\sqrt k}` to vanish; at most 4000."""
        return min(4000, max(400, math.ceil((20 / self.strip) ** 2)))


def _step(z: Tensor) -> Tensor:
    return (z > 0).to(z.dtype)


def _phi(z: Tensor) -> Tensor:
    return torch.special.ndtr(z)


def _density(z: Tensor) -> Tensor:
    return torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _swish_derivative(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return s + z * s * (1 - s)


def _exact_swish(mp: Any, z: Any) -> Any:
    s = 1 / (1 + mp.exp(-z))
    return s + z * s * (1 - s)


def _elu_derivative(scale: float, height: float) -> Elementwise:
    return lambda z: scale * torch.where(z > 0, torch.ones_like(z), height * z.clamp(max=0).exp())


_PI = math.pi
_SMOOTH: dict[str, tuple[Elementwise, Elementwise, float, Any]] = {
    "tanh": (torch.tanh, lambda z: 1 - torch.tanh(z) ** 2, _PI / 2,
             lambda mp, z: mp.sech(z) ** 2),
    "erf": (torch.erf, lambda z: 2 / math.sqrt(_PI) * torch.exp(-z * z), math.inf,
            lambda mp, z: 2 / mp.sqrt(mp.pi) * mp.exp(-z * z)),
    "swish": (functional.silu, _swish_derivative, _PI, _exact_swish),
    "gelu": (lambda z: z * _phi(z), lambda z: _phi(z) + z * _density(z), math.inf,
             lambda mp, z: mp.ncdf(z) + z * mp.npdf(z)),
    "sin": (torch.sin, torch.cos, math.inf, lambda mp, z: mp.cos(z)),
    "square": (torch.square, lambda z: 2 * z, math.inf, lambda mp, z: 2 * z),
    "cube": (lambda z: z**3, lambda z: 3 * z * z, math.inf, lambda mp, z: 3 * z * z),
}  # fmt: skip
_KINKED: dict[str, tuple[Elementwise, Elementwise]] = {
    "relu": (torch.relu, _step),
    "relu2": (lambda z: torch.relu(z) ** 2, lambda z: 2 * torch.relu(z)),
    "selu": (functional.selu, _elu_derivative(*closed.SELU)),
    "elu": (functional.elu, _elu_derivative(1.0, 1.0)),
}


def names() -> tuple[str, ...]:
    """Return the names that :func:`activation` knows.

    Returns:
        Activations with kinks first, then the smooth ones.

    Example:
        >>> "selu" in names()
        True
    """
    return (*_KINKED, "leaky_relu", *_SMOOTH, "softplus")


def softplus(beta: float = 1.0) -> Activation:
    r"""The smooth ReLU :math:`\phi_\beta(z)=\ln(1+e^{\beta z})/\beta`; its kink has width 1/β.

    Args:
        beta: Sharpness :math:`\beta>0`.

    Returns:
        The activation.

    Raises:
        ValueError: If ``beta`` is not positive.

    Example:
        >>> round(softplus(100.0).value(torch.tensor(1.0)).item(), 6)
        1.0
    """
    if not beta > 0:
        raise ValueError(f"beta must be positive, got {beta}")
    return Activation(
        name=f"softplus({beta:g})",
        value=lambda z: functional.softplus(beta * z, threshold=40) / beta,
        derivative=lambda z: torch.sigmoid(beta * z),
        strip=math.pi / beta,
        exact=lambda mp, z: 1 / (1 + mp.exp(-beta * z)),
    )


def activation(name: str, *, slope: float = 0.01) -> Activation:
    """Return an activation by name.

    Args:
        name: One of :func:`names`.
        slope: Left slope of ``"leaky_relu"``; the others do not use it.

    Returns:
        The activation.

    Raises:
        ValueError: If the name is unknown.

    Example:
        >>> activation("relu").kinks, activation("tanh").kinks
        ((0.0,), ())
    """
    if name == "softplus":
        return softplus()
    if name == "leaky_relu":
        dual, dual_derivative = closed.leaky(slope)
        return Activation(
            f"leaky_relu({slope:g})", lambda z: functional.leaky_relu(z, slope),
            lambda z: torch.where(z > 0, torch.ones_like(z), torch.full_like(z, slope)),
            kinks=(0.0,), dual=dual, dual_derivative=dual_derivative,
        )  # fmt: skip
    if name in _KINKED:
        phi = Activation(name, *_KINKED[name], kinks=(0.0,))
    elif name in _SMOOTH:
        function, its_derivative, strip, exact = _SMOOTH[name]
        phi = Activation(name, function, its_derivative, strip=strip, exact=exact)
    else:
        raise ValueError(f"no activation is called {name!r}; there are {', '.join(names())}")
    return replace(phi, dual=closed.VALUES.get(name), dual_derivative=closed.DERIVATIVES.get(name))


def resolve(phi: Activation | str) -> Activation:
    """Return the activation itself, looked up if it is a name.

    Args:
        phi: An activation or the name of one.

    Returns:
        The activation.
    """
    return activation(phi) if isinstance(phi, str) else phi
