r"""Gradient alignment of networks with independent weights, from the characteristic function.

Part of :mod:`tdyn.alignment`, which re-exports every public name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from tdyn.alignment.characteristic import resonance

__all__ = ["gal_iid", "gal_network"]

_LAYERS = ("output", "hidden", "bias")
_NEGLIGIBLE = 1e-13  # a node whose largest possible term is this much smaller is left out
_ROWS = 256  # rows of the double sum that are in memory at once


class _Rule(NamedTuple):
    """Nodes of the trapezoid rule on one quarter of the plane."""

    index: Tensor  # node / step
    step: float
    weight: Tensor  # (windows, nodes)
    kernel: Tensor  # what stands for the node in the denominator
    twist: Tensor  # cos(pi omega / period) where a single denominator is summed over periods


def gal_iid(
    phi: Callable[[Tensor], Tensor],
    d: int,
    *,
    k: int | None = None,
    layer: str = "output",
    cutoff: float = 80.0,
    step: float | None = None,
) -> float:
    r"""Gradient alignment of one ReLU neuron with i.i.d. weights, for the correlation loss.

    The weights have variance one and the characteristic function :math:`\varphi`; there is no bias.
    With :math:`A=\tfrac12[\varphi(\omega-\omega')-\varphi(\omega+\omega')]` and
    :math:`B=\tfrac12[\varphi(\omega-\omega')+\varphi(\omega+\omega')]`,

    .. math::
        \mathrm{GAL}_{\rm output}=\mathbb E_w\,c(w)^2
        =\frac1{4\pi^2}\iint\frac{A^kB^{d-k}}{\omega^2\omega'^2}\,d\omega\,d\omega',\qquad
        \mathrm{GAL}_{\rm hidden}
        =\frac1{4\pi^2}\iint\frac{A^{k-1}B^{d-k+1}}{\omega\,\omega'}\,d\omega\,d\omega'.

    The first is the squared gradient of the neuron's output weight, the second that of *one* of
    its input weights. For odd ``k`` both vanish and only the bias sees the parity,
    :math:`\mathrm{GAL}_{\rm bias}=\frac1{4\pi^2}\iint A^kB^{d-k}/(\omega\omega')`.
    The trapezoid rule runs over one quarter of the plane. For a law with a period the images are
    summed in closed form and the result is exact; otherwise the tail beyond ``cutoff`` is
    extrapolated.

    Args:
        phi: Characteristic function of a symmetric law with variance one, on float64 tensors.
        d: Number of input bits, at least 2.
        k: Number of bits in the parity, from 2 to ``d``; all by default.
        layer: ``"output"`` or ``"hidden"`` (even ``k``), or ``"bias"`` (odd ``k``).
        cutoff: End of the integral. The error is about 1e-4 of the value; laws that blur signs by
            a noise :math:`\sigma` below .05 want :math:`4/\sigma`.
        step: Step of the trapezoid rule; by default it resolves all weights up to three.

    Returns:
        The gradient alignment, a positive number.

    Raises:
        ValueError: If ``d``, ``k``, ``layer``, ``cutoff`` or ``step`` is outside its range.

    Example:
        >>> from tdyn.alignment import gaussian, perturbed_rademacher
        >>> f"{gal_iid(perturbed_rademacher(0.0), 20):.3g}, {gal_iid(gaussian(), 20):.2g}"
        '0.0086, 9.2e-09'

    Source:
        Formula ours; the quantity is defined by :cite:t:`abbe2024parity`.
    """
    k = d if k is None else k
    if layer not in _LAYERS:
        raise ValueError(f"layer must be one of {_LAYERS}, got {layer!r}")
    if d < 2 or not 2 <= k <= d or k % 2 != (layer == "bias"):
        wanted = "odd" if layer == "bias" else "even"
        raise ValueError(f"layer {layer!r} needs {wanted} k with 2 <= k <= d, got d={d}, k={k}")
    if not cutoff > 0 or (step is not None and not 0 < step < cutoff):
        raise ValueError(f"need 0 < step < cutoff, got step={step}, cutoff={cutoff}")
    step = step or 2 * math.pi / (d * (1.01 * (getattr(phi, "largest", None) or 2.97)))
    period = getattr(phi, "period", None)
    rule = _line_rule(step, cutoff) if period is None else _circle_rule(step, period)
    return _double_sum(phi, _prune(rule, phi, d, k, layer), d, k, layer)


def _line_rule(step: float, cutoff: float) -> _Rule:
    """Return nodes on the line, with two tapered windows whose results are extrapolated."""
    index = torch.arange(math.ceil(cutoff / step) + 1)
    omega = step * index.double()
    weight = torch.full_like(omega, 2 * step)
    weight[0] = step
    windows = []
    for edge in (cutoff, cutoff / 2):
        t = (2 * omega / edge - 1).clamp(0, 1)
        windows.append(weight * (1 - t**3 * (10 - 15 * t + 6 * t * t)))
    return _Rule(index, step, torch.stack(windows), omega, torch.ones_like(omega))


def _circle_rule(step: float, period: float) -> _Rule:
    """Return nodes on half a period; the kernel is the sum of one over omega over all periods."""
    half = max(2, math.ceil(period / (2 * step)))
    step = period / (2 * half)
    index = torch.arange(half)  # at half a period every sine is zero
    angle = math.pi * index.double() / (2 * half)
    weight = torch.full_like(angle, 2 * step)
    weight[0] = step
    return _Rule(index, step, weight.unsqueeze(0), period / math.pi * angle.sin(), angle.cos())


def _prune(rule: _Rule, phi: Callable[[Tensor], Tensor], d: int, k: int, layer: str) -> _Rule:
    """Return the rule without nodes that cannot matter: by Cauchy and Schwarz A**2 <= r r'."""
    power = 2 if layer == "output" else 1
    inner = k - 1 if layer == "hidden" else k
    r = resonance(phi, rule.step * rule.index.double()).clamp(0, 1)
    bound = r ** (inner / 2) * (1 - r) ** ((d - inner) / 2) * rule.weight[0]
    bound = bound / rule.kernel.clamp(min=rule.step) ** power
    keep = bound > _NEGLIGIBLE * bound.max()
    keep[0] = True
    return _Rule(
        rule.index[keep], rule.step, rule.weight[:, keep], rule.kernel[keep], rule.twist[keep]
    )


def _double_sum(phi: Callable[[Tensor], Tensor], rule: _Rule, d: int, k: int, layer: str) -> float:
    """Return the sum of the integrand over all pairs of nodes."""
    index, kernel = rule.index, rule.kernel
    table = phi(rule.step * torch.arange(2 * int(index[-1]) + 1).double())
    omega = (rule.step * index.double()).requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(phi(omega).sum(), omega)
    axis = torch.cat((torch.ones(1, dtype=torch.float64), -slope[1:] / kernel[1:]))
    sums = torch.zeros(len(rule.weight), dtype=torch.float64)
    for start in range(0, len(index), _ROWS):
        rows = slice(start, start + _ROWS)
        minus, plus = table[(index[rows, None] - index).abs()], table[index[rows, None] + index]
        odd, even = (minus - plus) / 2, (minus + plus) / 2
        ratio = odd / (kernel[rows, None] * kernel).clamp(min=torch.finfo(torch.float64).tiny)
        ratio[:, 0] = axis[rows]
        if start == 0:
            ratio[0] = axis
        if layer == "output":
            term = ratio**2 * odd ** (k - 2) * even ** (d - k)
        else:
            term = ratio * rule.twist[rows, None] * rule.twist
            lost = 1 if layer == "hidden" else 0
            term = term * odd ** (k - 1 - lost) * even ** (d - k + lost)
        sums += ((rule.weight[:, rows] @ term) * rule.weight).sum(dim=1)
    total = sums[0] if len(sums) == 1 else 2 * sums[0] - sums[1]
    return float(total) / (4 * math.pi**2)


def gal_network(phi: Callable[[Tensor], Tensor], d: int, width: int, **options: float) -> float:
    r"""Gradient alignment of a normalized two-layer ReLU network with the full parity.

    Weights :math:`w_{ji}/\sqrt d` and :math:`a_j/\sqrt n` with i.i.d. variance-one entries, no
    biases, correlation loss:

    .. math:: \mathrm{GAL}=\frac nd\,\mathrm{GAL}_{\rm output}+d\,\mathrm{GAL}_{\rm hidden}.

    For random signs this is exactly :math:`(n+1)\,\Delta^2/d`.

    Args:
        phi: Characteristic function of a symmetric law with variance one.
        d: Number of input bits, even.
        width: Number ``n`` of hidden neurons.
        **options: Passed to :func:`gal_iid`.

    Returns:
        The squared norm of the gradient, averaged over the initialization.

    Raises:
        ValueError: If ``d`` is odd or ``width`` is not positive.

    Example:
        >>> from tdyn.alignment import perturbed_rademacher
        >>> round(gal_network(perturbed_rademacher(0.0), 20, 512), 5)
        0.22059

    Source:
        Formula ours; the quantity is defined by :cite:t:`abbe2024parity`.
    """
    if width < 1 or d < 2 or d % 2:
        raise ValueError(f"need width >= 1 and even d >= 2, got width={width}, d={d}")
    output = gal_iid(phi, d, **options)  # type: ignore[arg-type]
    hidden = gal_iid(phi, d, layer="hidden", **options)  # type: ignore[arg-type]
    return width / d * output + d * hidden
