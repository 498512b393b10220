"""Citation graphs, from files that are checked by their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from tdyn.data import files
from tdyn.data.graph import Graph, row_normalize

__all__ = ["citation_graph"]

#: SHA-256 of the contents (names, shapes and numbers), the same whatever file they came in.
DIGESTS = {
    "cora": "39a99f89d7562d0f010c3e8b66c04d2e4e6d89fff48d80e7acb4749637e1ca76",
    "citeseer": "1722e051347d7239bf531d27bfdc51d175d21ece6ad45b11ecfc7e44d705c940",
}
FIELDS = {
    "feat_row": "<i4", "feat_col": "<i4", "edges": "<i4", "labels": "<i4",
    "train_idx": "<i4", "val_idx": "<i4", "test_idx": "<i4", "shape": "<i4",
}  # fmt: skip


def citation_graph(name: str, *, download: bool = False, dtype: torch.dtype | None = None) -> Graph:
    """Return Cora or Citeseer with its public split: papers, citations, subjects.

    Features are words, each row divided by its count. The data are not part of the package. They
    are looked for in the folder named by the environment variable ``TDYN_DATA`` (files
    ``cora.npz`` and ``citeseer.npz``), then among earlier downloads. With ``download=True`` the
    files of the Planetoid repository are fetched from GitHub, converted by a reader that builds
    nothing but lists and arrays, and kept in the user's cache folder. Whatever the way, the
    contents must have the known SHA-256.

    Args:
        name: ``"cora"`` (2708 nodes, 7 classes) or ``"citeseer"`` (3327 nodes, 6 classes, 15 of
            the nodes without class and features).
        download: Whether the network may be used.
        dtype: Number type of the features.

    Returns:
        The graph; each undirected edge is listed in both directions, ordered by receiver.

    Raises:
        ValueError: If the name is unknown, or the contents have another SHA-256.
        FileNotFoundError: If the file is in neither folder and ``download`` is False.

    Example:
        >>> citation_graph("cora").nodes  # doctest: +SKIP
        2708

    Source:
        :cite:t:`yang2016planetoid`
    """
    if name not in DIGESTS:
        raise ValueError(f"name must be one of {sorted(DIGESTS)}, got {name!r}")
    path = files.find(f"{name}.npz")
    if path is None and not download:
        raise FileNotFoundError(
            f"{name} is not here. Either set the environment variable TDYN_DATA to a folder that "
            f"holds {name}.npz, or call citation_graph({name!r}, download=True) to fetch it from "
            "the Planetoid repository on GitHub."
        )
    if path is None:
        from tdyn.data.planetoid import fetch

        path = files.cache() / f"{name}.npz"
        contents = _checked(name, fetch(name), "the download")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".part")
        with temporary.open("wb") as file:
            np.savez_compressed(file, **contents)
        temporary.replace(path)
    else:
        with np.load(path, allow_pickle=False) as file:
            contents = _checked(name, file, str(path))
    return _graph(contents, dtype or torch.get_default_dtype())


def digest(contents: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the arrays' names, shapes and numbers.

    Args:
        contents: The arrays of a file, by name.

    Returns:
        64 hexadecimal digits.
    """
    sha = hashlib.sha256()
    for key, kind in FIELDS.items():
        array = np.ascontiguousarray(np.asarray(contents[key]).astype(kind))
        sha.update(f"{key}{array.shape}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def _checked(name: str, contents: Mapping[str, Any], where: str) -> dict[str, np.ndarray]:
    missing = [key for key in FIELDS if key not in contents]
    found = "" if missing else digest(contents)
    if found != DIGESTS[name]:
        what = f"lacks {missing}" if missing else f"has SHA-256 {found}"
        raise ValueError(f"{where} is not {name}: it {what}, wanted {DIGESTS[name]}")
    return {key: np.asarray(contents[key]) for key in FIELDS}


def _graph(contents: Mapping[str, np.ndarray], dtype: torch.dtype) -> Graph:
    whole = {key: torch.from_numpy(contents[key].astype(np.int64)) for key in FIELDS}
    nodes, features, _ = whole["shape"].tolist()
    words = torch.zeros(nodes, features, dtype=dtype)
    words[whole["feat_row"], whole["feat_col"]] = 1
    both = torch.cat([whole["edges"], whole["edges"].flip(0)], 1)
    edges = both[:, (both[0] * nodes + both[1]).argsort()]
    split = (whole[f"{part}_idx"] for part in ("train", "val", "test"))
    return Graph(row_normalize(words), edges, whole["labels"], *split)
