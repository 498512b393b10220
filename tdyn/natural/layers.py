r"""What every approximation of the Fisher matrix is made of: inputs and signals of each layer.

The weights of a layer are kept as one matrix :math:`[W|b]`, whose input ends with a one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tdyn.elementwise import derivative
from tdyn.natural.likelihoods import check_likelihood, metric_roots, residuals, sampled_roots
from tdyn.nets import MLP, Params

__all__ = ["Terms", "join", "split", "terms"]


class Terms(NamedTuple):
    """Inputs and back-propagated signals, one tensor a layer.

    Attributes:
        inputs: Inputs of the layers with a last one if there are biases, ``(*ensemble, n, i)``.
        signals: Roots of the output metric, back-propagated to the layer, ``(*ensemble, n, o, k)``.
        slopes: Derivatives of the activation, ``(*ensemble, n, o)``; ones at the last layer.
    """

    inputs: list[Tensor]
    signals: list[Tensor]
    slopes: list[Tensor]


def join(net: MLP, params: Mapping[str, Tensor]) -> list[Tensor]:
    """Return one matrix ``[W|b]`` a layer.

    Args:
        net: The network.
        params: Parameters or gradients.

    Returns:
        Matrices ``(*ensemble, o, i)``.
    """
    if not net.bias:
        return [params[f"W{k}"] for k in range(1, net.depth + 1)]
    return [
        torch.cat([params[f"W{k}"], params[f"b{k}"].unsqueeze(-1)], dim=-1)
        for k in range(1, net.depth + 1)
    ]


def split(net: MLP, matrices: Sequence[Tensor]) -> Params:
    """Cut matrices ``[W|b]`` back into named parameters; the inverse of :func:`join`.

    Args:
        net: The network.
        matrices: One matrix a layer.

    Returns:
        The parameters.
    """
    params: Params = {}
    for k, matrix in enumerate(matrices, start=1):
        params[f"W{k}"] = matrix[..., :-1] if net.bias else matrix
        if net.bias:
            params[f"b{k}"] = matrix[..., -1]
    return params


def forward(
    net: MLP, params: Mapping[str, Tensor], x: Tensor
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Run the network and keep what the backward pass needs.

    Args:
        net: The network.
        params: Parameters.
        x: Inputs ``(n, d)`` or ``(*ensemble, n, d)``.

    Returns:
        Inputs of the layers, slopes of the activations, and outputs.
    """
    sums = [z.detach() for z in net.preactivations(params, x)]
    values, slopes = [x.expand(*sums[0].shape[:-1], x.shape[-1])], []
    for z in sums[:-1]:
        value, slope = derivative(net.activation, z)
        values.append(value)
        slopes.append(slope)
    slopes.append(torch.ones_like(sums[-1]))
    if net.bias:
        values = [torch.cat([a, torch.ones_like(a[..., :1])], dim=-1) for a in values]
    return values, slopes, sums[-1]


def backward(
    net: MLP, params: Mapping[str, Tensor], slopes: Sequence[Tensor], roots: Tensor
) -> list[Tensor]:
    r"""Propagate roots of the output metric back: :math:`D_\ell^\top S`.

    Args:
        net: The network.
        params: Parameters.
        slopes: Slopes of the activations.
        roots: What is propagated, ``(*ensemble, n, c, k)``.

    Returns:
        One tensor a layer, ``(*ensemble, n, o, k)``.
    """
    signals = [roots]
    for layer in range(net.depth, 1, -1):
        back = torch.einsum("...oi,...nok->...nik", params[f"W{layer}"].detach(), signals[0])
        signals.insert(0, slopes[layer - 2].unsqueeze(-1) * back)
    return signals


def terms(
    net: MLP, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"],
    likelihood: str = "gaussian", *, labels: Shaped[Tensor, "..."] | None = None,
    samples: int = 0, generator: torch.Generator | None = None,
) -> Terms:  # fmt: skip
    r"""Return inputs and signals of all layers, of which the Fisher matrix is made.

    .. math::

        F_{\ell m}=\frac1n\sum_i(R_{\ell,i}R_{m,i}^\top)\otimes(a_{\ell,i}a_{m,i}^\top),
        \qquad R_{\ell,i}=D_{\ell,i}^\top S_i,\quad D_{\ell,i}=\partial z_i/\partial s_{\ell,i}

    Without options the signals give the exact Fisher matrix (``S`` is a root of the Fisher matrix
    of the output distribution). With ``labels`` there is one signal, the residual at these labels:
    the empirical Fisher matrix. With ``samples`` the labels are drawn from the model.

    Args:
        net: The network.
        params: Parameters, with or without ensemble axes.
        x: Inputs.
        likelihood: Model of the labels.
        labels: Labels of an empirical Fisher matrix.
        samples: Labels to draw for each input; 0 for the exact matrix.
        generator: Source of randomness, if ``samples`` is positive.

    Returns:
        The terms.

    Raises:
        ValueError: If the likelihood is unknown, or samples have no generator.

    Example:
        >>> net = MLP((2, 3, 1), torch.tanh)
        >>> params = {name: torch.ones(shape) for name, shape in net.shapes.items()}
        >>> found = terms(net, params, torch.ones(5, 2))
        >>> [tuple(s.shape) for s in found.signals]
        [(5, 3, 1), (5, 1, 1)]
    """
    check_likelihood(likelihood)
    if samples and generator is None:
        raise ValueError("samples are drawn at random: give a torch.Generator as generator")
    inputs, slopes, outputs = forward(net, params, x)
    if labels is not None:
        roots = residuals(outputs, labels, likelihood).unsqueeze(-1)
    elif samples and generator is not None:
        roots = sampled_roots(outputs, likelihood, samples, generator)
    else:
        roots = metric_roots(outputs, likelihood)
    return Terms(inputs, backward(net, params, slopes, roots), slopes)
