r"""The Fisher matrix, exactly and fast, and the Gauss-Newton matrix of any model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tdyn.natural.layers import Terms, terms
from tdyn.nets import MLP, Model, Params, flatten, unflatten

__all__ = ["empirical_fisher", "fisher", "gauss_newton"]

#: Numbers in the largest temporary array of a block.
TEMPORARY = 500_000


def _pairs(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows and columns of the lower triangle, and each entry's place in it."""
    rows, columns = torch.tril_indices(size, size).unbind()
    place = torch.empty(size, size, dtype=torch.long)
    place[rows, columns] = place[columns, rows] = torch.arange(len(rows))
    return rows, columns, place


def _symmetric(signal: Tensor, a: Tensor, scale: float) -> Tensor:
    """Return a diagonal block, of which both Kronecker factors of each sample are symmetric."""
    o, i = signal.shape[-2], a.shape[-1]
    (p, q, at), (r, s, to) = _pairs(o), _pairs(i)
    total: Tensor | None = None
    chunk = max(1, TEMPORARY // len(r))
    for R, b in zip(signal.split(chunk, -3), a.split(chunk, -2), strict=True):
        rows = b.mT.contiguous()  # picking rows is faster than picking columns
        left = (R @ R.mT).flatten(-2).index_select(-1, o * p + q)
        part = left.mT @ (rows.index_select(-2, r) * rows.index_select(-2, s)).mT
        total = part if total is None else total + part
    assert total is not None
    full = (scale * total).index_select(-1, to.flatten()).index_select(-2, at.flatten())
    return _interleave(full, (o, o), (i, i))


def _interleave(block: Tensor, outputs: tuple[int, int], inputs: tuple[int, int]) -> Tensor:
    # Rows (output, output) and columns (input, input) become rows and columns of a block.
    four = block.unflatten(-1, inputs).unflatten(-3, outputs).transpose(-3, -2)
    return four.flatten(-4, -3).flatten(-2)


def _mixed(signals: tuple[Tensor, Tensor], a: tuple[Tensor, Tensor], scale: float) -> Tensor:
    """Return a block off the diagonal."""
    (R, Q), (b, c) = signals, a
    o, u, i, j = R.shape[-2], Q.shape[-2], b.shape[-1], c.shape[-1]
    total: Tensor | None = None
    chunk = max(1, TEMPORARY // (i * j))
    parts = zip(*(t.split(chunk, d) for t, d in ((R, -3), (Q, -3), (b, -2), (c, -2))), strict=True)
    for R, Q, b, c in parts:
        outer = (b.unsqueeze(-1) * c.unsqueeze(-2)).flatten(-2)
        part = (R @ Q.mT).flatten(-2).mT @ outer
        total = part if total is None else total + part
    assert total is not None
    return _interleave(scale * total, (o, u), (i, j))


def diagonal_blocks(found: Terms) -> list[Tensor]:
    """Return the blocks of the single layers.

    Args:
        found: Inputs and signals.

    Returns:
        One matrix ``(*ensemble, o i, o i)`` a layer.
    """
    return [
        _symmetric(R, a, 1 / a.shape[-2])
        for R, a in zip(found.signals, found.inputs, strict=True)
    ]  # fmt: skip


def joint_fisher(found: Terms) -> Tensor:
    """Return the full matrix, layer after layer, each in the order of the rows of ``[W|b]``.

    Args:
        found: Inputs and signals.

    Returns:
        A matrix ``(*ensemble, N, N)``.
    """
    blocks = diagonal_blocks(found)
    grid = [[block] * len(blocks) for block in blocks]
    for k in range(len(blocks)):
        grid[k][k] = blocks[k]
        for m in range(k):
            R, a = found.signals, found.inputs
            grid[k][m] = _mixed((R[k], R[m]), (a[k], a[m]), 1 / a[k].shape[-2])
            grid[m][k] = grid[k][m].mT
    return torch.cat([torch.cat(row, dim=-1) for row in grid], dim=-2)


def _order(net: MLP) -> Tensor:
    """Return where each parameter, in the order of ``flatten``, stands in the joint matrix."""
    places, start = [], 0
    for layer in range(1, net.depth + 1):
        o, i = net.shapes[f"W{layer}"]
        index = start + torch.arange(o * (i + net.bias)).reshape(o, i + net.bias)
        places += [index[:, :i].flatten(), index[:, i:].flatten()]
        start += index.numel()
    return torch.cat(places)


def _flat(net: MLP, joint: Tensor) -> Tensor:
    order = _order(net)
    return joint[..., order[:, None], order]


def fisher(
    net: MLP, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"],
    likelihood: str = "gaussian", *, samples: int = 0, generator: torch.Generator | None = None,
) -> Float[Tensor, "*ensemble N N"]:  # fmt: skip
    r"""Return the Fisher matrix, in the order of :func:`tdyn.nets.flatten`.

    .. math::

        F=\frac1n\sum_i\mathbb E_{y\sim p_\theta(\cdot|x_i)}\nabla\log p\,\nabla\log p^\top
         =\frac1n\sum_iJ_i^\top\Lambda_iJ_i

    The labels are those of the *model*, not of the data. Every sample is a Kronecker product of
    signals and inputs, so each block is one matrix product over the samples; no Jacobian is built.

    Args:
        net: The network.
        params: Parameters, with or without ensemble axes.
        x: Inputs.
        likelihood: ``"gaussian"`` (unit variance), ``"categorical"`` or ``"bernoulli"``.
        samples: If positive, estimate with this number of drawn labels for each input.
        generator: Source of randomness, if ``samples`` is positive.

    Returns:
        A symmetric matrix with no negative eigenvalue.

    Example:
        >>> net = MLP((1, 1))
        >>> params = {"W1": torch.zeros(1, 1), "b1": torch.zeros(1)}
        >>> fisher(net, params, torch.tensor([[1.0], [3.0]]))
        tensor([[5., 2.],
                [2., 1.]])

    Source: :cite:t:`amari1998natural`
    """
    return _flat(net, joint_fisher(terms(
        net, params, x, likelihood, samples=samples, generator=generator
    )))  # fmt: skip


def empirical_fisher(
    net: MLP, params: Mapping[str, Tensor], x: Float[Tensor, "... n d"],
    y: Shaped[Tensor, "..."], likelihood: str = "gaussian",
) -> Float[Tensor, "*ensemble N N"]:  # fmt: skip
    r"""Return the second moment of the gradients at the *training* labels.

    .. math:: E=\frac1n\sum_ig_ig_i^\top,\qquad g_i=-\nabla_\theta\log p_\theta(y_i|x_i)

    It is not the Fisher matrix: it grows with the residuals.

    Args:
        net: The network.
        params: Parameters, with or without ensemble axes.
        x: Inputs.
        y: Labels, as :func:`negative_log_likelihood` wants them.
        likelihood: Model of the labels.

    Returns:
        The matrix, in the order of :func:`tdyn.nets.flatten`.

    Example:
        >>> net = MLP((1, 1))
        >>> params = {"W1": torch.zeros(1, 1), "b1": torch.zeros(1)}
        >>> empirical_fisher(net, params, torch.tensor([[1.0], [3.0]]), torch.tensor([2.0, 0.0]))
        tensor([[2., 2.],
                [2., 2.]])

    Source: :cite:t:`kunstner2019empirical`
    """
    return _flat(net, joint_fisher(terms(net, params, x, likelihood, labels=y)))


def gauss_newton(
    model: Model, params: Params, x: Shaped[Tensor, "n ..."], y: Shaped[Tensor, "n ..."],
    loss: Callable[[Tensor, Tensor], Tensor],
) -> Float[Tensor, "N N"]:  # fmt: skip
    r"""Return the generalized Gauss-Newton matrix of any model, by automatic differentiation.

    .. math:: \frac1n\sum_iJ_i^\top\bigl(\nabla_z^2\,\ell(z_i,y_i)\bigr)J_i

    For the losses of :func:`negative_log_likelihood` it equals the Fisher matrix. Slow: the whole
    Jacobian is built.

    Args:
        model: A pure function ``model(params, x)`` with outputs ``(n, c)``.
        params: Parameters of one network.
        x: Inputs.
        y: Labels.
        loss: A mean over samples, such as those of :mod:`tdyn.losses`.

    Returns:
        The matrix, in the order of :func:`tdyn.nets.flatten`.

    Example:
        >>> from tdyn.losses import mse
        >>> net = MLP((1, 1), bias=False)
        >>> x, y = torch.tensor([[1.0], [3.0]]), torch.zeros(2)
        >>> gauss_newton(net, {"W1": torch.zeros(1, 1)}, x, y, mse)
        tensor([[10.]])
    """

    def outputs(vector: Tensor) -> Tensor:
        return model(unflatten(vector, params), x)

    def one(z: Tensor, label: Tensor) -> Tensor:
        return loss(z.unsqueeze(0), label.unsqueeze(0))

    vector = flatten(params).detach()
    curvature = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(one)))(outputs(vector), y)
    J = torch.func.jacrev(outputs)(vector)
    return (J.mT @ curvature @ J).mean(0)
