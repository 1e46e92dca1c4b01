# On a fresh machine each of these is the only command: it makes .venv, installs what it needs, and runs.
PYTHON ?= python3
BIN := .venv/bin

RL := .venv-rl/bin

.PHONY: demo test check docs slow dist rl avx2 results clean

demo: .venv/demo
	$(BIN)/python examples/quickstart.py

test: .venv/dev
	$(BIN)/python -m pytest -n 2

# The tests that build convolutions, as on a processor without AVX-512; on such a one it is a mere repeat. The first
# variable picks torch's own kernels (element-wise, pooling, norms), the second the instructions for which oneDNN
# generates convolutions, which is where its faults have been. Not covered: MKL's matrix products, numpy, onnxruntime
# and whatever else asks the processor itself, how kernels differ between makers, and caches and timing.
# (tests/test_convolutions.py, which runs every shape of convolution, sets both by itself.)
CONVOLUTIONS := tests/methods/test_routability.py tests/supernet $(addprefix tests/spaces/,eda images parts rl)
avx2: .venv/dev
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/python -m pytest -n 2 $(CONVOLUTIONS)

slow: .venv/dev
	$(BIN)/python -m pytest -m slow

# What users install: wheel and sdist, in an environment that has neither this checkout nor its packages' links.
dist: .venv/dev
	$(BIN)/python -m pytest -m slow tests/test_distribution.py

# The first table of benchmarks/RESULTS.md again: hours; interrupted, the next call goes on.
results: .venv/dev
	$(BIN)/python benchmarks/reprint.py

rl: .venv-rl/ready
	$(RL)/python -m pytest -n 2 $(RL_TESTS)

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/typed build/lib build/bdist* && $(BIN)/python -m pip install -q --no-deps --target build/typed .
	cd build/typed && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p appnas

# The site, in build/site: open index.html. The gallery's reports are made once, in about a minute.
docs: .venv/dev build/gallery/ready
	$(BIN)/python -m mkdocs build --quiet

build/gallery/ready: docs/scripts/gallery.py | .venv/dev
	$(BIN)/python docs/scripts/gallery.py
	touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv

# Torch first: on machines that offer a CPU build it satisfies every later requirement.
.venv/torch: .venv/bin/python
	$(BIN)/python -m pip install -q "torch>=2.8,<2.14"
	touch $@

.venv/demo: .venv/torch pyproject.toml
	$(BIN)/python -m pip install -q -e .
	touch $@

.venv/dev: .venv/torch pyproject.toml
	$(BIN)/python -m pip install -q -e ".[dev]"
	touch $@ .venv/demo

# The extra `procgen` as users get it, in an environment of its own: its pins hold numpy 1.26 and the old gym.
# Of agents, those that meet the games' pins: every agent on every observation, and one beside itself.
RL_TESTS := tests/agent/test_every_agent.py tests/agent/test_sb3.py tests/domains/rl tests/methods/test_rl_darts.py \
	tests/test_matrix.py::test_searches_retrains_and_tests_an_agent tests/test_docs.py::test_the_examples_run
.venv-rl/ready: pyproject.toml
	$(PYTHON) -m venv .venv-rl
	$(RL)/python -m pip install -q "torch>=2.8,<2.14"
	$(RL)/python -m pip install -q -e ".[procgen,images]" pytest pytest-timeout pytest-xdist
	touch $@

clean:
	rm -rf .venv .venv-rl build *.egg-info
