"""The data, the checks and the HTML of the players; the behavior in a page is in tests/browser."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import player_page
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tdyn import player
from tdyn.player import figure as player_figure
from tdyn.player.encode import decode, encode

FLOATS = st.floats(-1e12, 1e12) | st.just(np.nan) | st.sampled_from([np.inf, -np.inf])
ARRAYS = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=6), elements=FLOATS)


def figure(**change):
    """Return a small figure, changed as asked."""
    x, y = np.arange(5), np.outer(np.arange(1, 4), np.arange(1, 6))
    given = {
        "name": "small",
        "title": "A line",
        "description": "A line that gets steeper.",
        "controls": [player.Slider("k", "Slope", [1, 2, 3])],
        "panels": [player.Panel([player.line(x, y, over="k", label="line")], x="x", y="y")],
        "readouts": [player.Readout("Slope", [1.0, 2.0, 3.0], over="k", format=".1f")],
    }
    return player.Figure(**(given | change))


def data_of(html):
    """Return the data that travel in the HTML."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])


# ---------------------------------------------------------------------- encoding


@given(ARRAYS, st.sampled_from([8, 16]))
def test_round_trip_within_the_documented_error(array, bits):
    back = decode(json.loads(json.dumps(encode(array, bits=bits))))
    good = np.isfinite(array)
    assert back.shape == array.shape
    assert np.isnan(back[~good]).all()
    if good.any():
        spread = array[good].max() - array[good].min()
        top = 254 if bits == 8 else 65534
        slack = 1e-12 * np.abs(array[good]).max()
        assert np.abs(back[good] - array[good]).max() <= spread / (2 * top) + slack


@given(hnp.arrays(np.float64, (4, 7), elements=st.floats(1e-12, 1e12)))
def test_logarithmic_round_trip_has_a_relative_error(array):
    back = decode(encode(array, log=True))
    decades = np.log10(array.max() / array.min())
    np.testing.assert_allclose(np.log10(back), np.log10(array), atol=decades / (2 * 65534) + 1e-10)


@given(hnp.arrays(np.int64, (3, 5), elements=st.integers(-10_000, 10_000)))
def test_whole_numbers_are_exact(array):
    np.testing.assert_array_equal(decode(encode(array)), array)


def test_even_spacing_takes_three_numbers():
    assert encode(np.linspace(0, 1, 1001))["a"] == [0.0, 0.001, 1001]
    assert "b" in encode(np.array([0.0, 1.0, 3.0]))


def test_a_shifted_code_would_be_seen():
    spec = encode(np.array([0.0, 0.3, 1.0]))
    spec["o"] += spec["k"]
    assert np.abs(decode(spec) - [0.0, 0.3, 1.0]).max() > 1 / (2 * 65534)


@pytest.mark.parametrize(("array", "options"), [([1.0], {"bits": 12}), ([0.0, 1.0], {"log": True})])
def test_encoding_refuses(array, options):
    with pytest.raises(ValueError):
        encode(np.array(array), **options)


# ---------------------------------------------------------------------- limits


@given(hnp.arrays(np.float64, (4, 6), elements=st.floats(-1e6, 1e6)))
def test_limits_hold_the_data_of_all_states(y):
    panel = player.Panel([player.line(np.arange(6), y, over="k")])
    low, high = panel.limits("y")
    assert low < high
    assert low <= y.min()
    assert y.max() <= high


def test_limits_given_and_logarithmic_and_of_images():
    line = player.line([1, 10], [1e-3, 1e3])
    assert player.Panel([line], ylim=(2, 1)).limits("y") == (2, 1)
    low, high = player.Panel([line], yscale="log").limits("y")
    assert 1e-4 < low < 1e-3
    assert 1e3 < high < 1e4
    image = player.heatmap(np.eye(3))
    assert player.Panel([image]).limits("y") == (2.5, -0.5)
    assert player.Panel([player.heatmap(np.eye(3), origin="lower")]).limits("y") == (-0.5, 2.5)


