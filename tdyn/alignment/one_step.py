r"""One gradient step on the output layer: the predicted and the exact accuracy.

Part of :mod:`tdyn.alignment`, which re-exports every public name.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from scipy.special import ndtr, ndtri
from torch import Tensor

from tdyn import losses
from tdyn.alignment.walsh import neuron_coefficient

__all__ = ["one_step_accuracy", "one_step_measured", "width_for_accuracy"]


def _second_moment(d: int, activation: str) -> float:
    if activation not in ("relu", "ramp") or d < 1:
        raise ValueError(f"need d >= 1 and activation 'relu' or 'ramp', got {d}, {activation!r}")
    if activation == "relu":
        return d / 2
    return 0.5 - (0.5 * math.comb(d, d // 2) / 2**d if d % 2 == 0 else 0.0)


def one_step_accuracy(width: int, d: int, gal: float, *, activation: str = "relu") -> float:
    r"""Predicted accuracy after one gradient step on the output layer, started from zero.

    .. math:: \mathbb E\,\mathrm{acc}\approx
              \Phi\left(\sqrt{
              \frac{n\,\mathrm{GAL}_{\rm output}}{\mathbb E\,\sigma(w\cdot x)^2}}\right)

    The step uses the whole cube and the correlation loss. The law is a central limit theorem over
    the neurons: single networks scatter around it. For the ramp the weights are ±1.

    Args:
        width: Number ``n`` of hidden neurons.
        d: Number of input bits.
        gal: Output alignment of one neuron with variance-one weights, :func:`gal_iid`.
        activation: ``"relu"`` or ``"ramp"``.

    Returns:
        The accuracy, between one half and one.

    Raises:
        ValueError: If ``width``, ``d`` or ``activation`` is out of range, or ``gal`` is negative.

    Example:
        >>> from tdyn.alignment import walsh_coefficient
        >>> round(one_step_accuracy(2000, 20, float(walsh_coefficient(20, 20)) ** 2), 3)
        0.905

    Source:
        Ours; the one-step setting is that of :cite:t:`abbe2024parity`.
    """
    if width < 1 or not gal >= 0:
        raise ValueError(f"need width >= 1 and gal >= 0, got width={width}, gal={gal}")
    return float(ndtr(math.sqrt(width * gal / _second_moment(d, activation))))


def width_for_accuracy(accuracy: float, d: int, gal: float, *, activation: str = "relu") -> float:
    """Width at which :func:`one_step_accuracy` predicts the given accuracy.

    Args:
        accuracy: Wanted accuracy, above one half and below one.
        d: Number of input bits.
        gal: Output alignment of one neuron with variance-one weights, positive.
        activation: ``"relu"`` or ``"ramp"``.

    Returns:
        The width, not rounded.

    Raises:
        ValueError: If ``accuracy``, ``d``, ``gal`` or ``activation`` is out of range.

    Example:
        >>> from tdyn.alignment import walsh_coefficient
        >>> round(width_for_accuracy(0.75, 50, float(walsh_coefficient(50, 50)) ** 2))
        3466

    Source:
        Ours; see :func:`one_step_accuracy`.
    """
    if not 0.5 < accuracy < 1 or not gal > 0:
        raise ValueError(f"need .5 < accuracy < 1 and gal > 0, got {accuracy} and {gal}")
    return float(ndtri(accuracy)) ** 2 * _second_moment(d, activation) / gal


def one_step_measured(
    weights: Float[Tensor, "*ensemble n d"],
    x: Float[Tensor, "points d"],
    *,
    coefficients: Float[Tensor, "*ensemble n"] | None = None,
    activation: Callable[[Tensor], Tensor] = torch.relu,
) -> Float[Tensor, "*ensemble"]:
    r"""Accuracy of networks after one exact gradient step on the output layer, started from zero.

    The step is a population step on the correlation loss, so the output weight of neuron
    :math:`j` becomes its Walsh coefficient :math:`c_j` and the network
    :math:`\sum_jc_j\,\sigma(w_j\cdot x)`; nothing is trained.

    Args:
        weights: Hidden weights, one row a neuron; any scale.
        x: Inputs ±1 on which the sign is compared with the full parity.
        coefficients: The :math:`c_j`; by default :func:`neuron_coefficient` (ReLU, even ``d``).
        activation: Elementwise nonlinearity.

    Returns:
        The share of correct signs, one a network.

    Raises:
        ValueError: If the widths of ``weights`` and ``x`` differ.

    Example:
        >>> from tdyn.data import hypercube
        >>> signs = 2.0 * torch.randint(0, 2, (400, 8), generator=torch.manual_seed(0)) - 1
        >>> one_step_measured(signs, hypercube(8)).item() > 0.9
        True

    Source:
        The one-step setting is that of :cite:t:`abbe2024parity`; the evaluation is ours.
    """
    if weights.ndim < 2 or x.ndim != 2 or weights.shape[-1] != x.shape[-1]:
        raise ValueError(
            f"weights (..., n, d) and x (points, d) do not fit: {weights.shape}, {x.shape}"
        )
    c = neuron_coefficient(weights) if coefficients is None else coefficients
    outputs = activation(x @ weights.mT) @ c.unsqueeze(-1)
    return losses.accuracy(outputs, x.prod(dim=1))
