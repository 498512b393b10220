"""Every page of the built book in a real browser."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import BOOK, ROOT, drag, violations

pytestmark = pytest.mark.browser
LIMIT = 1_500_000


def listed(entry: Any) -> list[str]:
    """Return all files of the table of contents, without suffix."""
    if isinstance(entry, list):
        return [name for item in entry for name in listed(item)]
    if not isinstance(entry, dict):
        return []
    own = [str(Path(entry[key]).with_suffix("")) for key in ("root", "file") if key in entry]
    return own + [name for value in entry.values() for name in listed(value)]


PAGES = listed(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8")))
every_page = pytest.mark.parametrize("name", PAGES)


@pytest.fixture
def visit(open_page, book):
    """A function that opens a page of the book and waits until nothing moves any more."""

    def go(name: str, **options: Any) -> Any:
        page = open_page(f"{book}/{name}.html", **options)
        page.wait_for_load_state("networkidle")
        page.evaluate("""async () => {
            await document.fonts.ready;
            if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
            let height = -1, since = performance.now();
            while (performance.now() - since < 400) {
              await new Promise(requestAnimationFrame);
              const now = document.documentElement.scrollHeight;
              if (now !== height) { height = now; since = performance.now(); }
            } }""")
        return page

    return go


def unfold(page: Any) -> None:
    """Open everything that is folded."""
    page.evaluate("""() => {
        document.querySelectorAll("details").forEach(e => { e.open = true; });
        document.querySelectorAll(".toggle-hidden").forEach(
          e => e.classList.remove("toggle-hidden")); }""")


def shown(player: Any) -> str:
    """Return what a figure shows."""
    return player.evaluate(
        "e => [...e.querySelectorAll('.tp-plot, .tp-readouts')].map(p => p.innerHTML).join()"
    )


@every_page
def test_page_is_whole(visit, name):
    """No request to elsewhere, no error, mathematics typeset, ids unique, not too heavy."""
    page = visit(name)
    assert page.locator("h1").count() >= 1
    math = page.evaluate(
        """() => ({wanted: document.querySelectorAll(".math.notranslate").length,
                   done: document.querySelectorAll("mjx-container").length,
                   bad: [...document.querySelectorAll("mjx-merror, .MathJax_Error")].map(
                     e => e.getAttribute("data-mjx-error") || e.textContent)})"""
    )
    assert math["bad"] == []
    assert math["done"] >= math["wanted"]
    source = (BOOK / f"{name}.html").read_bytes()
    assert len(source) < LIMIT
    assert source.count(b"<script data-tdyn-player>") <= 1
    ids = page.evaluate(
        "[...document.querySelectorAll('[id]:not(svg *):not(mjx-container *)')].map(e => e.id)"
    )
    assert [key for key, count in Counter(ids).items() if count > 1] == []


@every_page
def test_figures_move(visit, name):
    """Every slider changes its figure by key and by mouse; every bet replies."""
    page = visit(name)
    unfold(page)
    for player in page.locator("figure.tdyn-player").all():
        for slider in player.locator("input[type=range]").all():
            first = shown(player)
            back = slider.input_value() == slider.get_attribute("max")
            slider.press("ArrowLeft" if back else "ArrowRight")
            keyed = shown(player)
            slider.press("Home" if back else "End")
            far = shown(player)
            assert first != keyed or keyed != far, slider.get_attribute("id")
            before = shown(player)
            drag(page, slider, 0.95 if back else 0.05)
            assert shown(player) != before, slider.get_attribute("id")
        for choice in player.locator("input[type=radio]").all():
            choice.check()
    for bet in page.locator("fieldset.tdyn-bet").all():
        reply = bet.locator(".tp-feedback")
        for option in bet.locator("input").all():
            before = reply.inner_text()
            option.check()
            assert reply.inner_text() != before


@every_page
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phone(visit, name, theme):
    """No horizontal scroll at 375 pixels, and figures on their own ground."""
    page = visit(name, width=375, color_scheme=theme)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    unfold(page)
    page.wait_for_timeout(100)
    wide = page.evaluate(
        """() => { const s = document.scrollingElement;
             return s.scrollWidth <= s.clientWidth ? [] : [...document.querySelectorAll("main *")]
               .filter(e => e.getBoundingClientRect().right > s.clientWidth + 1)
               .slice(0, 8).map(e => e.tagName + "." + e.className) .concat(s.scrollWidth) }"""
    )
    assert wide == []


@every_page
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessibility(visit, name, theme):
    """axe-core finds no serious or critical fault; the dark theme changes nothing but colors."""
    page = visit(name, color_scheme=theme)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.wait_for_timeout(1000)  # the theme's buttons fade to their new color
    assert violations(page, ["color-contrast"] if theme == "dark" else None) == []
