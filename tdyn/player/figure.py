"""The figure itself: validation, HTML, picture, live panel."""

from __future__ import annotations

import base64
import html as _html
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdyn.player.controls import Control, Readout, check_name
from tdyn.player.html import body, runtime
from tdyn.player.model import Panel

__all__ = ["Figure", "strip_duplicates"]


@dataclass(frozen=True, eq=False)
class Figure:
    """A moving figure; see the module docstring for an example.

    Args:
        name: id in the page, unique there: a letter, then letters, digits, ``-`` or ``_``.
        title: what the figure shows, one line.
        description: what a reader who cannot see it should know: axes, course, effect of controls.
        panels: the panels, side by side where there is room.
        controls: sliders and toggles; none for a still figure.
        readouts: numbers or texts under the controls.
        caption: what to try.
        recompute: for a live kernel, see the module docstring.
        columns: the most panels in a row.
    """

    name: str
    title: str
    description: str
    panels: Sequence[Panel]
    controls: Sequence[Control] = ()
    readouts: Sequence[Readout] = ()
    caption: str = ""
    recompute: Callable[..., Figure] | None = None
    columns: int = 3

    def __post_init__(self) -> None:
        """Check everything before any work.

        Raises:
            TypeError: a panel, control or readout is something else.
            ValueError: a text is missing, names are repeated, an unknown control stands in
                ``over``, or a leading axis does not fit its control.
        """
        check_name(self.name, "figure")
        panels = tuple(self.panels)
        for key in ("panels", "controls", "readouts"):
            object.__setattr__(self, key, tuple(getattr(self, key)))
        for key in ("title", "description"):
            value = getattr(self, key)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"figure {self.name!r} needs a {key}, got {value!r}")
        if not panels:
            raise ValueError(f"figure {self.name!r} has no panels")
        for kind, items in ((Panel, panels), (Control, self.controls), (Readout, self.readouts)):
            for item in items:
                if not isinstance(item, kind):
                    raise TypeError(f"expected a {kind.__name__}, got {type(item).__name__}")
        for what, names in (
            ("control", [c.name for c in self.controls]),
            ("readout", [r.name for r in self.readouts]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"the {what} names must differ, got {names}")
        for panel in panels:
            for layer in panel.layers:
                for key, array in layer.arrays.items():
                    if layer.leading(key):
                        self._check(f"{layer.kind}: {key}", layer.over, array.shape)
        for readout in self.readouts:
            self._check(f"readout {readout.name!r}", tuple(readout.over), readout.texts.shape)

    def _check(self, what: str, over: tuple[str, ...], shape: tuple[int, ...]) -> None:
        """Check the leading axes of one array.

        Args:
            what: what the array is, for messages.
            over: the names of the controls.
            shape: the shape of the array.

        Raises:
            ValueError: a name is unknown, or a length fits neither its control nor 1.
        """
        known = {control.name: len(control.values) for control in self.controls}
        for axis, name in enumerate(over):
            if name not in known:
                raise ValueError(f"{what}: over names {name!r}, the controls are {list(known)}")
            if shape[axis] not in (1, known[name]):
                raise ValueError(
                    f"{what}: axis {axis} has length {shape[axis]}, but control {name!r} has "
                    f"{known[name]} values (shape {shape}, over={over})"
                )

    def html(self, *, with_runtime: bool = True) -> str:
        """Return the figure as self-contained HTML.

        Args:
            with_runtime: include the script and the style; one copy a page is enough.

        Returns:
            HTML that loads nothing.
        """
        page = body(self)
        return page + runtime() if with_runtime else page

    def png(self) -> bytes:
        """Draw the first state with matplotlib, for PDF and pages without scripts.

        Returns:
            The bytes of a PNG image.
        """
        from tdyn.player.png import draw

        return draw(self)

    def save(self, path: str | Path) -> Path:
        """Write the figure as a page of its own.

        Args:
            path: the file.

        Returns:
            The path.
        """
        head = (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>'
            f"{_html.escape(self.title)}</title>"
            '<meta name="viewport" content="width=device-width,initial-scale=1"></head><body>'
        )
        path = Path(path)
        path.write_text(f"{head}<main>{self.html()}</main></body></html>\n", encoding="utf-8")
        return path

    def live(self) -> Any:
        """Return the ipywidgets panel that recomputes the figure.

        Returns:
            A widget.

        Raises:
            ValueError: the figure has no ``recompute`` or no controls.
        """
        from tdyn.player.live import panel

        if self.recompute is None or not self.controls:
            raise ValueError(f"figure {self.name!r} has no recompute function or no controls")
        return panel(self)

    def _ipython_display_(self) -> None:
        """Show the live panel where there is a kernel; otherwise leave it to the HTML."""
        if self.recompute is None or not self.controls or not has_kernel():
            raise NotImplementedError  # which tells IPython to use the HTML instead
        from IPython.display import HTML, display

        display(HTML(runtime()))
        display(self.live())

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002
        return {
            "text/html": self.html(),
            "image/png": base64.b64encode(self.png()).decode("ascii"),
            "text/plain": f"{self.title}\n{self.description}",
        }


def has_kernel() -> bool:
    """Tell whether a notebook with a kernel is running and pages are not being rendered.

    Returns:
        True if a live panel makes sense.
    """
    if os.environ.get("TDYN_RENDER") == "page":
        return False
    try:
        import ipywidgets  # noqa: F401
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


def strip_duplicates(html: str) -> str:
    """Keep the first copy of the players' script and of their style in a page.

    Args:
        html: a rendered page, or its body.

    Returns:
        The page without the other copies.

    Example:
        >>> one = "<style data-tdyn-player>p{}</style>"
        >>> strip_duplicates(f"<p>a</p>{one}<p>b</p>{one}") == f"<p>a</p>{one}<p>b</p>"
        True
    """
    seen: set[str] = set()

    def keep_first(match: re.Match[str]) -> str:
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return match[0]

    return re.sub(r"<(script|style) data-tdyn-player>.*?</\1>", keep_first, html, flags=re.DOTALL)
