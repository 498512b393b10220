"""Dead layers: neurons off on data, and whole layers off on an interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Domain", "born_dead", "dead_layer", "dead_on"]

Domain: TypeAlias = tuple[float, float] | Tensor
_ROUNDING = 1e-13


def dead_on(features: Float[Tensor, "*ensemble n width"]) -> Bool[Tensor, "*ensemble width"]:
    """Tell which neurons are off on every given input.

    Weaker than being off for *all* inputs (:func:`tdyn.relu.inactive`).

    Args:
        features: Activations after the ReLU.

    Returns:
        True where all ``n`` activations are zero.

    Raises:
        ValueError: If an activation is not a number, or there is no input.

    Example:
        >>> dead_on(torch.tensor([[0.0, 1.0], [0.0, 0.0]])).tolist()
        [True, False]
    """
    if features.ndim < 2 or features.shape[-2] == 0:
        raise ValueError(f"features must be (*ensemble, n, width), got {tuple(features.shape)}")
    if bool(features.isnan().any()):
        raise ValueError("features hold values that are not numbers; divergence is not death")
    return (features <= 0).all(dim=-2)


def _layers(params: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor | None]]:
    """Return weights and biases of the hidden layers.

    Raises:
        ValueError: If there is no hidden layer.

    Returns:
        The layers, first one first.
    """
    depth = sum(name.startswith("W") for name in params)
    if depth < 2 or f"W{depth}" not in params:
        raise ValueError(f"params must hold W1, W2, ... of at least two layers, got {list(params)}")
    return [(params[f"W{i}"], params.get(f"b{i}")) for i in range(1, depth)]


def _affine(h: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    y = h @ W.mT
    return y if b is None else y + b.unsqueeze(-2)


def _rounding(h: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    """Return a bound of the rounding error of a layer: a kink at exactly zero may miss it.

    Returns:
        One bound a network.
    """
    size = _affine(h.abs(), W.abs(), None if b is None else b.abs())
    return _ROUNDING * size.flatten(1).amax(dim=-1)


def _with_kinks(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Insert the zero crossings of piecewise linear functions between their knots.

    Args:
        x: Knots in order ``(networks, knots)``.
        y: Values of the functions at the knots ``(networks, knots, width)``.

    Returns:
        More knots, in order (some may repeat), and the values there.
    """
    left, right = y[:, :-1], y[:, 1:]
    crosses = left * right < 0
    most = int(crosses.flatten(1).sum(dim=-1).max()) if len(x) else 0
    if most == 0:
        return x, y
    # In each network the crossings first, then as many intervals as pad them to one length.
    order = crosses.flatten(1).to(torch.uint8).argsort(dim=-1, descending=True)[:, :most]
    interval, neuron = order // y.shape[-1], order % y.shape[-1]
    real = crosses.flatten(1).gather(-1, order)
    wide = interval.unsqueeze(-1).expand(-1, -1, y.shape[-1])
    a, c = left.gather(1, wide), right.gather(1, wide)
    own = neuron.unsqueeze(-1)
    start, end = a.gather(-1, own), c.gather(-1, own)
    gap = torch.where(start == end, 1.0, start - end)
    share = torch.where(real.unsqueeze(-1), start / gap, 0.0)
    values = (a + share * (c - a)).scatter(-1, own, torch.where(real.unsqueeze(-1), 0.0, start))
    where = x.gather(1, interval) + share.squeeze(-1) * (
        x.gather(1, interval + 1) - x.gather(1, interval)
    )
    x, order = torch.cat((x, where), dim=-1).sort(dim=-1)
    y = torch.cat((y, values), dim=1).gather(1, order.unsqueeze(-1).expand(-1, -1, y.shape[-1]))
    return x, y


def dead_layer(params: Mapping[str, Tensor], domain: Domain) -> Int[Tensor, "*ensemble"]:
    r"""Return the first hidden layer that is zero on the whole domain; 0 if there is none.

    After such a layer the network is constant. On an interval the layers are piecewise linear, and
    the function follows every kink exactly; no grid is involved.

    Args:
        params: Parameters ``W1, b1, W2, ...`` of a ReLU network, with any ensemble axes.
        domain: The ends of an interval, for networks with one input; or inputs ``(n, d)``.

    Returns:
        Numbers from 0 to the number of hidden layers.

    Raises:
        ValueError: If the interval is empty, the networks do not have one input, or a layer is
            missing.

    Example:
        >>> params = {"W1": torch.tensor([[1.0]]), "b1": torch.tensor([-2.0]), "W2": torch.eye(1)}
        >>> dead_layer(params, (-1.0, 1.0)).item(), dead_layer(params, (-1.0, 3.0)).item()
        (1, 0)
    """
    layers = _layers(params)
    W1 = layers[0][0]
    ensemble, d = W1.shape[:-2], W1.shape[-1]
    dtype = torch.float64 if isinstance(domain, tuple) else W1.dtype
    flat = [
        (
            W.to(dtype).reshape(-1, *W.shape[-2:]),
            None if b is None else b.to(dtype).reshape(-1, b.shape[-1]),
        )
        for W, b in layers
    ]
    exact = isinstance(domain, tuple)
    if isinstance(domain, tuple):
        low, high = domain
        if d != 1 or not low < high:
            raise ValueError(f"an interval (low < high) needs one input, got {domain} and d = {d}")
        h = torch.tensor([[low], [high]], dtype=dtype, device=W1.device)
    elif domain.ndim != 2 or domain.shape[-1] != d or not len(domain):
        raise ValueError(f"domain must be (n, {d}) or an interval, got {tuple(domain.shape)}")
    else:
        h = domain.to(W1)
    answer = torch.zeros(flat[0][0].shape[0], dtype=torch.long, device=W1.device)
    alive = torch.arange(len(answer), device=W1.device)
    h = h.expand(len(answer), *h.shape)
    x = h[..., 0]
    for number, (W, b) in enumerate(flat, start=1):
        y = _affine(h, W[alive], None if b is None else b[alive])
        slack = _rounding(h, W[alive], b if b is None else b[alive]) if exact else 0.0
        dead = y.flatten(1).amax(dim=-1) <= slack
        answer[alive[dead]] = number
        alive, y, x = alive[~dead], y[~dead], x[~dead]
        if exact:
            x, y = _with_kinks(x, y)
        h = y.relu()
    return answer.reshape(ensemble)


def born_dead(params: Mapping[str, Tensor], domain: Domain) -> Bool[Tensor, "*ensemble"]:
    """Tell whether a ReLU network is constant on the domain because a hidden layer is zero there.

    Args:
        params: Parameters ``W1, b1, W2, ...``, with any ensemble axes; usually just initialized.
        domain: The ends of an interval, for networks with one input; or inputs ``(n, d)``.

    Returns:
        One decision a network; exact on intervals up to rounding.

    Raises:
        ValueError: As :func:`dead_layer`.

    Example:
        >>> from tdyn import inits
        >>> from tdyn.nets import MLP
        >>> net = MLP((1, 2, 2, 2, 2, 1))
        >>> params = inits.initialize(net, inits.he, seed=range(200), dtype=torch.float64)
        >>> round(born_dead(params, (-1.0, 1.0)).double().mean().item(), 1)
        0.5

    Source:
        :cite:t:`lu2019dying`
    """
    return dead_layer(params, domain) > 0
