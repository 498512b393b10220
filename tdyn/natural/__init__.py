r"""What if a step were measured by how much it changes the predictions, not the weights?

The *natural gradient* :math:`F^{-1}\nabla L` uses the Fisher matrix :math:`F` of the predictions,
computed exactly by :func:`fisher`. :func:`natural_gradient` has a ladder of approximations behind
one name, ``KINDS``; :func:`kfac` returns Kronecker factors. :func:`structured` rebuilds a
network so that plain descent on it is a natural-gradient step. :func:`natural_descent`,
:func:`levenberg_marquardt` and :func:`rebuilt_descent` are optimizers for
:func:`tdyn.train.train`.
"""

from __future__ import annotations

from tdyn.natural.descent import natural_descent, natural_gradient
from tdyn.natural.jump import Drift, drift
from tdyn.natural.kronecker import Kronecker, kfac
from tdyn.natural.layers import Terms, join, split, terms
from tdyn.natural.likelihoods import LIKELIHOODS, negative_log_likelihood
from tdyn.natural.marquardt import levenberg_marquardt, pushed
from tdyn.natural.matrices import empirical_fisher, fisher, gauss_newton
from tdyn.natural.metrics import factorize, metric_blocks, solve
from tdyn.natural.options import KINDS
from tdyn.natural.rebuilt import REBUILDABLE, Rebuilt, rebuilt_descent, structured
from tdyn.natural.roots import SquareRoot, denman_beavers

__all__ = [
    "KINDS",
    "LIKELIHOODS",
    "REBUILDABLE",
    "Drift",
    "Kronecker",
    "Rebuilt",
    "SquareRoot",
    "Terms",
    "denman_beavers",
    "drift",
    "empirical_fisher",
    "factorize",
    "fisher",
    "gauss_newton",
    "join",
    "kfac",
    "levenberg_marquardt",
    "metric_blocks",
    "natural_descent",
    "natural_gradient",
    "negative_log_likelihood",
    "pushed",
    "rebuilt_descent",
    "solve",
    "split",
    "structured",
    "terms",
]
