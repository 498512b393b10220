"""Notebooks for download and for hosted services: plain Markdown, no directives."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import nbformat

_ROLES = {
    "cite:t": "{}",
    "cite:p": "[{}]",
    "term": "{}",
    "ref": "{}",
    "doc": "{}",
    "numref": "the figure {}",
    "prf:ref": "{}",
    "eq": "({})",
    "glue:text": "*(see the output)*",
    "glue:": "*(see the output)*",
}


def _role(match: re.Match[str]) -> str:
    name, text = match.group(1), match.group(2)
    shown = re.sub(r"\s*<[^>]*>$", "", text)
    return _ROLES.get(name, "`{}`").format(shown)


def plain_markdown(text: str) -> str:
    r"""Turn MyST into Markdown that any notebook front end shows.

    Directives become a bold title and their content, options and labels vanish, and roles keep
    their text.

    Example:
        >>> plain_markdown("(label)=\n# Title\n:::{note} Mind\n:class: dropdown\nthe gap\n:::")
        '# Title\n**Mind**\n\nthe gap\n'
    """
    lines: list[str] = []
    open_fences: list[str] = []
    options = False
    for line in text.splitlines():
        fence = re.match(r"\s*(:{3,}|`{3,})\{([\w:+-]+)\}\s*(.*)$", line)
        if re.fullmatch(r"\([\w:.-]+\)=\s*", line):
            continue
        if fence and fence.group(2) not in ("math", "code-block"):
            open_fences.append(fence.group(1))
            kind = fence.group(2).split(":")[-1].replace("-", " ").capitalize()
            lines += [f"**{fence.group(3) or kind}**", ""]
            options = True
        elif open_fences and line.strip() == open_fences[-1]:
            open_fences.pop()
            lines.append("")
        elif options and re.match(r"\s*:[\w-]+:", line):
            continue
        else:
            options = False
            lines.append(line)
    plain = re.sub(r"\{([\w:+-]+)\}`([^`]+)`", _role, "\n".join(lines))
    return plain.rstrip("\n") + ("\n" if open_fences or text.rstrip().endswith(":::") else "")


def write(source: Path, folder: Path, repository: str | None) -> Path:
    """Write a page as a notebook without outputs.

    Args:
        source: The page.
        folder: Where to write.
        repository: ``owner/name`` of the published project; its package is installed by a first
            cell where it is missing. Without it there is no such cell.

    Returns:
        The notebook.
    """
    notebook = jupytext.read(source)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain_markdown(cell.source)
    if repository:
        install = (
            "try:\n    import tdyn\nexcept ImportError:\n"
            f'    %pip install -q "tdyn @ git+https://github.com/{repository}"'
        )
        notebook.cells.insert(0, nbformat.v4.new_code_cell(install))
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{source.stem}.ipynb"
    nbformat.write(notebook, target)
    return target


def buttons(
    pagename: str, pathto: Callable[..., str], repository: str | None
) -> list[dict[str, Any]]:
    """Return the header buttons of a chapter: download, and launch where it is published."""
    name = Path(pagename).name
    entries = [
        {
            "type": "link",
            "url": pathto(f"notebooks/{name}.ipynb", 1),
            "text": "Notebook (.ipynb)",
            "tooltip": "Download this chapter as a notebook",
            "icon": "fas fa-download",
            "label": "download-notebook-button",
        }
    ]
    if repository:
        hosts = {
            "Colab": f"https://colab.research.google.com/github/{repository}/blob/notebooks/{name}.ipynb",
            "Binder": f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/book/{name}.md",
        }
        entries += [
            {
                "type": "link",
                "url": url,
                "text": host,
                "tooltip": f"Run this chapter on {host}",
                "icon": "fas fa-rocket",
                "label": f"launch-{host.lower()}-button",
            }
            for host, url in hosts.items()
        ]
    return entries
