"""A progress bar for readers, silence for pages and tests."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm.auto import tqdm

__all__ = ["progress", "rendering_page"]

T = TypeVar("T")


def rendering_page() -> bool:
    """Tell whether a page or a test is being rendered rather than read live.

    Returns:
        True if the environment variable ``TDYN_RENDER`` is ``page``.

    Example:
        >>> isinstance(rendering_page(), bool)
        True
    """
    return os.environ.get("TDYN_RENDER", "") == "page"


def progress(items: Iterable[T], label: str = "", total: int | None = None) -> Iterator[T]:
    """Yield the items, with a bar if somebody is watching.

    The bar appears in a terminal or a live notebook, after half a second, and leaves no trace; it
    never appears where pages or tests are rendered (``TDYN_RENDER=page``) or output is a file.

    Args:
        items: What to iterate over.
        label: Shown before the bar.
        total: Number of items if ``items`` has no length.

    Yields:
        The items, unchanged.

    Example:
        >>> list(progress(range(3)))
        [0, 1, 2]
    """
    # disable=None asks tqdm to stay silent unless the output is a terminal or a notebook.
    disable = True if rendering_page() else None
    yield from tqdm(items, desc=label, total=total, disable=disable, leave=False, delay=0.5)
