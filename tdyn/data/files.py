"""Where optional data files are looked for, and where downloads are kept."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache", "find"]


def cache() -> Path:
    """Return the user's folder for downloads; it need not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tdyn"


def find(file: str) -> Path | None:
    """Look for a file in the folder named by ``TDYN_DATA``, then among earlier downloads.

    Args:
        file: Its name.

    Returns:
        Its path, or None if it is in neither folder.
    """
    given = os.environ.get("TDYN_DATA")
    places = [*([Path(given)] if given else []), cache()]
    return next((place / file for place in places if (place / file).is_file()), None)
