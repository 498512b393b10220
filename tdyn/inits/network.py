"""Drawing all parameters of a network or an ensemble."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tdyn.inits.alive import joint
from tdyn.inits.continuous import zeros
from tdyn.inits.law import Law
from tdyn.nets import MLP, Params, stack

__all__ = ["initialize"]


def initialize(
    net: MLP,
    law: Law,
    seed: int | Sequence[int],
    *,
    bias: Law = zeros,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Params:
    """Draw all parameters of a network, or of an ensemble with one seed a member.

    Args:
        net: The network whose shapes are filled.
        law: Law of the weight matrices.
        seed: An integer for one network; a sequence of integers for an ensemble, in which member
            ``i`` equals the network of ``seed[i]`` alone.
        bias: Law of the biases, drawn with the fan-in of their layer; or
            :func:`tdyn.inits.joint`, if ``law`` draws each row with its bias as the last column.
        dtype: Number type.
        device: Where.

    Returns:
        Parameters, with a leading ensemble axis if ``seed`` is a sequence.

    Raises:
        ValueError: If the sequence of seeds is empty.

    Example:
        >>> from tdyn.inits import rademacher
        >>> net = MLP((20, 50, 1))
        >>> params = initialize(net, rademacher, seed=range(5))
        >>> params["W1"].shape, params["b1"].shape
        (torch.Size([5, 50, 20]), torch.Size([5, 50]))
        >>> torch.equal(params["W2"][3], initialize(net, rademacher, seed=3)["W2"])
        True
    """
    if not isinstance(seed, int):
        seeds = [int(s) for s in seed]
        if not seeds:
            raise ValueError("seed must be an integer or a non-empty sequence, got an empty one")
        return stack(
            [initialize(net, law, s, bias=bias, dtype=dtype, device=device) for s in seeds]
        )
    generator = torch.Generator(device=device or "cpu").manual_seed(seed)
    options = {"generator": generator, "dtype": dtype, "device": device}
    params: Params = {}
    for name, shape in net.shapes.items():
        if bias is joint:
            if name.startswith("W"):
                rows = law((shape[0], shape[1] + 1), **options)
                params[name] = rows[:, :-1].contiguous()
            else:
                params[name] = rows[:, -1].contiguous()
        elif name.startswith("W"):
            params[name] = law(shape, **options)
        else:
            # A bias is one more weight of its neuron: draw it with the same fan-in.
            fan_in = net.shapes["W" + name[1:]][1]
            params[name] = bias((*shape, fan_in), **options)[..., 0].contiguous()
    return params
