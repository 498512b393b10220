"""The sweep runs a chapter with another seed and reads its verdicts."""

import nbformat
import pytest

from benchmarks import sweep

CLAIMS = """
import pathlib
path = pathlib.Path("claims.yml")
path.write_text('''
claims:
  - id: even
    statement: the seed is even
    criteria: {remainder: {band: [0, 0]}}
    expected: holds
''')
from tdyn import claims
table = claims.open_table("99-test", path)
table.measure("even", {"remainder": SEED % 2})
table.check(SEED)
"""


@pytest.mark.parametrize(("seed", "verdict"), [(4, "holds"), (5, "does not hold")])
def test_sweep_overrides_the_seed(seed, verdict, tmp_path, monkeypatch):
    pytest.importorskip("papermill")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TDYN_OUTPUT", str(tmp_path))
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("SEED = 0", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(CLAIMS),
        ]
    )
    result = sweep.run_seed("99-test", seed, nbformat.writes(notebook))
    assert result["even"] == verdict
    assert ("failed" in result) == (verdict != "holds")
