"""Tangents of a training run of any pure model, by forward-mode differentiation of each step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, jvp, vmap

from tdyn.nets import Model, Params, unflatten
from tdyn.optim import Optimizer

__all__ = ["ForwardTraining"]


def _walk(tree: Any, f: Callable[[str, Any], Any], path: str = "") -> Any:
    """Replace every leaf of nested dictionaries, tuples and lists by ``f(path, leaf)``.

    Returns:
        The new tree.
    """
    if isinstance(tree, dict):
        return {key: _walk(value, f, f"{path}/{key}") for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        items = [_walk(value, f, f"{path}/{i}") for i, value in enumerate(tree)]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return f(path, tree)


def _tensors(tree: Any) -> dict[str, Tensor]:
    """Return the leaves that carry tangents, by path."""
    found: dict[str, Tensor] = {}

    def keep(path: str, leaf: Any) -> None:
        if isinstance(leaf, Tensor) and leaf.is_floating_point():
            found[path] = leaf

    _walk(tree, keep)
    return found


def _push(f: Callable[[Any], Any], point: Any, tangents: dict[str, Tensor]) -> dict[str, Tensor]:
    """Push a block of tangents through a function of a tree.

    Args:
        f: Maps a tree of tensors to a tree of tensors; other leaves are constants.
        point: Where to differentiate.
        tangents: One ``(k, *shape)`` tensor for each floating-point leaf of ``point``.

    Returns:
        The same for the leaves of ``f(point)``.
    """

    def of_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return _tensors(f(_walk(point, lambda path, leaf: tensors.get(path, leaf))))

    primals = _tensors(point)
    return vmap(lambda t: jvp(of_tensors, (primals,), (t,))[1])(tangents)


@dataclass
class ForwardTraining:
    """A training run, differentiated step by step.

    Args:
        model: A pure function ``model(params, x)``.
        params: Initial parameters.
        loss: Maps outputs and targets to one number.
        optimizer: Any pure, differentiable optimizer.
        batch_at: A function from step to ``(x, y)``.
    """

    model: Model
    params: Params
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: Optimizer
    batch_at: Callable[[int], Any]

    def prepare(self, steps: int) -> None:
        """Do nothing: every block runs the training along.

        Args:
            steps: Number of steps.
        """

    def stored_bytes(self) -> int:
        """Return the number of bytes kept between blocks: none."""
        return 0

    def step(self, point: tuple[Params, Any], t: int) -> tuple[Params, Any]:
        """Return parameters and optimizer state after one step.

        Args:
            point: Parameters and state before it.
            t: Number of the step.

        Returns:
            The pair after it.
        """
        params, state = point
        x, y = self.batch_at(t)
        gradient = grad(lambda p: self.loss(self.model(p, x), y))(params)
        return self.optimizer.update(params, gradient, state, t)

    def columns(self, block: Tensor, steps: int, at: list[int]) -> list[Tensor]:
        """Push tangents through the training.

        Args:
            block: Tangents of the initial parameters, ``(N, k)``.
            steps: Number of steps.
            at: The steps after which the tangents are wanted, in order.

        Returns:
            One ``(N, k)`` tensor for each.
        """
        names = list(self.params)
        cut = unflatten(block.mT, self.params)

        def collected(tangents: dict[str, Tensor]) -> Tensor:
            return torch.cat([tangents[f"/0/{name}"].flatten(1) for name in names], dim=1).mT

        point = (self.params, self.optimizer.init(self.params))
        tangents = {f"/{name}": cut[name] for name in names}
        tangents = _push(lambda p: (p, self.optimizer.init(p)), self.params, tangents)
        found = [collected(tangents)] if 0 in at else []
        for t in range(steps):
            tangents = _push(partial(self.step, t=t), point, tangents)
            point = self.step(point, t)
            if t + 1 in at:
                found.append(collected(tangents))
        return found
