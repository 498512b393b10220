"""From a Gram matrix to training: Jacobians, their smallest eigenvalue, and predicted steps."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.kernels.activations import Activation, resolve
from tdyn.nets import Model

__all__ = [
    "feature_jacobian",
    "parameter_jacobian",
    "predicted_loss",
    "predicted_steps",
    "smallest_eigenvalue",
]


def feature_jacobian(
    activation: Activation | str,
    x: Float[Tensor, "n d"],
    weights: Float[Tensor, "*ensemble m d"],
) -> Float[Tensor, "*ensemble n N"]:
    r"""Jacobian of a two-layer network with output weights ±1 by its first layer.

    .. math:: J_{i,(k,\cdot)}=m^{-1/2}\,\phi'(w_k^\top x_i)\,x_i,\qquad G^{(m)}=JJ^\top

    The output signs are left out: they do not change :math:`JJ^\top`.

    Args:
        activation: An activation or its name.
        x: Inputs.
        weights: First layer, with or without leading ensemble axes.

    Returns:
        The Jacobian with :math:`N=md` columns.

    Example:
        >>> w = torch.randn(5000, 2, generator=torch.Generator().manual_seed(0))
        >>> j = feature_jacobian("relu", torch.eye(2), w)
        >>> (j @ j.mT).round(decimals=1)
        tensor([[0.5000, 0.0000], [0.0000, 0.5000]])

    Source:
        :cite:t:`panigrahi2019activations`
    """
    slopes = resolve(activation).derivative(x @ weights.mT) / math.sqrt(weights.shape[-2])
    return (slopes.unsqueeze(-1) * x.unsqueeze(-2)).flatten(-2)


def parameter_jacobian(
    model: Model, params: Mapping[str, Tensor], x: Float[Tensor, "n d"]
) -> Float[Tensor, "n N"]:
    """Jacobian of any network with one output by all its parameters.

    Args:
        model: A pure function ``model(params, x)`` with outputs ``(n, 1)``.
        params: Parameters of one network.
        x: Inputs.

    Returns:
        One row an input; the columns follow the order of the parameters.

    Raises:
        ValueError: If the model has several outputs.

    Example:
        >>> from tdyn import inits, nets
        >>> net = nets.MLP((2, 3, 1))
        >>> params = inits.initialize(net, inits.he, seed=0)
        >>> parameter_jacobian(net, params, torch.ones(4, 2)).shape
        torch.Size([4, 13])
    """
    outputs = model(dict(params), x[:1])
    if outputs.shape != (1, 1):
        raise ValueError(f"the model must have one output, got shape {tuple(outputs.shape)} for 1")

    def one(p: dict[str, Tensor], row: Tensor) -> Tensor:
        return model(p, row.unsqueeze(0)).squeeze()

    rows = torch.func.vmap(torch.func.grad(one), in_dims=(None, 0))(dict(params), x)
    return torch.cat([rows[name].flatten(1) for name in params], dim=1)


def smallest_eigenvalue(jacobian: Float[Tensor, "*batch n N"]) -> Float[Tensor, "*batch"]:
    r"""Smallest eigenvalue of :math:`JJ^\top`, from the singular values of :math:`J`.

    Forming :math:`JJ^\top` first would bury everything below about :math:`10^{-16}` of the largest
    eigenvalue. A singular value is right to :math:`10^{-16}` of the largest, so its square is right
    down to about :math:`10^{-30}`. A triangular factor of :math:`J^\top` keeps it fast.

    Args:
        jacobian: One row a sample.

    Returns:
        The eigenvalue; zero if there are more rows than columns.

    Example:
        >>> j = torch.tensor([[1.0, 0.0], [1.0, 1e-12]], dtype=torch.float64)
        >>> f"{smallest_eigenvalue(j).item():.1e}", torch.linalg.eigvalsh(j @ j.mT)[0].item()
        ('5.0e-25', 0.0)

    Source:
        Ours.
    """
    if jacobian.shape[-2] > jacobian.shape[-1]:
        return jacobian.new_zeros(jacobian.shape[:-2])
    _, r = torch.linalg.qr(jacobian.mT, mode="r")
    return torch.linalg.svdvals(r)[..., -1].square()


def predicted_loss(
    gram: Float[Tensor, "n n"],
    residual: Float[Tensor, "n"],
    lr: float,
    steps: Float[Tensor, "times"],
) -> Float[Tensor, "times"]:
    r"""Mean squared residual after ``steps`` of linearized gradient descent.

    .. math:: \frac1n\sum_i(1-\eta\lambda_i)^{2t}\,(v_i^\top r)^2

    Args:
        gram: Gram matrix with eigenvalues :math:`\lambda_i`, eigenvectors :math:`v_i`.
        residual: :math:`r=f(X)-y` before training.
        lr: Learning rate :math:`\eta` of the loss :math:`\frac12\lVert r\rVert^2`.
        steps: Numbers of steps :math:`t\ge0`.

    Returns:
        The mean square at each of them.

    Raises:
        ValueError: If a learning rate or a step is negative.

    Example:
        >>> predicted_loss(torch.eye(2), torch.ones(2), 0.5, torch.tensor([0.0, 1.0])).tolist()
        [1.0, 0.25]

    Source:
        Standard; see :cite:t:`panigrahi2019activations`.
    """
    if lr < 0 or bool((steps < 0).any()):
        raise ValueError(f"lr and steps must not be negative, got lr={lr}")
    values, vectors = torch.linalg.eigh(gram)
    weights = (vectors.mT @ residual).square() / len(residual)
    factors = (1 - lr * values).abs()
    return (weights * factors ** (2 * steps.unsqueeze(-1))).sum(-1)


def predicted_steps(
    gram: Float[Tensor, "n n"],
    residual: Float[Tensor, "n"],
    lr: float,
    tolerance: float,
    *,
    longest: int = 10**9,
) -> int:
    """Number of steps until the mean squared residual falls below a tolerance.

    Args:
        gram: Gram matrix.
        residual: ``f(X) - y`` before training.
        lr: Learning rate of half the squared residual, below ``2 / λ_max``.
        tolerance: Mean square to reach, positive.
        longest: Where to give up.

    Returns:
        The first step at or below the tolerance; ``longest`` if there is none before.

    Raises:
        ValueError: If the tolerance is not positive or the learning rate is too large.

    Example:
        >>> predicted_steps(torch.eye(2), torch.ones(2), 0.5, 0.01)
        4

    Source:
        Ours.
    """
    top = torch.linalg.eigvalsh(gram)[-1].item()
    if tolerance <= 0 or not 0 < lr < 2 / top:
        raise ValueError(
            f"tolerance must be positive and lr between 0 and 2 / λ_max = {2 / top:.3g}, "
            f"got tolerance={tolerance}, lr={lr}"
        )

    def loss(step: int) -> float:
        return predicted_loss(gram, residual, lr, residual.new_tensor([float(step)])).item()

    low, high = -1, 1
    while loss(high) > tolerance:
        low, high = high, 2 * high
        if high >= longest:
            return longest
    if loss(0) <= tolerance:
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if loss(middle) > tolerance else (low, middle)
    return high
