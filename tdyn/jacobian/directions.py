r"""Directions that can be named without training: frozen ones, and a guess of the whole bulk."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jacrev, vmap

from tdyn.nets import MLP, Model

__all__ = ["frozen_directions", "parameter_function_jacobian", "predicted_bulk"]


def _check(net: MLP, x: Tensor) -> None:
    if net.depth != 2:
        raise ValueError(f"net must have one hidden layer, got widths {net.widths}")
    if x.ndim != 2 or x.shape[1] != net.widths[0] or len(x) == 0:
        raise ValueError(f"x must have shape (n, {net.widths[0]}), got {tuple(x.shape)}")


def _extended(net: MLP, x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones_like(x[:, :1])], dim=1) if net.bias else x


def _count(net: MLP) -> int:
    return sum(torch.Size(shape).numel() for shape in net.shapes.values())


def _input_directions(net: MLP, vectors: Tensor) -> Tensor:
    """Give each column of ``(d+1, m)`` to each hidden unit in turn.

    Returns:
        The directions ``(N, m*h)``.
    """
    d, h = net.widths[0], net.widths[1]
    m = vectors.shape[1]
    basis = vectors.new_zeros(_count(net), m, h)
    for unit in range(h):
        basis[unit * d : (unit + 1) * d, :, unit] = vectors[:d]
        if net.bias:
            basis[h * d + unit, :, unit] = vectors[d]
    return basis.reshape(len(basis), m * h)


def _softmax_shift(net: MLP, like: Tensor) -> Tensor:
    """Return the directions that add a constant to all logits: ``(N, h+1)``, or ``(N, h)``."""
    d, h, c = net.widths
    columns = h + int(net.bias)
    basis = like.new_zeros(_count(net), columns)
    start = h * d + (h if net.bias else 0)
    for unit in range(h):
        basis[start + unit : start + c * h : h, unit] = c**-0.5
    if net.bias:
        basis[start + c * h :, h] = c**-0.5
    return basis


def frozen_directions(
    net: MLP, x: Float[Tensor, "n d"], tol: float = 1e-10
) -> Float[Tensor, "N m"]:
    r"""Return an orthonormal basis of the directions that training on ``x`` never moves.

    With gradient descent or the heavy ball, cross-entropy and no weight decay, :math:`Jw=w` and
    :math:`J^\top w=w` exactly for two families: first-layer weights along inputs that do not occur
    (:math:`\tilde Xe=0` with :math:`\tilde X=(x,1)`), and shifts of all logits by one constant.

    .. math:: m = h\,(d+1-\operatorname{rank}\tilde X) + (h+1)

    Args:
        net: A perceptron with one hidden layer and softmax outputs.
        x: The training inputs.
        tol: Singular values of :math:`\tilde X` below ``tol`` times the largest count as zero.

    Returns:
        The basis, in the order of :func:`tdyn.nets.flatten`; the shifts come last.

    Raises:
        ValueError: If ``net`` has another depth or ``x`` does not fit.

    Example:
        >>> from tdyn.data import digits
        >>> frozen_directions(MLP((64, 8, 10)), digits(torch.float64)[0][:1600]).shape
        torch.Size([610, 33])

    Source:
        Ours; the directions are those of :cite:t:`belrose2024jacobian`.
    """
    _check(net, x)
    _, values, rows = torch.linalg.svd(_extended(net, x), full_matrices=True)
    rank = int((values > tol * values[0]).sum())
    return torch.cat([_input_directions(net, rows[rank:].mT), _softmax_shift(net, x)], dim=1)


def predicted_bulk(net: MLP, x: Float[Tensor, "n d"]) -> Float[Tensor, "N m"]:
    r"""Guess the bulk from the second moment of the inputs alone, without training.

    First the shifts of all logits, then :math:`e_j\otimes` each hidden unit, where
    :math:`e_1,e_2,\dots` are the eigenvectors of :math:`\frac1n\tilde X^\top\tilde X` from the
    smallest eigenvalue up. The first ``k`` columns are the guess for a bulk of ``k`` directions.

    Args:
        net: A perceptron with one hidden layer.
        x: Training inputs; only their mean and covariance matter.

    Returns:
        An orthonormal basis of :math:`m=h(d+1)+h+1` directions.

    Raises:
        ValueError: If ``net`` has another depth or ``x`` does not fit.

    Example:
        >>> net = MLP((3, 2, 4))
        >>> basis = predicted_bulk(net, torch.eye(3))
        >>> basis.shape, torch.allclose(basis.mT @ basis, torch.eye(11), atol=1e-6)
        (torch.Size([20, 11]), True)

    Source:
        Ours; the bulk is that of :cite:t:`belrose2024jacobian`.
    """
    _check(net, x)
    z = _extended(net, x)
    vectors = torch.linalg.eigh(z.mT @ z / len(z)).eigenvectors
    return torch.cat([_softmax_shift(net, x), _input_directions(net, vectors)], dim=1)


def parameter_function_jacobian(
    model: Model,
    params: Mapping[str, Tensor],
    x: Float[Tensor, "n ..."],
    *,
    centered: bool = False,
) -> Float[Tensor, "n C N"]:
    r"""Return the derivative of the outputs by the parameters.

    .. math:: F_{ncj} = \frac{\partial f_c(x_n;\theta)}{\partial\theta_j}

    Args:
        model: A pure function ``model(params, x)`` with outputs ``(n, C)``; one input's output must
            not depend on the others.
        params: Parameters of one network.
        x: Inputs.
        centered: Subtract from each output its mean over the ``C`` outputs first, since a softmax
            does not see that mean.

    Returns:
        The derivatives, parameters in the order of :func:`tdyn.nets.flatten`.

    Example:
        >>> net = MLP((2, 1), bias=False)
        >>> parameter_function_jacobian(net, {"W1": torch.ones(1, 2)}, torch.eye(2)).squeeze(1)
        tensor([[1., 0.],
                [0., 1.]])

    Source:
        :cite:t:`belrose2024jacobian`
    """
    parts = vmap(jacrev(lambda p, one: model(p, one.unsqueeze(0)).squeeze(0)), in_dims=(None, 0))(
        dict(params), x
    )
    whole = torch.cat([parts[name].flatten(2) for name in params], dim=2)
    return whole - whole.mean(1, keepdim=True) if centered else whole
