"""Hermite coefficients, by quadrature that respects kinks, or with as many digits as you like."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from tdyn.kernels.activations import Activation, resolve

__all__ = ["hermite_coefficients"]

_REACH = 16.0  # beyond it the Gaussian is below 1e-55
_NODES = 32


def _panels(phi: Activation, terms: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights of Gauss-Legendre panels that end at the kinks.

    Args:
        phi: The activation.
        terms: Number of coefficients; the last one oscillates fastest.

    Returns:
        Nodes and weights on [-16, 16].
    """
    width = min(0.5, 20 / math.sqrt(terms))
    near = min(width, phi.strip)
    fine = np.arange(math.ceil(min(1.0, 40 * near) / near) + 1) * near
    coarse = np.linspace(fine[-1], _REACH, math.ceil((_REACH - fine[-1]) / width) + 1)
    half = np.concatenate([fine, coarse[1:]])
    edges = np.unique(np.concatenate([-half, half, np.asarray(phi.kinks, dtype=float)]))
    middle, radius = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    x = middle[:, None] + radius[:, None] * nodes
    return x.ravel(), (radius[:, None] * weights).ravel()


@lru_cache(maxsize=64)
def _quadrature(phi: Activation, terms: int, of: str) -> NDArray[np.float64]:
    r"""Integrate against orthonormal Hermite functions, by their stable recurrence.

    The Gaussian is split evenly: :math:`e^{-x^2/4}` keeps the recurrence bounded, the other half
    goes with the weights.

    Args:
        phi: The activation.
        terms: Number of coefficients.
        of: ``"derivative"`` or ``"value"``.

    Returns:
        The coefficients.
    """
    x, weights = _panels(phi, terms)
    f = (phi.derivative if of == "derivative" else phi.value)(torch.from_numpy(x)).numpy()
    weights = weights * f * np.exp(-(x**2) / 4) / math.sqrt(2 * math.pi)
    before, now = np.zeros_like(x), np.exp(-(x**2) / 4)
    coefficients = np.empty(terms)
    for k in range(terms):
        coefficients[k] = weights @ now
        before, now = now, (x * now - math.sqrt(k) * before) / math.sqrt(k + 1)
    return coefficients


def _fixed(mp: Any, numbers: list[Any], bits: int) -> NDArray[np.object_]:
    """Return whole numbers of any length, in units of 2^-bits.

    Args:
        mp: The module mpmath.
        numbers: Its numbers.
        bits: Position of the binary point.

    Returns:
        An array of Python integers.
    """
    return np.array([int(mp.nint(mp.ldexp(v, bits))) for v in numbers], dtype=object)


def _many_digits(phi: Activation, terms: int, digits: int) -> NDArray[np.float64]:
    """Integrate by the trapezoid rule, which converges geometrically in a strip, with mpmath.

    Args:
        phi: An activation with an exact derivative.
        terms: Number of coefficients.
        digits: Absolute accuracy of the coefficients, in decimal digits.

    Returns:
        The coefficients, rounded to float64 at the end.
    """
    import mpmath as mp

    bits = int((digits + 20) * 3.33)
    with mp.workdps(digits + 20):
        strip = mp.mpf(min(phi.strip, 4.0)) * mp.mpf("0.9")
        # The factor e^(s²/2) is the price of the Gaussian in the strip, e^(s√k) that of h_k.
        budget = digits * mp.log(10) + strip**2 / 2 + strip * mp.sqrt(terms)
        step = 2 * mp.pi * strip / budget
        count = int(mp.ceil(mp.sqrt(2 * digits * mp.log(10) + 40) / step))
        grid = [i * step for i in range(-count, count + 1)]
        roots = [mp.exp(-x * x / 4) for x in grid]
        values = [step / mp.sqrt(2 * mp.pi) * r * phi.exact(mp, x)  # type: ignore[misc]
                  for x, r in zip(grid, roots, strict=True)]  # fmt: skip
        # The recurrence stays below one, so whole numbers in units of 2^-bits will do.
        x, now, weights = (_fixed(mp, v, bits) for v in (grid, roots, values))
        sqrt = [int(v) for v in _fixed(mp, [mp.sqrt(k) for k in range(terms + 1)], bits)]
        before = now * 0
        found = np.empty(terms)
        for k in range(terms):
            found[k] = float(mp.ldexp(int((weights * now).sum()), -2 * bits))
            before, now = now, (x * now - sqrt[k] * before) // sqrt[k + 1]
        return found


def hermite_coefficients(
    phi: Activation | str, terms: int = 400, *, of: str = "derivative", digits: int | None = None
) -> Float[Tensor, "terms"]:
    r"""Coefficients of an activation in the orthonormal Hermite polynomials.

    .. math:: \mu_k=\mathbb E\,[\phi'(Z)\,h_k(Z)],\qquad Z\sim\mathcal N(0,1)

    In double precision they are right to about 1e-16 absolutely; ``digits`` asks for more, so that
    also tiny coefficients are right.

    Args:
        phi: An activation or its name.
        terms: How many, at least one.
        of: ``"derivative"`` for :math:`\mu_k`, ``"value"`` for :math:`\mathbb E\,\phi(Z)h_k(Z)`.
        digits: Absolute accuracy in decimal digits (smooth activations, derivative only); needs
            the package mpmath, which comes with PyTorch.

    Returns:
        The coefficients in float64.

    Raises:
        ValueError: If ``terms``, ``of`` or ``digits`` is out of range, or there is no exact
            derivative to take ``digits`` from.

    Example:
        >>> hermite_coefficients("square", 3).round(decimals=12)
        tensor([0., 2., 0.], dtype=torch.float64)
        >>> [round(m, 4) for m in hermite_coefficients("relu", 4).tolist()]
        [0.5, 0.3989, 0.0, -0.1629]

    Source:
        Used by :cite:t:`panigrahi2019activations`; the quadrature is ours.
    """
    phi = resolve(phi)
    if terms < 1:
        raise ValueError(f"terms must be at least 1, got {terms}")
    if of not in ("derivative", "value"):
        raise ValueError(f"of must be 'derivative' or 'value', got {of!r}")
    if digits is None:
        found = _quadrature(phi, terms, of).copy()
        found[np.abs(found) < 1e-17] = 0.0
        return torch.from_numpy(found)
    if digits < 1 or of != "derivative" or phi.exact is None:
        raise ValueError(
            f"digits must be positive and needs the derivative of a smooth activation that has "
            f"an exact form, got digits={digits}, of={of!r}, {phi.name}"
        )
    return torch.from_numpy(_many_digits(phi, terms, digits))
