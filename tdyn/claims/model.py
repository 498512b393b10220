"""Claims and their criteria, read from a data file."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["NOT_MEASURED", "VERDICTS", "Claim", "Criterion", "claims_file", "read_claims"]

VERDICTS = ("holds", "partly", "does not hold", "not testable here")
#: What is written where the data that a claim needs are missing.
NOT_MEASURED = "not measured here"
_AVERAGES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
}


@dataclass(frozen=True)
class Criterion:
    """A named quantity and the band it must lie in.

    Attributes:
        name: What is measured.
        low: Lower end of the band, inclusive.
        high: Upper end of the band, inclusive.
        over: ``each``, ``mean`` or ``median``: what must lie in the band.
    """

    name: str
    low: float
    high: float
    over: str = "each"

    def holds(self, values: Sequence[float]) -> bool:
        """Tell whether the values satisfy the criterion.

        Args:
            values: One value a seed; at least one.

        Returns:
            True if each value, or their mean or median, lies in the band. A value that is not a
            number is in no band.

        Example:
            >>> Criterion("accuracy", 0.9, 1.0).holds([0.95, 0.87])
            False
            >>> Criterion("accuracy", 0.9, 1.0, over="mean").holds([0.95, 0.87])
            True
        """
        tested = values if self.over == "each" else [_AVERAGES[self.over](values)]
        return all(self.low <= v <= self.high for v in tested)


@dataclass(frozen=True)
class Claim:
    """One claim of a paper, as the data file states it.

    ``needs`` names data that are not part of the package. Where they are missing, and only for such
    a claim, the chapter may say so with :meth:`Table.skip`.
    """

    id: str
    statement: str
    expected: str
    where: str = "not stated"
    measured: str = ""
    note: str = ""
    needs: str = ""
    criteria: tuple[Criterion, ...] = ()
    controls: tuple[Criterion, ...] = ()


def claims_file(chapter: str) -> Path:
    """Return the data file of a chapter, from a checkout or from the installed package.

    Args:
        chapter: Name of the chapter, ``01-parity``.

    Returns:
        The YAML file.

    Raises:
        FileNotFoundError: If the chapter has none.

    Example:
        >>> claims_file("01-parity").name
        '01-parity.yml'
    """
    package = Path(__file__).parents[1]
    candidates = [
        package.parent / "book" / "claims" / f"{chapter}.yml",  # a checkout
        package / "_claims" / f"{chapter}.yml",  # an installed wheel
    ]
    for path in candidates:
        if path.is_file():
            return path
    raise FileNotFoundError(f"no claims file for chapter {chapter!r} in {candidates}")


def _number(value: Any, name: str) -> float:
    number = float(value)
    if math.isnan(number):
        raise ValueError(f"the band of {name!r} holds a value that is not a number")
    return number


def _criteria(entry: Mapping[str, Any] | None) -> tuple[Criterion, ...]:
    criteria = []
    for name, spec in (entry or {}).items():
        unknown = set(spec) - {"band", "over"}
        over = spec.get("over", "each")
        if unknown or len(spec.get("band", ())) != 2 or over not in ("each", *_AVERAGES):
            raise ValueError(
                f"criterion {name!r} wants 'band: [low, high]' and 'over: each|mean|median', "
                f"got {spec}"
            )
        low, high = (_number(b, name) for b in spec["band"])
        if low > high:
            raise ValueError(f"the band of {name!r} is empty: [{low}, {high}]")
        criteria.append(Criterion(name, low, high, over))
    return tuple(criteria)


def read_claims(path: str | Path) -> list[Claim]:
    """Read and check a claims file.

    Args:
        path: A YAML file with a list ``claims``.

    Returns:
        The claims, in order.

    Raises:
        ValueError: If an id repeats, a field is missing or unknown, a verdict is not one of the
            four, or a claim is untestable but has criteria or needs data (or the reverse).

    Example:
        >>> [c.id for c in read_claims(claims_file("01-parity"))][0]
        'signs-learn'
    """
    data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    claims: list[Claim] = []
    for raw in data["claims"]:
        entry = dict(raw)
        for key in ("criteria", "controls"):
            entry[key] = _criteria(entry.get(key))
        try:
            claim = Claim(**entry)
        except TypeError as error:
            raise ValueError(f"claim {entry.get('id')!r} in {path}: {error}") from error
        if claim.expected not in VERDICTS:
            raise ValueError(f"{claim.id}: expected must be one of {VERDICTS}")
        if (claim.expected == "not testable here") == bool(claim.criteria):
            raise ValueError(f"{claim.id}: a claim has criteria exactly if it is testable")
        if claim.needs and not claim.criteria:
            raise ValueError(f"{claim.id}: a claim that is not testable needs no data")
        if any(claim.id == other.id for other in claims):
            raise ValueError(f"the id {claim.id!r} occurs twice in {path}")
        claims.append(claim)
    return claims
