"""What a program can check in the sources of the book without running them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import chapters
import jupytext
import pytest
import thumbs
import yaml
from nbformat import NotebookNode
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tdyn import plots
from tdyn.claims import read_claims

ROOT = chapters.ROOT
BOOK = ROOT / "book"
CHAPTERS = sorted(p for p in BOOK.glob("*.md") if re.match(r"\d\d-", p.name))
PAGES = sorted(BOOK.rglob("*.md"))
HEADINGS = (
    "bet first", "from scratch", "at speed", "what reproduces", "beyond the paper", "exercises",
    "in one minute",
)  # fmt: skip
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
LIMIT = 25

# --- predicates; each of them is shown to fail in a test of its own below ----------------------


def long_cells(notebook: NotebookNode) -> list[int]:
    """Return the numbers of visible code cells with more than ``LIMIT`` lines."""
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    return [
        number
        for number, cell in enumerate(cells)
        if not HIDDEN & set(cell.metadata.get("tags", []))
        and len(cell.source.strip().splitlines()) > LIMIT
    ]


def length(notebook: NotebookNode) -> tuple[int, int]:
    """Return how many code cells a chapter has, and how many words between them.

    Lines of fences, options and labels are not counted, a formula counts as one word.
    """
    cells = [c.source for c in notebook.cells if c.cell_type == "markdown"]
    lines = [
        line
        for line in "\n".join(cells).splitlines()
        if not re.match(r"\s*(:{3,}|`{3,}|:\w|\(.*\)=)", line)
    ]
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", "formula", "\n".join(lines), flags=re.DOTALL)
    words = [word for word in text.split() if re.search("[A-Za-z]", word)]
    return len(notebook.cells) - len(cells), len(words)


def repeated_ids(text: str) -> list[str]:
    """Return the labels, names of still and moving figures, and bets that a page has twice."""
    patterns = (
        r"^\(([\w:.-]+)\)=\s*$", r"^:(?:label|name): ([\w:.-]+)\s*$",
        r"figure: {name: ([\w:.-]+)", r'^\s*name="([\w-]+)",\s*$',
    )  # fmt: skip
    found = [label for p in patterns for label in re.findall(p, text, flags=re.MULTILINE)]
    return sorted({label for label in found if found.count(label) > 1})


def _moves(name: str) -> bool:
    """Tell whether a function of tdyn.plots returns a figure that describes itself."""
    function = getattr(plots, name, None)
    if not callable(function):
        return False
    return "player" in str(inspect.signature(function).return_annotation)


def draws(source: str) -> bool:
    """Tell whether a cell makes a still figure: it opens one, or calls a plot of the package."""
    code = "\n".join("" if line.startswith(("%", "!")) else line for line in source.splitlines())
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, name = node.func.value, node.func.attr
        if not isinstance(owner, ast.Name):
            continue
        if owner.id == "plt" and name in {"figure", "subplots", "imshow", "plot"}:
            return True
        if owner.id == "plots" and name not in {"use_style", "band"} and not _moves(name):
            return True
    return False


def undescribed_figures(notebook: NotebookNode) -> list[str]:
    """Return what the still figures of a notebook lack: name, caption or alt text."""
    lacking = []
    for number, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
        if "remove-output" in cell.metadata.get("tags", []) or not draws(cell.source):
            continue
        told = cell.metadata.get("mystnb", {})
        found = {
            "name": told.get("figure", {}).get("name", ""),
            "caption": told.get("figure", {}).get("caption", ""),
            "alt": told.get("image", {}).get("alt", ""),
        }
        lacking += [f"cell {number}: {key}" for key, value in found.items() if not value.strip()]
    return lacking


def missing_headings(text: str) -> list[str]:
    """Return the headings that a chapter must have and has not."""
    found = [h.lower() for h in re.findall(r"^#{2,3} (.+)$", text, flags=re.MULTILINE)]
    return [wanted for wanted in HEADINGS if not any(wanted in heading for heading in found)]


def exercises_and_solutions(text: str) -> tuple[int, int]:
    """Return the numbers of exercises and of solutions."""
    kinds = re.findall(r"^(?::{3,}|`{3,})\{(exercise|solution)(?:-start)?\}", text, re.MULTILINE)
    return kinds.count("exercise"), kinds.count("solution")


def cited(text: str) -> set[str]:
    """Return the keys that a page or a docstring cites."""
    found = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`|:cite(?::\w+)?:`([^`]+)`", text)
    return {key.strip() for pair in found for key in "".join(pair).split(",")}


def bibliography(text: str) -> list[str]:
    """Return the keys of a BibTeX file."""
    return re.findall(r"^@\w+\{([^,\s]+),", text, flags=re.MULTILINE)


def unmeasured(claims: Iterable[Any], code: str) -> list[str]:
    """Return the ids of testable claims that no code cell names."""
    return [c.id for c in claims if c.criteria and not re.search(rf"""["']{c.id}["']""", code)]


def machine_paths(text: str) -> list[str]:
    """Return mentions of places that exist on one machine only."""
    # Put together here, so that this file does not mention them.
    places = [f"/{name}/" for name in ("work", "root", "home", "Users")] + ["../" + "shared"]
    return [place for place in places if place in text]


def british(text: str) -> list[str]:
    """Return words in British spelling."""
    stems = (
        r"colour\w*|behaviour\w*|neighbour\w*|favour\w*|honour\w*|centre[ds]?|grey|artefacts?|whilst"
        r"|(?:optimis|initialis|normalis|generalis|regularis|minimis|maximis|summaris|visualis"
        r"|factoris|parametris|realis|organis|recognis|characteris|quantis|penalis|randomis"
        r"|standardis|vectoris|discretis)(?:e[ds]?|ing|ations?)|analys(?:ed?|ing)"
        r"|modelled|modelling|labelled|labelling|travelled|travelling|cancelled|cancelling"
        r"|licence[ds]?|programmes?|fulfil|judgement"
    )
    return re.findall(rf"\b(?:{stems})\b", text, flags=re.IGNORECASE)


def header_noise(text: str) -> list[str]:
    """Return header fields that change with the version of a tool."""
    header = text.split("\n---", 1)[0] if text.startswith("---\n") else ""
    return re.findall(r"(jupytext_version|format_version|nbformat_minor|language_info)", header)


def pins(lines: Iterable[str]) -> dict[str, str]:
    """Return the versions in lines such as ``name[extra]==1.2``."""
    found = {}
    for line in lines:
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;#]+)", line.strip())
        if match:
            found[canonicalize_name(match[1])] = match[2]
    return found


def disagreements(
    requirements: Iterable[str], constraints: dict[str, str], environment: dict[str, str]
) -> list[str]:
    """Return where the three places that name versions differ."""
    wrong = []
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if name not in constraints:
            wrong.append(f"{name} is not in constraints.txt")
        elif constraints[name] not in requirement.specifier:
            wrong.append(f"{name}: {constraints[name]} is outside {requirement.specifier}")
        elif environment.get(name) != constraints[name]:
            wrong.append(f"{name}: {environment.get(name)} in environment.yml")
    return wrong


# --- the book ----------------------------------------------------------------------------------


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=_name)
each_page = pytest.mark.parametrize("path", PAGES, ids=_name)


