"""Run a chapter with other seeds, on this machine or on a Dask cluster, and compare the verdicts.

``python -m benchmarks.sweep 01-parity --seeds 1 2 3`` executes the chapter once a seed with
papermill (the cell tagged ``parameters`` is overridden) and prints the verdict of every claim for
every seed. The runs are independent jobs: ``--scheduler tcp://host:8786`` spreads them over a
cluster.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run_seed(chapter: str, seed: int, notebook: str) -> dict[str, str]:
    """Execute one chapter with one seed.

    Args:
        chapter: Name of the chapter, ``01-parity``.
        seed: Its seed.
        notebook: The notebook as JSON, so that a worker needs no file of ours.

    Returns:
        The verdict of each claim, and the error of a chapter that failed under ``failed``.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    with tempfile.TemporaryDirectory() as folder:
        source, done = Path(folder) / "in.ipynb", Path(folder) / "out.ipynb"
        source.write_text(notebook, encoding="utf-8")
        os.environ |= {"TDYN_OUTPUT": folder, "TDYN_RENDER": "page", "OMP_NUM_THREADS": "1"}
        verdicts = {}
        try:
            papermill.execute_notebook(
                source,
                done,
                {"SEED": seed},
                kernel_name="python3",
                language="python",
                progress_bar=False,
            )
        except PapermillExecutionError as error:
            verdicts["failed"] = f"{error.ename}: {error.evalue}"
        record = Path(folder) / "claims" / f"{chapter}.json"
        if record.is_file():
            rows = json.loads(record.read_text(encoding="utf-8"))["rows"]
            verdicts |= {row["id"]: row["verdict"] for row in rows}
    return verdicts


def main() -> None:
    """Print one column a seed."""
    import jupytext
    import nbformat
    from dask.distributed import Client

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapter")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--scheduler", help="address of a Dask scheduler; a local cluster without")
    options = parser.parse_args()
    text = nbformat.writes(jupytext.read(ROOT / "book" / f"{options.chapter}.md"))
    where = options.scheduler or {"n_workers": os.cpu_count(), "threads_per_worker": 1}
    with Client(where) if options.scheduler else Client(**where) as client:
        jobs = [client.submit(run_seed, options.chapter, s, text) for s in options.seeds]
        results = client.gather(jobs)
    ids = list(dict.fromkeys(key for verdicts in results for key in verdicts))
    width = max(map(len, ids), default=0)
    print(" " * width, *(f"seed {s:<14}" for s in options.seeds))
    for key in ids:
        print(f"{key:<{width}}", *(f"{verdicts.get(key, '–'):<19}" for verdicts in results))
    if any("failed" in verdicts for verdicts in results):
        raise SystemExit("a chapter failed")


if __name__ == "__main__":
    main()
