# Needs Python 3.11+ and make; everything else is installed into .venv at the versions of constraints.txt.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

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

bench: $(VENV)/.stamp-bench
	$(BIN)/tickdeck bench

docs: $(VENV)/.stamp-docs
	$(BIN)/mkdocs build --strict

soak: $(VENV)/.stamp-dev
	$(BIN)/tickdeck soak

clean:
	rm -rf $(VENV) demo site build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tickdeck needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp is as new as the installation it stands for: editing the dependencies makes it stale.
$(VENV)/.stamp-base: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.stamp-dev $(VENV)/.stamp-docs $(VENV)/.stamp-bench: $(VENV)/.stamp-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$*]"
	@touch $@
