r"""A network that gradient descent uses as a tape recorder.

Can plain gradient descent imitate *any* learning algorithm? :cite:t:`welper2020universality`
claims: for every algorithm that finds good weights of a network there is an extension of that
network whose training by gradient descent ends in the same weights. We could not read the paper's
construction; the one here is ours. :class:`Recorder` is an ordinary ``torch.nn.Module``. Every one
of its weights is trainable, and plain ``torch.optim.SGD`` with one sample a step trains it.
"""

from tdyn.recorder.elimination import (
    EliminationCircuit,
    Solution,
    gaussian_elimination,
    gaussian_elimination_circuit,
)
from tdyn.recorder.gates import AnyGate, Gate, ParityNetwork, XorGate, ramp
from tdyn.recorder.network import SLOPES, Recorder
from tdyn.recorder.readers import GridReader, SignReader, SumReader

__all__ = [
    "SLOPES",
    "AnyGate",
    "EliminationCircuit",
    "Gate",
    "GridReader",
    "ParityNetwork",
    "Recorder",
    "SignReader",
    "Solution",
    "SumReader",
    "XorGate",
    "gaussian_elimination",
    "gaussian_elimination_circuit",
    "ramp",
]
