"""What a linear optimizer does to one coordinate, read off by probing it.

Gradient descent and the heavy ball are linear in parameters, gradients and velocity. Tangents
therefore obey the same update as the parameters, with Hessian-vector products for gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tdyn.optim import Optimizer

__all__ = ["Coefficients", "coefficients"]

_NAME = "w"


class Coefficients(NamedTuple):
    r"""One step of a linear optimizer.

    .. math::

        \theta' = a\theta + b g + c m, \qquad m' = d\theta + e g + f m
    """

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def apply(self, V: Tensor, G: Tensor, M: Tensor | None) -> None:
        """Update a block of tangents ``V`` and its velocities ``M`` in place.

        Args:
            V: Tangents of the parameters.
            G: Tangents of the gradient; may be overwritten.
            M: Tangents of the velocity, or None for an optimizer without one.
        """
        a, b, c, d, e, f = self
        if M is None:
            V.mul_(a) if a != 1 else None
            V.add_(G, alpha=b)
        elif d == 0 and a == 1 and e == 1 and abs(c - b * f) <= 1e-15:
            torch.add(G, M, alpha=f, out=M)
            V.add_(M, alpha=b)
        else:
            new = V * d + G * e + M * f
            V.mul_(a).add_(G, alpha=b).add_(M, alpha=c)
            M.copy_(new)


def _buffer(state: Any) -> bool | None:
    """Tell what state an optimizer carries.

    Returns:
        True for one velocity, False for nothing, None for anything else.
    """
    if state is None or (isinstance(state, tuple) and len(state) == 0):
        return False
    if isinstance(state, dict) and list(state) == [_NAME] and isinstance(state[_NAME], Tensor):
        return True
    return None


def _probe(
    optimizer: Optimizer, theta: Tensor, g: Tensor, m: Tensor, step: int, has_velocity: bool
) -> tuple[Tensor, Tensor]:
    state: Any = {_NAME: m} if has_velocity else optimizer.init({_NAME: theta})
    new, state = optimizer.update({_NAME: theta}, {_NAME: g}, state, step)
    return new[_NAME], state[_NAME] if has_velocity else torch.zeros_like(theta)


def coefficients(optimizer: Optimizer, steps: Sequence[int]) -> list[Coefficients] | None:
    """Read the coefficients of every step off a linear optimizer.

    Args:
        optimizer: Any pure optimizer.
        steps: The steps wanted.

    Returns:
        One set a step, or None if the optimizer is not linear and coordinatewise, or carries more
        than one velocity.

    Example:
        >>> from tdyn.optim import adam, momentum
        >>> coefficients(momentum(0.5, beta=0.75), [0])
        [Coefficients(a=1.0, b=-0.5, c=-0.375, d=0.0, e=1.0, f=0.75)]
        >>> coefficients(adam(0.1), [0]) is None
        True
    """
    state = optimizer.init({_NAME: torch.zeros(1, dtype=torch.float64)})
    has_velocity = _buffer(state)
    if has_velocity is None or (has_velocity and bool(state[_NAME].any())):
        return None
    # Three unit vectors tell the coefficients, random numbers behind them whether that is all.
    generator = torch.Generator().manual_seed(0)
    probe = torch.cat(
        [torch.eye(3, dtype=torch.float64), torch.randn(3, 5, generator=generator).double()], dim=1
    )
    rows = []
    for step in steps:
        new, velocity = _probe(optimizer, probe[0], probe[1], probe[2], step, has_velocity)
        rows.append(torch.cat([new, velocity]))
    if not rows:
        return []
    out = torch.stack(rows).unflatten(1, (2, 8))  # steps, (theta, velocity), probes
    known = out[:, :, :3] * torch.tensor([1.0, 1.0, float(has_velocity)], dtype=torch.float64)
    gap = (out[:, :, 3:] - known @ probe[:, 3:]).abs().max()
    if not float(gap) <= 1e-10 * (1 + float(out.abs().max())):
        return None
    return [Coefficients(*top, *bottom) for top, bottom in known.tolist()]
