"""A browser that looks at every request, and a server for the built book."""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "_build" / "html"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
# The theme declares this twice on each page; nothing else may fail.
KNOWN_ERROR = "Identifier 'THEBE_JS_URL' has already been declared"


def missing(reason: str) -> None:
    """Fail where a browser is demanded (continuous integration); skip elsewhere."""
    if os.environ.get("TDYN_BROWSER") == "1":
        pytest.fail(f"TDYN_BROWSER=1, but {reason}")
    pytest.skip(reason)


def is_local(url: str) -> bool:
    """Tell whether a request stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname == "127.0.0.1"


@dataclass
class Watched:
    """A page, and what went wrong in it."""

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Fail on any request to elsewhere and on any error in a script."""
        assert self.requests == []
        assert self.errors == []


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's Chromium."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing("no Chromium was found (set CHROMIUM to its path)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("the package playwright is not installed")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Any]:
    """A function that opens an address in a fresh context; at the end all pages must be clean."""
    opened: list[tuple[Any, Watched]] = []

    def start(url: str, *, width: int = 1200, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        page = context.new_page()
        watched = Watched(page)
        opened.append((context, watched))

        def request(route: Any) -> None:
            watched.requests.append(route.request.url)
            route.abort()

        def error(problem: Any) -> None:
            if KNOWN_ERROR not in str(problem):
                watched.errors.append(str(problem))

        page.route(lambda address: not is_local(address), request)
        page.on("pageerror", error)
        page.goto(url)
        return page

    yield start
    for context, watched in opened:
        context.close()
        watched.check()


@pytest.fixture(scope="session")
def book() -> Iterator[str]:
    """The address of a local server for the built book."""
    if not (BOOK / "index.html").exists():
        missing(f"the book is not built ({BOOK.relative_to(ROOT)}/index.html)")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(BOOK)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def drawn(page: Any, name: str) -> str:
    """Return everything that a figure shows and that a control may change."""
    return page.evaluate(
        """name => [...document.getElementById(name).querySelectorAll(".tp-plot, .tp-readouts")]
                   .map(e => e.innerHTML).join("\\n")""",
        name,
    )


def violations(page: Any, rules: list[str] | None = None) -> list[str]:
    """Return the serious and critical faults that axe-core finds."""
    from axe_playwright_python.sync_playwright import Axe

    # Only faults need their selectors, and the insides of typeset mathematics are MathJax's own.
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    context = {"exclude": [["mjx-container"]]}
    result = Axe().run(page, context=context, options=options).response
    return [
        f"{fault['id']} ({fault['impact']}): {node['target']} {node.get('failureSummary', '')}"
        for fault in result["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def at_rest(slider: Any) -> dict[str, float]:
    """Bring a slider to the middle of the window and return its box when it has stopped moving.

    In the middle no bar of the page covers it; the page may scroll smoothly or still be unfolding.
    """
    return slider.evaluate("""async e => {
        e.scrollIntoView({block: "center", behavior: "instant"});
        let last = "", now = "", still = 0;
        while (still < 6) {
          await new Promise(requestAnimationFrame);
          now = JSON.stringify(e.getBoundingClientRect());
          still = now === last ? still + 1 : 0;
          last = now;
        }
        return JSON.parse(now); }""")


def drag(page: Any, slider: Any, to: float) -> None:
    """Drag the thumb of a slider with the mouse to a fraction of its length.

    On a busy machine the browser may lose a synthetic movement, so there are three tries.
    """
    low, high = float(slider.get_attribute("min")), float(slider.get_attribute("max"))
    start = slider.input_value()
    for _ in range(3):
        box = at_rest(slider)
        y = box["y"] + box["height"] / 2
        place = [box["x"] + 8 + part * (box["width"] - 16)
                 for part in ((float(start) - low) / (high - low), to)]  # fmt: skip
        page.mouse.move(place[0], y)
        page.mouse.down()
        page.mouse.move(place[1], y, steps=4)
        page.mouse.up()
        if slider.input_value() != start:
            return
