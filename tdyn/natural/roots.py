"""A matrix square root by iteration, to be compared with a factorization."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["SquareRoot", "denman_beavers"]


class SquareRoot(NamedTuple):
    """A square root, its inverse, and how long it took.

    Attributes:
        root: The symmetric square root.
        inverse: Its inverse.
        iterations: Number of iterations.
    """

    root: Tensor
    inverse: Tensor
    iterations: int


def denman_beavers(
    G: Float[Tensor, "n n"], *, tolerance: float = 1e-10, most: int = 100
) -> SquareRoot:
    r"""Return :math:`G^{1/2}` and :math:`G^{-1/2}` by the iteration of Denman and Beavers.

    .. math::

        Y\leftarrow\tfrac12(Y+Z^{-1}),\quad Z\leftarrow\tfrac12(Z+Y^{-1}),
        \qquad Y_0=G,\ Z_0=I

    Args:
        G: A symmetric positive definite matrix.
        tolerance: Relative change of :math:`Y` at which to stop, positive.
        most: Largest number of iterations.

    Returns:
        Both roots and the number of iterations.

    Raises:
        ValueError: If ``G`` is not square or the iteration does not settle.

    Example:
        >>> found = denman_beavers(torch.tensor([[4.0, 0.0], [0.0, 9.0]], dtype=torch.float64))
        >>> found.root.diagonal().round(decimals=6).tolist(), found.iterations
        ([2.0, 3.0], 7)

    Source: :cite:t:`denman1976sign`
    """
    if G.ndim != 2 or G.shape[0] != G.shape[1]:
        raise ValueError(f"G must be a square matrix, got shape {tuple(G.shape)}")
    Y, Z = G, torch.eye(len(G), dtype=G.dtype, device=G.device)
    for iteration in range(1, most + 1):
        try:
            new, Z = (Y + torch.linalg.inv(Z)) / 2, (Z + torch.linalg.inv(Y)) / 2
        except torch.linalg.LinAlgError:
            break
        change = torch.linalg.norm(new - Y) / torch.linalg.norm(new)
        Y = new
        if change < tolerance:
            return SquareRoot(Y, Z, iteration)
    raise ValueError(f"no square root within {most} iterations; is G positive definite?")
