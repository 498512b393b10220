"""Floors under the squared loss that follow from a low rank."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tdyn.rank.counts import thresholds
from tdyn.rank.svd import modes, quadrature

__all__ = ["feature_free_floor", "loss_floor", "target_tail"]


def _columns(targets: Tensor, readout: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Give scalar targets and readouts an axis of outputs.

    Args:
        targets: ``(N,)`` or ``(..., N, K)``.
        readout: ``(..., K, n)``, or ``(n,)`` for one output.
        n: Number of neurons.

    Returns:
        Targets ``(..., N, K)`` and readout ``(..., K, n)``, in float64.

    Raises:
        ValueError: If the readout has another number of neurons or of outputs.
    """
    f = targets.double()
    f = f.unsqueeze(-1) if f.ndim == 1 else f
    w = readout.double()
    w = w.unsqueeze(0) if w.ndim == 1 else w
    if w.shape[-1] != n or w.shape[-2] != f.shape[-1]:
        raise ValueError(
            f"readout must be (..., {f.shape[-1]}, {n}) for these targets and features, "
            f"got {tuple(readout.shape)}"
        )
    return f, w


def _tails(values: Tensor) -> Tensor:
    """Return the sums of the values from index r on, for r = 0, ..., k.

    Args:
        values: ``(*batch, k)``.

    Returns:
        ``(*batch, k + 1)``; the last one is zero.
    """
    sums = values.flip(-1).cumsum(-1).flip(-1)
    return torch.nn.functional.pad(sums, (0, 1))


def loss_floor(
    features: Shaped[Tensor, "*batch N n"],
    targets: Shaped[Tensor, "..."],
    readout: Shaped[Tensor, "..."],
    eps: float | Sequence[float] | Float[Tensor, "..."],
    *,
    bias: Shaped[Tensor, "..."] | None = None,
    weights: Shaped[Tensor, "... N"] | None = None,
    crude: bool = False,
) -> Float[Tensor, "..."]:
    r"""Bound the mean squared error from below by the part of the target out of reach at rank r.

    With :math:`r=r_\epsilon`, the span :math:`V_r` of the first ``r`` modes, and the readout
    :math:`\alpha=Q^\top\beta` in their basis,

    .. math:: L=\lVert f-u\rVert_w^2\ \ge\ \big(\mathrm{dist}(f-c,V_r)-\tau\big)_+^2,\qquad
              \tau^2=\sum_{i>r}\lambda_i\alpha_i^2\le\epsilon\lVert\beta\rVert_2^2 .

    Several outputs: squares are summed over them, and :math:`\alpha_i` becomes a vector.

    Args:
        features: Values of the ``n`` neurons of the last hidden layer at ``N`` inputs.
        targets: ``(N,)`` or ``(..., N, outputs)``.
        readout: Output weights ``(*batch, outputs, n)``, or ``(n,)``.
        eps: One threshold, or a list of them; positive.
        bias: Output bias :math:`c`, ``(*batch, outputs)``; zero by default.
        weights: Weight of each input, not negative; :math:`1/N` by default.
        crude: Use the larger :math:`\sqrt\epsilon\lVert\beta\rVert_2` in place of :math:`\tau`.

    Returns:
        Floors ``(*batch,)``, or ``(*batch, thresholds)`` if ``eps`` is a list.

    Raises:
        ValueError: If shapes do not fit, a threshold is not positive, or features are not finite.

    Example:
        >>> phi = torch.tensor([[1.0, 0.0], [0.0, 0.01], [0.0, 0.0]])
        >>> f, beta, w = torch.tensor([1.0, 2.0, 0.0]), torch.ones(2), torch.ones(3)
        >>> round(loss_floor(phi, f, beta, 0.1, weights=w).item(), 4)      # (2 - 0.01)^2
        3.9601

    Source:
        The statement is ours; the idea is that of :cite:t:`yang2024staircase`.
    """
    limits = thresholds(eps, features.device)
    f, w = _columns(targets, readout, features.shape[-1])
    if bias is not None:
        f = f - bias.double().unsqueeze(-2)
    lam, _, q, units = modes(features, weights)
    f = quadrature(features, weights).sqrt().unsqueeze(-1) * f
    shares = (units.mT @ f).square().sum(-1)
    # What no feature reaches, from the residual itself: a difference of sums would cancel.
    beyond = (f - units @ (units.mT @ f)).square().sum((-1, -2))
    tail = _tails(lam * (w @ q).square().sum(-2)).sqrt()
    distance = (_tails(shares) + beyond.unsqueeze(-1)).sqrt()
    count = (lam.sqrt().unsqueeze(-2) > limits.reshape(-1, 1).sqrt()).sum(-1)
    lost = tail.gather(-1, count)
    if crude:
        lost = (limits.reshape(-1) * w.square().sum((-1, -2)).unsqueeze(-1)).sqrt()
    floor = (distance.gather(-1, count) - lost).clamp(min=0).square()
    return floor.squeeze(-1) if limits.ndim == 0 else floor


