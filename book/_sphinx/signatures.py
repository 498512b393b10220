"""How reference pages look: shapes as in the code, public names, and roles that browsers know."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sphinx.application import Sphinx
from sphinx.config import Config

#: Types whose own name is that of a private module.
PUBLIC = {
    "torch._C.Generator": "torch.Generator",
    "torch.nn.modules.module.Module": "torch.nn.Module",
}


class Shapes:
    """Formats annotations.

    An object and not a function, so that Sphinx can cache its configuration; and all are equal,
    for otherwise the configuration would look new in each build and every page be read again.
    """

    def __eq__(self, other: object) -> bool:
        """Tell that two formatters do the same."""
        return isinstance(other, Shapes)

    def __hash__(self) -> int:
        """Return the hash of the class."""
        return hash(Shapes)

    def __call__(self, annotation: Any, config: Config) -> str | None:
        """Return the text of an annotation, or None for the usual one."""
        del config
        if annotation == ArrayLike:
            return "``ArrayLike``"
        if hasattr(annotation, "dim_str") and hasattr(annotation, "array_type"):
            kind = annotation.__name__.split("[", 1)[0]
            return f'``{kind}[{annotation.array_type.__name__}, "{annotation.dim_str}"]``'
        if isinstance(annotation, type):
            name = f"{annotation.__module__}.{annotation.__qualname__}"
            if name in PUBLIC:
                return f":py:class:`~{PUBLIC[name]}`"
        return None


def known_roles(body: str) -> str:
    """Replace a deprecated role: entries of a list of references are its items.

    Example:
        >>> known_roles('<div class="citation" role="doc-biblioentry">')
        '<div class="citation" role="listitem">'
    """
    return body.replace(' role="doc-biblioentry"', ' role="listitem"')


def _use(app: Sphinx, config: Config) -> None:
    del app
    config.typehints_formatter = Shapes()


def _finish(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    del app, pagename, templatename, doctree
    if context.get("body"):
        context["body"] = known_roles(context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect everything."""
    app.connect("config-inited", _use)
    app.connect("html-page-context", _finish)
    return {"version": "2", "parallel_read_safe": True, "parallel_write_safe": True}
