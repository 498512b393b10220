"""The README: its code runs, what it points at exists, and its figure is light."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import tdyn

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def python_blocks(text: str) -> list[str]:
    """Return the fenced Python blocks of a Markdown text."""
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def make_verbs(text: str) -> set[str]:
    """Return the verbs of all ``make verb`` in indented blocks and code spans."""
    return set(re.findall(r"(?:^    |`)make ([a-z]+)", text, flags=re.MULTILINE))


def local_targets(text: str) -> set[str]:
    """Return the targets of links and images, and the files named in code spans."""
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    named = re.findall(r"`([\w./-]+(?:/|\.(?:md|cff|yml|py|txt)))`", text)
    return {t for t in [*links, *named] if not t.startswith(("http", "#", "."))}


def test_the_parsers_find_what_they_should() -> None:
    text = (
        "```python\na = 1\n```\n    make book  # x\nsee `make test` and `book/x.md`, [y](z.png)\n"
    )
    assert python_blocks(text) == ["a = 1\n"]
    assert make_verbs(text) == {"book", "test"}
    assert local_targets(text) == {"book/x.md", "z.png"}


def test_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = python_blocks(README.read_text(encoding="utf-8"))
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    visible, history = names["visible"], names["history"]
    # What the text around the code says: two bits are easier to see than six, and they are learned.
    assert visible[2] > 10 * visible[6]
    assert history["accuracy"][-1] > 0.95
    assert "torch.Size([20])" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_what_it_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    missing = {
        verb for verb in make_verbs(text) if not re.search(rf"^{verb}:", rules, re.MULTILINE)
    }
    assert not missing
    skip = {t for t in local_targets(text) if "NN-" in t or "_build" in t}
    gone = {t for t in local_targets(text) - skip if not (ROOT / t).exists()}
    assert not gone


def test_figure_is_light() -> None:
    assert (ROOT / "book" / "assets" / "readme.png").stat().st_size < 150_000


def test_images_have_alt_text() -> None:
    for alt in re.findall(r"!\[(.*?)\]\(", README.read_text(encoding="utf-8"), flags=re.DOTALL):
        assert len(alt.split()) > 10


def test_citation_agrees_with_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == tdyn.__version__
    assert citation["license"] == "BSD-3-Clause"
