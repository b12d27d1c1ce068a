# Needs Python 3.11+ and make; everything else is installed into .venv at the versions of constraints.txt. The benches' peers need
# older libraries than Tickdeck does: they, and Tickdeck beside them, get .venv-bench.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
PIP := -m pip install --quiet --disable-pip-version-check

.PHONY: demo install test test-services lint bench docs soak clean

demo: $(VENV)/.stamp-base
	$(BIN)/tickdeck demo

install: $(VENV)/.stamp-dev

test: $(VENV)/.stamp-dev
	$(BIN)/pytest -rs -n auto

test-services:
	tools/test-services.sh

lint: $(VENV)/.stamp-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(BENCH_VENV)/.stamp-bench
	$(BENCH_VENV)/bin/tickdeck bench

docs: $(VENV)/.stamp-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

soak: $(VENV)/.stamp-dev
	$(BIN)/tickdeck soak

clean:
	rm -rf $(VENV) $(BENCH_VENV) demo site build dist

$(BIN)/python $(BENCH_VENV)/bin/python: %/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tickdeck needs Python 3.11 or newer; run make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $*

# A stamp is as new as the installation it stands for: editing the dependencies makes it stale.
$(VENV)/.stamp-base: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python $(PIP) -c constraints.txt -e .
	@touch $@

$(VENV)/.stamp-dev $(VENV)/.stamp-docs: $(VENV)/.stamp-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python $(PIP) -c constraints.txt -e ".[$*]"
	@touch $@

$(BENCH_VENV)/.stamp-bench: pyproject.toml benchmarks/constraints.txt | $(BENCH_VENV)/bin/python
	$(BENCH_VENV)/bin/python $(PIP) -c benchmarks/constraints.txt -e ".[bench]"
	@touch $@
