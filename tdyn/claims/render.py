"""The table of claims as HTML."""

from __future__ import annotations

import html
import statistics
from collections.abc import Mapping, Sequence

from tdyn.claims.model import NOT_MEASURED, Claim, Criterion
from tdyn.claims.numbers import span, typeset
from tdyn.claims.table import Row, Table

__all__ = ["table_html"]


def _format(values: Sequence[float]) -> str:
    if typeset(min(values)) == typeset(max(values)):
        return span(values)
    return f"{typeset(statistics.fmean(values))} ({span(values)})"


def _measured(criteria: Sequence[Criterion], values: Mapping[str, list[float]], kind: str) -> str:
    lines = []
    for c in criteria:
        mark = "✓" if c.holds(values[c.name]) else "✗"
        ends = f"[{typeset(c.low, 6)}, {typeset(c.high, 6)}]"  # as they were written
        band = ends if c.over == "each" else f"{ends}, {c.over}"
        lines.append(
            f"<li>{mark} {kind}{html.escape(c.name)}: {_format(values[c.name])}"
            f" <small>band {band}</small></li>"
        )
    return "".join(lines)


def _html_row(claim: Claim, row: Row | None) -> str:
    cells = [
        html.escape(claim.statement)
        + (f"<br><small>{html.escape(claim.note)}</small>" if claim.note else ""),
        html.escape(claim.where),
    ]
    if row is None:
        cells += ["not measured", "–"]
    elif row.verdict == NOT_MEASURED:
        cells += [f"needs {html.escape(claim.needs)}", f"<strong>{NOT_MEASURED}</strong>"]
    else:
        items = _measured(claim.criteria, row.values, "")
        items += _measured(claim.controls, row.controls, "control: ")
        cells += [f"<ul>{items}</ul>" if items else "–", f"<strong>{row.verdict}</strong>"]
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    kind = "pending" if row is None else row.verdict.replace(" ", "-")
    return f'<tr id="claim-{html.escape(claim.id)}" class="verdict-{kind}">{body}</tr>'


def table_html(table: Table) -> str:
    """Return the table of claims: statement, where, what was measured, verdict.

    Args:
        table: The table, measured or not.

    Returns:
        HTML that scrolls sideways on small screens.
    """
    head = "".join(
        f'<th scope="col">{h}</th>' for h in ("Claim", "Where", "Measured (mean, range)", "Verdict")
    )
    body = "".join(_html_row(c, table.rows.get(c.id)) for c in table.claims)
    return (
        '<div class="tdyn-claims" role="region" tabindex="0" aria-label="Claims and verdicts">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
