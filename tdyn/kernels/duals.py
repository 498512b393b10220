"""Expectations of an activation, or of its derivative, at two correlated Gaussians."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.kernels.activations import Activation, resolve
from tdyn.kernels.closed import Closed
from tdyn.kernels.hermite import hermite_coefficients

__all__ = ["dual", "dual_derivative"]


def _check(rho: Tensor) -> None:
    if not rho.is_floating_point():
        raise TypeError(f"rho must be a tensor of floats, got {rho.dtype}")
    if bool((rho.abs() > 1 + 1e-9).any()):
        raise ValueError(f"rho must lie in [-1, 1], got {rho.abs().max().item()}")


def _evaluate(form: Closed, rho: Tensor, theta: Tensor | None) -> Tensor:
    r = np.atleast_1d(rho.detach().cpu().double().clamp(-1, 1).numpy())
    angle = np.arccos(r)
    if theta is not None:
        angle = np.atleast_1d(theta.detach().cpu().double().numpy())
    return torch.as_tensor(form(r, angle), dtype=rho.dtype, device=rho.device).reshape(rho.shape)


def _power_series(coefficients: Tensor, rho: Tensor) -> Tensor:
    """Evaluate a power series with positive coefficients by Horner's rule.

    Returns:
        Its values.
    """
    r = rho.double().clamp(-1, 1)
    # Drop the tail that cannot be seen in double precision even at ρ = 1.
    tail = coefficients.flip(0).cumsum(0)
    seen = coefficients[: int((tail > 1e-18 * tail[-1]).sum())]
    total = torch.zeros_like(r)
    for c in seen.tolist()[::-1]:
        total = total * r + c
    return total.to(rho.dtype)


def _refuse_kinks(phi: Activation, what: str) -> None:
    if phi.kinks:
        raise ValueError(
            f"{phi.name} has kinks at {phi.kinks} and no closed form of its {what}; "
            "a truncated series would be wrong there"
        )


def dual_derivative(
    activation: Activation | str,
    rho: Float[Tensor, "*shape"],
    *,
    theta: Float[Tensor, "*shape"] | None = None,
) -> Float[Tensor, "*shape"]:
    r"""Expected product of the derivatives at two correlated Gaussians.

    .. math:: \kappa(\rho)=\mathbb E\,\phi'(u)\phi'(v)=\sum_k\mu_k^2\rho^k

    Closed forms for ReLU and its relatives, SELU and ELU (through Owen's T), erf, sin and powers;
    a power series for the other smooth ones. Computed in float64.

    Args:
        activation: An activation or its name.
        rho: Correlations in [-1, 1].
        theta: Angles :math:`\arccos\rho`, if known better than from ``rho``.

    Returns:
        :math:`\kappa` at every entry.

    Raises:
        ValueError: If a correlation is out of range, or the activation has kinks and no closed
            form.
        TypeError: If ``rho`` holds no floats.

    Example:
        >>> rho = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
        >>> dual_derivative("relu", rho)
        tensor([0.0000, 0.2500, 0.5000], dtype=torch.float64)
        >>> [round(k, 6) for k in dual_derivative("selu", rho).tolist()]
        [0.966394, 0.97068, 1.071575]

    Source:
        ReLU: :cite:t:`cho2009kernel`. The forms of SELU and ELU are ours.
    """
    phi = resolve(activation)
    _check(rho)
    if phi.dual_derivative is not None:
        return _evaluate(phi.dual_derivative, rho, theta)
    _refuse_kinks(phi, "derivative")
    return _power_series(hermite_coefficients(phi, phi.terms).square(), rho)


def dual(
    activation: Activation | str,
    rho: Float[Tensor, "*shape"],
    *,
    theta: Float[Tensor, "*shape"] | None = None,
) -> Float[Tensor, "*shape"]:
    r"""Expected product of the activations at two correlated Gaussians.

    .. math::

        \hat\phi(\rho)=\mathbb E\,\phi(u)\phi(v),\qquad \hat\phi'(\rho)=\kappa(\rho)

    Args:
        activation: An activation or its name.
        rho: Correlations in [-1, 1].
        theta: Angles :math:`\arccos\rho`, if known better than from ``rho``.

    Returns:
        The expectation at every entry.

    Raises:
        ValueError: If a correlation is out of range, or the activation has kinks and no closed
            form.
        TypeError: If ``rho`` holds no floats.

    Example:
        >>> rho = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
        >>> [round(k, 4) for k in dual("relu", rho).tolist()]
        [0.0, 0.1592, 0.5]

    Source:
        :cite:t:`daniely2016deeper`; the forms of SELU and ELU are ours.
    """
    phi = resolve(activation)
    _check(rho)
    if phi.dual is not None:
        return _evaluate(phi.dual, rho, theta)
    _refuse_kinks(phi, "value")
    slopes = hermite_coefficients(phi, phi.terms).square()
    mean = hermite_coefficients(phi, 1, of="value").square()
    # c_k = μ_{k-1} / √k: the derivative lowers the degree.
    return _power_series(torch.cat([mean, slopes / torch.arange(1, phi.terms + 1)]), rho)
