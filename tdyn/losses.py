r"""Losses and accuracies, one number a network.

Every function takes outputs ``(*ensemble, n, c)`` and returns one value a member ``(*ensemble,)``:
the mean over the ``n`` samples. Members never mix, so the gradient of the *sum* over the ensemble
is the gradient of each member.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

__all__ = ["accuracy", "correlation", "cross_entropy", "hinge", "logistic", "mse"]


def _margins(outputs: Tensor, y: Tensor) -> Tensor:
    """Return :math:`y f(x)` for labels ±1 and one output.

    Raises:
        ValueError: If there are several outputs or the numbers of samples differ.

    Returns:
        The margins ``(*ensemble, n)``.
    """
    if outputs.ndim < 2 or outputs.shape[-1] != 1:
        raise ValueError(f"outputs must have shape (..., n, 1), got {tuple(outputs.shape)}")
    if y.shape[-1:] != outputs.shape[-2:-1]:
        raise ValueError(f"y has shape {tuple(y.shape)}, outputs {tuple(outputs.shape)}")
    return y * outputs.squeeze(-1)


def hinge(
    outputs: Float[Tensor, "*ensemble n 1"], y: Shaped[Tensor, "... n"]
) -> Float[Tensor, "*ensemble"]:
    r"""Hinge loss :math:`\frac1n\sum_i \max(0, 1 - y_i f(x_i))` for labels ±1.

    Args:
        outputs: Network outputs.
        y: Labels in {-1, 1}.

    Returns:
        One loss a member.

    Example:
        >>> hinge(torch.tensor([[2.0], [0.5]]), torch.tensor([1.0, 1.0])).item()
        0.25
    """
    return torch.relu(1 - _margins(outputs, y)).mean(-1)


def correlation(
    outputs: Float[Tensor, "*ensemble n 1"], y: Shaped[Tensor, "... n"]
) -> Float[Tensor, "*ensemble"]:
    r"""Correlation loss :math:`-\frac1n\sum_i y_i f(x_i)` for labels ±1; linear in the output.

    Args:
        outputs: Network outputs.
        y: Labels in {-1, 1}.

    Returns:
        One loss a member.

    Example:
        >>> correlation(torch.tensor([[2.0], [0.5]]), torch.tensor([1.0, -1.0])).item()
        -0.75
    """
    return -_margins(outputs, y).mean(-1)


def logistic(
    outputs: Float[Tensor, "*ensemble n 1"], y: Shaped[Tensor, "... n"]
) -> Float[Tensor, "*ensemble"]:
    r"""Logistic loss :math:`\frac1n\sum_i \log(1 + e^{-y_i f(x_i)})` in nats, for labels ±1.

    Args:
        outputs: Network outputs.
        y: Labels in {-1, 1}.

    Returns:
        One loss a member.

    Example:
        >>> round(logistic(torch.zeros(3, 1), torch.ones(3)).item(), 4)
        0.6931
    """
    return torch.nn.functional.softplus(-_margins(outputs, y)).mean(-1)


def mse(
    outputs: Float[Tensor, "*ensemble n c"], y: Shaped[Tensor, "..."]
) -> Float[Tensor, "*ensemble"]:
    r"""Mean squared error :math:`\frac1n\sum_i \lVert f(x_i) - y_i\rVert^2` (no factor ½).

    Args:
        outputs: Network outputs.
        y: Targets ``(..., n, c)``, or ``(..., n)`` if there is one output.

    Returns:
        One loss a member.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> mse(torch.tensor([[1.0], [3.0]]), torch.tensor([1.0, 1.0])).item()
        2.0
    """
    if outputs.shape[-1] == 1 and y.shape[-2:] != outputs.shape[-2:]:
        y = y.unsqueeze(-1)
    if y.shape[-2:] != outputs.shape[-2:]:
        raise ValueError(f"y has shape {tuple(y.shape)}, outputs {tuple(outputs.shape)}")
    return ((outputs - y) ** 2).sum(-1).mean(-1)


def cross_entropy(
    outputs: Float[Tensor, "*ensemble n c"], y: Shaped[Tensor, "... n"]
) -> Float[Tensor, "*ensemble"]:
    r"""Cross-entropy :math:`-\frac1n\sum_i \log \mathrm{softmax}(f(x_i))_{y_i}` in nats.

    Args:
        outputs: Logits.
        y: Integer classes in ``0..c-1``.

    Returns:
        One loss a member.

    Raises:
        TypeError: If ``y`` does not hold integers.

    Example:
        >>> round(cross_entropy(torch.zeros(3, 10), torch.tensor([0, 4, 9])).item(), 4)
        2.3026
    """
    if y.dtype.is_floating_point:
        raise TypeError(f"cross_entropy wants integer classes, got {y.dtype}")
    log_p = torch.log_softmax(outputs, dim=-1)
    index = y.expand(outputs.shape[:-1]).unsqueeze(-1)
    return -log_p.gather(-1, index).squeeze(-1).mean(-1)


def accuracy(
    outputs: Float[Tensor, "*ensemble n c"], y: Shaped[Tensor, "... n"]
) -> Float[Tensor, "*ensemble"]:
    """Share of correct predictions, in [0, 1].

    With one output the labels are ±1 and the prediction is the sign; an output of exactly 0 is
    never correct. With several outputs the labels are classes and the prediction is the largest.

    Args:
        outputs: Network outputs.
        y: Labels in {-1, 1}, or classes.

    Returns:
        One accuracy a member.

    Example:
        >>> accuracy(torch.tensor([[2.0], [-1.0], [0.0]]), torch.tensor([1.0, 1.0, 1.0])).item()
        0.3333333432674408
    """
    if outputs.shape[-1] == 1:
        correct = _margins(outputs, y) > 0
    else:
        correct = outputs.argmax(-1) == y
    dtype = outputs.dtype if outputs.dtype.is_floating_point else torch.get_default_dtype()
    return correct.to(dtype).mean(-1)
