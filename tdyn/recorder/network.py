"""The extended network: memory, reader, algorithm and base network in one module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tdyn.recorder.elimination import gaussian_elimination_circuit
from tdyn.recorder.gates import Gate, ParityNetwork
from tdyn.recorder.readers import GridReader, SignReader, SumReader

__all__ = ["SLOPES", "Recorder"]

#: Minus the derivative of each loss at output 0 and label 1.
SLOPES = {"mse": 2.0, "half mse": 1.0, "logistic": 0.5}


class Recorder(nn.Module):
    r"""A network that plain SGD turns into what an algorithm would have learned.

    Row :math:`t` of a memory :math:`M`, at first zero, is wired to the output through a gate that
    is open while the rows before it are full and it is empty. So step :math:`t` of SGD writes

    .. math:: M_t \leftarrow q\,y_t\,(x_t, 1), \qquad q = -\eta\,\ell'(0, 1),

    and nothing else. The rest is a circuit of gates that reads the memory, runs an algorithm
    :math:`A` on the samples, and uses :math:`\theta=A(S)` in a base network. When the memory is
    full, the output is :math:`f_\theta(x)=\pm1`. All weights are trainable; all gradients but those
    of the open row are exactly zero, as long as the later labels agree with :math:`f_\theta`.

    Args:
        inputs: Number of inputs :math:`n`.
        samples: Number of steps that are recorded, :math:`N`.
        lr: Learning rate :math:`\eta` of the SGD that will train it.
        loss: ``"mse"`` (:func:`tdyn.losses.mse`), ``"half mse"`` or ``"logistic"``.
        batch: Size of the batches that the reader expects. From 2 on each row gives one equation
            modulo 2, the sum of the batch; so the algorithm must be one for parities.
        grid: For real inputs: grid points in a unit. Then ``algorithm`` and ``network`` are needed.
        algorithm: A module or any function ``theta = algorithm(x, y)``. A module gets the memory as
            bits (1 stands for −1), unless there is a grid. A function is run as a program once the
            memory is full. By default :func:`gaussian_elimination_circuit`.
        network: A module ``bits = network(theta, x)``, or a function whose sign is the class.
            By default :class:`ParityNetwork`.
        own_weights: Give every gate its own weights instead of sharing them.

    Raises:
        ValueError: If a size or the learning rate is not positive, the loss is unknown, or a grid
            comes without an algorithm and a network or with batches.

    Example:
        >>> from tdyn.data import parity
        >>> x, y = parity(8, 4, k=2, seed=1)
        >>> net = Recorder(inputs=4, samples=8, lr=0.1)
        >>> sgd = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> for t in range(8):
        ...     loss = (net(x[t : t + 1])[:, 0] - y[t : t + 1]).square().mean()
        ...     sgd.zero_grad()
        ...     loss.backward()
        ...     sgd.step()
        >>> net.report(x)["theta"]
        tensor([1., 1., 0., 0.])
        >>> torch.equal(net(x)[:, 0], y)
        True

    Source:
        The claim is that of :cite:t:`welper2020universality`; the construction is ours.
    """

    def __init__(
        self,
        inputs: int,
        samples: int,
        *,
        lr: float,
        loss: str = "mse",
        batch: int = 1,
        grid: int | None = None,
        algorithm: Callable[..., Any] | None = None,
        network: Callable[..., Any] | None = None,
        own_weights: bool = False,
    ) -> None:
        _check(inputs, samples, lr, loss, batch, grid, algorithm, network)
        super().__init__()
        self.mark = SLOPES[loss] * lr
        self.memory = nn.Parameter(torch.zeros(samples, inputs + 1))
        self.reader: nn.Module
        if grid is not None:
            self.reader = GridReader(samples, self.mark, grid, own_weights)
        elif batch > 1:
            self.reader = SumReader(inputs, samples, self.mark, batch, own_weights)
        else:
            self.reader = SignReader(inputs, samples, self.mark, own_weights)
        self.gate = Gate("and not", (samples,) if own_weights else ())
        self.algorithm = algorithm or gaussian_elimination_circuit(
            inputs, samples, own_weights=own_weights
        )
        self.network = network or ParityNetwork(inputs, own_weights)
        self.answer = Gate("and not")
        self.readout = nn.Parameter(torch.tensor([2.0, -1.0]))
        self._latest: tuple[Tensor, Tensor, Any] | None = None

    def report(self, x: Float[Tensor, "batch inputs"]) -> dict[str, Any]:
        """Return the output and what is inside.

        Args:
            x: Inputs ±1, or on the grid.

        Returns:
            ``output`` ``(batch,)``; ``gates`` and ``full`` ``(samples,)``, the bits of the rows;
            ``theta``, what the algorithm found (None for a program until the memory is full). They
            carry no gradients, but for the output.

        Raises:
            ValueError: If the inputs have another width.
        """
        if x.ndim != 2 or x.shape[1] != self.memory.shape[1] - 1:
            width = self.memory.shape[1] - 1
            raise ValueError(f"x must have shape (batch, {width}), got {tuple(x.shape)}")
        full, inputs, labels = self.reader(self.memory)
        gates = self.gate(torch.cat([torch.ones_like(full[:1]), full[:-1]]), full)
        written = (x @ self.memory[:, :-1].T + self.memory[:, -1]) @ gates
        theta = self._run(inputs, labels, full[-1])
        bit = self._classify(theta, x)
        answer = self.readout[0] * self.answer(full[-1], bit) + self.readout[1] * full[-1]
        inside = {"gates": gates.detach(), "full": full.detach()}
        theta = theta.detach() if isinstance(theta, Tensor) else theta
        return {"output": written + answer, **inside, "theta": theta}

    def forward(
        self, x: Float[Tensor, "batch inputs"], part: str = "output"
    ) -> Float[Tensor, "..."]:
        """Return the outputs ``(batch, 1)``, or another part of :meth:`report`.

        Args:
            x: Inputs ±1, or on the grid.
            part: ``"output"``, ``"gates"``, ``"full"`` or ``"theta"``.

        Returns:
            The outputs as a column; another part as it is.
        """
        found = self.report(x)[part]
        return found[:, None] if part == "output" else found

    def _run(self, x: Tensor, y: Tensor, ready: Tensor) -> Any:
        """Return what the algorithm finds; a program is run once for each content of the memory."""
        if isinstance(self.algorithm, nn.Module):
            return self.algorithm(x, y)
        if ready.item() < 1:
            return None
        x, y = x.detach(), y.detach()
        if self._latest is None or not all(
            torch.equal(a, b) for a, b in zip((x, y), self._latest[:2], strict=True)
        ):
            with torch.enable_grad():
                self._latest = (x, y, self.algorithm(x, y))
        return self._latest[2]

    def _classify(self, theta: Any, x: Tensor) -> Tensor:
        """Return the class bits: 0 for +1, 1 for −1."""
        if isinstance(self.network, nn.Module):
            return self.network(theta, x)
        if theta is None:
            return torch.zeros_like(x[:, 0])
        with torch.no_grad():
            return (self.network(theta, x).reshape(-1) < 0).to(x.dtype)


def _check(
    inputs: int, samples: int, lr: float, loss: str, batch: int, grid: int | None,
    algorithm: object, network: object,
) -> None:  # fmt: skip
    sizes = {"inputs": inputs, "samples": samples, "batch": batch, "grid": 1}
    sizes["grid"] = grid if grid is not None else 1
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")
    if not lr > 0:
        raise ValueError(f"lr must be positive, got {lr}")
    if loss not in SLOPES:
        raise ValueError(f"loss must be one of {list(SLOPES)}, got {loss!r}")
    if grid is not None and (algorithm is None or network is None or batch > 1):
        raise ValueError("a grid needs an algorithm and a network, and batches of one sample")
