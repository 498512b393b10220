r"""The recursion for perceptrons with one hidden layer, written as large matrix products.

Per example, with the bias as last column of each matrix, :math:`\tilde x=(x,1)`,
:math:`\tilde a=(a,1)`, :math:`\delta_o=(p-y)/B`, :math:`\delta_a=\bar W_2^\top\delta_o`:

.. math::

    \dot z=\dot W_1\tilde x,\quad \dot a=\phi'\odot\dot z,\quad
    \dot o=\dot W_2\tilde a+\bar W_2\dot a,\quad
    \dot\delta_o=[p\odot\dot o-p(p^\top\dot o)]/B

    \dot g_{W_2}=\sum_n\dot\delta_o\tilde a^\top+\delta_o(\dot a,0)^\top,\quad
    \dot\delta_z=\phi'\odot(\bar W_2^\top\dot\delta_o+\dot{\bar W}_2^\top\delta_o)
    +\phi''\odot\delta_a\odot\dot z,\quad \dot g_{W_1}=\sum_n\dot\delta_z\tilde x^\top

Training runs once and its derivatives are stored; then blocks of tangents run through them. The
tangents are the last, contiguous axis, so every contraction is a large matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tdyn import losses
from tdyn.elementwise import derivative, second_derivative
from tdyn.jacobian.linear import Coefficients
from tdyn.jacobian.step import Step, with_ones
from tdyn.nets import MLP, Params
from tdyn.optim import Optimizer

__all__ = ["FastTraining", "fast_losses"]

fast_losses = (losses.cross_entropy, losses.mse)


class Room(NamedTuple):
    """Memory for the products of one step, used again at every step."""

    z: Tensor  # (h, B, k), tangents of the preactivations
    a: Tensor  # (h, B, k), of the features, then of the gradient at the preactivations
    o: Tensor  # (C, B, k), of the outputs, then of the gradient there
    work: Tensor  # (C, B, k)
    mean: Tensor  # (B, k)
    g: Tensor  # (h, C, k)


@dataclass
class FastTraining:
    """A training run whose derivatives are stored, ready for tangents.

    Args:
        net: A perceptron with one hidden layer.
        params: Its initial parameters.
        loss: One of :data:`fast_losses`.
        optimizer: A linear optimizer.
        plan: Its coefficients at every step.
        batch_at: A function from step to ``(x, y)``.
    """

    net: MLP
    params: Params
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: Optimizer
    plan: list[Coefficients]
    batch_at: Callable[[int], Any]
    trajectory: list[Step] = field(default_factory=list)

    def prepare(self, steps: int) -> None:
        """Run the training once and keep what the tangents need.

        Args:
            steps: Number of steps.

        Raises:
            FloatingPointError: If the gradient becomes infinite or not a number.
        """
        if len(self.trajectory) >= steps:
            return
        self.trajectory, waiting = [], []
        params, state = dict(self.params), self.optimizer.init(self.params)
        for t in range(steps):
            raw, grads = self._gradient(params, *self.batch_at(t))
            waiting.append(raw)
            if len(waiting) == 32 or t + 1 == steps:  # fewer, larger operations
                self.trajectory += self._finished(waiting)
                waiting = []
                if not bool(torch.stack([g.isfinite().all() for g in grads.values()]).all()):
                    raise FloatingPointError(f"the gradient is not finite at step {t}, or before")
            params, state = self.optimizer.update(params, grads, state, t)

    def _gradient(self, params: Params, x: Tensor, y: Tensor) -> tuple[tuple[Tensor, ...], Params]:
        """Return what a step leaves behind, and the gradient of its loss."""
        z, o = self.net.preactivations(params, x)
        a, slope = derivative(self.net.activation, z)
        if self.loss is losses.cross_entropy:
            p = torch.softmax(o, dim=1) / len(x)
            delta = p.scatter_add(1, y.unsqueeze(1), p.new_full((len(y), 1), -1 / len(x)))
        else:
            p, delta = o.new_empty(0), (o - y.reshape(o.shape)) * (2 / len(x))
        delta_a = delta @ params["W2"]
        delta_z = delta_a * slope
        grads = {"W1": delta_z.T @ x, "W2": delta.T @ a}
        if self.net.bias:
            grads |= {"b1": delta_z.sum(0), "b2": delta.sum(0)}
        raw = (z, x, a, slope, delta_a, p, delta, params["W2"])
        return raw, {name: grads[name] for name in params}

    def _finished(self, waiting: list[tuple[Tensor, ...]]) -> list[Step]:
        """Add the activation's second derivative, and turn everything as the products want it.

        Returns:
            The steps.
        """
        bends = second_derivative(self.net.activation, torch.cat([raw[0] for raw in waiting]))
        steps = []
        for raw, bend in zip(waiting, bends.split([len(r[0]) for r in waiting]), strict=True):
            _, x, a, slope, delta_a, p, delta, W2 = raw
            steps.append(
                Step(
                    with_ones(x, self.net.bias),
                    with_ones(a, self.net.bias),
                    slope.T.unsqueeze(2).contiguous(),
                    (bend * delta_a).T.unsqueeze(2).contiguous(),
                    p.T.unsqueeze(2).contiguous() if p.numel() else p,
                    delta.T.contiguous(),
                    W2,
                )
            )
        return steps

    def stored_bytes(self) -> int:
        """Return the number of bytes of the stored training run."""
        return sum(t.numel() * t.element_size() for step in self.trajectory for t in step)

    def columns(self, block: Tensor, steps: int, at: list[int]) -> list[Tensor]:
        """Push tangents through the training.

        Args:
            block: Tangents of the initial parameters, ``(N, k)`` in the order of the parameters.
            steps: Number of steps.
            at: The steps after which the tangents are wanted, in order.

        Returns:
            One ``(N, k)`` tensor for each.
        """
        self.prepare(steps)
        (h, d), (c, _) = self.net.shapes["W1"], self.net.shapes["W2"]
        one, k = int(self.net.bias), block.shape[1]
        order = self._order().to(block.device)
        V = block[order].contiguous()
        M = torch.zeros_like(V)
        G = torch.empty_like(V)
        back = torch.argsort(order)
        split = h * (d + one)
        first, second = (h, d + one, k), (c, h + one, k)
        V1, V2 = V[:split].view(first), V[split:].view(second)
        G1, G2 = G[:split].view(first), G[split:].view(second)
        found = [V[back]] if 0 in at else []
        room: Room | None = None
        for t in range(steps):
            step = self.trajectory[t]
            if room is None or room.z.shape[1] != len(step.x):
                room = self._room(len(step.x), k, V)
            self._product(step, room, (V1, V2), (G1, G2))
            self.plan[t].apply(V, G, M)
            if t + 1 in at:
                found.append(V[back])
        return found

    def _order(self) -> Tensor:
        """Return where each row of the block, bias last in each unit, lies among the parameters."""
        where, start = {}, 0
        for name, shape in self.net.shapes.items():
            size = torch.Size(shape).numel()
            where[name] = torch.arange(start, start + size).reshape(shape)
            start += size
        rows = []
        for layer in "12":
            matrix = where["W" + layer]
            if self.net.bias:
                matrix = torch.cat([matrix, where["b" + layer].unsqueeze(1)], dim=1)
            rows.append(matrix.reshape(-1))
        return torch.cat(rows)

    def _product(
        self, s: Step, r: Room, V: tuple[Tensor, Tensor], G: tuple[Tensor, Tensor]
    ) -> None:
        """Write the Hessian-vector products of one step into ``G``."""
        (V1, V2), (c, h), (_, B, k) = V, s.W2.shape, r.z.shape
        torch.bmm(s.x.expand(h, -1, -1), V1, out=r.z)
        torch.mul(r.z, s.slope, out=r.a)
        torch.bmm(s.a.expand(c, -1, -1), V2, out=r.o)
        r.o.view(c, B * k).addmm_(s.W2, r.a.view(h, B * k))
        if s.p.numel():
            torch.mul(r.o, s.p, out=r.work)
            torch.sum(r.work, 0, out=r.mean)
            r.o.sub_(r.mean.mul_(B)).mul_(s.p)
        else:
            r.o.mul_(2 / B)
        torch.bmm(s.a.T.expand(c, -1, -1), r.o, out=G[1])
        torch.bmm(s.delta.expand(h, -1, -1), r.a, out=r.g)
        G[1][:, :h] += r.g.transpose(0, 1)
        back = r.a  # the features' tangents are no longer needed
        torch.bmm(s.delta.T.expand(h, -1, -1), V2[:, :h].transpose(0, 1), out=back)
        back.view(h, B * k).addmm_(s.W2.T, r.o.view(c, B * k))
        back.mul_(s.slope).addcmul_(r.z, s.bend)
        torch.bmm(s.x.T.expand(h, -1, -1), back, out=G[0])

    def _room(self, B: int, k: int, like: Tensor) -> Room:
        """Return working memory for batches of ``B`` samples and blocks of ``k`` tangents."""
        h, c = self.net.widths[1:]
        shapes = ((h, B, k), (h, B, k), (c, B, k), (c, B, k), (B, k), (h, c, k))
        return Room(*(like.new_empty(shape) for shape in shapes))
