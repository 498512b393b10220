"""Measured claims: values over the seeds in, verdicts out."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tdyn.claims.model import NOT_MEASURED, Claim, Criterion, claims_file, read_claims

__all__ = ["Row", "Table", "open_table", "output_folder"]


@dataclass(frozen=True)
class Row:
    """One measured claim: values over the seeds, and the verdict they give."""

    claim: Claim
    values: dict[str, list[float]]
    controls: dict[str, list[float]]
    verdict: str

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the data file expects, or its data are missing."""
        return self.verdict in (self.claim.expected, NOT_MEASURED)


def output_folder() -> Path:
    """Return the folder for measured rows: ``$TDYN_OUTPUT/claims``, or ``_build/claims``.

    Without the variable the folder lies in the root of the project, if the working folder is inside
    one (it has a ``_toc.yml``), and otherwise in the working folder.

    Returns:
        The folder; it need not exist yet.

    Example:
        >>> output_folder().name
        'claims'
    """
    if "TDYN_OUTPUT" in os.environ:
        return Path(os.environ["TDYN_OUTPUT"]) / "claims"
    here = Path.cwd()
    root = next((p for p in (here, *here.parents) if (p / "_toc.yml").is_file()), here)
    return root / "_build" / "claims"


def _floats(values: Any) -> list[float]:
    """Return a flat list of floats from a tensor, an array, a list or a number."""
    listed = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(listed, bool | int | float):
        listed = [listed]
    flat: list[float] = []
    for v in listed:
        flat.extend(_floats(v) if isinstance(v, list | tuple) or hasattr(v, "tolist") else [v])
    return [float(v) for v in flat]


def _named(
    claim: Claim, wanted: Sequence[Criterion], given: Mapping[str, Any] | None
) -> dict[str, list[float]]:
    values = {name: _floats(v) for name, v in (given or {}).items()}
    names = [c.name for c in wanted]
    if sorted(values) != sorted(names) or not all(values.values()):
        raise ValueError(f"{claim.id} wants values for {names}, got {sorted(values)}")
    return values


def _verdict(
    claim: Claim, values: Mapping[str, list[float]], controls: Mapping[str, list[float]]
) -> str:
    if not claim.criteria:
        return "not testable here"
    if not all(c.holds(controls[c.name]) for c in claim.controls):
        return "control failed"
    passed = [c.holds(values[c.name]) for c in claim.criteria]
    return "holds" if all(passed) else "partly" if any(passed) else "does not hold"


@dataclass
class Table:
    """The claims of one chapter and what was measured so far.

    Attributes:
        chapter: Name of the chapter, ``01-parity``.
        claims: All its claims.
        rows: The measured ones, by id.
    """

    chapter: str
    claims: list[Claim]
    rows: dict[str, Row] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    def measure(
        self,
        id: str,
        values: Mapping[str, Any] | None = None,
        controls: Mapping[str, Any] | None = None,
    ) -> Row:
        """Record what was measured for one claim.

        Args:
            id: The claim's id.
            values: For each criterion of the claim, one value a seed (tensor, array, list, number).
            controls: The same for each control.

        Returns:
            The row, with its verdict.

        Raises:
            ValueError: If the id is unknown, or the names differ from those in the data file.
        """
        claim = self._claim(id)
        given = _named(claim, claim.criteria, values)
        checked = _named(claim, claim.controls, controls)
        self.rows[id] = Row(claim, given, checked, _verdict(claim, given, checked))
        return self.rows[id]

    def _claim(self, id: str) -> Claim:
        claim = next((c for c in self.claims if c.id == id), None)
        if claim is None:
            raise ValueError(f"no claim {id!r} in {self.chapter}; {[c.id for c in self.claims]}")
        return claim

    def skip(self, id: str) -> Row:
        """Record that a claim could not be measured because the data that it needs are missing.

        Args:
            id: The claim's id; the data file must say what it ``needs``.

        Returns:
            The row, with the verdict ``not measured here``.

        Raises:
            ValueError: If the id is unknown, or the claim needs no data.
        """
        claim = self._claim(id)
        if not claim.needs:
            raise ValueError(f"{id} needs no data, so it must be measured")
        self.rows[id] = Row(claim, {}, {}, NOT_MEASURED)
        return self.rows[id]

    def check(self, seed: int, packages: Sequence[str] = ("torch", "numpy")) -> Table:
        """Finish the chapter: write the measured rows, and fail if a verdict is unexpected.

        Claims that are not testable here need no measurement. The rows go to
        ``01-parity.json`` in :func:`output_folder`, with seed, versions and seconds since the
        table was opened.

        Args:
            seed: The chapter's seed.
            packages: Whose versions to record.

        Returns:
            The table itself, which a notebook shows.

        Raises:
            AssertionError: If a verdict differs from the expected one, or a claim was not measured.
        """
        for claim in self.claims:
            if not claim.criteria and claim.id not in self.rows:
                self.measure(claim.id)
        self.write(seed, packages)
        problems = [f"{c.id}: not measured" for c in self.claims if c.id not in self.rows]
        problems += [
            f"{row.claim.id}: expected '{row.claim.expected}', got '{row.verdict}'"
            for row in self.rows.values()
            if not row.as_expected
        ]
        if problems:
            raise AssertionError(f"claims of {self.chapter}: " + "; ".join(problems))
        return self

    def write(self, seed: int, packages: Sequence[str] = ("torch", "numpy")) -> Path:
        """Write the measured rows as JSON.

        Args:
            seed: The chapter's seed.
            packages: Whose versions to record.

        Returns:
            The file.
        """
        folder = output_folder()
        folder.mkdir(parents=True, exist_ok=True)
        record = {
            "chapter": self.chapter,
            "seed": seed,
            "seconds": round(time.perf_counter() - self.started, 1),
            "versions": {"python": platform.python_version()}
            | {name: version(name) for name in packages},
            "rows": [
                {
                    "id": row.claim.id,
                    "verdict": row.verdict,
                    "values": row.values,
                    "controls": row.controls,
                }
                for row in self.rows.values()
            ],
        }
        path = folder / f"{self.chapter}.json"
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
        temporary.replace(path)
        return path

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        from tdyn.claims.render import table_html

        return table_html(self)


def open_table(chapter: str, path: str | Path | None = None) -> Table:
    """Open the claims of a chapter; nothing is measured yet.

    Args:
        chapter: Name of the chapter, ``01-parity``.
        path: The data file, if it is not the chapter's own.

    Returns:
        The table.

    Raises:
        FileNotFoundError: If the chapter has no data file.

    Example:
        >>> open_table("01-parity").chapter
        '01-parity'
    """
    return Table(chapter, read_claims(path or claims_file(chapter)))
