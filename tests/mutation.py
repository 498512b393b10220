"""Copies of a package with one mistake in it, for tests that must notice."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


@contextmanager
def broken(package: ModuleType, module: str, old: str, new: str, folder: Path) -> Iterator:
    """Import a copy of a package in which ``old``, which occurs once, is replaced.

    Args:
        package: The package.
        module: Name of the file in it that gets the mistake.
        old: What stands there.
        new: What stands there instead.
        folder: Where to put the copy.

    Yields:
        The broken copy.
    """
    name = "broken_" + package.__name__.rsplit(".", 1)[-1]
    copy = folder / name
    shutil.copytree(Path(package.__file__).parent, copy, ignore=lambda *_: ["__pycache__"])
    for path in copy.glob("*.py"):
        text = path.read_text(encoding="utf-8").replace(package.__name__, name)
        if path.stem == module:
            assert text.count(old) == 1, (old, text.count(old))
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        for known in [m for m in sys.modules if m == name or m.startswith(name + ".")]:
            del sys.modules[known]
