"""Run the chapters as tests, and check shapes and dtypes of every call."""

from __future__ import annotations

import os
import time
from pathlib import Path

import chapters
import hypothesis
import jaxtyping
import pytest
import torch
from nbval.plugin import IPyNbCell, IPyNbFile

# Before any import of the package: annotated shapes are checked at run time.
jaxtyping.install_import_hook("tdyn", "runtime_types.checked")

# One thread a process, since chapters and test files run in parallel; and no progress bars.
os.environ["TDYN_RENDER"] = "page"
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)

# No deadlines: how long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("tdyn", deadline=None)
hypothesis.settings.load_profile("tdyn")


@pytest.fixture
def unchecked():
    """Switch the run-time checks off, as for a reader who passes a wrong shape or type."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


class ChapterCell(IPyNbCell):
    """A code cell; besides raising, writing to stderr (a warning, say) makes it fail."""

    def runtest(self) -> None:
        """Execute the cell and note its time and outputs."""
        start = time.perf_counter()
        super().runtest()
        self.parent.seconds += time.perf_counter() - start
        noise = [o.text for o in self.test_outputs if o.get("name") == "stderr"]
        if noise:
            self.raise_cell_error("The cell wrote to stderr: " + "".join(noise))
        self.parent.outputs.append(self.test_outputs)


class Notebook(str):
    """The path of a converted chapter, with the one attribute that nbval asks for."""

    @property
    def dirname(self) -> str:
        """The folder, in which the kernel starts."""
        return str(Path(self).parent)


class Chapter(IPyNbFile):
    """A chapter, executed cell by cell by nbval; its path is that of the text."""

    @property
    def fspath(self) -> Notebook:
        """The converted notebook, which nbval reads."""
        return Notebook(chapters.convert(self.path))

    def collect(self):
        """Yield the cells."""
        self.seconds, self.outputs, self.count = 0.0, [], 0
        for cell in super().collect():
            self.count += 1
            yield ChapterCell.from_parent(
                self, name=cell.name, cell_num=cell.cell_num, cell=cell.cell, options=cell.options
            )

    def setup(self) -> None:
        """Start the kernel, and number the cells as a notebook does."""
        super().setup()
        client = self.kernel.kc
        # Without a history IPython cannot see the semicolon that hides a cell's last value.
        execute = client.execute
        client.execute = lambda code, **options: execute(code, **{**options, "store_history": True})

    def teardown(self) -> None:
        """Stop the kernel; if every cell passed, keep the outputs for the book."""
        super().teardown()
        if self.count and len(self.outputs) == self.count:
            chapters.save_executed(self.path, self.outputs, self.seconds)


def pytest_collect_file(file_path, parent):
    """Hand MyST notebooks to nbval.

    Returns:
        A collector, or nothing if the file is no chapter.
    """
    if chapters.is_notebook(file_path) and file_path.parent == chapters.ROOT / "book":
        return Chapter.from_parent(parent, path=file_path)
    return None
