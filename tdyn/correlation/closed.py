"""Values and directions that are known without following a flow."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.correlation.activation import PowerReLU

__all__ = [
    "amplitude",
    "best_direction",
    "layer_shares",
    "linear_maximum",
    "quadratic_maximum",
]


def _check(power: int, layers: int) -> None:
    if power < 1 or layers < 2:
        raise ValueError(f"power must be at least 1 and layers at least 2, got {power}, {layers}")


def layer_shares(power: int, layers: int) -> list[float]:
    r"""Return :math:`\lVert W_l\rVert_F^2` of all layers at a KKT point, if :math:`\mathcal N\ne0`.

    .. math:: \lVert W_l\rVert_F^2=\frac{p^{K-l}}{L},\qquad L=1+p+\dots+p^{K-1}.

    Args:
        power: The power :math:`p` of the activation.
        layers: The number :math:`K` of weight matrices, at least 2.

    Returns:
        The shares, from the first layer to the last; they add up to one.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> [round(share, 4) for share in layer_shares(2, 3)]
        [0.5714, 0.2857, 0.1429]

    Source:
        Ours.
    """
    _check(power, layers)
    parts = [power ** (layers - layer) for layer in range(1, layers + 1)]
    return [part / sum(parts) for part in parts]


def amplitude(power: int, layers: int) -> float:
    r"""Return the factor between the best direction and the best network with one neuron a layer.

    .. math:: \mathcal N=\Big(\prod_{l=1}^K(p^{K-l}/L)^{p^{K-l}/2}\Big)\,G^*

    With two layers this is the maximum of :math:`\mathcal N` on the sphere. With three or more it
    is only a lower bound.

    Args:
        power: The power :math:`p` of the activation.
        layers: The number :math:`K` of weight matrices, at least 2.

    Returns:
        The factor; :math:`G^*` comes from :func:`best_direction` with ``power ** (layers - 1)``.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> [round(amplitude(*c), 6) for c in ((1, 2), (2, 2), (1, 3), (2, 3))]
        [0.5, 0.3849, 0.19245, 0.035262]

    Source:
        Ours.
    """
    shares = layer_shares(power, layers)
    return math.prod(
        share ** (power ** (layers - layer) / 2) for layer, share in enumerate(shares, start=1)
    )


def quadratic_maximum(
    x: Float[Tensor, "n d"], y: Float[Tensor, " n"]
) -> tuple[float, Float[Tensor, " d"]]:
    r"""Return the largest :math:`\mathcal N` on the sphere for :math:`\sigma(z)=z^2`, two layers.

    .. math:: \mathcal N^*=\frac2{3\sqrt3}\max|\lambda(M)|,\qquad M=\sum_iy_ix_ix_i^\top

    Args:
        x: Inputs.
        y: Labels.

    Returns:
        The value and the direction of the one hidden neuron, up to its sign.

    Example:
        >>> value, u = quadratic_maximum(torch.eye(2), torch.tensor([1.0, -3.0]))
        >>> round(value, 4), u.abs().tolist()
        (1.1547, [0.0, 1.0])

    Source:
        Ours.
    """
    eigenvalues, vectors = torch.linalg.eigh((x * y.unsqueeze(-1)).T @ x)
    best = int(eigenvalues.abs().argmax())
    return amplitude(2, 2) * abs(eigenvalues[best].item()), vectors[:, best]


def linear_maximum(x: Float[Tensor, "n d"], y: Float[Tensor, " n"], layers: int = 2) -> float:
    r"""Return the largest :math:`\mathcal N` on the sphere of a linear network.

    .. math:: \mathcal N^*=K^{-K/2}\Big\lVert\sum_iy_ix_i\Big\rVert

    Args:
        x: Inputs.
        y: Labels.
        layers: The number :math:`K` of weight matrices, at least 2.

    Returns:
        The value; the first layer looks along :math:`\sum_iy_ix_i`.

    Raises:
        ValueError: If there are fewer than two layers.

    Example:
        >>> round(linear_maximum(torch.eye(2), torch.tensor([3.0, 4.0])), 6)
        2.5

    Source:
        Ours.
    """
    return amplitude(1, layers) * (y @ x).norm().item()


def best_direction(
    x: Float[Tensor, "n d"],
    y: Float[Tensor, " n"],
    power: int,
    *,
    starts: int = 100,
    steps: int = 300,
    seed: int = 0,
) -> tuple[Float[Tensor, " starts"], Float[Tensor, "starts d"], Float[Tensor, " starts"]]:
    r"""Search the maxima of :math:`\pm G` on the unit sphere from many starts, best first.

    .. math:: G(u)=\sum_iy_i\max(u^\top x_i,0)^p

    Every start climbs :math:`G` once and :math:`-G` once; the samples ``x`` with both signs are
    among the starts, because a maximum of one neuron often lies near a sample. The search knows
    nothing of networks: it checks where the flow of a network ends.

    Args:
        x: Inputs.
        y: Labels.
        power: The power :math:`p`, at least 1; ``p ** (K - 1)`` for :math:`K` layers.
        starts: Number of random starts.
        steps: Number of steps, each a turn towards the gradient that shortens with its number.
        seed: Source of the starts.

    Returns:
        The values :math:`G^*`, the directions and the signs, for all starts, in descending order.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> value, u, sign = best_direction(torch.eye(2), torch.tensor([1.0, -3.0]), 2)
        >>> round(value[0].item(), 4), sign[0].item()
        (3.0, -1.0)

    Source:
        Ours.
    """
    if min(power, starts, steps) < 1:
        raise ValueError(f"power, starts, steps must be positive, got {power}, {starts}, {steps}")
    generator = torch.Generator(device=x.device).manual_seed(seed)
    random = torch.randn(starts, x.shape[1], generator=generator, dtype=x.dtype, device=x.device)
    u = torch.cat((random, x, -x))
    u = u / u.norm(dim=1, keepdim=True).clamp(min=1e-30)
    u = torch.cat((u, u))
    sign = torch.ones(len(u), dtype=x.dtype, device=x.device)
    sign[len(u) // 2 :] = -1
    activation, pull = PowerReLU(power), y.unsqueeze(-1) * x
    for number in range(steps):
        g = sign.unsqueeze(-1) * (activation.derivative(u @ x.T) @ pull)
        g = g / g.norm(dim=1, keepdim=True).clamp(min=1e-30)
        u = u + g if power > 1 else u + 0.97**number * g
        u = u / u.norm(dim=1, keepdim=True).clamp(min=1e-30)
    value = sign * (activation(u @ x.T) @ y)
    order = value.argsort(descending=True)
    return value[order], u[order], sign[order]