def test_every_page_of_the_contents_exists_and_the_reverse() -> None:
    listed = set(chapters.pages())
    assert listed == {_name(p).removesuffix(".md") for p in PAGES}


def test_the_map_and_the_contents_agree() -> None:
    entries = yaml.safe_load(_text(BOOK / "chapters.yml"))
    pages = [entry["page"] for entry in entries]
    assert pages == sorted(pages)
    assert {path.stem for path in CHAPTERS} <= set(pages)
    for entry in entries:
        assert set(entry) == {"page", "title", "question", "thumbnail"}
        assert entry["thumbnail"].endswith(".")


def test_thumbnails_are_drawn_by_the_script_and_small() -> None:
    entries = yaml.safe_load(_text(BOOK / "chapters.yml"))
    assert set(thumbs.DRAWINGS) == {entry["page"] for entry in entries}
    for name, draw in thumbs.DRAWINGS.items():
        path = BOOK / "assets" / "thumbs" / f"{name}.svg"
        assert _text(path) == thumbs.svg(draw())
        assert path.stat().st_size < 6_500


@each_page
def test_cells_are_short(path: Path) -> None:
    assert long_cells(jupytext.read(path)) == []


@each_chapter
def test_chapter_is_neither_short_nor_long(path: Path) -> None:
    cells, words = length(jupytext.read(path))
    assert 20 <= cells <= 35
    assert 2500 <= words <= 4000


