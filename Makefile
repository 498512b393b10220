# The few verbs: book  test  lab  bench  sweep  clean
PYTHON  ?= python3
WORKERS ?= auto
VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
SCHEDULER ?=
CHAPTER ?= 01-parity
SEEDS   ?= 1 2 3

export OMP_NUM_THREADS ?= 1
# Keep freed memory (glibc): arrays of megabytes come and go at every training step, and asking the
# system for fresh pages each time takes longer than computing with them. Without it all is slower
# but the same.
export MALLOC_MMAP_THRESHOLD_ ?= 1073741824
export MALLOC_TRIM_THRESHOLD_ ?= 4294967296

.PHONY: book strict test check lab bench sweep clean

# The environment is made once, and again when what it should hold changes.
$(READY): pyproject.toml constraints.txt
	@echo "tdyn: installing the package and its tools into $(VENV) (once, some minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[data,book,test,sweep]"
	@touch $@

## Build the whole book.
book: $(READY)
	@echo "tdyn: building the book (chapters run only if they, or the code they use, changed)"
	@$(BIN)/jupyter-book build --quiet .
	@echo "tdyn: open $(CURDIR)/_build/html/index.html"

## The same, with warnings as errors and every reference checked.
strict: $(READY)
	@echo "tdyn: building the book strictly"
	@$(BIN)/jupyter-book build --quiet -W -n --keep-going .
	@echo "tdyn: open $(CURDIR)/_build/html/index.html"

## Check style and types, then run every test, doctest and chapter.
test: $(READY) check
	@echo "tdyn: running the tests, the doctests and every chapter"
	@$(BIN)/python -m pytest --quiet -n $(WORKERS) --ignore tests/browser/test_pages.py
	@echo "tdyn: passed: style, types, tests, doctests and all chapters"

check: $(READY)
	@echo "tdyn: checking style, types and spelling"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/codespell book tdyn tests benchmarks README.md CONTRIBUTING.md CHANGELOG.md

## Open the chapters in JupyterLab; a double click opens a text notebook as a notebook.
lab: $(READY)
	@echo "tdyn: opening JupyterLab"
	@JUPYTER_CONFIG_PATH=$(CURDIR)/.jupyter $(BIN)/jupyter lab --notebook-dir book

$(READY)-bench: $(READY)
	@echo "tdyn: installing the peers of the benchmarks"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	@touch $@

## Measure the package against its peers.
bench: $(READY)-bench
	@$(BIN)/python -m benchmarks

## Run a chapter with other seeds: make sweep CHAPTER=01-parity SEEDS="1 2 3"
sweep: $(READY)
	@$(BIN)/python -m benchmarks.sweep $(CHAPTER) --seeds $(SEEDS) $(if $(SCHEDULER),--scheduler $(SCHEDULER))

## Remove everything that was built; the environment stays.
clean:
	@rm -rf _build .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@echo "tdyn: clean"