def test_bars_stand_on_zero_and_constants_have_room():
    assert player.Panel([player.bars(["a", "b"], [1, 2])]).limits("y")[0] == 0
    assert player.Panel([player.line([0, 1], [0, 0])]).limits("y") == (-0.5, 0.5)


def test_infinite_and_missing_numbers_are_gaps():
    panel = player.Panel([player.line([0, 1, 2], [np.nan, np.inf, 1.0])])
    assert np.isfinite(panel.limits("y")).all()


# ---------------------------------------------------------------------- checks


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"name": "a b"}, ValueError, "name of a figure"),
        ({"name": 3}, TypeError, "."),
        ({"description": " "}, ValueError, "description"),
        ({"title": ""}, ValueError, "title"),
        ({"panels": []}, ValueError, "no panels"),
        ({"panels": [3]}, TypeError, "."),
        ({"controls": []}, ValueError, "over names 'k'"),
        ({"controls": [player.Slider("k", "K", [1, 2])]}, ValueError, "has length 3"),
        ({"controls": [player.Slider("k", "K", [1, 2, 3])] * 2}, ValueError, "must differ"),
        ({"readouts": [player.Readout("r", "x")] * 2}, ValueError, "must differ"),
        ({"readouts": [player.Readout("r", [1.0, 2.0], over="k")]}, ValueError, "has length 2"),
    ],
)
def test_figure_refuses(change, error, words):
    with pytest.raises(error, match=words):
        figure(**change)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: player.Slider("k", "K", [1]), ValueError, "at least two"),
        (lambda: player.Slider("k", "K", [1, 2], start=3), ValueError, "not one of"),
        (lambda: player.Slider("k", "", [1, 2]), TypeError, "label"),
        (lambda: player.Slider("1k", "K", [1, 2]), ValueError, "name"),
        (lambda: player.line([], []), ValueError, "empty"),
        (lambda: player.line([0, 1], [np.nan, np.nan]), ValueError, "no finite"),
        (lambda: player.line([0, 1], ["a", "b"]), TypeError, "real numbers"),
        (lambda: player.line([0, 1], [0, 1, 2]), ValueError, "differ in length"),
        (lambda: player.line([0, 1], [0, 1], over="k"), ValueError, "no array has"),
        (lambda: player.line([0, 1], np.ones((2, 2, 2)), over="k"), ValueError, "axes"),
        (lambda: player.line([0, 1], [0, 1], color="red"), ValueError, "color"),
        (lambda: player.line([0, 1], [0, 1], dash="wavy"), ValueError, "dash"),
        (lambda: player.lines([0, 1], [0, 1]), ValueError, "series"),
        (lambda: player.points([0], [0], marker="star"), ValueError, "marker"),
        (lambda: player.points([0], [0], category=[0], value=[1]), ValueError, "not both"),
        (lambda: player.points([0], [0], category=[0.5]), ValueError, "whole"),
        (lambda: player.points([0], [0], category=[2], names=["a"]), ValueError, "3 categories"),
        (lambda: player.points([0], [0], value=[1], cmap="mud"), ValueError, "color map"),
        (lambda: player.rule(), ValueError, "x or y"),
        (lambda: player.heatmap([1, 2]), ValueError, "rows, columns"),
        (lambda: player.heatmap([[1]], origin="left"), ValueError, "origin"),
        (lambda: player.heatmap([[1]], extent=(1, 0, 0, 1)), ValueError, "extent"),
        (lambda: player.text([0], [0], ["a", "b"]), ValueError, "differ"),
        (lambda: player.text([0], [0], ["a"], anchor="top"), ValueError, "anchor"),
        (lambda: player.Panel([]), ValueError, "no layers"),
        (lambda: player.Panel([1]), TypeError, "."),
        (lambda: player.Panel([player.rule(y=0)], yscale="log"), ValueError, "positive"),
        (
            lambda: player.Panel([player.rule(y=1)], ylim=(0, 2), yscale="log"),
            ValueError,
            "positive",
        ),
        (lambda: player.Panel([player.rule(y=1)], ylim=(1, 1)), ValueError, "different"),
        (lambda: player.Panel([player.rule(y=1)], xscale="cubic"), ValueError, "'cubic'"),
        (lambda: player.Readout("r", [1.0]), ValueError, "over"),
    ],
)
def test_parts_refuse(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_tensors_are_welcome():
    torch = pytest.importorskip("torch")
    layer = player.line(torch.arange(3), torch.ones(3, requires_grad=True))
    assert layer.arrays["y"].tolist() == [1, 1, 1]


# ---------------------------------------------------------------------- HTML


class Tree(HTMLParser):
    """Checks that elements nest and ids differ."""

    void = frozenset({"input", "img", "meta", "br"})

    def __init__(self):
        super().__init__()
        self.stack, self.ids, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for key, value in attrs if key == "id"]
        if tag not in self.void:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def parse(html):
    tree = Tree()
    tree.feed(html)
    tree.close()
    assert not tree.stack
    assert len(set(tree.ids)) == len(tree.ids)
    return tree


