"""The book's own Sphinx extension: a cache that knows the package, and what pages need besides."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import chapters
import nbformat
import notebooks
import scoreboard
from docutils import nodes
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import create_nb_reader
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from tdyn.claims.numbers import readable
from tdyn.player import strip_duplicates

LOGGER = logging.getLogger(__name__)
STATE = chapters.ROOT / "_build" / ".fingerprints.json"


def _cache_folder(app: Sphinx) -> Path:
    return Path(app.outdir).parent / ".jupyter_cache"


def refresh_cache(app: Sphinx) -> None:
    """Drop stale notebooks from the execution cache and take over what the tests executed.

    The cache itself looks at code cells only, so it would serve old outputs after a change in the
    package.
    """
    cache = get_cache(str(_cache_folder(app)))
    known = json.loads(STATE.read_text()) if STATE.is_file() else {}
    current = {str(path): chapters.fingerprint(path) for path in chapters.notebook_pages()}
    app.stale_pages = {path for path in current if known.get(path) != current[path]}
    for record in cache.list_cache_records():
        if record.uri in app.stale_pages or record.uri not in current:
            cache.remove_cache(record.pk)
    for path in sorted(app.stale_pages):
        executed = chapters.load_executed(Path(path))
        if executed is not None:
            _store(app, cache, Path(path), executed)
    app.fingerprints = current


def _store(app: Sphinx, cache: Any, path: Path, executed: nbformat.NotebookNode) -> None:
    """Put outputs of the tests into the cache, under the cells as the book reads them."""
    text, env = path.read_text(encoding="utf-8"), app.env
    notebook = create_nb_reader(str(path), env.myst_config, env.mystnb_config, text).read(text)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    done = [cell for cell in executed.cells if cell.cell_type == "code"]
    if [c.source for c in cells] != [c.source for c in done]:
        LOGGER.warning("the cells that the tests executed differ from those of %s", path)
        return
    for cell, result in zip(cells, done, strict=True):
        cell.outputs, cell.execution_count = result.outputs, result.execution_count
    seconds = executed.metadata["tdyn"]["seconds"]
    bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Return the pages to read again although their source is unchanged."""
    del added, changed, removed
    stale = [env.path2doc(path) for path in sorted(app.stale_pages)]
    return [doc for doc in [*stale, scoreboard.PAGE] if doc in env.all_docs]


def scoreboard_last(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Read the scoreboard after the chapters, which write what it shows."""
    del app, env
    if scoreboard.PAGE in docnames:
        docnames.remove(scoreboard.PAGE)
        docnames.append(scoreboard.PAGE)


def readable_numbers(app: Sphinx, doctree: nodes.document) -> None:
    """Typeset the numbers that the prose takes from the cells: 2 × 10⁻⁷ for ``2e-07``."""
    del app
    for inline in doctree.findall(nodes.inline):
        if "pasted-text" in inline["classes"]:
            text = readable(inline.astext())
            inline.children = []
            inline += nodes.Text(text)
            inline.rawsource = text


def unique_ids(body: str) -> str:
    """Keep the first of the ids that the extensions repeat on a page.

    sphinx-proof and sphinx-exercise give each box the same inner id, and each docstring starts
    counting its citations anew; nothing links to the later ones.

    Example:
        >>> unique_ids('<a id="id1"></a><a id="id1"></a><a id="mine"></a><a id="mine"></a>')
        '<a id="id1"></a><a></a><a id="mine"></a><a id="mine"></a>'
    """
    seen: set[str] = set()

    def once(match: re.Match[str]) -> str:
        if match.group(1) in seen:
            return ""
        seen.add(match.group(1))
        return match.group(0)

    return re.sub(r' id="((?:proof|exercise|solution)(?:-content)?|id\d+)"', once, body)


def finish_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Keep one copy of the figure script a page; add download and launch buttons to chapters."""
    del templatename
    if context.get("body"):
        context["body"] = unique_ids(strip_duplicates(context["body"]))
    if doctree is None:
        return
    source = Path(app.srcdir) / f"{pagename}.md"
    if chapters.is_notebook(source):
        context.setdefault("header_buttons", []).extend(
            notebooks.buttons(pagename, context["pathto"], os.environ.get("TDYN_REPOSITORY"))
        )


def save_state(app: Sphinx, error: Exception | None) -> None:
    """Remember the fingerprints of what was built, and write the downloadable notebooks."""
    if error is not None:
        return
    STATE.write_text(json.dumps(app.fingerprints, indent=1))
    folder = Path(app.outdir) / "notebooks"
    shutil.rmtree(folder, ignore_errors=True)
    for source in chapters.notebook_pages():
        notebooks.write(source, folder, os.environ.get("TDYN_REPOSITORY"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect everything."""
    # Pages are rendered: no progress bars, no live panels; and one thread, as in the tests.
    os.environ["TDYN_RENDER"] = "page"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    app.add_directive("scoreboard", scoreboard.Scoreboard)
    app.add_directive("chapter-cards", scoreboard.ChapterCards)
    app.connect("builder-inited", refresh_cache, priority=900)
    app.connect("env-get-outdated", outdated)
    app.connect("env-before-read-docs", scoreboard_last)
    app.connect("doctree-read", readable_numbers)
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", save_state)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