def target_tail(
    targets: Shaped[Tensor, "N K"], weights: Shaped[Tensor, " N"] | None = None
) -> Float[Tensor, " K+1"]:
    r"""Return the least squared error of any affine readout of ``r`` features, for each ``r``.

    With the eigenvalues :math:`s_1\ge\dots\ge s_K` of the covariance of the targets it is
    :math:`\sum_{i>r}s_i`. For ``K`` equally frequent classes, one-hot, that is
    :math:`(K-1-r)/K`: stairs of equal height.

    Args:
        targets: Values of ``K`` outputs at ``N`` inputs.
        weights: Weight of each input, summing to 1; :math:`1/N` by default.

    Returns:
        The errors for ``r = 0, ..., K``.

    Raises:
        ValueError: If the targets are not finite, or the weights negative or of the wrong length.

    Example:
        >>> target_tail(torch.eye(4)).mul(4).round().tolist()
        [3.0, 2.0, 1.0, 0.0, 0.0]

    Source:
        Eckart and Young's theorem, applied to targets; ours.
    """
    w = quadrature(targets, weights).unsqueeze(-1)
    f = targets.double()
    lam = modes(f - (w * f).sum(-2, keepdim=True), w.squeeze(-1)).eigenvalues
    return _tails(torch.nn.functional.pad(lam, (0, f.shape[-1] - lam.shape[-1])))


def feature_free_floor(
    features: Shaped[Tensor, "*batch N n"],
    targets: Shaped[Tensor, "N K"],
    readout: Shaped[Tensor, "*batch K n"],
    eps: float | Sequence[float] | Float[Tensor, "..."],
    *,
    weights: Shaped[Tensor, " N"] | None = None,
) -> Float[Tensor, "..."]:
    r"""Bound the squared error from below by the rank of the centered features alone.

    .. math:: \mathbb E\lVert F-U\rVert^2\ \ge\
              \Big(\sqrt{\textstyle\sum_{i>r}s_i}-\tau_W\Big)_+^2,\qquad
              \tau_W^2=\sum_{i>r}\lambda_i\lVert Wq_i\rVert^2 ,

    where :math:`s_i` are the eigenvalues of the covariance of the targets, and :math:`r` counts the
    eigenvalues :math:`\lambda_i>\epsilon` of the Gram matrix of the *centered* features. Which
    features they are does not matter.

    Args:
        features: Values of the ``n`` neurons of the last hidden layer at ``N`` inputs.
        targets: Values of ``K`` outputs.
        readout: Output weights.
        eps: One threshold, or a list of them; positive.
        weights: Weight of each input, summing to 1; :math:`1/N` by default.

    Returns:
        Floors ``(*batch,)``, or ``(*batch, thresholds)`` if ``eps`` is a list.

    Raises:
        ValueError: If shapes do not fit, a threshold is not positive, or features are not finite.

    Example:
        >>> floor = feature_free_floor(torch.zeros(4, 3), torch.eye(4), torch.zeros(4, 3), 0.1)
        >>> round(floor.item(), 6)
        0.75

    Source:
        Ours, in the spirit of :cite:t:`yang2024staircase`.
    """
    limits = thresholds(eps, features.device)
    _, w = _columns(targets, readout, features.shape[-1])
    weight = quadrature(features, weights)
    phi = features.double()
    centered = phi - (weight.unsqueeze(-1) * phi).sum(-2, keepdim=True)
    lam, _, q, _ = modes(centered, weight)
    tail = _tails(lam * (w @ q).square().sum(-2)).sqrt()
    count = (lam.sqrt().unsqueeze(-2) > limits.reshape(-1, 1).sqrt()).sum(-1)
    rest = target_tail(targets, weight).clamp(min=0).sqrt()
    reach = rest[count.clamp(max=targets.shape[-1])]
    floor = (reach - tail.gather(-1, count)).clamp(min=0).square()
    return floor.squeeze(-1) if limits.ndim == 0 else floor
