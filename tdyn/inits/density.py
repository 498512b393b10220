"""A first layer whose neurons are spread evenly over the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tdyn.nets import Params, stack

__all__ = ["uniform_density"]


def uniform_density(
    params: Mapping[str, Tensor],
    seed: int | Sequence[int],
    *,
    gamma: float,
    radius: float = 1.0,
    grid: bool = True,
) -> Params:
    r"""Replace the first layer so that its neurons bend at places spread evenly over a ball.

    .. math:: \phi_j(x)=\sigma\big(\gamma\,(a_j\cdot x-s_jr_j)\big),\qquad
              a_j\ \text{uniform on the sphere},\quad s_j=\mathrm{sign}(a_{j1}),

    with distances :math:`r_j\in[-R,R]` that are equispaced (``grid=True``) or uniform. On the line
    neuron ``j`` bends at :math:`r_j`, upward or downward. The shape parameter :math:`\gamma` says
    how sharply.

    Args:
        params: Parameters with ``W1`` ``(*ensemble, n, d)`` and ``b1`` ``(*ensemble, n)``, drawn
            by any law, with at most one ensemble axis; not changed.
        seed: An integer for one network; one integer a member for an ensemble, in which member
            ``i`` equals the network of ``seed[i]`` alone.
        gamma: :math:`\gamma > 0`, in units of one over the input.
        radius: :math:`R > 0`, the radius of the ball.
        grid: Equispaced distances in place of random ones.

    Returns:
        New parameters; all but the first layer are shared with ``params``.

    Raises:
        ValueError: If ``gamma`` or ``radius`` is not positive, a first layer with biases is
            missing, or the seeds do not fit the ensemble axis.

    Example:
        >>> from tdyn import inits, nets
        >>> params = inits.initialize(nets.MLP((1, 5, 1)), inits.gaussian, seed=0)
        >>> first = uniform_density(params, 0, gamma=10.0)
        >>> (-first["b1"] / first["W1"][:, 0]).tolist()
        [-1.0, -0.5, 0.0, 0.5, 1.0]

    Source:
        :cite:t:`zhang2024transferable`; the equispaced form is ours.
    """
    if not gamma > 0 or not radius > 0:
        raise ValueError(f"gamma and radius must be positive, got {gamma} and {radius}")
    if "W1" not in params or "b1" not in params:
        raise ValueError(f"params must hold W1 and b1, got {sorted(params)}")
    weight = params["W1"]
    seeds = [seed] if isinstance(seed, int) else [int(s) for s in seed]
    wanted = () if isinstance(seed, int) else (len(seeds),)
    if tuple(weight.shape[:-2]) != wanted:
        raise ValueError(
            f"W1 has ensemble axes {tuple(weight.shape[:-2])}, the seeds are for {wanted}"
        )
    layers = [_layer(weight, s, gamma, radius, grid) for s in seeds]
    first = layers[0] if isinstance(seed, int) else stack(layers)
    return {**params, **first}


def _layer(like: Tensor, seed: int, gamma: float, radius: float, grid: bool) -> Params:
    """Draw one first layer.

    Args:
        like: A weight matrix ``(..., n, d)`` of the wanted size, type and device.
        seed: Source of randomness.
        gamma: Shape parameter.
        radius: Radius of the ball.
        grid: Equispaced distances in place of random ones.

    Returns:
        ``W1`` and ``b1``.
    """
    n, d = like.shape[-2:]
    options = {"dtype": like.dtype, "device": like.device}
    generator = torch.Generator(device=like.device).manual_seed(seed)
    normal = torch.randn((n, d), generator=generator, **options)
    direction = normal / normal.norm(dim=-1, keepdim=True)
    if grid:
        distance = torch.linspace(-radius, radius, n, **options)
    else:
        distance = radius * (2 * torch.rand(n, generator=generator, **options) - 1)
    sign = torch.where(direction[:, 0] < 0, -1.0, 1.0).to(like.dtype)
    return {"W1": gamma * direction, "b1": -gamma * sign * distance}
