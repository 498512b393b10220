"""Which few pixels tell two Gaussian classes apart."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["gaussian_discriminant"]


def gaussian_discriminant(
    first: Float[Tensor, "pixels pixels"],
    second: Float[Tensor, "pixels pixels"],
    supports: Int[Tensor, "sets size"],
) -> Float[Tensor, " sets"]:
    r"""Return how well a filter on few pixels tells two centered Gaussian classes apart.

    .. math:: \max_{w \text{ on } s} \Big|\log\frac{w^\top C_1 w}{w^\top C_2 w}\Big|

    The quotient is largest and smallest at generalized eigenvectors of the two blocks.

    Args:
        first: Covariance of the first class, positive definite on each support.
        second: Covariance of the second class, the same.
        supports: Sets of different pixels, one set a row.

    Returns:
        One number a set, zero if the classes look the same there.

    Raises:
        ValueError: If the matrices are not square and alike, a pixel does not exist or stands twice
            in a set, or a block is not positive definite.

    Example:
        >>> first, second = torch.eye(3), torch.eye(3)
        >>> first[0, 1] = first[1, 0] = 0.5
        >>> gaussian_discriminant(first, second, torch.tensor([[0, 1], [1, 2]]))
        tensor([0.6931, 0.0000])

    Source:
        Ours.
    """
    if first.shape != second.shape or first.shape[0] != first.shape[1]:
        raise ValueError(
            f"the covariances must be square and alike, got {tuple(first.shape)} and "
            f"{tuple(second.shape)}"
        )
    ordered = supports.sort(-1).values
    outside = bool((supports < 0).any()) or bool((supports >= len(first)).any())
    if outside or bool((ordered[:, 1:] == ordered[:, :-1]).any()):
        raise ValueError(f"supports must be sets of different pixels from 0 to {len(first) - 1}")
    rows, columns = supports[:, :, None], supports[:, None, :]
    factor, wrong = torch.linalg.cholesky_ex(second[rows, columns])
    if bool(wrong.any()):
        raise ValueError("the second covariance is not positive definite on some support")
    half = torch.linalg.solve_triangular(factor, first[rows, columns], upper=False)
    ratio = torch.linalg.solve_triangular(factor, half.mT, upper=False)
    values = torch.linalg.eigvalsh((ratio + ratio.mT) / 2)
    if bool((values[:, 0] <= 0).any()):
        raise ValueError("the first covariance is not positive definite on some support")
    return values.log().abs().amax(-1)
