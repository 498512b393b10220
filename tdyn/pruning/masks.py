"""Masks: which entries of the parameters survive."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.nets import Params

__all__ = ["Masks", "apply", "dense", "density", "magnitude_mask", "masked", "random_mask"]

Masks = dict[str, Tensor]
Scope = Literal["layer", "global"]


def dense(params: Mapping[str, Tensor], names: Sequence[str] | None = None) -> Masks:
    """Return masks that keep everything.

    Args:
        params: Parameters.
        names: Parameters that will be pruned; by default all of them.

    Returns:
        Masks of the parameters' shapes, all True.

    Raises:
        ValueError: If a name is unknown or there is none.

    Example:
        >>> dense({"W1": torch.zeros(1, 2), "b1": torch.zeros(1)}, ["W1"])
        {'W1': tensor([[True, True]])}
    """
    names = list(params) if names is None else list(names)
    unknown = [name for name in names if name not in params]
    if unknown or not names:
        raise ValueError(f"names must be some of {sorted(params)}, got {names}")
    return {name: torch.ones_like(params[name], dtype=torch.bool) for name in names}


def magnitude_mask(
    params: Mapping[str, Tensor],
    fraction: float,
    *,
    masks: Mapping[str, Tensor] | None = None,
    scope: Scope = "layer",
    ensemble: int = 0,
) -> Masks:
    r"""Remove the smallest of the entries that still survive.

    .. math:: m'_i = m_i\,\mathbb 1\big[\,|\theta_i| > |\theta|_{(k)}\big],
        \qquad k = \mathrm{round}(\rho\,n)

    where :math:`|\theta|_{(k)}` is the :math:`k`-th smallest among the :math:`n` survivors of one
    layer, or of all layers. Exactly :math:`k` entries go; of equal magnitudes the first.

    Args:
        params: Parameters, or any other scores: only absolute values matter.
        fraction: Share :math:`\rho` of the survivors to remove, from 0 to 1.
        masks: Survivors so far. Only parameters named here are pruned; by default all of
            ``params`` are, and everything still survives.
        scope: ``"layer"`` counts in each tensor apart, ``"global"`` in all of them together.
        ensemble: Number of leading ensemble axes; each member is pruned alone.

    Returns:
        New masks, inside the old ones.

    Raises:
        ValueError: If an argument is out of range, a mask does not fit, or a score is NaN.

    Example:
        >>> magnitude_mask({"W1": torch.tensor([0.3, -2.0, 0.1, 1.0])}, 0.5)
        {'W1': tensor([False,  True, False,  True])}

    Source:
        :cite:t:`frankle2019lottery`
    """
    masks = dense(params) if masks is None else masks
    _check(params, masks, fraction, scope, ensemble)
    scores = {name: params[name].detach().abs() for name in masks}
    if any(bool(score.isnan().any()) for score in scores.values()):
        raise ValueError("scores must be numbers, got NaN")
    return _removed(scores, masks, fraction, scope, ensemble)


def random_mask(
    like: Mapping[str, Tensor],
    fraction: float,
    *,
    generator: torch.Generator,
    masks: Mapping[str, Tensor] | None = None,
    scope: Scope = "layer",
    ensemble: int = 0,
) -> Masks:
    """Remove survivors at random, as many as :func:`magnitude_mask` would.

    Args:
        like: Parameters; only their names and shapes matter.
        fraction: Share of the survivors to remove, from 0 to 1.
        generator: Source of randomness.
        masks: Survivors so far; by default everything.
        scope: ``"layer"`` counts in each tensor apart, ``"global"`` in all of them together.
        ensemble: Number of leading axes that are ensemble axes.

    Returns:
        New masks, inside the old ones.

    Raises:
        ValueError: If an argument is out of range or a mask does not fit its parameter.

    Example:
        >>> masks = random_mask({"W1": torch.zeros(6, 4)}, 0.75, generator=torch.Generator())
        >>> masks["W1"].sum()
        tensor(6)
    """
    masks = dense(like) if masks is None else masks
    _check(like, masks, fraction, scope, ensemble)
    scores = {
        name: torch.rand(mask.shape, generator=generator, dtype=torch.float64).to(mask.device)
        for name, mask in masks.items()
    }
    return _removed(scores, masks, fraction, scope, ensemble)


def apply(params: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Params:
    """Set what is pruned to zero; gradients flow through the survivors only.

    Args:
        params: Parameters.
        masks: Masks of some or all of them.

    Returns:
        Parameters of the same names and shapes.

    Raises:
        ValueError: If a mask has no parameter or another shape.

    Example:
        >>> apply({"w": torch.ones(2), "b": torch.ones(1)}, {"w": torch.tensor([True, False])})
        {'w': tensor([1., 0.]), 'b': tensor([1.])}
    """
    _check_fit(params, masks)
    return {
        name: torch.where(masks[name], p, torch.zeros_like(p)) if name in masks else p
        for name, p in params.items()
    }


def masked(model: Callable[..., Any], masks: Mapping[str, Tensor]) -> Callable[..., Any]:
    """Return the model whose pruned parameters are zero.

    Args:
        model: A function of the parameters and anything else: ``f(params, x)``, or a loss.
        masks: Masks of some or all of the parameters.

    Returns:
        A function with the same arguments.

    Example:
        >>> f = masked(lambda params, x: params["w"] * x, {"w": torch.tensor([True, False])})
        >>> f({"w": torch.ones(2)}, 3.0)
        tensor([3., 0.])
    """
    return lambda params, *rest, **options: model(apply(params, masks), *rest, **options)


def density(masks: Mapping[str, Tensor], ensemble: int = 0) -> Float[Tensor, "*ensemble"]:
    """Return the share of entries that survive, in [0, 1].

    Args:
        masks: Masks.
        ensemble: Number of leading axes that are ensemble axes.

    Returns:
        One share a member.

    Raises:
        ValueError: If there is no mask, or one has fewer axes than ``ensemble``.

    Example:
        >>> density({"W1": torch.tensor([[True, False], [False, False]])})
        tensor(0.2500)
    """
    if not masks or any(mask.ndim < ensemble for mask in masks.values()):
        raise ValueError(f"density needs masks with at least {ensemble} axes, got {sorted(masks)}")
    flat = [mask.reshape(*mask.shape[:ensemble], -1) for mask in masks.values()]
    return torch.cat(flat, -1).to(torch.get_default_dtype()).mean(-1)


def _removed(
    scores: Mapping[str, Tensor],
    masks: Mapping[str, Tensor],
    fraction: float,
    scope: Scope,
    ensemble: int,
) -> Masks:
    """Return the masks without the lowest scores."""
    score = [scores[name].reshape(*m.shape[:ensemble], -1) for name, m in masks.items()]
    alive = [m.reshape(*m.shape[:ensemble], -1) for m in masks.values()]
    if scope == "layer":
        kept = [_keep(s, a, fraction) for s, a in zip(score, alive, strict=True)]
    else:
        together = _keep(torch.cat(score, -1), torch.cat(alive, -1), fraction)
        kept = list(together.split([a.shape[-1] for a in alive], -1))
    return {name: k.reshape(masks[name].shape) for name, k in zip(masks, kept, strict=True)}


def _keep(score: Tensor, alive: Tensor, fraction: float) -> Tensor:
    """Return the survivors of each row, by selection; of equal scores the first go."""
    shape = (alive.shape[:-1].numel(), alive.shape[-1])
    kept, up = alive.reshape(shape).clone(), score.reshape(shape)
    up = torch.where(kept, up if up.is_floating_point() else up.double(), math.inf)
    for row, values in zip(kept, up, strict=True):
        if k := round(fraction * int(row.sum())):
            limit = values.kthvalue(k).values
            lower = values < limit
            tied = (row & (values == limit)).nonzero()[: k - int(lower.sum())]
            row &= ~lower
            row[tied] = False
    return kept.reshape(alive.shape)


def _check_fit(params: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> None:
    for name, mask in masks.items():
        if name not in params:
            raise ValueError(f"no parameter is named {name!r}; there are {sorted(params)}")
        if mask.shape != params[name].shape or mask.dtype != torch.bool:
            want, got = tuple(params[name].shape), f"{mask.dtype} of shape {tuple(mask.shape)}"
            raise ValueError(f"the mask of {name!r} must be Boolean of shape {want}, got {got}")


def _check(
    params: Mapping[str, Tensor],
    masks: Mapping[str, Tensor],
    fraction: float,
    scope: str,
    ensemble: int,
) -> None:
    if not (math.isfinite(fraction) and 0 <= fraction <= 1):
        raise ValueError(f"fraction must be between 0 and 1, got {fraction}")
    if scope not in ("layer", "global"):
        raise ValueError(f"scope must be 'layer' or 'global', got {scope!r}")
    if not masks:
        raise ValueError("there is nothing to prune: no masks and no parameters")
    _check_fit(params, masks)
    shapes = [tuple(mask.shape) for mask in masks.values()]
    different = len({shape[:ensemble] for shape in shapes}) > 1
    if ensemble < 0 or different or any(len(shape) < ensemble for shape in shapes):
        raise ValueError(f"the first {ensemble} axes of all masks must be the same, got {shapes}")
