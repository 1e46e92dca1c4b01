# On a fresh machine each of these is the only command: it makes .venv, installs what it needs, and runs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check slow clean

demo: .venv/demo
	$(BIN)/python examples/quickstart.py

test: .venv/dev
	$(BIN)/python -m pytest -n 2

slow: .venv/dev
	$(BIN)/python -m pytest -m slow

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/typed && $(BIN)/python -m pip install -q --no-deps --target build/typed .
	cd build/typed && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p appnas

.venv/bin/python:
	$(PYTHON) -m venv .venv

# Torch first: on machines that offer a CPU build it satisfies every later requirement.
.venv/torch: .venv/bin/python
	$(BIN)/python -m pip install -q "torch>=2.8,<2.14"
	touch $@

.venv/demo: .venv/torch pyproject.toml
	$(BIN)/python -m pip install -q -e ".[images]"
	touch $@

.venv/dev: .venv/torch pyproject.toml
	$(BIN)/python -m pip install -q -e ".[dev]"
	touch $@ .venv/demo

clean:
	rm -rf .venv build *.egg-info
