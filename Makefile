# `make demo` and `make test` do all of their own set-up; they need git, make and Python 3.11 or newer.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# More than there are cores: much of a test is waiting, for a disk, a process or a deadline.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(2 + (os.cpu_count() or 1))")

.PHONY: help demo serve test lint format bench chaos slow clean

help:
	@echo "make demo    install, start Intone, speak an article through every API, keep the audio"
	@echo "make serve   start the server (data in ./intone-data)"
	@echo "make test    install and run the tests"
	@echo "make lint    ruff, mypy --strict, import-linter"
	@echo "make bench   measure speed and memory, as ratios within one run; installs a peer of its own"
	@echo "make slow    what takes minutes: voice matching, every voice, many examples"
	@echo "make chaos   long tests with kill -9 and full disks"

# uv comes by pip when it is not on the path; what it installs is pinned in uv.lock.
$(READY): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@PATH="$$PATH:$(CURDIR)/$(BIN)" VIRTUAL_ENV="$(CURDIR)/$(VENV)" uv sync --quiet --frozen --inexact --compile-bytecode --python $(BIN)/python
	@$(BIN)/python -m compileall -q src || true
	@touch $@

demo: $(READY)
	@$(BIN)/intone demo

serve: $(READY)
	@$(BIN)/intone serve

# Hundreds of tests start processes, and these would compile anew what has changed.
test: $(READY)
	@$(BIN)/python -m compileall -q src || true
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m bench $(ARGS)

slow: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests/slow $(ARGS)
	INTONE_TEST_THOROUGH=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "hypothesis or thorough" $(ARGS)

chaos: $(READY)
	$(BIN)/python -m pytest -n 0 tests/chaos --timeout 1800 $(ARGS)

clean:
	rm -rf $(VENV) demo-output .pytest_cache .mypy_cache .ruff_cache
