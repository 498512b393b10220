"""Models of the labels: their losses, and the roots of their Fisher matrices."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tdyn import losses

__all__ = ["LIKELIHOODS", "negative_log_likelihood"]

#: The models of the labels that are known.
LIKELIHOODS = ("gaussian", "categorical", "bernoulli")


def check_likelihood(likelihood: str) -> None:
    """Raise unless the likelihood is known.

    Args:
        likelihood: Its name.

    Raises:
        ValueError: If it is not.
    """
    if likelihood not in LIKELIHOODS:
        raise ValueError(f"likelihood must be one of {LIKELIHOODS}, got {likelihood!r}")


def negative_log_likelihood(likelihood: str) -> Callable[[Tensor, Tensor], Tensor]:
    r"""Return the loss that belongs to a model of the labels, up to a constant.

    .. math::

        \text{gaussian: } \tfrac1{2n}\sum_i\lVert z_i-y_i\rVert^2,\qquad
        \text{categorical: cross-entropy},\qquad \text{bernoulli: logistic, labels} \pm1

    Args:
        likelihood: ``"gaussian"``, ``"categorical"`` or ``"bernoulli"``.

    Returns:
        A function of outputs and labels, one value a member.

    Raises:
        ValueError: If the likelihood is unknown.

    Example:
        >>> loss = negative_log_likelihood("gaussian")
        >>> loss(torch.tensor([[1.0], [3.0]]), torch.tensor([1.0, 1.0])).item()
        1.0
    """
    check_likelihood(likelihood)
    if likelihood == "gaussian":
        return lambda outputs, y: losses.mse(outputs, y) / 2
    return losses.cross_entropy if likelihood == "categorical" else losses.logistic


def metric_roots(outputs: Tensor, likelihood: str) -> Tensor:
    r"""Return :math:`S` with :math:`SS^\top=\Lambda`, the Fisher matrix of the output distribution.

    Args:
        outputs: Outputs ``(*ensemble, n, c)``.
        likelihood: Model of the labels.

    Returns:
        Roots ``(*ensemble, n, c, c)``.
    """
    if likelihood == "gaussian":
        eye = torch.eye(outputs.shape[-1], dtype=outputs.dtype, device=outputs.device)
        return eye.expand(*outputs.shape, outputs.shape[-1])
    if likelihood == "bernoulli":
        p = torch.sigmoid(outputs)
        return torch.diag_embed((p * (1 - p)).sqrt())
    p = torch.softmax(outputs, dim=-1)
    q = p.sqrt()
    return torch.diag_embed(q) - p.unsqueeze(-1) * q.unsqueeze(-2)


def residuals(outputs: Tensor, y: Tensor, likelihood: str) -> Tensor:
    """Return the gradient of minus the log-likelihood by the outputs of each sample.

    Args:
        outputs: Outputs ``(*ensemble, n, c)``.
        y: Labels, as the loss of the likelihood wants them.
        likelihood: Model of the labels.

    Returns:
        Residuals ``(*ensemble, n, c)``.
    """
    if likelihood == "categorical":
        hot = torch.nn.functional.one_hot(y, outputs.shape[-1]).to(outputs.dtype)
        return torch.softmax(outputs, dim=-1) - hot
    if y.ndim < 2 or y.shape[-2:] != outputs.shape[-2:]:
        y = y.unsqueeze(-1)
    if likelihood == "gaussian":
        return outputs - y
    return torch.sigmoid(outputs) - (y + 1) / 2


def sampled_roots(
    outputs: Tensor, likelihood: str, samples: int, generator: torch.Generator
) -> Tensor:
    """Return residuals at labels that the model itself draws, as Monte Carlo roots.

    Args:
        outputs: Outputs ``(*ensemble, n, c)``.
        likelihood: Model of the labels.
        samples: Number of labels a sample.
        generator: Source of randomness.

    Returns:
        Roots ``(*ensemble, n, c, samples)``, divided by the square root of ``samples``.
    """
    shape = (*outputs.shape, samples)
    if likelihood == "gaussian":
        noise = torch.randn(shape, generator=generator, dtype=outputs.dtype)
    elif likelihood == "bernoulli":
        p = torch.sigmoid(outputs).unsqueeze(-1)
        noise = p - (torch.rand(shape, generator=generator, dtype=outputs.dtype) < p).to(p.dtype)
    else:
        p = torch.softmax(outputs, dim=-1)
        drawn = torch.multinomial(
            p.reshape(-1, p.shape[-1]), samples, replacement=True, generator=generator
        ).reshape(*p.shape[:-1], samples)
        noise = p.unsqueeze(-1) - torch.nn.functional.one_hot(drawn, p.shape[-1]).mT.to(p.dtype)
    return noise / samples**0.5
