"""The neural correlation function, its gradient in closed form, and its KKT points."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.correlation.activation import activation_of
from tdyn.nets import MLP, Model, Params
from tdyn.train import gradients

__all__ = ["correlation_gradient", "inner", "kkt_residual", "neural_correlation", "residual"]


def residual(
    y: Float[Tensor, "*batch n"],
    outputs: Float[Tensor, "*ensemble n"] | float = 0.0,
    *,
    loss: str = "square",
) -> Float[Tensor, "*out n"]:
    r"""Return what the labels still pull at: :math:`-\partial\ell/\partial H` of every sample.

    .. math:: y-H\ \ (\ell=\tfrac12(H-y)^2),\qquad
              \frac{y}{1+e^{yH}}\ \ (\ell=\ln(1+e^{-yH})).

    At :math:`H=0` these are :math:`y` and :math:`y/2`.

    Args:
        y: Labels; ±1 for the logistic loss.
        outputs: Network outputs, or 0 for a network that is still tiny.
        loss: ``"square"`` or ``"logistic"``.

    Returns:
        The pull on every sample.

    Raises:
        ValueError: If ``loss`` has another name.

    Example:
        >>> residual(torch.tensor([1.0, -1.0]), loss="logistic").tolist()
        [0.5, -0.5]
    """
    if loss == "square":
        return y - outputs
    if loss == "logistic":
        return y * torch.sigmoid(-y * outputs)
    raise ValueError(f"loss must be 'square' or 'logistic', got {loss!r}")


def neural_correlation(
    net: Model, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"], y: Float[Tensor, "... n"]
) -> Float[Tensor, "*ensemble"]:
    r"""Return the neural correlation function.

    .. math:: \mathcal N(w)=\sum_i\tilde y_i\,H(x_i;w).

    A sum, not a mean: with a mean loss all times are longer by the factor :math:`n`.

    Args:
        net: A pure function with outputs ``(*ensemble, n, 1)``; any homogeneous one.
        params: Parameters, with or without ensemble axes.
        x: Inputs ``(n, d)``, or one set a member.
        y: Labels, or the :func:`residual`.

    Returns:
        One value a member.

    Example:
        >>> net = MLP((1, 1, 1), bias=False)
        >>> w = {"W1": torch.full((1, 1), 2.0), "W2": torch.full((1, 1), 3.0)}
        >>> x, y = torch.tensor([[1.0], [-1.0]]), torch.tensor([5.0, 1.0])
        >>> neural_correlation(net, w, x, y).item()
        30.0

    Source:
        :cite:t:`kumar2024saddles`
    """
    return (net(dict(params), x)[..., 0] * y).sum(-1)


def correlation_gradient(
    net: Model, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"], y: Float[Tensor, "... n"]
) -> tuple[Float[Tensor, "*ensemble"], Params]:
    r"""Return :math:`\mathcal N(w)` and :math:`\nabla\mathcal N(w)` of every member.

    For two layers, :math:`H=\sum_jv_j\sigma(u_j^\top x)`, two matrix products do it:

    .. math:: q_j=\sum_iy_i\sigma'(u_j^\top x_i)x_i,\qquad \partial_{u_j}=v_jq_j,\qquad
              \partial_{v_j}=u_j^\top q_j/p,

    the last by Euler's identity. Deeper homogeneous MLPs use the chain rule by hand; any other
    network falls back on autograd.

    Args:
        net: A pure function with outputs ``(*ensemble, n, 1)``.
        params: Parameters, with or without ensemble axes.
        x: Inputs ``(n, d)``, or one set a member.
        y: Labels, or the :func:`residual`.

    Returns:
        The values and the gradients, named like the parameters.

    Example:
        >>> net = MLP((1, 1, 1), bias=False)
        >>> w = {"W1": torch.full((1, 1), 2.0), "W2": torch.full((1, 1), 3.0)}
        >>> value, grad = correlation_gradient(net, w, torch.ones(1, 1), torch.ones(1))
        >>> value.item(), grad["W1"].item(), grad["W2"].item()
        (6.0, 3.0, 2.0)
    """
    activation = activation_of(net)
    if activation is None or not isinstance(net, MLP):
        grads, value = gradients(lambda p, b: neural_correlation(net, p, *b), dict(params), (x, y))
        return value, grads
    if net.depth == 2:
        weights, out = params["W1"], params["W2"]
        pull = activation.derivative(weights @ x.mT) @ (y.unsqueeze(-1) * x)
        gain = (weights * pull).sum(-1) / activation.power
        value = (out.squeeze(-2) * gain).sum(-1)
        return value, {"W1": out.mT * pull, "W2": gain.unsqueeze(-2)}
    return _chain_rule(net, params, x, y)


def _chain_rule(
    net: MLP, params: Mapping[str, Tensor], x: Tensor, y: Tensor
) -> tuple[Tensor, Params]:
    """Return the value and the gradient of an MLP of any depth, layer by layer."""
    activation = activation_of(net)
    assert activation is not None
    inputs, derivatives, h = [x], [], x
    for layer in range(1, net.depth):
        z = h @ params[f"W{layer}"].mT
        h = activation(z)
        inputs.append(h)
        derivatives.append(activation.derivative(z))
    back = y.unsqueeze(-1)
    value = ((h @ params[f"W{net.depth}"].mT) * back).sum((-2, -1))
    grads: Params = {}
    for layer in range(net.depth, 0, -1):
        grads[f"W{layer}"] = back.mT @ inputs[layer - 1]
        if layer > 1:
            back = (back @ params[f"W{layer}"]) * derivatives[layer - 2]
    return value, {name: grads[name] for name in net.shapes}


def inner(
    a: Mapping[str, Tensor], b: Mapping[str, Tensor], axes: int
) -> Float[Tensor, "*ensemble"]:
    """Return the inner product of two sets of parameters.

    Args:
        a: Parameters.
        b: Parameters of the same names and shapes.
        axes: Number of leading ensemble axes.

    Returns:
        One number a member.

    Example:
        >>> inner({"w": torch.ones(2, 3)}, {"w": torch.ones(2, 3)}, 1).tolist()
        [3.0, 3.0]
    """
    return torch.stack([(a[name] * b[name]).flatten(axes).sum(-1) for name in a]).sum(0)


def kkt_residual(
    net: Model, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"], y: Float[Tensor, "... n"]
) -> Float[Tensor, "*ensemble"]:
    r"""Return how far the direction of the weights is from a KKT point, in [0, 1].

    A KKT point of "maximize :math:`\mathcal N` on the unit sphere" has a gradient along the
    weights. The residual is the sine of the angle between the two, at
    :math:`\theta=w/\lVert w\rVert`:

    .. math:: \frac{\lVert\nabla\mathcal N(\theta)-\langle\nabla\mathcal N(\theta),\theta\rangle
              \theta\rVert}{\lVert\nabla\mathcal N(\theta)\rVert}.

    It is 0 where the gradient vanishes. At the kinks of a ReLU network a KKT point (in Clarke's
    sense) may have a large residual on both sides; see :func:`tdyn.correlation.planar_points`.

    Args:
        net: A pure function with outputs ``(*ensemble, n, 1)``.
        params: Parameters, not all zero.
        x: Inputs ``(n, d)``, or one set a member.
        y: Labels, or the :func:`residual`.

    Returns:
        One residual a member.

    Example:
        >>> net = MLP((1, 1, 1), bias=False)
        >>> w = {"W1": torch.ones(1, 1), "W2": torch.ones(1, 1)}
        >>> kkt_residual(net, w, torch.ones(1, 1), torch.ones(1)).item()
        0.0

    Source:
        :cite:t:`kumar2024saddles`
    """
    value, grad = correlation_gradient(net, params, x, y)
    axes = value.ndim
    square, along = inner(grad, grad, axes), inner(grad, params, axes)
    size = inner(params, params, axes)

    def by(factor: Tensor, p: Tensor) -> Tensor:
        return factor.reshape(factor.shape + (1,) * (p.ndim - axes)) * p

    slope = along / size
    aside = {name: grad[name] - by(slope, params[name]) for name in grad}
    ratio = inner(aside, aside, axes) / torch.where(square > 0, square, 1.0)
    return torch.where(square > 0, ratio, torch.zeros_like(ratio)).sqrt()
