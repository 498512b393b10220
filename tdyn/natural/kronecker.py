"""Kronecker factors of the Fisher blocks, without and with shared weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tdyn.natural.layers import Terms, backward, forward, terms
from tdyn.natural.likelihoods import check_likelihood, metric_roots
from tdyn.nets import MLP

__all__ = ["Kronecker", "kfac"]


class Kronecker(NamedTuple):
    r"""A Kronecker product :math:`B\otimes A` that stands for the Fisher block of a layer.

    Attributes:
        B: Second moment of the signals, ``(*ensemble, o, o)``.
        A: Second moment of the inputs, ``(*ensemble, i, i)``.
    """

    B: Tensor
    A: Tensor

    def dense(self) -> Tensor:
        """Return the product, in the order of the rows of ``[W|b]``.

        Returns:
            A matrix ``(*ensemble, o i, o i)``.
        """
        product = torch.einsum("...op,...ij->...oipj", self.B, self.A)
        return product.flatten(-4, -3).flatten(-2)


def factors(found: Terms) -> list[Kronecker]:
    """Return the factors of all layers.

    Args:
        found: Inputs and signals.

    Returns:
        One pair a layer.
    """
    return [
        Kronecker(torch.einsum("...nok,...npk->...op", R, R) / R.shape[-3], a.mT @ a / a.shape[-2])
        for R, a in zip(found.signals, found.inputs, strict=True)
    ]


def kfac(
    net: MLP, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"],
    likelihood: str = "gaussian", *, positions: str | None = None,
) -> list[Kronecker]:  # fmt: skip
    r"""Return the Kronecker factors of each layer's block of the Fisher matrix.

    .. math::

        F_{\ell\ell}=\mathbb E[D^\top\Lambda D\otimes aa^\top]\approx
        \underbrace{\mathbb E[D^\top\Lambda D]}_B\otimes\underbrace{\mathbb E[aa^\top]}_A

    With ``positions`` the network is applied to each of :math:`T` positions of an input
    separately, with the same weights. ``"expand"`` is for losses that *sum* over positions: every
    position counts as a sample, and :math:`B` is multiplied by :math:`T`. ``"reduce"`` is for
    outputs that are *averaged* over positions before the loss: :math:`A` is made of mean inputs,
    :math:`B` of summed signals.

    Args:
        net: The network.
        params: Parameters; with ensemble axes only if ``positions`` is None.
        x: Inputs ``(n, d)``, or ``(n, T, d)`` with ``positions``.
        likelihood: Model of the labels.
        positions: None, ``"expand"`` or ``"reduce"``.

    Returns:
        One pair of factors a layer, for the weights ``[W|b]``.

    Raises:
        ValueError: If an option is unknown, or ``x`` has no positions.

    Example:
        >>> net = MLP((2, 3, 1), torch.tanh)
        >>> params = {name: torch.ones(shape) for name, shape in net.shapes.items()}
        >>> first, last = kfac(net, params, torch.ones(5, 2))
        >>> first.B.shape, first.A.shape, last.B.item()
        (torch.Size([3, 3]), torch.Size([3, 3]), 1.0)

    Source: :cite:t:`martens2015kfac`, :cite:t:`eschenhagen2023kfac`
    """
    check_likelihood(likelihood)
    if positions not in (None, "expand", "reduce"):
        raise ValueError(f"positions must be None, 'expand' or 'reduce', got {positions!r}")
    if positions is None:
        return factors(terms(net, params, x, likelihood))
    if x.ndim != 3:
        raise ValueError(f"with positions x must be (n, T, d), got {tuple(x.shape)}")
    n, T = x.shape[:2]
    if positions == "expand":
        pairs = factors(terms(net, params, x.flatten(0, 1), likelihood))
        return [Kronecker(T * B, A) for B, A in pairs]
    inputs, slopes, outputs = forward(net, params, x.flatten(0, 1))
    roots = metric_roots(outputs.unflatten(0, (n, T)).mean(1), likelihood) / T
    signals = backward(net, params, slopes, roots.repeat_interleave(T, dim=0))
    return factors(
        Terms(
            [a.unflatten(0, (n, T)).mean(1) for a in inputs],
            [R.unflatten(0, (n, T)).sum(1) for R in signals],
            slopes,
        )
    )
