"""Rice grains measured in photographs: an optional table, checked by its SHA-256."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["rice"]

DIGEST = "d1982df059e34621f2fe5ef5c3c957dafa4722e262b0a9b3ef6752a07f994db1"
URL = "https://archive.ics.uci.edu/static/public/545/data.csv"
LIMIT = 5_000_000  # bytes; the file has less than a tenth of this
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

    Example:
        >>> x, y = rice()  # doctest: +SKIP
        >>> x.shape, y.bincount().tolist()  # doctest: +SKIP
        (torch.Size([3810, 7]), [1630, 2180])

    Source:
        :cite:t:`cinar2019rice`
    """
    path = next((p for p in _places() if p.is_file()), None)
    if path is None and not download:
        raise FileNotFoundError(
            "rice.csv is not here. Either set the environment variable TDYN_DATA to a folder that "
            "holds rice.csv, or call rice(download=True) to fetch it from the UCI repository."
        )
    if path is None:
        with urllib.request.urlopen(URL, timeout=60) as answer:
            content = _checked(answer.read(LIMIT), URL)
        path = _places()[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".part")
        temporary.write_bytes(content)
        temporary.replace(path)
    else:
        content = _checked(path.read_bytes(), str(path))
    rows = [line.split(",") for line in content.decode("utf-8").split()[1:]]
    numbers = [[float(cell) for cell in row[:-1]] for row in rows]
    x = torch.tensor(numbers, dtype=torch.float64).to(dtype or torch.get_default_dtype())
    return x, torch.tensor([CLASSES.index(row[-1]) for row in rows])


def _places() -> list[Path]:
    """Return where the file may be; the last place is that of downloads."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tdyn"
    folders = [Path(os.environ["TDYN_DATA"])] if os.environ.get("TDYN_DATA") else []
    return [folder / "rice.csv" for folder in [*folders, cache]]


def _checked(content: bytes, where: str) -> bytes:
    """Check that the content is that of the known file.

    Returns:
        The content.

    Raises:
        ValueError: If it is anything else.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != DIGEST:
        raise ValueError(f"{where} is not the rice table: SHA-256 {found}, wanted {DIGEST}")
    return content
