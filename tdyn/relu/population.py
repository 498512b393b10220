"""Random second-layer neurons: how often is one inactive for every input?"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tdyn.inits import Law, gaussian
from tdyn.relu.activity import stably_inactive

__all__ = [
    "Estimate",
    "sign_variants",
    "stably_inactive_monte_carlo",
    "stably_inactive_probability",
]

_NEURONS = 2**16  # neurons decided at once


class Estimate(NamedTuple):
    """A probability with its standard error.

    Attributes:
        probability: The estimate.
        error: Its standard error; 0 if every draw agreed.
        shares: The share of inactive sign choices of each draw ``(draws,)``; with ``signs=False``
            0 or 1.
    """

    probability: float
    error: float
    shares: Float[Tensor, " draws"]


def stably_inactive_probability(n0: int, n1: int) -> Fraction:
    r"""Probability that a random second-layer neuron is stably inactive, where it is proved.

    .. math::

        P = 2^{-(n_1+1)} \ (n_1 \le n_0), \qquad P = \frac{2^{n_0}+1}{4^{n_0+1}} \ (n_1 = n_0+1)

    for all laws of the parameters that have no preferred signs and, with probability one, no
    degenerate draws. Beyond that width the answer depends on the law.

    Args:
        n0: Number of inputs, positive.
        n1: Width of the first layer, from 1 to ``n0 + 1``.

    Returns:
        The exact probability.

    Raises:
        ValueError: If a number is not positive, or no formula is proved (``n1 > n0 + 1``).

    Example:
        >>> stably_inactive_probability(1, 2), stably_inactive_probability(3, 3)
        (Fraction(3, 16), Fraction(1, 16))

    Source:
        :cite:t:`brownlowe2024unactivated`
    """
    if n0 < 1 or n1 < 1:
        raise ValueError(f"n0 and n1 must be positive, got {n0} and {n1}")
    if n1 > n0 + 1:
        raise ValueError(
            f"no formula is known for n1 = {n1} > n0 + 1 = {n0 + 1}; there the probability depends "
            "on the law: use stably_inactive_monte_carlo"
        )
    return Fraction(1, 2 ** (n1 + 1)) if n1 <= n0 else Fraction(2**n0 + 1, 4 ** (n0 + 1))


def sign_variants(
    W1: Float[Tensor, "*networks n1 n0"],
    b1: Float[Tensor, "*networks n1"],
    w2: Float[Tensor, "*networks n1"],
    b2: Float[Tensor, "*networks"],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r"""Put all :math:`2^{2n_1+1}` choices of signs on the magnitudes of one neuron.

    A sign for each row :math:`(W_i, b_i)` of layer 1, for each weight of the neuron, and for its
    bias.

    Args:
        W1: First-layer weights.
        b1: First-layer biases.
        w2: Weights of one second-layer neuron.
        b2: Its bias.

    Returns:
        Arguments of :func:`stably_inactive`: ``W1 (*networks, 2**n1, n1, n0)``, ``b1``, and the
        neurons ``w2 (*networks, 2**n1, 2**(n1+1), n1)``, ``b2``. Row signs are the first new axis.

    Example:
        >>> W1, b1 = torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 1.0])
        >>> variants = sign_variants(W1, b1, torch.tensor([1.0, 3.0]), torch.tensor(0.7))
        >>> int(stably_inactive(*variants).sum())
        6
    """
    n1 = W1.shape[-2]
    signs = torch.tensor(list(itertools.product((1.0, -1.0), repeat=n1 + 1))).to(W1)
    rows = signs[::2, :n1]
    weights = (signs[:, :n1] * w2.unsqueeze(-2)).unsqueeze(-3)
    biases = (signs[:, n1] * b2.unsqueeze(-1)).unsqueeze(-2)
    return (
        rows.unsqueeze(-1) * W1.unsqueeze(-3),
        rows * b1.unsqueeze(-2),
        weights.expand(*weights.shape[:-3], len(rows), *weights.shape[-2:]),
        biases.expand(*biases.shape[:-2], len(rows), biases.shape[-1]),
    )


def stably_inactive_monte_carlo(
    n0: int,
    n1: int,
    *,
    draws: int,
    seed: int,
    law: Law = gaussian,
    signs: bool = True,
) -> Estimate:
    r"""Estimate the probability that a random neuron is stably inactive.

    With ``signs=True`` each draw of magnitudes is averaged over all :math:`2^{2n_1+1}` choices of
    signs. That removes most of the variance, and all of it for :math:`n_1 \le n_0 + 1`.

    Args:
        n0: Number of inputs, positive.
        n1: Width of the first layer, positive.
        draws: Number of random neurons, positive.
        seed: Source of randomness.
        law: Law of every parameter, biases too; all are independent and drawn as
            ``law((numbers, 1))``, which for the laws of :mod:`tdyn.inits` means unit fan-in.
        signs: Average over signs exactly; at most ``n1 = 8``.

    Returns:
        The estimate.

    Raises:
        ValueError: If a number is not positive, or there are too many signs to enumerate.

    Example:
        >>> stably_inactive_monte_carlo(1, 2, draws=50, seed=0)[:2]
        (0.1875, 0.0)

    Source:
        The average over signs is ours; the question is that of
        :cite:t:`brownlowe2024unactivated`.
    """
    if min(n0, n1, draws) < 1:
        raise ValueError(f"n0, n1 and draws must be positive, got {n0}, {n1} and {draws}")
    if signs and n1 > 8:
        raise ValueError(f"signs=True enumerates 2**(2 n1 + 1) neurons; n1 = {n1} is more than 8")
    generator = torch.Generator().manual_seed(seed)
    size = max(1, _NEURONS // (2 ** (2 * n1 + 1) if signs else n1))
    shares = []
    for start in range(0, draws, size):
        count = min(size, draws - start)
        options = {"generator": generator, "dtype": torch.float64}
        rows = law((count * n1 * (n0 + 1), 1), **options).reshape(count, n1, n0 + 1)
        neuron = law((count * (n1 + 1), 1), **options).reshape(count, n1 + 1)
        parts = rows[..., :-1], rows[..., -1], neuron[:, :-1], neuron[:, -1]
        if signs:
            shares.append(stably_inactive(*sign_variants(*parts)).double().mean(dim=(-2, -1)))
        else:
            shares.append(_one_each(*parts).double())
    values = torch.cat(shares)
    spread = values.std().item() if draws > 1 else float("nan")
    return Estimate(values.mean().item(), spread / draws**0.5, values)


def _one_each(W1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Bool[Tensor, " draws"]:
    """Decide one neuron a network; on the line by sorting, which is fast for wide layers.

    On the line the slope to the right of the k-th kink is the sum of all rising neurons to its
    left and all falling ones to its right, so two cumulative sums give every value.

    Returns:
        The decisions.
    """
    if W1.shape[-1] > 1 or W1.shape[-2] < 8:
        return stably_inactive(W1, b1, w2, b2)
    kinks, order = (-b1 / W1[..., 0]).sort(dim=-1)
    slope = (w2 * W1[..., 0]).gather(-1, order)
    lift = (w2 * b1).gather(-1, order)
    rising = W1[..., 0].gather(-1, order) > 0
    up = [torch.where(rising, v, 0.0).cumsum(dim=-1) for v in (slope, lift)]
    down = [torch.where(rising, 0.0, v) for v in (slope, lift)]
    falling = [v.flip(-1).cumsum(dim=-1).flip(-1) for v in down]
    z = b2.unsqueeze(-1) + (up[0] + falling[0]) * kinks + up[1] + falling[1]
    outer = (up[0][..., -1] <= 0) & (falling[0][..., 0] >= 0)
    return (z < 0).all(dim=-1) & outer
