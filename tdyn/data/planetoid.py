"""Reading the Planetoid files without executing what is in them."""

from __future__ import annotations

import copyreg
import io
import pickle
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["convert", "fetch"]

URL = "https://github.com/kimiyoung/planetoid/raw/master/data/ind.{name}.{part}"
PARTS = ("allx", "ally", "tx", "ty", "graph", "test.index")
LIMIT = 50_000_000  # bytes; the files have less than a tenth of this
PER_CLASS, VALIDATION = 20, 500  # of the public split


class _Sparse:
    """Stands in for scipy's matrices: holds the arrays of one, and can do nothing."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)


def _reconstruct() -> Any:
    """Return the function with which NumPy rebuilds arrays, wherever this NumPy keeps it."""
    return np.empty(0).__reduce__()[0]


#: Everything that a file may name. Nothing here runs code or touches files.
_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "defaultdict"): defaultdict,
    **{(m, "list"): list for m in ("__builtin__", "builtins")},
    **{(m, "object"): object for m in ("__builtin__", "builtins")},
    **{(m, "_reconstructor"): copyreg._reconstructor for m in ("copy_reg", "copyreg")},  # type: ignore[attr-defined]
    **{(m, "csr_matrix"): _Sparse for m in ("scipy.sparse.csr", "scipy.sparse._csr")},
    **{(f"numpy.{m}.multiarray", "_reconstruct"): _reconstruct() for m in ("core", "_core")},
}  # fmt: skip


def _encode(text: str, encoding: str) -> bytes:
    # Stands in for the encoder by which newer pickles write bytes.
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are written as latin1, not {encoding!r}")
    return text.encode("latin1")


class _Reader(pickle.Unpickler):
    """An unpickler that admits lists, arrays and sparse matrices, and refuses all else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few admitted things.

        Raises:
            UnpicklingError: If the file names anything else.

        Returns:
            A class or function.
        """
        if (module, name) == ("_codecs", "encode"):
            return _encode
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"the file names {module}.{name}; refused") from None


def _read(raw: bytes) -> Any:
    return _Reader(io.BytesIO(raw), encoding="latin1").load()


def _entries(matrix: _Sparse, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the entries that are not zero, sorted."""
    start, column = np.asarray(matrix.indptr), np.asarray(matrix.indices)
    row = np.repeat(np.arange(len(start) - 1), np.diff(start))
    on = np.asarray(matrix.data) != 0
    key = np.unique(row[on].astype(np.int64) * width + column[on])
    return key // width, key % width


def convert(raw: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Convert the six files of one Planetoid data set.

    Args:
        raw: Bytes of ``allx``, ``ally``, ``tx``, ``ty``, ``graph`` and ``test.index``.

    Returns:
        The arrays that :func:`tdyn.data.citation_graph` reads.

    Raises:
        ValueError: If a file is missing.
        UnpicklingError: If a file names anything but lists, arrays and sparse matrices.
    """
    missing = [part for part in PARTS if part not in raw]
    if missing:
        raise ValueError(f"the files {missing} are missing")
    allx, ally, tx, ty, graph = (_read(raw[part]) for part in PARTS[:-1])
    index = np.array(raw["test.index"].split(), dtype=np.int64)
    classes = int(np.asarray(ally).shape[1])
    known = len(np.asarray(ally))
    nodes = max(known, int(index.max()) + 1)
    width = int((vars(allx).get("_shape") or vars(allx)["shape"])[1])
    onehot = np.zeros((nodes, classes))
    onehot[:known], onehot[index] = ally, ty
    rows = [_entries(allx, width), _entries(tx, width)]
    row = np.concatenate([rows[0][0], index[rows[1][0]]])
    order = np.lexsort((np.concatenate([r[1] for r in rows]), row))
    pairs = {(min(u, v), max(u, v)) for u, near in graph.items() for v in near if u != v}
    train = PER_CLASS * classes
    return {
        "feat_row": row[order],
        "feat_col": np.concatenate([r[1] for r in rows])[order],
        "edges": np.array(sorted(pairs), dtype=np.int64).T,
        "labels": np.where(onehot.sum(1) > 0, onehot.argmax(1), -1),
        "train_idx": np.arange(train),
        "val_idx": np.arange(train, train + VALIDATION),
        "test_idx": np.sort(index),
        "shape": np.array([nodes, width, classes]),
    }


def fetch(name: str) -> dict[str, np.ndarray]:
    """Download and convert a data set.

    Args:
        name: ``"cora"`` or ``"citeseer"``.

    Returns:
        The arrays, not yet checked.

    Raises:
        ValueError: If a file is larger than it can be.
    """
    raw = {}
    for part in PARTS:
        with urllib.request.urlopen(URL.format(name=name, part=part), timeout=60) as answer:
            raw[part] = answer.read(LIMIT + 1)
        if len(raw[part]) > LIMIT:
            raise ValueError(f"{part} of {name} has more than {LIMIT} bytes")
    return convert(raw)
