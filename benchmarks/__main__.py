"""Run every benchmark, or those named: ``python -m benchmarks [alignment train ...]``."""

from __future__ import annotations

import argparse
import importlib
import platform
from pathlib import Path

import torch

NAMES = sorted(p.stem.removeprefix("bench_") for p in Path(__file__).parent.glob("bench_*.py"))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which ones; all by default: {NAMES}")
    names = parser.parse_args().names or NAMES
    unknown = set(names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark named {sorted(unknown)}; there are {NAMES}")
    torch.set_num_threads(1)
    print(f"Python {platform.python_version()}, torch {torch.__version__}, one thread")
    for name in names:
        print(f"\n== {name} ==")
        importlib.import_module(f"benchmarks.bench_{name}").main()


if __name__ == "__main__":
    main()
