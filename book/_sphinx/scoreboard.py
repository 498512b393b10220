"""What reproduced: every claim of every chapter, built from data files and measured rows."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import chapters
import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tdyn.claims import Claim, read_claims
from tdyn.claims.model import NOT_MEASURED
from tdyn.claims.numbers import span

PAGE = "book/scoreboard"
MAP = chapters.ROOT / "book" / "chapters.yml"
CLAIMS = chapters.ROOT / "book" / "claims"
MEASURED = chapters.ROOT / "_build" / "claims"
UNKNOWN = "not measured"
VERDICTS = (
    "holds", "partly", "does not hold", "not testable here", "control failed", NOT_MEASURED, UNKNOWN
)  # fmt: skip


def title_of(page: Path) -> str:
    """Return the first heading of a page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return next(line[2:].strip() for line in lines if line.startswith("# "))


def measured(chapter: str) -> dict[str, Any]:
    """Return what the last run of a chapter wrote, or nothing."""
    path = MEASURED / f"{chapter}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _summary(values: dict[str, list[float]]) -> str:
    return "; ".join(f"{name}: {span(numbers)}" for name, numbers in values.items())


class Scoreboard(SphinxDirective):
    """A table of counts, and a table of the claims of each chapter in the table of contents."""

    def run(self) -> list[nodes.Node]:
        """Return the counts, then one section a chapter."""
        self.env.note_dependency(str(MAP))
        counts, sections = {}, []
        for path in sorted(CLAIMS.glob("*.yml")):
            self.env.note_dependency(str(path))
            page = f"book/{path.stem}"
            if page not in self.env.all_docs and page not in chapters.pages():
                continue
            record, claims = measured(path.stem), read_claims(path)
            rows = {row["id"]: row for row in record.get("rows", [])}
            counts[page] = Counter(_verdict(rows, claim) for claim in claims)
            sections += [self._heading(page), self._about(record), self._claims(page, claims, rows)]
        return [*self._totals(counts), *sections]

    def _link(self, page: str, text: str, place: str = "") -> nodes.reference:
        uri = self.env.app.builder.get_relative_uri(PAGE, page) + place
        return nodes.reference("", text, refuri=uri, internal=True)

    def _heading(self, page: str) -> nodes.Node:
        return nodes.rubric("", "", self._link(page, title_of(chapters.ROOT / f"{page}.md")))

    @staticmethod
    def _about(record: dict[str, Any]) -> nodes.Node:
        if not record:
            return nodes.paragraph(text="Not executed yet.")
        versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
        text = f"Seed {record['seed']}, {record['seconds']:.0f} s, {versions}."
        return nodes.paragraph(text=text)

    def _totals(self, counts: dict[str, Counter[str]]) -> list[nodes.Node]:
        entries = yaml.safe_load(MAP.read_text(encoding="utf-8"))
        short = {entry["page"]: entry["title"] for entry in entries}
        total = sum(counts.values(), Counter())
        verdicts = [v for v in VERDICTS if total[v]]
        rows = []
        for page, own in counts.items():
            name = self._link(page, short[page.removeprefix("book/")])
            rows.append([name, *(nodes.Text(str(own[v] or "–")) for v in verdicts)])
        rows.append([nodes.Text("All"), *(nodes.Text(str(total[v])) for v in verdicts)])
        head = ["Chapter", *(v.capitalize() for v in verdicts)]
        widths = [40] + [60 // len(verdicts)] * len(verdicts) if verdicts else [100]
        table = _table(head, widths, [_row(cells) for cells in rows])
        table["classes"].append("tdyn-totals")
        line = f"{sum(total.values())} claims, and how many of them hold:"
        return [nodes.paragraph("", "", nodes.strong(text=line)), table]

    def _claims(self, page: str, claims: list[Claim], rows: dict[str, Any]) -> nodes.Node:
        body = []
        for claim in claims:
            values = rows.get(claim.id, {}).get("values")
            verdict = _verdict(rows, claim)
            cells = [
                nodes.Text(f"{claim.statement} ({claim.where})"),
                nodes.Text(_summary(values) if values else "–"),
                self._link(page, verdict, f"#claim-{claim.id}"),
            ]
            body.append(_row(cells, f"verdict-{verdict.replace(' ', '-')}"))
        return _table(["Claim", "Measured (range over seeds)", "Verdict"], [45, 40, 15], body)


def _verdict(rows: dict[str, Any], claim: Claim) -> str:
    return rows.get(claim.id, {}).get("verdict", UNKNOWN)


def _row(cells: list[nodes.Node], *kinds: str) -> nodes.row:
    entries = (nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells)
    return nodes.row("", *entries, classes=list(kinds))


def _table(head: list[str], widths: list[int], rows: list[nodes.row]) -> nodes.table:
    """Return a table with a head."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=w) for w in widths), cols=len(widths))
    group += nodes.thead("", _row([nodes.Text(h) for h in head]))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=["tdyn-scoreboard"])


class ChapterCards(SphinxDirective):
    """The map of the course: a card with a thumbnail for each chapter."""

    def run(self) -> list[nodes.Node]:
        """Return a grid of cards, from ``book/chapters.yml``."""
        self.env.note_dependency(str(MAP))
        entries = yaml.safe_load(MAP.read_text(encoding="utf-8"))
        published = set(chapters.pages())
        lines = ["::::{grid} 1 2 3 3", ":gutter: 3", ""]
        for entry in entries:
            page = f"book/{entry['page']}"
            lines += [":::{grid-item-card} " + entry["title"]]
            if page in published:
                lines += [f":link: /{page}", ":link-type: doc"]
            if (chapters.ROOT / "book" / "assets" / "thumbs" / f"{entry['page']}.svg").is_file():
                lines += [
                    f":img-top: assets/thumbs/{entry['page']}.svg",
                    f":img-alt: {entry['thumbnail']}",
                ]
            lines += ["", entry["question"], ""]
            if page not in published:
                lines += ["+++", "In preparation", ""]
            lines += [":::"]
        lines += ["::::"]
        return self.parse_text_to_nodes("\n".join(lines))
