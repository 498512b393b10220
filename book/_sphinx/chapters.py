"""Chapters as notebooks: which pages are chapters, what they depend on, what was executed.

A chapter is executed once. Whoever runs it first (the tests, or the book build) leaves the executed
notebook in ``_build/executed``, with a fingerprint of everything its outputs depend on: its code
cells, the modules of ``tdyn`` that it imports (and those that they import), its claims file, the
optional data at hand if its claims need some, the pinned versions and the Python version. A
different fingerprint means that it must run again.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "_build" / "notebooks"
EXECUTED = ROOT / "_build" / "executed"


def pages() -> list[str]:
    """Return all pages of the table of contents, in order, without suffix."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))

    def files(entries: Iterable[dict]) -> Iterator[str]:
        for entry in entries:
            if "file" in entry:
                yield entry["file"]
            yield from files(entry.get("chapters", []) + entry.get("sections", []))

    return [toc["root"], *files(toc.get("parts", []) + toc.get("chapters", []))]


def is_notebook(path: Path) -> bool:
    """Tell whether a Markdown page is a MyST notebook: its header names a kernel."""
    if path.suffix != ".md" or not path.is_file():
        return False
    text = path.read_text(encoding="utf-8")
    return text.startswith("---\n") and "kernelspec:" in text.split("\n---", 1)[0]


def notebook_pages() -> list[Path]:
    """Return the source files of all pages that execute code."""
    return [p for p in ((ROOT / page).with_suffix(".md") for page in pages()) if is_notebook(p)]


def code_cells(notebook: NotebookNode) -> list[str]:
    """Return the sources of the code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def convert(source: Path) -> Path:
    """Convert a page to a notebook for nbval; the file is replaced only if it changes."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    text = nbformat.writes(notebook)
    target = NOTEBOOKS / f"{source.stem}.ipynb"
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{target.name}.{hash(text) & 0xFFFFFF}.part")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    return target


def _module_file(name: str) -> Path | None:
    base = ROOT.joinpath(*name.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _imports(code: str) -> Iterator[str]:
    """Yield every ``tdyn`` module that the code may import."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "tdyn":
                # Importing a.b.c runs a and a.b too.
                yield from (".".join(parts[:i]) for i in range(1, len(parts) + 1))


def dependencies(code: Iterable[str]) -> list[Path]:
    """Return the files of all ``tdyn`` modules that some code imports, directly or not."""
    waiting = [name for text in code for name in _imports(text)]
    found: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        path = _module_file(name)
        if name in found or path is None:
            continue
        found[name] = path
        waiting.extend(_imports(path.read_text(encoding="utf-8")))
    return sorted(set(found.values()))


def _without_magics(code: str) -> str:
    return "\n".join(
        "" if line.lstrip().startswith(("%", "!")) else line for line in code.splitlines()
    )


def _optional_data(claims: Path) -> list[str]:
    """Return the names of the data files at hand, for a chapter with claims that need some."""
    folder = os.environ.get("TDYN_DATA")
    if not folder or not claims.is_file() or "needs:" not in claims.read_text(encoding="utf-8"):
        return []
    return sorted(path.name for path in Path(folder).iterdir())


def fingerprint(source: Path) -> str:
    """Return a hash of everything that the outputs of a page depend on."""
    cells = code_cells(jupytext.read(source))
    files = dependencies(map(_without_magics, cells))
    # Style sheets and scripts of the package end up in the outputs too.
    files += sorted(p for p in (ROOT / "tdyn").rglob("*") if p.suffix in (".js", ".css"))
    claims = ROOT / "book" / "claims" / f"{source.stem}.yml"
    files += [claims, ROOT / "constraints.txt"]
    digest = hashlib.sha256(platform.python_version().encode())
    digest.update("\0".join(_optional_data(claims)).encode())
    for cell in cells:
        digest.update(b"\0cell\0" + cell.encode())
    for path in files:
        if path.is_file():
            digest.update(b"\0file\0" + path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def save_executed(source: Path, outputs: list[list[NotebookNode]], seconds: float) -> None:
    """Keep the outputs of an executed page, with its fingerprint."""
    notebook = jupytext.read(source)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, (cell, outs) in enumerate(zip(code, outputs, strict=True), start=1):
        cell.outputs = [nbformat.from_dict(out) for out in outs]
        cell.execution_count = number
    notebook.metadata["tdyn"] = {"fingerprint": fingerprint(source), "seconds": round(seconds, 1)}
    EXECUTED.mkdir(parents=True, exist_ok=True)
    target = EXECUTED / f"{source.stem}.ipynb"
    temporary = target.with_suffix(".part")
    temporary.write_text(nbformat.writes(notebook), encoding="utf-8")
    temporary.replace(target)


def load_executed(source: Path) -> NotebookNode | None:
    """Return the executed notebook of a page if it is still valid."""
    path = EXECUTED / f"{source.stem}.ipynb"
    if not path.is_file():
        return None
    notebook = nbformat.read(path, as_version=4)
    if notebook.metadata.get("tdyn", {}).get("fingerprint") != fingerprint(source):
        return None
    return notebook
