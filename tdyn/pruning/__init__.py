r"""Pruning by magnitude: remove small weights, rewind, train again.

A mask is a dictionary of Boolean tensors named like the parameters; True survives. Parameters that
have no mask are never pruned. Everything works on one network and on ensembles, whose members are
pruned each on their own (say how many leading axes are ensemble axes with ``ensemble``).

:func:`magnitude_mask` and :func:`random_mask` choose; :func:`apply` and :func:`masked` use a mask;
:func:`iterative_magnitude_pruning` and :func:`one_shot` run whole experiments with any training
procedure. For a ``torch.nn.Module``, start from :func:`tdyn.nets.functional`.
"""

from tdyn.pruning.masks import Masks, apply, dense, density, magnitude_mask, masked, random_mask
from tdyn.pruning.tickets import (
    Ticket,
    TrainFn,
    iterative_magnitude_pruning,
    one_shot,
    retrain,
    trainer,
)

__all__ = [
    "Masks",
    "Ticket",
    "TrainFn",
    "apply",
    "dense",
    "density",
    "iterative_magnitude_pruning",
    "magnitude_mask",
    "masked",
    "one_shot",
    "random_mask",
    "retrain",
    "trainer",
]
