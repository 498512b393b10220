"""Swapping weak survivors for promising pruned entries, as an optimizer."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import torch
from torch import Generator, Tensor

from tdyn import optim
from tdyn.graphs.gcn import GCN
from tdyn.graphs.ticket import degree_scores
from tdyn.nets import Params

__all__ = ["Growth", "Setting", "denoiser", "swap", "swap_share"]

#: What decides which pruned edges come back.
Growth = Literal["score", "gradient", "random"]


class Setting(NamedTuple):
    """What the phases of a search share."""

    net: GCN
    names: tuple[str, ...]
    lr: float
    decay: float
    drop: float
    seed: int


def swap_share(step: int, steps: int, share: float) -> float:
    r"""Return :math:`\rho_t = \frac\alpha2\big(1 + \cos\frac{\pi t}{T}\big)`, the share to swap.

    Args:
        step: The step :math:`t`.
        steps: The last step :math:`T`.
        share: The first share :math:`\alpha`.

    Returns:
        A share between 0 and :math:`\alpha`.

    Example:
        >>> swap_share(0, 100, 0.3), round(swap_share(50, 100, 0.3), 3)
        (0.3, 0.15)
    """
    return share / 2 * (1 + math.cos(math.pi * step / steps))


def swap(alive: Tensor, magnitude: Tensor, score: Tensor, share: float) -> Tensor:
    """Drop the weakest survivors and grow as many entries of the highest score.

    What was just dropped may grow back at once.

    Args:
        alive: Boolean mask.
        magnitude: Its smallest values among the survivors are dropped.
        score: Its largest values among the others grow.
        share: Share of the survivors to swap, in [0, 1], rounded down.

    Returns:
        A mask with as many survivors as before.

    Raises:
        ValueError: If the shapes differ or ``share`` is out of range.

    Example:
        >>> alive = torch.tensor([True, True, False, False])
        >>> swap(alive, torch.tensor([3.0, 1, 0, 0]), torch.tensor([0.0, 1, 5, 2]), 0.5).tolist()
        [True, False, True, False]

    Source:
        :cite:t:`evci2020rigl`
    """
    if not alive.shape == magnitude.shape == score.shape or not 0 <= share <= 1:
        raise ValueError(
            f"mask, magnitude and score must have one shape and share be in [0, 1], got "
            f"{tuple(alive.shape)}, {tuple(magnitude.shape)}, {tuple(score.shape)} and {share}"
        )
    flat = alive.flatten()
    count = min(math.floor(share * int(flat.sum())), int((~flat).sum()))
    kept = flat.clone()
    kept[magnitude.flatten().masked_fill(~flat, math.inf).topk(count, largest=False).indices] = (
        False
    )
    grown = score.flatten().masked_fill(kept, -math.inf).topk(count).indices
    new = kept.clone()
    new[grown] = True
    return new.reshape(alive.shape)


def denoiser(
    setting: Setting, steps: int, every: int, memory: int, share: float, growth: Growth
) -> optim.Optimizer:
    """Return Adam with masked gradients that swaps instead of stepping at every few steps.

    Masks travel with the parameters, as ``"alive edges"`` and so on, so that probes see them.

    Args:
        setting: Network, prunable names, learning rate and seed.
        steps: The last step, at which the share to swap has fallen to zero.
        every: Interval between swaps.
        memory: Number of gradients averaged in a score.
        share: First share to swap.
        growth: What decides which edges grow.

    Returns:
        The optimizer.
    """
    adam = optim.adam(setting.lr)
    generator = Generator().manual_seed(setting.seed + 17)

    def init(params: Params) -> tuple[Any, list[Params]]:
        return adam.init({k: p for k, p in params.items() if not k.startswith("alive")}), []

    def swapped(params: Params, past: list[Params], t: int) -> Params:
        new = dict(params)
        for name in setting.names:
            alive = params[f"alive {name}"] > 0
            score = torch.stack([g[name] for g in past]).mean(0).abs()
            if growth == "random":
                score = torch.rand(score.shape, generator=generator)
            elif name == "edges" and growth == "score":
                ties = 1 + 1e-4 * torch.rand(score.shape, generator=generator)
                degree = degree_scores(setting.net.graph, alive.to(score.dtype))
                score = degree * ties + score
            chosen = swap(alive, params[name].abs(), score, swap_share(t, steps, share))
            fresh = params[name][alive].mean() if name == "edges" else params[name].new_zeros(())
            values = torch.where(chosen & ~alive, fresh, params[name]) * chosen
            new |= {name: values, f"alive {name}": chosen.to(values.dtype)}
        return new

    def update(
        params: Params, grads: Params, state: tuple[Any, list[Params]], step: int
    ) -> tuple[Params, tuple[Any, list[Params]]]:
        inner, past = state
        past = [*past, grads][-memory:]
        if (step + 1) % every == 0:
            return swapped(params, past, step + 1), (inner, past)
        masks = {k: params[f"alive {k}"] for k in setting.names}
        own = {k: p for k, p in params.items() if not k.startswith("alive")}
        seen = {k: g * masks[k] if k in masks else g for k, g in grads.items() if k in own}
        moved, inner = adam.update(own, seen, inner, step)
        moved = {k: p * masks[k] if k in masks else p for k, p in moved.items()}
        return {**params, **moved}, (inner, past)

    return optim.Optimizer(init, update)