@each_chapter
def test_ids_are_unique(path: Path) -> None:
    assert repeated_ids(_text(path)) == []


@each_chapter
def test_figures_are_described(path: Path) -> None:
    assert undescribed_figures(jupytext.read(path)) == []


@each_chapter
def test_chapter_has_its_parts(path: Path) -> None:
    text = _text(path)
    assert missing_headings(text) == []
    assert re.search(r"^# .+\?$", text, flags=re.MULTILINE), "the title is a question"
    exercises, solutions = exercises_and_solutions(text)
    assert exercises >= 4
    assert solutions >= 2


@each_page
def test_headers_are_free_of_versions(path: Path) -> None:
    assert header_noise(_text(path)) == []


def test_citations_exist() -> None:
    keys = bibliography(_text(BOOK / "references.bib"))
    assert len(keys) == len(set(keys))
    for path in [*PAGES, *(ROOT / "tdyn").rglob("*.py")]:
        assert cited(_text(path)) <= set(keys), _name(path)


def test_there_is_one_bibliography() -> None:
    having = [_name(p) for p in PAGES if re.search(r"^[`:]{3,}\{bibliography", _text(p), re.M)]
    assert having == ["book/references.md"]


@pytest.mark.parametrize("path", sorted((BOOK / "claims").glob("*.yml")), ids=_name)
def test_claims_are_measured(path: Path) -> None:
    claims = read_claims(path)
    chapter = BOOK / f"{path.stem}.md"
    if not chapter.is_file():
        pytest.skip("the chapter is in preparation")
    code = "\n".join(chapters.code_cells(jupytext.read(chapter)))
    assert unmeasured(claims, code) == []
    assert yaml.safe_load(_text(path))["paper"] in bibliography(_text(BOOK / "references.bib"))


def test_every_chapter_has_claims() -> None:
    for path in CHAPTERS:
        assert (BOOK / "claims" / f"{path.stem}.yml").is_file()


def _sources() -> list[Path]:
    folders = ("book", "tdyn", "tests", "benchmarks", ".github")
    kinds = {".md", ".py", ".yml", ".toml", ".txt", ".css", ".js", ".bib", ".cff", ".svg"}
    files = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in kinds]
    return [*files, *(p for p in ROOT.iterdir() if p.is_file() and not p.name.startswith("."))]


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    found = {_name(p): machine_paths(_text(p)) for p in _sources()}
    assert {name: places for name, places in found.items() if places} == {}


def test_spelling_is_american() -> None:
    kinds = {".md", ".py", ".yml", ".css", ".js", ".cff"}
    # Tests may hold misspelled words on purpose.
    prose = [p for p in _sources() if p.suffix in kinds and p.parent.name != "tests"]
    found = {_name(p): british(_text(p)) for p in prose}
    assert {name: words for name, words in found.items() if words} == {}


def test_glossary_is_alphabetical() -> None:
    body = _text(BOOK / "glossary.md").split("```{glossary}\n", 1)[1].split("\n```", 1)[0]
    terms = [line for line in body.splitlines() if line and not line.startswith(" ")]
    assert len(terms) > 20
    assert all(a.lower() < b.lower() for a, b in pairwise(terms))


def test_every_public_module_is_on_the_api_pages() -> None:
    public = {
        f"tdyn.{p.stem}"
        for p in (ROOT / "tdyn").iterdir()
        if not p.name.startswith(("_", "."))
        and (p.suffix == ".py" or (p / "__init__.py").is_file())
    }
    pages = "".join(_text(p) for p in (BOOK / "api").glob("*.md"))
    assert set(re.findall(r"automodule:: (tdyn\.\w+)", pages)) == public
    assert set(re.findall(r"^\| \[`(tdyn\.\w+)`\]", pages, flags=re.MULTILINE)) == public


def test_the_three_places_of_versions_agree() -> None:
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]
    requirements = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        requirements += extra
    assert len(requirements) > 30
    environment = yaml.safe_load(_text(ROOT / "environment.yml"))["dependencies"]
    pip = next(entry["pip"] for entry in environment if isinstance(entry, dict))
    constraints = pins(_text(ROOT / "constraints.txt").splitlines())
    assert disagreements(requirements, constraints, pins(pip)) == []


# --- each predicate can fail -------------------------------------------------------------------