@pytest.mark.parametrize("make", [player_page.curves, player_page.marks, player_page.matrices])
def test_html_is_well_formed_and_loads_nothing(make):
    html = make().html()
    tree = parse(html)
    assert not {"link", "iframe", "object"} & set(tree.tags)
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\((?!#)""", html)
    assert len(html) < 120_000


def test_every_slider_has_a_label_and_an_output():
    html = player_page.curves().html(with_runtime=False)
    for key in re.findall(r'<input type="range" id="([^"]*)"', html):
        assert f'<label for="{key}">' in html
        assert f'<output for="{key}"' in html
    assert 'value="5"' in html  # start=0.5 is the sixth of 0, 0.1, ...
    assert "<legend>Initial weights</legend>" in html


def test_all_texts_are_escaped():
    evil = "<b>&\"'</script><!--"
    layers = [player.text([0], [0], [evil]), player.line([0, 1], [[0, 1]] * 2, "k", label=evil)]
    nasty = figure(
        title=evil, description=evil, caption=evil,
        controls=[player.Slider("k", evil, [evil, "b"]), player.Toggle("t", evil, [evil, "c"])],
        panels=[player.Panel(layers, title=evil, x=evil, y=evil, xticks=[(0, evil)])],
        readouts=[player.Readout(evil, [evil, "d"], "k")],
    )  # fmt: skip
    html = nasty.html()
    parse(html)
    assert '<b>&"' not in html
    assert html.count("</script>") == 2
    assert data_of(html)["p"][0]["t"] == evil
    assert data_of(html)["c"][0]["l"][0] == evil
    assert nasty.png()


def test_names_of_the_data():
    spec = data_of(figure().html())
    layer = spec["p"][0]["L"][0]
    assert layer["o"] == [0]
    assert layer["a"]["x"]["n"] == 0
    assert layer["a"]["y"]["n"] == 1
    np.testing.assert_array_equal(decode(layer["a"]["y"])[2], [3, 6, 9, 12, 15])
    assert spec["r"][0]["w"] == ["1.0", "2.0", "3.0"]


def test_numbers_read_well():
    slider = player.Slider("k", "K", [-1.0, 1e-6], format=".0e", unit="s")
    assert slider.labels == ["−1·10⁰\N{NO-BREAK SPACE}s", "1·10⁻⁶\N{NO-BREAK SPACE}s"]
    assert player.Toggle("k", "K", [10, 20], unit="%").labels == ["10%", "20%"]
    assert player.Readout("r", np.nan).texts.item() == "–"


def test_colors_go_to_the_layers_that_need_one():
    from tdyn.player.html import colors

    x = [0, 1]
    panel = player.Panel([
        player.rule(y=1), player.band(x, x, x), player.line(x, x), player.line(x, x, color=4),
        player.segments([0], [0], [1], [1]), player.points(x, x, value=x), player.line(x, x),
    ])  # fmt: skip
    assert colors(panel) == ["muted", 0, 0, 4, "muted", "muted", 1]


def test_strip_duplicates_keeps_the_first_script_and_style():
    page = "".join(figure(name=name).html() for name in "abc")
    assert page.count("<script data-tdyn-player>") == 3
    short = player.strip_duplicates(page)
    assert short.count("<script data-tdyn-player>") == short.count("<style data-tdyn-player>") == 1
    assert short.index("<script data-tdyn-player>") < short.index('id="b"')
    assert short.count('<script type="application/json">') == 3
    assert player.strip_duplicates(short) == short
    assert player.strip_duplicates("<p>nothing</p>") == "<p>nothing</p>"


def test_shorter_style_keeps_its_meaning():
    style = player.runtime().split("</style>")[0]
    assert ".tdyn-player *,.tdyn-bet *{box-sizing:border-box;}" in style
    assert style.count("{") == style.count("}")


def test_size_of_fifty_states():
    x = np.linspace(0, 1000, 200)
    y = 1 - np.exp(-x / np.linspace(50, 900, 50)[:, None])
    html = figure(
        controls=[player.Slider("k", "Scale", range(50))], readouts=[],
        panels=[player.Panel([player.line(x, y, over="k", label="a curve")])],
    ).html()  # fmt: skip
    assert len(html.encode()) < 60_000
    assert len(player.runtime().encode()) < 28_000


@pytest.mark.parametrize("make", [player_page.curves, player_page.marks, player_page.matrices])
def test_still_image(make):
    from PIL import Image

    image = Image.open(io.BytesIO(make().png()))
    assert image.format == "PNG"
    assert image.size[0] > 300
    assert len(image.convert("RGB").getcolors(100_000)) > 5


def test_mime_bundle_and_page(tmp_path):
    bundle = figure()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    assert bundle["image/png"].startswith("iVBOR")
    assert bundle["image/png"] in bundle["text/html"]
    text = figure().save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")


# ---------------------------------------------------------------------- kernel


@settings(max_examples=5)
@given(st.integers(0, 2))
def test_live_panel_recomputes(index):
    calls = []

    def recompute(k, law):
        calls.append((k, law))
        return figure(title=f"slope {k} {law}")

    controls = [
        player.Slider("k", "Slope", [1, 2, 3], start=2),
        player.Toggle("law", "Law", ["a", "b"]),
    ]
    slider, toggle, view = figure(controls=controls, recompute=recompute).live().children
    assert "A line" in view.value
    assert "<script data-tdyn-player>" not in view.value
    assert 'type="range"' not in view.value
    slider.value = index
    toggle.value = 1
    assert calls[-1] == (index + 1, "b")
    assert f"slope {index + 1} b" in view.value
    assert view.layout.min_height.endswith("px")


def test_live_panel_shows_errors():
    def fails(k):
        raise RuntimeError(f"no <{k}>")

    slider, view = figure(recompute=fails).live().children
    slider.value = 1
    assert "RuntimeError: no &lt;2&gt;" in view.value
    with pytest.raises(ValueError, match="recompute"):
        figure().live()


def test_without_a_kernel_it_is_html(monkeypatch):
    live = figure(recompute=lambda k: figure())
    with pytest.raises(NotImplementedError):
        live._ipython_display_()
    monkeypatch.setenv("TDYN_RENDER", "page")
    assert not player_figure.has_kernel()


def test_with_a_kernel_it_is_a_widget(monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(player_figure, "has_kernel", lambda: True)
    monkeypatch.setattr(IPython.display, "display", shown.append)
    figure(recompute=lambda k: figure())._ipython_display_()
    assert "data-tdyn-player" in shown[0].data
    assert type(shown[1]).__name__ == "VBox"


@pytest.mark.parametrize("dash", ["solid", "dashed", "dotted", "dashdot", "long", None])
def test_every_dash_has_a_still_image(dash):
    """The fifth color's own dash is a tuple in matplotlib, which a format string cannot be."""
    curve = player.line(np.arange(3), np.arange(3), color=4, dash=dash)
    still = player.Figure(name="a", title="t", description="d", panels=[player.Panel([curve])])
    assert still.png().startswith(b"\x89PNG")
