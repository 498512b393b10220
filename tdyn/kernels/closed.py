r"""Closed forms of Gaussian expectations of two activations, by name.

Every function takes the correlation ``rho`` and the angle ``theta = arccos(rho)`` as float64
arrays. Given both, nothing is lost at parallel and antiparallel inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, owens_t

__all__ = ["DERIVATIVES", "SELU", "VALUES", "Closed", "elu_derivative", "elu_value", "leaky"]

Array: TypeAlias = NDArray[np.float64]
Closed: TypeAlias = Callable[[Array, Array], Array]

#: Scale and height of SELU; ELU has 1 and 1.
SELU = (1.0507009873554805, 1.6732632423543772)
_ROOT_E, _ROOT_TWO_PI = math.exp(0.5), math.sqrt(2 * math.pi)


def _both_on(rho: Array, theta: Array) -> Array:  # noqa: ARG001
    r"""Return :math:`P(u>0,v>0)=(\pi-\theta)/2\pi`."""
    return (math.pi - theta) / (2 * math.pi)


def _arc_cosine(rho: Array, theta: Array) -> Array:
    r"""Return :math:`\mathbb E[u_+v_+]`."""
    return (np.sin(theta) + (math.pi - theta) * rho) / (2 * math.pi)


def _arc_cosine_2(rho: Array, theta: Array) -> Array:
    r"""Return :math:`\mathbb E[u_+^2v_+^2]`."""
    return (3 * np.sin(theta) * rho + (math.pi - theta) * (1 + 2 * rho**2)) / (2 * math.pi)


def _mixed(rho: Array, theta: Array) -> Array:
    r"""Return :math:`\Phi_2(-\rho,-1;\rho)=P(u<-\rho,v<-1)`.

    The general formula with Owen's :math:`T` simplifies, because one of its two terms vanishes and
    the slope of the other is the tangent of the angle.
    """
    tail = owens_t(np.abs(rho), np.abs(np.tan(theta)))
    low = ndtr(-rho) / 2 + ndtr(-1.0) / 2
    return np.where(rho >= 0, low - tail, low + tail - 0.5)


def _corner(rho: Array, theta: Array) -> Array:
    r"""Return :math:`\Phi_2(-1-\rho,-1-\rho;\rho)=P(u<-1-\rho,v<-1-\rho)`."""
    return ndtr(-1 - rho) - 2 * owens_t(1 + rho, np.tan(theta / 2))


def elu_derivative(scale: float, height: float) -> Closed:
    r"""Return :math:`\kappa` for :math:`\phi'=S(1_{z>0}+Ae^z1_{z<0})`.

    .. math::

        \kappa=S^2\Bigl[\tfrac{\pi-\theta}{2\pi}
        +2A\sqrt e\,\bigl(\Phi(-1)-\Phi_2(-\rho,-1;\rho)\bigr)
        +A^2e^{1+\rho}\Phi_2(-1-\rho,-1-\rho;\rho)\Bigr]

    Args:
        scale: :math:`S`.
        height: :math:`A`.

    Returns:
        The closed form.
    """

    def kappa(rho: Array, theta: Array) -> Array:
        cross = 2 * height * _ROOT_E * (ndtr(-1.0) - _mixed(rho, theta))
        both = height**2 * np.exp(1 + rho) * _corner(rho, theta)
        return scale**2 * (_both_on(rho, theta) + cross + both)

    return kappa


def elu_value(scale: float, height: float) -> Closed:
    r"""Return :math:`\mathbb E\,\phi(u)\phi(v)` for :math:`\phi=S(z_++A(e^z-1)1_{z<0})`.

    Args:
        scale: :math:`S`.
        height: :math:`A`.

    Returns:
        The closed form.
    """

    def phi_hat(rho: Array, theta: Array) -> Array:
        density = np.exp(-(rho**2) / 2) / _ROOT_TWO_PI
        mixed = _mixed(rho, theta)
        shifted = rho * (ndtr(-1.0) - mixed)  # P(u > -rho, v < -1), times rho
        shifted = shifted + density * ndtr(-np.sin(theta)) - rho / (2 * _ROOT_E * _ROOT_TWO_PI)
        cross = _ROOT_E * shifted - (1 - rho) / (2 * _ROOT_TWO_PI)
        low = np.exp(1 + rho) * _corner(rho, theta) - 2 * _ROOT_E * mixed
        both = low + _both_on(rho, theta)
        return scale**2 * (_arc_cosine(rho, theta) + 2 * height * cross + height**2 * both)

    return phi_hat


def leaky(slope: float) -> tuple[Closed, Closed]:
    r"""Return both closed forms for :math:`\max(z,0)+\alpha\min(z,0)`.

    Args:
        slope: :math:`\alpha`.

    Returns:
        The one of the values and the one of the derivatives.
    """

    def value(rho: Array, theta: Array) -> Array:
        return slope * rho + (1 - slope) ** 2 * _arc_cosine(rho, theta)

    def derivative(rho: Array, theta: Array) -> Array:
        return slope + (1 - slope) ** 2 * _both_on(rho, theta)

    return value, derivative


DERIVATIVES: dict[str, Closed] = {
    "relu": _both_on,
    "relu2": lambda rho, theta: 4 * _arc_cosine(rho, theta),
    "selu": elu_derivative(*SELU),
    "elu": elu_derivative(1.0, 1.0),
    "erf": lambda rho, _: 4 / math.pi / np.sqrt(9 - 4 * rho**2),
    "sin": lambda rho, _: np.cosh(rho) / math.e,
    "square": lambda rho, _: 4 * rho,
    "cube": lambda rho, _: 9 * (1 + 2 * rho**2),
}

VALUES: dict[str, Closed] = {
    "relu": _arc_cosine,
    "relu2": _arc_cosine_2,
    "selu": elu_value(*SELU),
    "elu": elu_value(1.0, 1.0),
    "erf": lambda rho, _: 2 / math.pi * np.arcsin(2 * rho / 3),
    "sin": lambda rho, _: np.sinh(rho) / math.e,
    "square": lambda rho, _: 1 + 2 * rho**2,
    "cube": lambda rho, _: 9 * rho + 6 * rho**3,
}
