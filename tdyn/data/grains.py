"""Rice grains measured in photographs: an optional table, checked by its SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tdyn.data import files

__all__ = ["rice"]

DIGEST = "d1982df059e34621f2fe5ef5c3c957dafa4722e262b0a9b3ef6752a07f994db1"
URL = "https://archive.ics.uci.edu/static/public/545/data.csv"
FILE = "rice.csv"
CLASSES = ("Cammeo", "Osmancik")


def rice(
    *, download: bool = False, dtype: torch.dtype | None = None
) -> tuple[Float[Tensor, "3810 7"], Int[Tensor, " 3810"]]:
    """Return the shapes of 3810 grains of two varieties of rice: Cammeo (0) and Osmancik (1).

    The data are not part of the package. The file ``rice.csv`` is looked for in the folder named
    by the environment variable ``TDYN_DATA``, then among earlier downloads. With
    ``download=True`` it is fetched from the UCI Machine Learning Repository (CC BY 4.0) and kept
    in the user's cache folder. Whatever the way, it must have the known SHA-256.

    Args:
        download: Whether the network may be used.
        dtype: Number type of the measurements.

    Returns:
        Seven measurements a grain, in pixels, and the varieties.

    Raises:
        FileNotFoundError: If the file is in neither folder and ``download`` is False.
        ValueError: If the file has another SHA-256.

    Example:
        >>> x, y = rice()  # doctest: +SKIP
        >>> x.shape, y.bincount().tolist()  # doctest: +SKIP
        (torch.Size([3810, 7]), [1630, 2180])

    Source:
        :cite:t:`cinar2019rice`
    """
    path = files.find(FILE)
    if path is None and not download:
        raise FileNotFoundError(
            "rice.csv is not here. Either set the environment variable TDYN_DATA to a folder that "
            "holds rice.csv, or call rice(download=True) to fetch it from the UCI repository."
        )
    if path is None:
        import pooch  # an optional dependency: the extra ``data``

        known = f"sha256:{DIGEST}"
        path = Path(pooch.retrieve(URL, known_hash=known, fname=FILE, path=files.cache()))
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != DIGEST:
        raise ValueError(f"{path} is not the rice table: SHA-256 {found}, wanted {DIGEST}")
    rows = [line.split(",") for line in content.decode("utf-8").split()[1:]]
    numbers = [[float(cell) for cell in row[:-1]] for row in rows]
    x = torch.tensor(numbers, dtype=torch.float64).to(dtype or torch.get_default_dtype())
    return x, torch.tensor([CLASSES.index(row[-1]) for row in rows])
