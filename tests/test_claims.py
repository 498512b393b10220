"""Claims: bands, verdicts, controls, what is written and when a chapter fails."""

import json
import math
import re

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tdyn import claims
from tdyn.claims.numbers import span, typeset

FILE = """
chapter: 99-test
paper: key
claims:
  - id: two-parts
    statement: "a < b & c"
    where: "Figure 1"
    measured: "by hand"
    criteria:
      low: {band: [0, 1]}
      average: {band: [0, 1], over: mean}
    controls:
      shuffled: {band: [0.4, 0.6], over: median}
    expected: holds
  - id: bound
    statement: "a bound"
    expected: not testable here
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("TDYN_OUTPUT", str(tmp_path))
    path = tmp_path / "claims.yml"
    path.write_text(FILE)
    return path


def table(file):
    return claims.open_table("99-test", file)


@pytest.mark.parametrize(
    ("low", "average", "shuffled", "verdict"),
    [
        ([0.0, 1.0], [0.5], [0.5], "holds"),
        ([0.0, 1.01], [0.5], [0.5], "partly"),
        ([2.0], [-1.0, 3.1], [0.5], "does not hold"),
        ([0.5], [-1.0, 2.0], [0.5], "holds"),
        ([0.5], [0.5], [0.7], "control failed"),
        ([0.5], [0.5], [0.0, 0.5, 1.0], "holds"),
        ([math.nan], [0.5], [0.5], "partly"),
        (torch.tensor([0.2, 0.3]), 0.5, torch.tensor(0.5), "holds"),
        ([True, False], [torch.tensor(0.1)], [0.5], "holds"),
    ],
)
def test_verdicts(file, low, average, shuffled, verdict):
    row = table(file).measure("two-parts", {"low": low, "average": average}, {"shuffled": shuffled})
    assert row.verdict == verdict
    assert row.as_expected == (verdict == "holds")


def test_check_writes_and_passes(file, tmp_path):
    t = table(file)
    t.measure("two-parts", {"low": [0.5], "average": [0.5]}, {"shuffled": [0.5]})
    assert t.check(seed=3) is t
    record = json.loads((tmp_path / "claims" / "99-test.json").read_text())
    assert record["seed"] == 3
    assert [r["verdict"] for r in record["rows"]] == ["holds", "not testable here"]
    assert record["rows"][0]["values"] == {"low": [0.5], "average": [0.5]}
    assert set(record["versions"]) == {"python", "torch", "numpy"}
    html = t._repr_html_()
    assert "a &lt; b &amp; c" in html
    assert "<strong>holds</strong>" in html
    assert html.count("<tr id=") == 2


def test_check_fails_on_an_unexpected_verdict_and_still_writes(file, tmp_path):
    t = table(file)
    t.measure("two-parts", {"low": [5], "average": [5]}, {"shuffled": [0.5]})
    with pytest.raises(AssertionError, match="two-parts: expected 'holds', got 'does not hold'"):
        t.check(seed=0)
    assert (tmp_path / "claims" / "99-test.json").is_file()


def test_check_fails_on_a_claim_that_was_not_measured(file):
    with pytest.raises(AssertionError, match="two-parts: not measured"):
        table(file).check(seed=0)


def test_only_a_claim_that_needs_data_may_be_skipped(file, tmp_path):
    with pytest.raises(ValueError, match="needs no data"):
        table(file).skip("two-parts")
    with pytest.raises(ValueError, match="no claim 'other'"):
        table(file).skip("other")
    content = yaml.safe_load(FILE)
    content["claims"][0]["needs"] = "a <file>"
    file.write_text(yaml.safe_dump(content))
    t = table(file)
    with pytest.raises(AssertionError, match="two-parts: not measured"):
        t.check(seed=0)
    t.skip("two-parts")
    record = json.loads(t.check(seed=0).write(seed=0).read_text())
    row = next(r for r in record["rows"] if r["id"] == "two-parts")
    assert row["verdict"] == "not measured here"
    assert row["values"] == row["controls"] == {}
    assert "needs a &lt;file&gt;" in t._repr_html_()
    assert "verdict-not-measured-here" in t._repr_html_()
    # Where the data are, the verdict counts.
    t.measure("two-parts", {"low": [5], "average": [5]}, {"shuffled": [0.5]})
    with pytest.raises(AssertionError, match="got 'does not hold'"):
        t.check(seed=0)


def test_names_must_match_the_data_file(file):
    t = table(file)
    with pytest.raises(ValueError, match="no claim 'other'"):
        t.measure("other")
    with pytest.raises(ValueError, match="wants values for"):
        t.measure("two-parts", {"low": [1]}, {"shuffled": [0.5]})
    with pytest.raises(ValueError, match="wants values for"):
        t.measure("two-parts", {"low": [1], "average": []}, {"shuffled": [0.5]})
    with pytest.raises(ValueError, match="wants values for"):
        t.measure("two-parts", {"low": [1], "average": [1]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expected": "maybe"}, "expected must be one of"),
        ({"expected": "not testable here"}, "exactly if it is testable"),
        ({"criteria": {}}, "exactly if it is testable"),
        ({"criteria": {"a": {"band": [1, 0]}}}, "is empty"),
        ({"criteria": {"a": {"band": [0]}}}, "wants 'band"),
        ({"criteria": {"a": {"band": [0, 1], "over": "max"}}}, "wants 'band"),
        ({"criteria": {"a": {"band": [0, float("nan")]}}}, "not a number"),
        ({"expected": "not testable here", "criteria": {}, "needs": "x"}, "needs no data"),
        ({"colour": "red"}, "unexpected keyword"),
        ({"id": "bound"}, "occurs twice"),
    ],
)
def test_bad_files_are_refused(file, change, message):
    content = yaml.safe_load(FILE)
    content["claims"][0].update(change)
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=message):
        claims.read_claims(file)


def test_missing_chapter():
    with pytest.raises(FileNotFoundError, match="00-none"):
        claims.open_table("00-none")


def test_output_folder_is_in_the_project(tmp_path, monkeypatch):
    monkeypatch.delenv("TDYN_OUTPUT", raising=False)
    (tmp_path / "_toc.yml").touch()
    inner = tmp_path / "_build" / "notebooks"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert claims.output_folder() == tmp_path / "_build" / "claims"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_typeset_number_reads_back(value):
    text = typeset(value)
    assert "-" not in text
    assert "e" not in text
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")
    power = re.search("10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)$", text)
    mantissa = text[: power.start()].replace("×", "").strip(" ") if power else text
    mantissa = mantissa.replace(",", "").translate(digits)
    mantissa = {"": "1", "-": "-1"}.get(mantissa, mantissa)
    exponent = power[1].translate(digits) if power else "0"
    assert float(f"{mantissa}e{exponent}") == float(f"{value:.3g}")


def test_spans_say_when_all_values_are_the_same():
    assert span([1.0, 1.0001, 1.0]) == "1, n = 3"
    assert span([1.0, 1.0, 1.0]) == "1, all 3"
    assert span([-2.0, 1e-7]) == "−2 to 10⁻⁷, n = 2"
    assert typeset(0.9995) == "1"
    assert typeset(0.9995, 6) == "0.9995"
    assert span([math.inf]) == "∞"
