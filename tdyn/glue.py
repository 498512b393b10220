"""Numbers that the prose takes from the cells."""

from __future__ import annotations

from typing import Any

from IPython.core.formatters import format_display_data
from IPython.display import display

__all__ = ["glue"]

_PREFIX = "application/papermill.record/"


def glue(**values: Any) -> None:
    """Store values under names that the prose of the page refers to.

    The cell shows nothing. In the text, ``{glue:text}`name:.2f``` inserts the value. The format is
    that of scrapbook and MyST-NB, so a chapter needs neither to run.

    Args:
        **values: Numbers, strings, or anything with a text form.

    Example:
        >>> glue(accuracy=0.95)  # doctest: +SKIP
    """
    for name, value in values.items():
        plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
        data, metadata = format_display_data(plain)
        metadata["scrapbook"] = {"name": name, "mime_prefix": _PREFIX}
        display({_PREFIX + kind: d for kind, d in data.items()}, raw=True, metadata=metadata)
