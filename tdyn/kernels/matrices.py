"""Gram matrices of infinitely wide networks, shallow and deep."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.kernels.activations import Activation, resolve
from tdyn.kernels.duals import dual, dual_derivative

__all__ = ["angles", "deep_gram", "gram", "squared_slope"]


def squared_slope(phi: Activation) -> float:
    r"""Return :math:`\mathbb E\,\phi'^2=\sum_k\mu_k^2`.

    Args:
        phi: The activation.

    Returns:
        The mean.
    """
    return dual_derivative(phi, torch.ones((), dtype=torch.float64)).item()


def angles(x: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n n"]:
    r"""Angles between unit vectors, right also next to 0 and π, where the arc cosine fails.

    .. math:: \theta_{ij}=2\arctan\frac{\lVert x_i-x_j\rVert}{\lVert x_i+x_j\rVert}

    Args:
        x: Unit vectors.

    Returns:
        The angles.

    Raises:
        ValueError: If a vector has another length than one.
    """
    if bool(((x.norm(dim=-1) - 1).abs() > 1e-5).any()):
        raise ValueError(
            f"the rows of x must be unit vectors; their lengths lie between "
            f"{x.norm(dim=-1).min().item():g} and {x.norm(dim=-1).max().item():g}"
        )
    a, b = x.unsqueeze(-2), x.unsqueeze(-3)
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1))


def gram(
    activation: Activation | str, x: Float[Tensor, "*batch n d"], *, normalize: bool = False
) -> Float[Tensor, "*batch n n"]:
    r"""Gram matrix of an infinitely wide two-layer network whose first layer is trained.

    .. math:: G_{ij}=\kappa(\rho_{ij})\,\rho_{ij},\qquad \rho_{ij}=x_i^\top x_j

    Args:
        activation: An activation or its name.
        x: Inputs, unit vectors; leading axes are independent data sets.
        normalize: Divide by :math:`\mathbb E\,\phi'^2`, so that the diagonal is one and
            activations of different scale can be compared.

    Returns:
        The matrix.

    Example:
        >>> gram("relu", torch.eye(2, dtype=torch.float64), normalize=True).round(decimals=12)
        tensor([[1., 0.], [0., 1.]], dtype=torch.float64)

    Source:
        :cite:t:`panigrahi2019activations`; normalizing is ours.
    """
    phi = resolve(activation)
    theta = angles(x)
    rho = theta.cos()
    scale = squared_slope(phi) if normalize else 1.0
    return dual_derivative(phi, rho, theta=theta) * rho / scale


def deep_gram(
    activation: Activation | str,
    x: Float[Tensor, "*batch n d"],
    depth: int,
    *,
    centered: bool = True,
    kind: str = "last",
) -> Float[Tensor, "*batch n n"]:
    r"""Gram matrix of an infinitely wide network with ``depth`` hidden layers.

    The activation is scaled to unit variance, and centered first if you like. Then correlations go
    from layer to layer by its dual, :math:`\rho_0=x_i^\top x_j`:

    .. math::

        \rho_{\ell+1}=\hat\phi(\rho_\ell),\qquad G=\hat\phi'(\rho_{L-1})\,\rho_{L-1},\qquad
        \Theta_0=\rho_0,\quad \Theta_{\ell+1}=\rho_{\ell+1}+\Theta_\ell\,\hat\phi'(\rho_\ell)

    Args:
        activation: An activation or its name.
        x: Inputs, unit vectors; leading axes are independent data sets.
        depth: Number of hidden layers :math:`L\ge1`.
        centered: Subtract the mean :math:`\mathbb E\,\phi(Z)` from the activation.
        kind: ``"last"`` if only the last hidden layer is trained (:math:`G`), ``"all"`` for the
            neural tangent kernel of all layers (:math:`\Theta_L`).

    Returns:
        The matrix, divided by its diagonal, which is constant.

    Raises:
        ValueError: If ``depth`` or ``kind`` is out of range.

    Example:
        >>> angle = torch.tensor([0.0, 0.5], dtype=torch.float64)
        >>> x = torch.stack([angle.cos(), angle.sin()], dim=-1)
        >>> [round(deep_gram("tanh", x, depth)[0, 1].item(), 3) for depth in (1, 4, 16)]
        [0.82, 0.75, 0.417]

    Source:
        The tangent kernel: :cite:t:`jacot2018ntk`. The comparison of activations is ours.
    """
    phi = resolve(activation)
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    if kind not in ("last", "all"):
        raise ValueError(f"kind must be 'last' or 'all', got {kind!r}")
    theta = angles(x)
    rho = theta.cos()
    one = torch.ones((), dtype=torch.float64)
    mean = dual(phi, 0 * one).item() if centered else 0.0
    variance = dual(phi, one).item() - mean
    here: Tensor | None = theta
    tangent, diagonal = rho, 1.0
    for layer in range(depth):
        slope = dual_derivative(phi, rho, theta=here) / variance
        if layer == depth - 1 and kind == "last":
            return slope * rho * variance / squared_slope(phi)
        rho_next = (dual(phi, rho, theta=here) - mean) / variance
        tangent = rho_next + tangent * slope
        diagonal = 1.0 + diagonal * squared_slope(phi) / variance
        rho, here = rho_next.clamp(-1, 1), None
    return tangent / diagonal
