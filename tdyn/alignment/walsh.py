r"""Walsh coefficients of one neuron: exact where the weights are integers, an integral where not.

Part of :mod:`tdyn.alignment`, which re-exports every public name. The Walsh coefficient of a
function :math:`g` on the cube :math:`\{\pm1\}^d` at the subset :math:`S` is the average
:math:`\mathbb E_x\,\prod_{i\in S}x_i\,g(x)`: how much :math:`g` looks like the parity of
the bits in :math:`S`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["lattice_coefficient", "neuron_coefficient", "walsh_coefficient", "walsh_transform"]

_ACTIVATIONS = ("relu", "ramp")


def _activate(total: int, activation: str) -> int:
    """Return the ReLU or ramp of an integer pre-activation."""
    return max(0, total) if activation == "relu" else min(1, max(0, total))


def _check_activation(activation: str) -> None:
    if activation not in _ACTIVATIONS:
        raise ValueError(f"activation must be one of {_ACTIVATIONS}, got {activation!r}")


def _binomial(n: int, m: int) -> int:
    """Return the binomial coefficient that is zero outside the triangle."""
    return math.comb(n, m) if 0 <= m <= n else 0


def _comb_tooth(minus: int, plus: int, power: int) -> int:
    """Return the coefficient of ``q**power`` in ``(q - 1/q)**minus * (q + 1/q)**plus``."""
    degree = minus + plus
    if (degree + power) % 2 or abs(power) > degree:
        return 0
    chosen = (degree + power) // 2
    return sum(
        (-1) ** (minus - i) * math.comb(minus, i) * _binomial(plus, chosen - i)
        for i in range(minus + 1)
    )


def walsh_coefficient(d: int, k: int, *, activation: str = "relu", bias: int = 0) -> Fraction:
    r"""Exact Walsh coefficient, at any ``k`` bits, of a neuron with all weights equal to one.

    A neuron with weights :math:`w\in\{\pm1\}^d` has the same coefficient times
    :math:`\prod_{i\in S}w_i`. The factor :math:`(q-q^{-1})^2` of the generating function takes a
    second difference of the activation, and that of a ReLU is a needle at :math:`s=-b`, so for
    :math:`k\ge2`

    .. math::
        \Delta_{k,d,b}=\mathbb E_z\Bigl[\prod_{i\le k}z_i\;\sigma\Bigl(\sum_i z_i+b\Bigr)\Bigr]
        =2^{-d}\,(2c_{-b}+c_{1-b}+c_{-1-b}),\qquad
        c_s=[q^s](q-q^{-1})^{k-2}(q+q^{-1})^{d-k}.

    The ramp :math:`\min(1,\max(0,t))` is a difference of two ReLUs.

    Args:
        d: Number of input bits, at least 1.
        k: Number of bits in the parity, from 0 to ``d``.
        activation: ``"relu"`` or ``"ramp"``.
        bias: An integer bias.

    Returns:
        The coefficient, an exact fraction.

    Raises:
        ValueError: If ``d``, ``k`` or ``activation`` is outside its range.
        TypeError: If ``bias`` is not an integer.

    Example:
        >>> walsh_coefficient(4, 4)
        Fraction(-1, 4)
        >>> round(float(walsh_coefficient(20, 20)), 6), round(float(walsh_coefficient(20, 2)), 6)
        (-0.092735, 0.092735)

    Source:
        The setting is that of :cite:t:`abbe2024parity`; the closed form is ours.
    """
    _check_activation(activation)
    if d < 1 or not 0 <= k <= d:
        raise ValueError(f"need d >= 1 and 0 <= k <= d, got d={d}, k={k}")
    if not isinstance(bias, int):
        raise TypeError(f"bias must be an integer, got {bias!r}")
    if activation == "ramp":
        return walsh_coefficient(d, k, bias=bias) - walsh_coefficient(d, k, bias=bias - 1)
    if k < 2:
        total = sum(_comb_tooth(k, d - k, s) * max(0, s + bias) for s in range(-d, d + 1))
    else:
        near = _comb_tooth(k - 2, d - k, 1 - bias) + _comb_tooth(k - 2, d - k, -1 - bias)
        total = 2 * _comb_tooth(k - 2, d - k, -bias) + near
    return Fraction(total, 2**d)


def lattice_coefficient(
    weights: Sequence[int], *, k: int | None = None, activation: str = "relu", bias: int = 0
) -> Fraction:
    r"""Exact Walsh coefficient, at the first ``k`` bits, of a neuron with integer weights.

    Expands the generating function, one input bit at a time:

    .. math::
        \Delta=2^{-d}\sum_s\,\sigma(s+b)\,[q^s]
        \prod_{i\le k}(q^{w_i}-q^{-w_i})\prod_{i>k}(q^{w_i}+q^{-w_i}).

    Args:
        weights: ``d`` integers, any of them may be zero or negative.
        k: Number of bits in the parity (the first ones); all of them by default.
        activation: ``"relu"`` or ``"ramp"``.
        bias: An integer bias.

    Returns:
        The coefficient, an exact fraction.

    Raises:
        ValueError: If there are no weights, or ``k`` or ``activation`` is outside its range.
        TypeError: If a weight or the bias is not an integer.

    Example:
        >>> lattice_coefficient([1, -1, 1, 1])
        Fraction(1, 4)
        >>> lattice_coefficient([1, 1, 0, 1])
        Fraction(0, 1)

    Source:
        Generating function ours; setting of :cite:t:`abbe2024parity`.
    """
    _check_activation(activation)
    d = len(weights)
    k = d if k is None else k
    if d < 1 or not 0 <= k <= d:
        raise ValueError(f"need at least one weight and 0 <= k <= d, got d={d}, k={k}")
    integers = [int(w) for w in weights]
    if any(a != b for a, b in zip(integers, weights, strict=True)) or not isinstance(bias, int):
        raise TypeError("weights and bias must be integers; for others use neuron_coefficient")
    mass = {0: 1}
    for i, w in enumerate(integers):
        spread: dict[int, int] = defaultdict(int)
        for s, m in mass.items():
            spread[s + w] += m
            spread[s - w] += -m if i < k else m
        mass = spread
    return Fraction(sum(m * _activate(s + bias, activation) for s, m in mass.items()), 2**d)


def neuron_coefficient(
    weights: Float[Tensor, "*neurons d"], *, k: int | None = None, cutoff: float = 200.0
) -> Float[Tensor, "*neurons"]:
    r"""Walsh coefficient, at the first ``k`` bits, of ReLU neurons with real weights and no bias.

    For even :math:`k\ge2`, with :math:`P(\omega)=\prod_{i\le k}\sin\omega w_i\prod_{i>k}\cos\omega
    w_i`,

    .. math::
        c(w)=\mathbb E_x\Bigl[\prod_{i\le k}x_i\,\max(0,w\cdot x)\Bigr]
        =\frac{(-1)^{k/2+1}}{2\pi}\int_{-\infty}^{\infty}\frac{P(\omega)}{\omega^2}\,d\omega.

    The integrand is band-limited, so the trapezoid rule with a step below
    :math:`2\pi/\sum_i|w_i|` is exact except for the cut at ``cutoff``. That cut costs about
    :math:`\langle P\rangle/(\pi\Omega)`, tiny for generic weights; for integer weights
    :func:`lattice_coefficient` is exact.

    Args:
        weights: Real weights, one row a neuron.
        k: Number of bits in the parity (the first ones), even and at least 2; by default all ``d``.
        cutoff: Where the integral stops, in units of one over the root-mean-square weight.

    Returns:
        One coefficient a neuron, in the dtype of ``weights`` (computed in float64).

    Raises:
        ValueError: If ``k`` is odd or out of range, or the weights are empty or not finite.

    Example:
        >>> neuron_coefficient(torch.tensor([[3.0, 1.0], [-2.0, 2.0]])).round(decimals=2)
        tensor([ 0.5000, -1.0000])

    Source:
        Formula ours; setting of :cite:t:`abbe2024parity`.
    """
    d = weights.shape[-1]
    k = d if k is None else k
    if k % 2 or not 2 <= k <= d:
        raise ValueError(f"k must be even with 2 <= k <= d, got d={d}, k={k}")
    if weights.numel() == 0 or not torch.isfinite(weights).all() or cutoff <= 0:
        raise ValueError("weights must be finite and not empty, and cutoff positive")
    rows = weights.detach().double().reshape(-1, d)
    scale = rows.square().mean(dim=1).sqrt()
    rows = rows / scale.clamp(min=torch.finfo(torch.float64).tiny).unsqueeze(1)
    step = 2 * math.pi / (1.01 * float(rows.abs().sum(dim=1).max().clamp(min=1e-9)))
    nodes = step * torch.arange(1, max(2, math.ceil(cutoff / step)), dtype=torch.float64)
    total = torch.zeros(len(rows), dtype=torch.float64)
    for part in nodes.split(max(1, 2**18 // len(rows))):
        product = torch.ones(len(rows), len(part), dtype=torch.float64)
        for i in range(d):
            angle = rows[:, i, None] * part
            product *= angle.sin_() if i < k else angle.cos_()
        total += (product / part.square()).sum(dim=1)
    origin = rows[:, 0] * rows[:, 1] if k == 2 else torch.zeros_like(total)
    sign = (-1) ** (k // 2 + 1)
    result = sign * step / (2 * math.pi) * (2 * total + origin) * scale
    return result.reshape(weights.shape[:-1]).to(weights.dtype)


def walsh_transform(values: Float[Tensor, "*batch cube"]) -> Float[Tensor, "*batch cube"]:
    r"""All :math:`2^d` Walsh coefficients of a function on the cube, by the fast transform.

    Entry ``m`` of the result is :math:`2^{-d}\sum_x\prod_{i\in S}x_i\,g(x)`, where :math:`S` holds
    the places at which ``m`` has a binary one, and the input number ``j`` has
    :math:`x_i=-1` at the places where ``j`` has one. :math:`O(d\,2^d)` additions.

    Args:
        values: The function at all :math:`2^d` inputs, along the last axis.

    Returns:
        The coefficients, same shape.

    Raises:
        ValueError: If the last axis is not a power of two.

    Example:
        >>> walsh_transform(torch.tensor([1.0, -1.0, -1.0, 1.0]))
        tensor([0., 0., 0., 1.])

    Source:
        The transform is classical; used here on the neurons of :cite:t:`abbe2024parity`.
    """
    size = values.shape[-1]
    if size < 1 or size & (size - 1):
        raise ValueError(f"the last axis must be a power of two, got {size}")
    result, half = values, 1
    while half < size:
        pairs = result.reshape(*values.shape[:-1], size // (2 * half), 2, half)
        left, right = pairs.unbind(dim=-2)
        result = torch.stack((left + right, left - right), dim=-2)
        half *= 2
    return result.reshape(values.shape) / size
