"""How types look on the API pages: shapes as in the code, and public names."""

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

    An object and not a function, so that Sphinx can cache its configuration.
    """

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


def _use(app: Sphinx, config: Config) -> None:
    del app
    config.typehints_formatter = Shapes()


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the formatter."""
    app.connect("config-inited", _use)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
