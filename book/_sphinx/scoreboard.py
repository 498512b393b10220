"""What reproduced: every claim of every chapter, built from data files and measured rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import chapters
import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tdyn.claims import Claim, read_claims

PAGE = "book/scoreboard"
CLAIMS = chapters.ROOT / "book" / "claims"
MEASURED = chapters.ROOT / "_build" / "claims"


def title_of(page: Path) -> str:
    """Return the first heading of a page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return next(line[2:].strip() for line in lines if line.startswith("# "))


def measured(chapter: str) -> dict[str, Any]:
    """Return what the last run of a chapter wrote, or nothing."""
    path = MEASURED / f"{chapter}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _summary(values: dict[str, list[float]]) -> str:
    parts = []
    for name, numbers in values.items():
        low, high = min(numbers), max(numbers)
        span = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        parts.append(f"{name}: {span} (n = {len(numbers)})")
    return "; ".join(parts)


class Scoreboard(SphinxDirective):
    """A table of the claims of each chapter in the table of contents."""

    def run(self) -> list[nodes.Node]:
        """Return one section a chapter and a line that counts the verdicts."""
        found: list[nodes.Node] = []
        counts: dict[str, int] = {}
        for path in sorted(CLAIMS.glob("*.yml")):
            self.env.note_dependency(str(path))
            page = f"book/{path.stem}"
            if page not in self.env.all_docs and page not in chapters.pages():
                continue
            record = measured(path.stem)
            rows = {row["id"]: row for row in record.get("rows", [])}
            claims = read_claims(path)
            for claim in claims:
                verdict = rows.get(claim.id, {}).get("verdict", "not measured")
                counts[verdict] = counts.get(verdict, 0) + 1
            found += self._chapter(page, record, claims, rows)
        total = sum(counts.values())
        line = f"{total} claims: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
        return [nodes.paragraph("", "", nodes.strong(text=line + ".")), *found]

    def _chapter(
        self, page: str, record: dict[str, Any], claims: list[Claim], rows: dict[str, Any]
    ) -> list[nodes.Node]:
        name = title_of(chapters.ROOT / f"{page}.md")
        heading = nodes.rubric("", "")
        uri = self.env.app.builder.get_relative_uri(PAGE, page)
        heading += nodes.reference("", name, refuri=uri, internal=True)
        about = "Not executed yet."
        if record:
            versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
            about = f"Seed {record['seed']}, {record['seconds']:.0f} s, {versions}."
        return [heading, nodes.paragraph(text=about), self._table(claims, rows)]

    def _table(self, claims: list[Claim], rows: dict[str, Any]) -> nodes.Node:
        table = nodes.table(classes=["tdyn-scoreboard"])
        group = nodes.tgroup(cols=3)
        table += group
        for width in (45, 40, 15):
            group += nodes.colspec(colwidth=width)
        head = nodes.thead()
        head += self._row(["Claim", "Measured (range over seeds)", "Verdict"])
        group += head
        body = nodes.tbody()
        for claim in claims:
            row = rows.get(claim.id)
            body += self._row(
                [
                    f"{claim.statement} ({claim.where})",
                    _summary(row["values"]) if row and row["values"] else "–",
                    row["verdict"] if row else "not measured",
                ]
            )
        group += body
        return table

    @staticmethod
    def _row(texts: list[str]) -> nodes.row:
        row = nodes.row()
        for text in texts:
            row += nodes.entry("", nodes.paragraph(text=text))
        return row


class ChapterCards(SphinxDirective):
    """The map of the course: a card with a thumbnail for each chapter."""

    def run(self) -> list[nodes.Node]:
        """Return a grid of cards, from ``book/chapters.yml``."""
        path = chapters.ROOT / "book" / "chapters.yml"
        self.env.note_dependency(str(path))
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
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
