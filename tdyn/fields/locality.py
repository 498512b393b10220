"""How local receptive fields are: of weights, and of masks on a grid of pixels."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = [
    "displacements",
    "distances",
    "inverse_participation_ratio",
    "neighbor_enrichment",
    "spread",
]

Grid = int | tuple[int, ...]


def inverse_participation_ratio(
    weights: Float[Tensor, "... pixels"],
) -> Float[Tensor, "..."]:
    r"""Return how concentrated each row of weights is, from :math:`1/n` to 1.

    .. math:: I(w) = \frac{\sum_i w_i^4}{\big(\sum_i w_i^2\big)^2}

    Its inverse is an effective number of pixels. Independent Gaussian weights have about
    :math:`3/n`. Some authors give this name to the inverse.

    Args:
        weights: Rows of weights.

    Returns:
        One number a row; NaN if a row is zero.

    Example:
        >>> inverse_participation_ratio(torch.tensor([[1.0, 1, 1, 1], [0, -2, 0, 0]]))
        tensor([0.2500, 1.0000])

    Source:
        :cite:t:`ingrosso2022convolutional`, who use the inverse
    """
    # Divided by the largest weight first, so that small weights do not vanish in the fourth power.
    square = (weights / weights.abs().amax(-1, keepdim=True)) ** 2
    return (square**2).sum(-1) / square.sum(-1) ** 2


def distances(grid: Grid, *, periodic: bool = True) -> Float[Tensor, "pixels pixels"]:
    """Return the Euclidean distances between all pixels, in float64.

    Args:
        grid: Number of pixels of a line, or sides of an image; pixels in row-major order.
        periodic: Whether the borders are glued together (a ring, a torus).

    Returns:
        The matrix of distances.

    Raises:
        ValueError: If a side is not positive.

    Example:
        >>> distances(5)[0].tolist(), distances(5, periodic=False)[0].tolist()
        ([0.0, 1.0, 2.0, 2.0, 1.0], [0.0, 1.0, 2.0, 3.0, 4.0])
    """
    sides = _sides(grid)
    places = torch.cartesian_prod(*[torch.arange(side) for side in sides])
    apart = (places.reshape(-1, 1, len(sides)) - places.reshape(1, -1, len(sides))).abs()
    if periodic:
        apart = torch.minimum(apart, torch.tensor(sides) - apart)
    return apart.double().norm(dim=-1)


def spread(
    mask: Bool[Tensor, "*ensemble neurons pixels"], grid: Grid, *, periodic: bool = True
) -> Float[Tensor, "*ensemble"]:
    r"""Return the mean distance between a neuron's surviving pixels, relative to all pixels.

    .. math::

        s_k = \frac{\sum_{i \ne j} m_{ik} m_{jk} d_{ij}}{n_k (n_k - 1)} \Big/ \bar d,
        \qquad s = \text{mean over neurons with } n_k \ge 2

    A random mask has 1 on average, one tight patch has nearly 0.

    Args:
        mask: What survives, one row a neuron.
        grid: Number of pixels of a line, or sides of an image.
        periodic: Whether the borders are glued together.

    Returns:
        One number a network; NaN if no neuron has two pixels.

    Raises:
        ValueError: If the grid has another number of pixels than the mask, or only one.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0]]).bool()
        >>> round(spread(mask[:1], 6).item(), 3), round(spread(mask[1:], 6).item(), 3)
        (0.556, 1.667)

    Source:
        Ours.
    """
    _check(mask, grid)
    d = distances(grid, periodic=periodic).to(mask.device)
    m = mask.double()
    number = m.sum(-1)
    mean = ((m @ d) * m).sum(-1) / (number * (number - 1))
    everywhere = d.sum() / (len(d) * (len(d) - 1))
    return (mean / everywhere).nanmean(-1).to(_float())  # 0 / 0 for fewer than two pixels


def neighbor_enrichment(
    mask: Bool[Tensor, "*ensemble neurons pixels"], grid: Grid, *, periodic: bool = True
) -> Float[Tensor, "*ensemble"]:
    r"""Return how much more often surviving pixels of a neuron are neighbors than by chance.

    .. math::

        S_1 = \frac{\text{share of neighbors among the surviving pairs of the same neuron}}
        {\text{share of neighbors among all pairs of pixels}}

    Neighbors have distance 1; the pairs of all neurons are pooled. A random mask has 1.

    Args:
        mask: What survives, one row a neuron.
        grid: Number of pixels of a line, or sides of an image.
        periodic: Whether the borders are glued together.

    Returns:
        One number a network; NaN if no neuron has two pixels.

    Raises:
        ValueError: If the grid has another number of pixels than the mask, or only one.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0, 0, 0]]).bool()
        >>> neighbor_enrichment(mask, 6)
        tensor(2.5000)

    Source:
        Ours.
    """
    _check(mask, grid)
    d = distances(grid, periodic=periodic).to(mask.device)
    near = (d == 1).double()
    m = mask.double()
    number = m.sum(-1)
    share = ((m @ near) * m).sum((-2, -1)) / (number * (number - 1)).sum(-1)
    return (share / (near.sum() / (len(d) * (len(d) - 1)))).to(_float())


def displacements(
    mask: Bool[Tensor, "*ensemble neurons pixels"],
    grid: tuple[int, ...],
    *,
    periodic: bool = True,
) -> Float[Tensor, "..."]:
    r"""Return how often two surviving pixels of a neuron lie a given vector apart.

    .. math::

        S(\mathbf v) = \frac{\#\{(k, i): m_{k,i}\, m_{k,i+\mathbf v} = 1\}}
        {\text{available pairs}(\mathbf v)} \Big/
        \frac{\sum_{\mathbf v \ne 0} \#}{\sum_{\mathbf v \ne 0} \text{available pairs}}

    Dividing by the available pairs matters on an open grid, where even a random mask has more
    short displacements than long ones. With this division a random mask has 1 everywhere.

    Args:
        mask: What survives, one row a neuron.
        grid: Sides of the image.
        periodic: Whether the borders are glued together.

    Returns:
        One map a network, with the vector zero in the middle, where the value is NaN. Its sides are
        those of the grid if periodic, else ``2 * side - 1``.

    Raises:
        ValueError: If the grid has another number of pixels than the mask, or only one.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0, 0, 0]]).bool()
        >>> displacements(mask, (6,))
        tensor([0.0000, 0.0000, 2.5000,    nan, 2.5000, 0.0000])

    Source:
        :cite:t:`pellegrini2022pruning`; the division is ours
    """
    _check(mask, grid)
    axes = tuple(range(-len(grid), 0))
    size = tuple(side if periodic else 2 * side - 1 for side in grid)
    ones = torch.ones(grid, dtype=torch.float64, device=mask.device)

    def pairs(field: Tensor) -> Tensor:
        transformed = torch.fft.fftn(field, s=size, dim=axes)
        return torch.fft.ifftn(transformed.abs() ** 2, dim=axes).real.round()

    counts = pairs(mask.double().reshape(*mask.shape[:-1], *grid)).sum(-len(grid) - 1)
    available = pairs(ones)
    zero = (..., *(0,) * len(grid))
    counts[zero], available[zero] = 0, 0
    overall = counts.sum(axes, keepdim=True) / available.sum()
    shift = [side // 2 for side in size] if periodic else [side - 1 for side in grid]
    return (counts / available / overall).roll(shift, axes).to(_float())


def _float() -> torch.dtype:
    return torch.get_default_dtype()


def _sides(grid: Grid) -> tuple[int, ...]:
    sides = (grid,) if isinstance(grid, int) else tuple(grid)
    if not sides or any(side < 1 for side in sides):
        raise ValueError(f"the sides of the grid must be positive, got {grid}")
    return sides


def _check(mask: Tensor, grid: Grid) -> None:
    sides = _sides(grid)
    if mask.dtype != torch.bool or mask.ndim < 2:
        raise ValueError(f"mask must be Boolean (..., neurons, pixels), got {mask.dtype}")
    pixels = torch.Size(sides).numel()
    if pixels < 2 or mask.shape[-1] != pixels:
        raise ValueError(f"the grid {grid} has {pixels} pixels, the mask {mask.shape[-1]}")
