"""The players in a real browser: mouse, touch, keys, motion, themes, phones, accessibility."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdyn import player

from . import player_page
from .conftest import drag, drawn, violations

pytestmark = pytest.mark.browser
SLIDERS = [("curves", "sigma"), ("marks", "angle"), ("matrices", "depth")]


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """The address of the page with all figures."""
    return player_page.write(tmp_path_factory.mktemp("player") / "page.html").as_uri()


def write(path: Path, body: str) -> str:
    """Write a page and return its address."""
    page = f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>t</title><body>{body}'
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


def test_every_layer_is_drawn(open_page, address):
    page = open_page(address)
    empty = page.evaluate(
        "[...document.querySelectorAll('.tp-layer')].filter(g => !g.children.length).length"
    )
    assert empty == 0
    assert page.locator(".tp-layer").count() == 15
    shown = "".join(page.locator(".tp-plot").nth(i).inner_html() for i in range(8))
    assert not any(word in shown for word in ("NaN", "undefined", "Infinity"))


@pytest.mark.parametrize(("figure", "control"), SLIDERS)
def test_arrow_keys(open_page, address, figure, control):
    page = open_page(address)
    slider = page.locator(f"#{figure}-{control}")
    before, value = drawn(page, figure), int(slider.input_value())
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert int(slider.input_value()) == value + 1
    after = drawn(page, figure)
    assert after != before
    page.keyboard.press("ArrowLeft")
    assert drawn(page, figure) == before
    page.keyboard.press("End")
    assert int(slider.input_value()) == int(slider.get_attribute("max"))
    spoken = slider.get_attribute("aria-valuetext")
    assert spoken == page.locator(f"output[for={figure}-{control}]").inner_text()


@pytest.mark.parametrize(("figure", "control"), SLIDERS)
def test_mouse(open_page, address, figure, control):
    page = open_page(address)
    slider = page.locator(f"#{figure}-{control}")
    before = drawn(page, figure)
    drag(page, slider, 0.8)
    assert 0.6 < int(slider.input_value()) / int(slider.get_attribute("max")) < 0.95
    assert drawn(page, figure) != before


@pytest.mark.parametrize(("figure", "control"), SLIDERS)
def test_touch(open_page, address, figure, control):
    page = open_page(address, width=375, has_touch=True, is_mobile=True)
    slider = page.locator(f"#{figure}-{control}")
    before = drawn(page, figure)
    box = slider.bounding_box()
    assert box["height"] >= 44
    slider.tap(position={"x": box["width"] * 0.7, "y": box["height"] / 2})
    assert drawn(page, figure) != before


def test_drawing_is_the_data(open_page, address):
    """The bars of the page are as high as the numbers in the figure, in every state."""
    page = open_page(address)
    figure = player_page.marks()
    heights = figure.panels[2].layers[0].arrays["y"]
    slider = page.locator("#marks-angle")
    ratios = []
    for state in (0, 5, 12):
        slider.evaluate(f"e => {{ e.value = {state}; e.dispatchEvent(new Event('input')) }}")
        path = page.locator("#marks .tp-bar").last.get_attribute("d")
        shown = [float(p.split("V")[0].split(" ")[1]) - float(p.split("V")[1].split("H")[0])
                 for p in path[1:].split("M")]  # fmt: skip
        ratios += [pixels / value for pixels, value in zip(shown, heights[state], strict=True)]
    assert max(ratios) / min(ratios) < 1.03


def test_toggle_and_readouts(open_page, address):
    page = open_page(address)
    before = drawn(page, "curves")
    page.get_by_role("radio", name="Gaussian").first.check()
    assert drawn(page, "curves") != before
    page.get_by_role("radio", name="Rademacher", exact=True).check()
    assert drawn(page, "curves") == before
    page.get_by_label("Read the mask as").select_option("heads")
    assert page.locator("#matrices .tp-readout b").nth(1).inner_text() == "heads"
    assert page.locator("#matrices .tp-readouts").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_play_and_pause(open_page, address, motion):
    page = open_page(address, reduced_motion=motion)
    before = drawn(page, "marks")
    page.wait_for_timeout(700)
    assert drawn(page, "marks") == before  # nothing moves by itself
    button = page.locator("#marks .tp-play")
    assert button.inner_text().split() == ["▶", "Play"]
    button.press("Enter")
    assert "Pause" in button.inner_text()
    assert button.get_attribute("aria-label").startswith("Pause")
    page.wait_for_function("document.getElementById('marks-angle').value > 0")
    button.click()
    value = page.locator("#marks-angle").input_value()
    assert "Play" in button.inner_text()
    page.wait_for_timeout(700)
    assert page.locator("#marks-angle").input_value() == value
    assert drawn(page, "marks") != before


def test_play_stops_at_the_end_and_starts_again(open_page, address):
    page = open_page(address)
    page.locator("#marks-angle").press("End")
    button = page.locator("#marks .tp-play")
    button.click()
    page.wait_for_function("+document.getElementById('marks-angle').value < 6")
    page.wait_for_function("document.getElementById('marks-angle').value === '12'")
    page.wait_for_function("document.querySelector('#marks .tp-play').innerText.includes('Play')")


def test_play_is_calm_with_reduced_motion(open_page, address):
    page = open_page(address, reduced_motion="reduce")
    page.locator("#curves .tp-play").click()
    page.wait_for_timeout(1000)
    assert int(page.locator("#curves-sigma").input_value()) <= 5 + 2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(open_page, address, theme):
    page = open_page(address)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.get_by_role("radio", name="Both: only").check()
    for summary in page.locator("summary").all():
        summary.click()
    assert violations(page) == []


def test_themes_differ(open_page, address):
    page = open_page(address)
    look = ("[...document.querySelectorAll('#curves .tp-line, #curves')].map("
            "e => getComputedStyle(e).stroke + getComputedStyle(e).backgroundColor)")  # fmt: skip
    light = page.evaluate(look)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert all(a != b for a, b in zip(light, page.evaluate(look), strict=True))


@pytest.mark.parametrize("width", [320, 375, 768, 1200])
def test_nothing_overflows(open_page, address, width):
    page = open_page(address, width=width)
    assert page.evaluate(
        "document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth"
    )
    outside = page.evaluate(
        """[...document.querySelectorAll(".tp-plot svg")].flatMap(svg => {
             const b = svg.getBoundingClientRect();
             return [...svg.querySelectorAll(".tp-tick, .tp-label")].filter(t => {
               const r = t.getBoundingClientRect();
               return r.left < b.left - 1 || r.right > b.right + 1 || r.bottom > b.bottom + 1;
             }).map(t => t.textContent) })"""
    )
    assert outside == []


@pytest.mark.parametrize("width", [320, 375, 1200])
def test_ticks_do_not_overlap(open_page, address, width):
    page = open_page(address, width=width)
    clashes = page.evaluate(
        """[...document.querySelectorAll(".tp-plot svg")].flatMap(svg => {
             const all = [...svg.querySelectorAll(".tp-tick, .tp-label")].map(
               t => [t.textContent, t.getBoundingClientRect()]);
             return all.flatMap(([s, a], i) => all.slice(i + 1).filter(([, b]) =>
               a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom)
               .map(([t]) => s + " / " + t)) })"""
    )
    assert clashes == []


def test_figure_follows_the_width(open_page, address):
    page = open_page(address)
    wide = page.locator("#curves svg[role=img]").first.get_attribute("width")
    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function(
        f"document.querySelector('#curves svg[role=img]').getAttribute('width') !== '{wide}'"
    )
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400


def test_a_panel_left_alone_takes_the_row(open_page, address):
    page = open_page(address, width=620)
    widths = [page.locator("#marks .tp-plot").nth(i).bounding_box()["width"] for i in range(3)]
    assert widths[0] == pytest.approx(widths[1], abs=1)
    assert widths[2] > 1.9 * widths[0]


def test_each_drawing_has_a_name_and_a_description(open_page, address):
    page = open_page(address)
    for svg in page.locator("svg[role=img]").all():
        assert svg.get_attribute("aria-label")
        described = svg.get_attribute("aria-describedby")
        assert page.locator(f"#{described}").text_content().strip()


def test_csv_holds_the_present_state(open_page, address):
    page = open_page(address)
    page.locator("#marks-angle").press("End")
    page.locator("#marks summary", has_text="Data").click()
    with page.expect_download() as download:
        page.locator("#marks .tp-csv").click()
    assert download.value.suggested_filename == "marks.csv"
    text = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert text[:2] == ["# angle: 180°", "panel,layer,x,y,x2,y2,value"]
    values = [float(row.split(",")[3]) for row in text if row.startswith("Spectrum,energy")]
    expected = player_page.marks().panels[2].layers[0].arrays["y"][12]
    assert values == pytest.approx(expected.tolist(), abs=1e-4)


def test_bet_answers_without_a_kernel(open_page, address):
    page = open_page(address)
    reply = page.locator("#bet-parity .tp-feedback")
    assert "Choose" in reply.inner_text()
    page.get_by_role("radio", name="Gaussian").last.check()
    assert "exponentially small" in reply.inner_text()
    page.keyboard.press("ArrowUp")
    assert reply.inner_text().startswith("✓ Right.")
    assert reply.get_attribute("aria-live") == "polite"


def test_texts_are_shown_as_they_are(open_page, tmp_path):
    evil = "<img src=x onerror=window.hit=1>&\"'</script><!--"
    figure = player.Figure(
        name="evil", title=evil, description=evil, caption=evil,
        controls=[player.Slider("k", evil, [evil, "b"]), player.Toggle("t", evil, [evil, "c"])],
        panels=[player.Panel([player.line([0, 1], [[0, 1], [1, 2]], "k", label=evil),
                              player.text([0], [0], [evil])],
                             title=evil, x=evil, y=evil, xticks=[(0, evil)])],
        readouts=[player.Readout(evil, [evil, "d"], "k")],
    )  # fmt: skip
    page = open_page(write(tmp_path / "evil.html", figure.html()))
    page.locator("#evil-k").press("ArrowRight")
    page.locator("#evil-k").press("ArrowLeft")
    assert page.evaluate("window.hit") is None
    assert page.locator("#evil img").count() == 0
    for place in (".tp-title", ".tp-name", ".tp-legend span", ".tp-readout b", "output"):
        assert page.locator(f"#evil {place}").first.text_content() == evil


def test_one_script_serves_two_figures(open_page, tmp_path):
    parts = player_page.curves().html() + "<p>between</p>" + player_page.marks().html()
    short = player.strip_duplicates(parts)
    assert short.count("<script data-tdyn-player>") == 1
    for index, body in enumerate((parts, short)):
        page = open_page(write(tmp_path / f"{index}.html", body))
        for figure, control in SLIDERS[:2]:
            before = drawn(page, figure)
            page.locator(f"#{figure}-{control}").press("ArrowRight")
            assert drawn(page, figure) != before


def test_figure_inserted_later_works(open_page, address):
    """A notebook, or a live panel, inserts the figure after the page was loaded."""
    page = open_page(address)
    page.evaluate(
        """() => { const old = document.getElementById("curves"), html = old.outerHTML;
                   const box = document.createElement("div"); old.replaceWith(box);
                   box.innerHTML = html; }"""
    )
    before = drawn(page, "curves")
    page.locator("#curves-sigma").press("ArrowRight")
    assert drawn(page, "curves") != before


def test_without_scripts_there_is_an_image(open_page, address):
    page = open_page(address, java_script_enabled=False)
    images = page.locator("figure.tdyn-player noscript img")
    assert images.count() == 3
    assert images.first.is_visible()
    assert images.first.get_attribute("alt")
    assert not page.locator("#curves .tp-controls").is_visible()
