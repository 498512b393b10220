"""Exact decision: is a second-layer ReLU neuron off for every input?"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tdyn.relu.cells import decide, points
from tdyn.relu.exact import inactive_exactly

__all__ = ["inactive", "stably_inactive"]

_ROUNDING = 1e-13
_NUMBERS = 2**22  # intermediate numbers held at once


def stably_inactive(
    W1: Float[Tensor, "*networks n1 n0"],
    b1: Float[Tensor, "*networks n1"],
    w2: Float[Tensor, "... n1"],
    b2: Float[Tensor, "..."],
) -> Bool[Tensor, "..."]:
    r"""Decide whether second-layer neurons are off for all inputs, and stay so nearby.

    .. math:: z_\theta(x) = b + \sum_{i=1}^{n_1} w_i\,\sigma(W_i x + \beta_i) \le 0
              \quad\text{for all } x\in\mathbb R^{n_0}

    for every :math:`\theta` in some neighborhood of the given one. The function :math:`z` is affine
    between the hyperplanes :math:`W_i x + \beta_i = 0`, so its sign at their vertices and its slope
    along their rays decide. What rounding could change is decided again in integers, so the answer
    is exact for the floats given, degenerate ones too.

    Args:
        W1: First-layer weights, ``n1`` rows.
        b1: First-layer biases.
        w2: Weights of the neurons, ``(*networks, *neurons, n1)``: any number of neurons on each
            first layer.
        b2: Their biases, ``(*networks, *neurons)``.

    Returns:
        One decision a neuron, shaped like ``b2``.

    Raises:
        ValueError: If shapes do not fit, or a parameter is infinite or not a number.

    Example:
        >>> W1, b1 = torch.tensor([[1.0], [-1.0]]), torch.tensor([1.0, 1.0])
        >>> w2 = torch.tensor([[-1.0, -1.0], [-1.0, -1.0], [1.0, -1.0]])
        >>> stably_inactive(W1, b1, w2, torch.tensor([1.0, 3.0, -1.0])).tolist()
        [True, False, False]

    Source:
        The notion is that of :cite:t:`brownlowe2024unactivated`; the test is ours.
    """
    return _decided(W1, b1, w2, b2, stable=True)


def inactive(
    W1: Float[Tensor, "*networks n1 n0"],
    b1: Float[Tensor, "*networks n1"],
    w2: Float[Tensor, "... n1"],
    b2: Float[Tensor, "..."],
) -> Bool[Tensor, "..."]:
    r"""Decide whether second-layer neurons are off for all inputs, :math:`\sup_x z(x) \le 0`.

    The same as :func:`stably_inactive` but for degenerate parameters: with zero biases a neuron may
    be inactive, and a tiny change of its bias turns it on.

    Args:
        W1: First-layer weights, ``n1`` rows.
        b1: First-layer biases.
        w2: Weights of the neurons, ``(*networks, *neurons, n1)``.
        b2: Their biases, ``(*networks, *neurons)``.

    Returns:
        One decision a neuron, shaped like ``b2``.

    Raises:
        ValueError: If shapes do not fit, or a parameter is infinite or not a number.

    Example:
        >>> W1, b1 = torch.tensor([[1.0], [-1.0]]), torch.zeros(2)
        >>> w2, b2 = torch.tensor([-1.0, -1.0]), torch.tensor(0.0)
        >>> inactive(W1, b1, w2, b2).item(), stably_inactive(W1, b1, w2, b2).item()
        (True, False)
    """
    return _decided(W1, b1, w2, b2, stable=False)


def _check(W1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> None:
    networks = W1.shape[:-2]
    parts = {"W1": W1, "b1": b1, "w2": w2, "b2": b2}
    shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in parts.items())
    if W1.ndim < 2 or 0 in W1.shape[-2:] or b1.shape != W1.shape[:-1]:
        raise ValueError(f"W1 must be (*networks, n1, n0) and b1 (*networks, n1), got {shapes}")
    if w2.shape != (*b2.shape, W1.shape[-2]) or b2.shape[: len(networks)] != networks:
        raise ValueError(
            f"w2 must be (*networks, *neurons, n1) and b2 (*networks, *neurons), got {shapes}"
        )
    for name, value in parts.items():
        if not bool(value.isfinite().all()):
            raise ValueError(f"{name} must be finite; it holds infinities or values not a number")


def _decided(W1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, *, stable: bool) -> Tensor:
    """Check, flatten to ``(networks, neurons)``, and decide in chunks of networks.

    Returns:
        One decision a neuron.
    """
    _check(W1, b1, w2, b2)
    n1, n0 = W1.shape[-2:]
    shape, networks = b2.shape, W1.shape[:-2].numel()
    parts = (
        W1.double().reshape(networks, n1, n0),
        b1.double().reshape(networks, n1),
        w2.double().reshape(networks, -1, n1),
        b2.double().reshape(networks, -1),
    )
    candidates = math.comb(n1, n0) + 2 * math.comb(n1, n0 - 1)
    each = max(1, candidates) * (n1 * (n0 + 1) + parts[3].shape[1])
    size = max(1, _NUMBERS // each)
    decided = [
        _chunk(*(p[start : start + size] for p in parts), stable=stable)
        for start in range(0, networks, size)
    ]
    return torch.cat(decided).reshape(shape) if decided else torch.zeros(shape, dtype=torch.bool)


def _switched_on(W1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """Find neurons that the origin or a far input on an axis switches on: most of them, cheaply.

    Returns:
        Certain cases ``(networks, neurons)``.
    """
    both = torch.cat((W1, -W1, b1.unsqueeze(-1)), dim=-1)
    z, size = w2 @ both.relu(), w2.abs() @ both.abs()
    z[..., -1] += b2
    size[..., -1] += b2.abs()
    return (z > _ROUNDING * size).any(dim=-1)


def _chunk(W1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, *, stable: bool) -> Tensor:
    """Decide by floating point what it can decide, and the rest in integers.

    Returns:
        Decisions ``(networks, neurons)``.
    """
    trivial = (w2 < 0).all(dim=-1) & (b2 < 0)
    if W1.shape[-2] < W1.shape[-1] and stable:
        return trivial  # some direction leaves layer 1 as it is: see the chapter
    left = ~(_switched_on(W1, b1, w2, b2) | trivial).all(dim=-1)
    answer = trivial.clone()
    answer[left] |= _by_points(W1[left], b1[left], w2[left], b2[left], stable=stable)
    return answer


def _by_points(W1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, *, stable: bool) -> Tensor:
    """Decide from vertices and rays.

    Returns:
        Decisions ``(networks, neurons)``.
    """
    rows = torch.cat((W1, b1.unsqueeze(-1)), dim=-1)
    size = torch.linalg.vector_norm(rows, dim=-1)
    size = torch.where((size > 0) & size.isfinite(), size, 1.0)
    found = points(rows / size.unsqueeze(-1))
    yes, no = decide(found, w2 * size.unsqueeze(-2), b2, stable=stable)
    for network, neuron in (~(yes | no)).nonzero().tolist():
        yes[network, neuron] = inactive_exactly(
            W1[network].tolist(),
            b1[network].tolist(),
            w2[network, neuron].tolist(),
            b2[network, neuron].item(),
            stable=stable,
        )
    return yes