def _notebook(*cells: str) -> NotebookNode:
    head = (
        "---\nkernelspec:\n  display_name: Python 3\n  language: python\n  name: python3\n---\n\n"
    )
    body = "\n\n".join(f"```{{code-cell}} ipython3\n{cell}\n```" for cell in cells)
    return jupytext.reads(head + body, fmt="md:myst")


def test_a_long_cell_is_noticed_and_a_hidden_one_is_not() -> None:
    long = "\n".join(["a = 1"] * (LIMIT + 1))
    assert long_cells(_notebook("b = 1", long)) == [1]
    assert long_cells(_notebook(":tags: [hide-input]\n\n" + long)) == []


def test_length_counts_cells_and_words() -> None:
    notebook = _notebook("a = 1", "b = 2")
    assert length(notebook) == (2, 0)
    text = ":::{note} Mind the gap\n:name: x\nOne $a + b$ two three {cite:t}`key`.\n:::\n"
    more = jupytext.reads(jupytext.writes(notebook, fmt="md:myst") + "\n\n" + text, fmt="md:myst")
    assert length(more) == (2, 5)


def test_an_undescribed_figure_is_noticed() -> None:
    drawing = "fig, axis = plots.figure()\nplots.band(axis, x, y, 'a')"
    told = "---\nmystnb:\n  image: {alt: Two curves}\n  figure: {name: fig-a, caption: A.}\n---\n"
    assert undescribed_figures(_notebook("a = 1", drawing)) == [
        "cell 1: name", "cell 1: caption", "cell 1: alt"
    ]  # fmt: skip
    assert undescribed_figures(_notebook(told + drawing)) == []
    assert undescribed_figures(_notebook(told.replace("Two curves", "' '") + drawing)) == [
        "cell 0: alt"
    ]


def test_what_counts_as_a_still_figure() -> None:
    assert draws("fig, ax = plt.subplots()")
    assert draws("%time\nplots.figure(1, 2)")
    assert not draws("plots.use_style()")
    assert not draws("player.Figure(name='a')")


def test_missing_parts_of_a_chapter_are_noticed() -> None:
    text = "\n".join(f"## {h.title()}" for h in HEADINGS)
    assert missing_headings(text) == []
    assert missing_headings(text.replace("## At Speed", "At speed")) == ["at speed"]
    text = "```{exercise}\n```\n::::{exercise-start}\n::::\n:::{solution-start} a\n"
    assert exercises_and_solutions(text) == (2, 1)


def test_unknown_keys_and_unmeasured_claims_are_noticed() -> None:
    assert cited("{cite:t}`a1,b2` and :cite:t:`c3`, {cite}`d4`") == {"a1", "b2", "c3", "d4"}
    assert bibliography("@misc{a1,\n}\n% @misc{b2,\n") == ["a1"]

    class Claim:
        id, criteria = "gap", ("one",)

    assert unmeasured([Claim], "table.measure('gap', {})") == []
    assert unmeasured([Claim], "table.measure('gap-2', {})") == ["gap"]


def test_places_spelling_and_header_noise_are_noticed() -> None:
    assert machine_paths("see /{}/me/x".format("home")) == ["/{}/".format("home")]
    text = "The colour of an initialised model; a realistic optimizer, organism, analysis."
    assert british(text) == ["colour", "initialised"]
    assert header_noise("---\njupytext_version: 1.16\n---\n") == ["jupytext_version"]
    assert header_noise("# no header\njupytext_version\n") == []


def test_a_repeated_id_is_seen() -> None:
    box = ":::{prf:lemma} One\n:label: one\n:::\n"
    assert repeated_ids(box + '    name="one",\n') == ["one"]
    assert repeated_ids(box + "(two)=\n") == []


def test_disagreeing_versions_are_noticed() -> None:
    assert pins(["# x", "Py_Yaml==6.0", "dask[distributed]==1.0  # y"]) == {
        "py-yaml": "6.0", "dask": "1.0"
    }  # fmt: skip
    good = {"numpy": "2.0"}
    assert disagreements(["numpy>=1.26"], good, good) == []
    assert disagreements(["numpy>=2.1"], good, good) == ["numpy: 2.0 is outside >=2.1"]
    assert disagreements(["numpy>=1.26"], good, {}) == ["numpy: None in environment.yml"]
    assert disagreements(["torch>=2"], good, good) == ["torch is not in constraints.txt"]
