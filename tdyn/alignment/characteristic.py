r"""Characteristic functions of the laws that weights are drawn from.

Part of :mod:`tdyn.alignment`, which re-exports every public name. The characteristic function of a
symmetric law is :math:`\varphi(\omega)=\mathbb E\cos(\omega w)`, a real even function. Every law
here has variance one, as a weight has before the division by :math:`\sqrt{\text{fan-in}}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "CharacteristicFunction",
    "discrete",
    "gaussian",
    "perturbed_rademacher",
    "resonance",
    "uniform_perturbed",
]


@dataclass(frozen=True)
class CharacteristicFunction:
    r"""A characteristic function that knows its period, if it has one.

    Attributes:
        evaluate: The function :math:`\varphi`, element by element on a tensor.
        period: The period of :math:`\varphi`: :math:`2\pi/u` for a law on the multiples of
            :math:`u`; None for any other law.
        largest: The largest absolute value that the law can take; None if there is none, or it
            is not known.
    """

    evaluate: Callable[[Tensor], Tensor]
    period: float | None = None
    largest: float | None = None

    def __call__(self, omega: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        r"""Return :math:`\varphi` at every entry of ``omega``."""
        return self.evaluate(omega)


def gaussian() -> CharacteristicFunction:
    r"""Standard normal law, :math:`\varphi(\omega)=e^{-\omega^2/2}`.

    Returns:
        The characteristic function.

    Example:
        >>> gaussian()(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.6065])

    Source:
        The initialization of the negative results of :cite:t:`abbe2024parity`.
    """
    return CharacteristicFunction(lambda omega: torch.exp(-0.5 * omega.square()))


def perturbed_rademacher(sigma: float) -> CharacteristicFunction:
    r"""Law of :math:`(r+\sigma g)/\sqrt{1+\sigma^2}` with a random sign r and a normal g.

    .. math:: \varphi(\omega\sqrt{1+\sigma^2})=\cos(\omega)\,e^{-\sigma^2\omega^2/2}

    Args:
        sigma: Level of the perturbation, not negative; zero gives random signs.

    Returns:
        The characteristic function.

    Raises:
        ValueError: If ``sigma`` is negative or not finite.

    Example:
        >>> perturbed_rademacher(0.0)(torch.tensor(torch.pi))
        tensor(-1.)

    Source:
        :cite:t:`abbe2024parity`
    """
    scale = _scale(sigma)

    def evaluate(omega: Tensor) -> Tensor:
        ticks = omega / scale
        return ticks.cos() * torch.exp(-0.5 * (sigma * ticks).square())

    if sigma == 0:
        return CharacteristicFunction(evaluate, period=2 * math.pi, largest=1.0)
    return CharacteristicFunction(evaluate)


def uniform_perturbed(sigma: float) -> CharacteristicFunction:
    r"""Law of :math:`(r+\sigma u)/\sqrt{1+\sigma^2}`, u uniform with variance one.

    .. math::
        \varphi(\omega\sqrt{1+\sigma^2})=\cos(\omega)\,
        \frac{\sin\sqrt3\,\sigma\omega}{\sqrt3\,\sigma\omega}

    Args:
        sigma: Standard deviation of the uniform perturbation, not negative.

    Returns:
        The characteristic function.

    Raises:
        ValueError: If ``sigma`` is negative or not finite.

    Example:
        >>> uniform_perturbed(1.0)(torch.tensor([0.0, 1.0])).round(decimals=3)
        tensor([1.0000, 0.5840])

    Source:
        :cite:t:`abbe2024parity`
    """
    scale = _scale(sigma)

    def evaluate(omega: Tensor) -> Tensor:
        ticks = omega / scale
        return ticks.cos() * torch.sinc(math.sqrt(3) * sigma * ticks / math.pi)

    largest = (1 + math.sqrt(3) * sigma) / scale
    return CharacteristicFunction(evaluate, 2 * math.pi if sigma == 0 else None, largest)


def discrete(
    values: Sequence[float], probabilities: Sequence[float] | None = None
) -> CharacteristicFunction:
    r"""Law on finitely many values, scaled to variance one; :math:`\varphi` is a sum of cosines.

    Args:
        values: The values; the law must be symmetric about zero. Repeat a value to weight it.
        probabilities: One probability a value; equal ones by default.

    Returns:
        The characteristic function; it has a period when all the values are integers.

    Raises:
        ValueError: If the lengths differ, the probabilities are not a law, or the law is not
            symmetric or is zero.

    Example:
        >>> discrete([-1, 0, 1])(torch.tensor(0.0))
        tensor(1.)

    Source:
        These laws are tried in :cite:t:`abbe2024parity`.
    """
    uniform = [1 / max(1, len(values))] * len(values)
    masses = uniform if probabilities is None else list(probabilities)
    if len(masses) != len(values) or not values:
        raise ValueError(f"got {len(values)} values and {len(masses)} probabilities")
    if min(masses) < 0 or abs(sum(masses) - 1) > 1e-9:
        raise ValueError(f"probabilities must be non-negative and sum to 1, got {masses}")
    mass = {abs(v): 0.0 for v in values}
    lean = {abs(v): 0.0 for v in values}
    for v, p in zip(values, masses, strict=True):
        mass[abs(v)] += p
        lean[abs(v)] += math.copysign(p, v) if v else 0.0
    std = math.sqrt(sum(p * v * v for v, p in mass.items()))
    if std == 0 or any(abs(p) > 1e-9 for p in lean.values()):
        raise ValueError(f"the law must be symmetric about zero and not zero, got {list(values)}")

    def evaluate(omega: Tensor) -> Tensor:
        return sum((p * torch.cos(omega * (v / std)) for v, p in mass.items()), 0 * omega)

    integers = [int(v) for v in mass if float(v).is_integer()]
    period = 2 * math.pi * std / math.gcd(*integers) if len(integers) == len(mass) else None
    return CharacteristicFunction(evaluate, period, max(mass) / std)


def resonance(
    phi: Callable[[Tensor], Tensor], omega: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    r"""Average of :math:`\sin^2(\omega w)` over the law: how well it resonates at a frequency.

    .. math:: r(\omega)=\mathbb E\,\sin^2(\omega w)=\tfrac12\,[1-\varphi(2\omega)]

    One factor for every bit: the alignment with a parity of ``d`` bits is at most about
    :math:`\max_\omega r(\omega)^d`.

    Args:
        phi: Characteristic function of a symmetric law.
        omega: Frequencies.

    Returns:
        Numbers between 0 and 1, one a frequency.

    Example:
        >>> resonance(perturbed_rademacher(0.0), torch.tensor(torch.pi / 2))
        tensor(1.)

    Source:
        Ours; it explains the contrast shown by :cite:t:`abbe2024parity`.
    """
    return 0.5 * (1 - phi(2 * omega))


def _scale(sigma: float) -> float:
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma must be finite and not negative, got {sigma}")
    return math.sqrt(1 + sigma * sigma)
