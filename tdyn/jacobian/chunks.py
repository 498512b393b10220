"""Work in chunks: how many tangents fit the memory, and how an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["LiveBytes", "Store", "chunk_for", "fingerprint"]


class LiveBytes(TorchDispatchMode):
    """Count the bytes of the tensors that are made inside the block and still alive.

    Attributes:
        live: Bytes alive now.
        peak: The most bytes that were alive at one time.

    Example:
        >>> with LiveBytes() as count:
        ...     for _ in range(3):
        ...         x = torch.ones(1000)
        >>> count.peak
        8000
    """

    def __init__(self) -> None:
        super().__init__()
        self.live, self.peak = 0, 0
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and look at what it made.

        Args:
            func: The operation.
            types: Not used.
            args: Its arguments.
            kwargs: Its named arguments.

        Returns:
            What the operation returns.
        """
        for tensor in tree_leaves((args, kwargs or {})):
            if isinstance(tensor, Tensor) and not self._known(tensor):
                self._seen.add(tensor.untyped_storage())  # was there before: not ours
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and not self._known(tensor):
                storage = tensor.untyped_storage()
                size = storage.nbytes()
                self._seen.add(storage)
                self.live += size
                self.peak = max(self.peak, self.live)
                weakref.finalize(storage, self._free, size)
        return out

    def _known(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage() in self._seen

    def _free(self, size: int) -> None:
        self.live -= size


def chunk_for(columns: Callable[[int], Any], held: int, memory: float, most: int) -> int:
    """Find how many tangents fit the memory, by measuring twice as many until no more fit.

    The measured peak grows at least linearly (it is the largest of several linear functions), so
    the last two measurements tell how it goes on.

    Args:
        columns: Pushes that many tangents through a few steps.
        held: Bytes that are held in any case.
        memory: Bytes that may be held.
        most: The largest useful number.

    Returns:
        The number of tangents of a chunk, from 1 to ``most``.

    Raises:
        ValueError: If not even one tangent fits.
    """

    def peak(k: int) -> int:
        with LiveBytes() as count:
            columns(k)
        return held + count.peak

    k, one, two = 1, peak(1), peak(2)
    if one > memory:
        raise ValueError(
            f"memory must be at least {one / 2**20:.3g} MiB for one tangent and the stored "
            f"training run, got {memory / 2**20:.3g} MiB"
        )

    def fit() -> int:
        each = 1.03 * max((two - one) / k, 1)  # a little is kept back
        return max(1, min(most, k + int((memory - one) / each)))

    while 2 * k <= most and fit() >= 4 * k:
        k, one, two = 2 * k, two, peak(4 * k)
    return fit()


def fingerprint(*parts: Any) -> str:
    """Return a digest of tensors and plain values, to recognize the same computation.

    Args:
        *parts: Tensors, or values with a faithful ``repr``.

    Returns:
        Hexadecimal digits.

    Example:
        >>> fingerprint(torch.ones(2), 3) == fingerprint(torch.ones(2), 4)
        False
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            digest.update(repr((tuple(part.shape), str(part.dtype))).encode())
            digest.update(part.detach().cpu().contiguous().reshape(-1).numpy().tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


class Store:
    """The finished columns: in memory, or in a file from which a later call goes on.

    Args:
        shape: ``(times, N, k)`` of the whole result.
        like: A tensor of the wanted type and device.
        path: File of the columns, a ``.npy``; progress is noted beside it in a ``.json``.
        key: What identifies the computation.

    Raises:
        ValueError: If the files belong to another computation.
    """

    def __init__(
        self, shape: tuple[int, int, int], like: Tensor, path: str | Path | None, key: str
    ) -> None:
        self.done, self._key, self._path = 0, key, None if path is None else Path(path)
        times, rows, k = shape
        if self._path is None:
            self._rows = like.new_empty((times, k, rows))
            return
        notes, mode = self._path.with_suffix(".json"), "w+"
        if notes.is_file() and self._path.is_file():
            known = json.loads(notes.read_text(encoding="utf-8"))
            if known["key"] != key:
                raise ValueError(f"{self._path} holds columns of another training run or network")
            self.done, mode = known["done"], "r+"
        dtype = torch.empty(0, dtype=like.dtype).numpy().dtype
        self._map = np.lib.format.open_memmap(
            self._path, mode=mode, dtype=None if mode == "r+" else dtype,
            shape=None if mode == "r+" else (times, k, rows),
        )  # fmt: skip
        self._rows = torch.from_numpy(self._map)

    def add(self, columns: list[Tensor]) -> None:
        """Append columns; with a file they are safe when this returns.

        Args:
            columns: One ``(N, chunk)`` tensor for each time.
        """
        stop = self.done + columns[0].shape[1]
        for row, column in zip(self._rows, columns, strict=True):
            row[self.done : stop] = column.mT
        self.done = stop
        if self._path is not None:
            self._map.flush()
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps({"key": self._key, "done": stop}), encoding="utf-8")
            part.replace(self._path.with_suffix(".json"))

    def result(self) -> Tensor:
        """Return the columns as matrices ``(times, N, k)``; with a file they stay there."""
        return self._rows.mT
