"""How many networks are dead at birth, and what a dead neuron costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tdyn.inits import Law, joint, zeros
from tdyn.nets import MLP, Model, Params
from tdyn.relu.networks import Domain, dead_layer

__all__ = ["born_dead_monte_carlo", "dead_at_input_probability", "functional_dimension"]

_STANDARD = (-math.sqrt(3), math.sqrt(3))  # a uniform input on it has variance one


def born_dead_monte_carlo(
    net: MLP,
    law: Law,
    *,
    networks: int,
    seed: int,
    bias: Law = zeros,
    domain: Domain = _STANDARD,
) -> Float[Tensor, " hidden"]:
    """Estimate, layer by layer, how many networks are dead at birth.

    All networks are drawn at once, so ``law`` must draw the rows of a matrix independently of their
    number; :func:`tdyn.inits.xavier` and :func:`tdyn.inits.orthogonal` do not, and want
    :func:`tdyn.inits.initialize` and :func:`dead_layer`.

    Args:
        net: The architecture.
        law: Law of the weights; asked for the rows of all networks in one matrix.
        networks: How many, positive.
        seed: Source of randomness.
        bias: Law of the biases, or :data:`tdyn.inits.joint`.
        domain: As in :func:`dead_layer`.

    Returns:
        The share of networks with a dead layer among the first ``l``, for each ``l``.

    Raises:
        ValueError: If ``networks`` is not positive.

    Example:
        >>> from tdyn import inits
        >>> shares = born_dead_monte_carlo(MLP((1, 2, 2, 1)), inits.he, networks=20000, seed=0)
        >>> [round(share, 2) for share in shares.tolist()]   # the second is 5/32
        [0.0, 0.16]

    Source:
        :cite:t:`lu2019dying`
    """
    if networks < 1:
        raise ValueError(f"networks must be positive, got {networks}")
    generator = torch.Generator().manual_seed(seed)
    options = {"generator": generator, "dtype": torch.float64}
    params: Params = {}
    for layer in range(1, net.depth + 1):
        n_out, n_in = net.shapes[f"W{layer}"]
        if bias is joint:
            drawn = law((networks * n_out, n_in + 1), **options)
            shift, drawn = drawn[:, -1], drawn[:, :-1]
        else:
            drawn = law((networks * n_out, n_in), **options)
            shift = bias((networks * n_out, n_in), **options)[:, 0]
        params[f"W{layer}"] = drawn.reshape(networks, n_out, n_in)
        params[f"b{layer}"] = shift.reshape(networks, n_out)
    first = dead_layer(params, domain)
    hidden = torch.arange(1, net.depth)
    return ((first > 0) & (first <= hidden.unsqueeze(-1))).double().mean(dim=-1)


def dead_at_input_probability(widths: Sequence[int]) -> float:
    r"""Probability that some hidden layer is all off at one given non-zero input.

    .. math:: 1-\prod_\ell\bigl(1-2^{-N_\ell}\bigr)

    for every continuous law that stays the same if a row of a layer, with its bias, changes sign:
    He, Xavier and orthogonal alike. An upper bound on any domain that holds such an input.

    Args:
        widths: Widths :math:`N_\ell` of the hidden layers.

    Returns:
        The probability.

    Raises:
        ValueError: If there is no layer or a width is not positive.

    Example:
        >>> dead_at_input_probability([2, 2])
        0.4375
    """
    if not widths or min(widths) < 1:
        raise ValueError(f"widths must hold positive integers, got {list(widths)}")
    return 1 - math.prod(1 - 2.0**-n for n in widths)


def functional_dimension(
    net: Model,
    params: Mapping[str, Tensor],
    x: Float[Tensor, "n d"],
    *,
    rtol: float = 1e-10,
) -> Int[Tensor, "*ensemble"]:
    r"""Number of independent directions in which small parameter changes move the outputs.

    .. math:: \operatorname{rank} \frac{\partial f_\theta(x_1,\dots,x_n)}{\partial\theta},

    computed in float64. A lower bound of the functional dimension, reached with enough inputs.

    Args:
        net: A pure function ``net(params, x)``.
        params: Parameters with at most one ensemble axis.
        x: Inputs.
        rtol: Singular values below ``rtol`` times the largest count as zero.

    Returns:
        The rank, one a network.

    Raises:
        ValueError: If a parameter is not finite, or there is more than one ensemble axis.

    Example:
        >>> net = MLP((1, 1, 1))    # w2 relu(w1 x + b1) + b2: one rescaling is lost
        >>> params = {n: torch.ones(s) for n, s in net.shapes.items()}
        >>> functional_dimension(net, params, torch.linspace(-1, 1, 9)[:, None]).item()
        3

    Source:
        The name is that of :cite:t:`grigsby2022functional`
    """
    exact = {name: p.detach().double() for name, p in params.items()}
    if not all(bool(p.isfinite().all()) for p in exact.values()):
        raise ValueError("params hold infinities or values that are not numbers")
    inputs = x.double()
    axes = net(exact, inputs).ndim - 2
    if axes not in (0, 1):
        raise ValueError(f"params must have at most one ensemble axis, found {axes}")

    def jacobian(p: Params) -> Tensor:
        parts = torch.func.jacrev(lambda q: net(q, inputs).flatten())(p)
        return torch.cat([part.flatten(1) for part in parts.values()], dim=-1)

    J = torch.func.vmap(jacobian)(exact) if axes else jacobian(exact)
    return torch.linalg.matrix_rank(J, rtol=rtol)
