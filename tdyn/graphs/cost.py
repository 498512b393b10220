"""What a forward pass costs, and a pairwise penalty without the pairs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Macs", "macs", "mean_difference"]


class Macs(NamedTuple):
    """Multiply-accumulate operations of one forward pass, part by part.

    Attributes:
        first_weights: The features times the first weights.
        first_edges: The first aggregation along edges and loops.
        second_weights: The hidden features times the second weights.
        second_edges: The second aggregation.
    """

    first_weights: int
    first_edges: int
    second_weights: int
    second_edges: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)

    @property
    def edge_share(self) -> float:
        """Share of the two aggregations."""
        return (self.first_edges + self.second_edges) / self.total


def macs(
    nodes: int,
    features: int,
    hidden: int,
    classes: int,
    edges: int,
    *,
    edge_sparsity: float = 0.0,
    weight_sparsity: float | tuple[float, float] = 0.0,
    nonzero: int | None = None,
) -> Macs:
    r"""Count the multiply-accumulates of a two-layer graph network.

    .. math::

        M = N F h (1 - s_1) + |\tilde E| h + N h C (1 - s_2) + |\tilde E| C, \qquad
        |\tilde E| = (1 - s_g) |E| + N

    This is our accounting; it counts the loops, and takes the features as dense unless
    ``nonzero`` is given.

    Args:
        nodes: :math:`N`.
        features: :math:`F`.
        hidden: :math:`h`.
        classes: :math:`C`.
        edges: Directed edges :math:`|E|`, without loops.
        edge_sparsity: Share :math:`s_g` of edges removed, in [0, 1].
        weight_sparsity: Share of weights removed, one number or one a layer.
        nonzero: Features that are not zero, in place of :math:`N F`.

    Returns:
        The four parts, rounded.

    Raises:
        ValueError: If a count is not positive or a sparsity is outside [0, 1].

    Example:
        >>> dense = macs(2708, 1433, 512, 7, 10556)
        >>> dense.total, round(100 * dense.edge_share, 2)
        (2003438256, 0.34)
    """
    first, second = (
        weight_sparsity if isinstance(weight_sparsity, tuple) else (weight_sparsity,) * 2
    )
    if min(nodes, features, hidden, classes) < 1 or edges < 0:
        raise ValueError("nodes, features, hidden and classes must be positive")
    if not all(0 <= s <= 1 for s in (first, second, edge_sparsity)):
        raise ValueError(f"sparsities must be in [0, 1], got {first, second, edge_sparsity}")
    read = nodes * features if nonzero is None else nonzero
    linked = (1 - edge_sparsity) * edges + nodes
    return Macs(
        round(read * hidden * (1 - first)), round(linked * hidden),
        round(nodes * hidden * classes * (1 - second)), round(linked * classes),
    )  # fmt: skip


def mean_difference(values: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    r"""Return the mean absolute difference of all pairs, by sorting.

    .. math::

        \frac1{n^2}\sum_{i,j}|v_i - v_j| = \frac2{n^2}\sum_{i=1}^n (2i - n - 1)\,v_{(i)}

    Differentiable; among equal values the gradient is one of several subgradients. The left side
    takes :math:`n^2` numbers, the right side a sort.

    Args:
        values: At least one number.

    Returns:
        The mean, zero or positive.

    Raises:
        ValueError: If there are no values.

    Example:
        >>> round(mean_difference(torch.tensor([3.0, 0.0, 1.0])).item() * 9, 4)
        12.0
    """
    n = len(values)
    if not n:
        raise ValueError("mean_difference needs at least one value")
    rank = torch.arange(1, n + 1, dtype=values.dtype, device=values.device)
    # The gradient depends on the order alone, which needs no graph; NumPy sorts in SIMD registers.
    order = torch.from_numpy(values.detach().double().cpu().numpy().argsort()).to(rank.device)
    weight = torch.empty_like(rank).scatter_(0, order, 2 * rank - n - 1)
    return 2 * (weight * values).sum() / n**2
