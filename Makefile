# Every target makes what it needs, and makes it again only when pyproject.toml or constraints.txt
# has changed. PYTHON=... chooses the interpreter of a new .venv.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet --constraint constraints.txt
REQUIREMENTS := pyproject.toml constraints.txt

.PHONY: help demo test test-all lint types floors docs pytest peers bench format clean

help:
	@echo 'make demo      install into $(VENV), train LeNet-5 on real images and write its report'
	@echo 'make test      lint, types, floors, docs and tests: what a change must pass'
	@echo 'make test-all  the same with the slow tests and many more drawn examples'
	@echo 'make peers     add PyTorch (CPU), so that the tests compare with it'
	@echo 'make bench     time a training step against PyTorch, Flax, Keras and scikit-learn'
	@echo 'make docs      build the documentation into site/'
	@echo 'make format    rewrite the sources in the one style'
	@echo 'make clean     remove $(VENV) and everything built'

demo: $(VENV)/.installed
	@$(BIN)/clearprop train lenet5

test: lint types floors docs pytest

test-all: lint types floors docs
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
# the pinned jaxlib.
PYTEST := $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal
QUICKLY := XLA_FLAGS="--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false \
	--xla_cpu_parallel_codegen_split_count=1"

pytest: $(VENV)/.installed-test
	$(QUICKLY) $(PYTEST) -m "not slow and not optimized"
	$(PYTEST) -m "not slow and optimized"

peers: $(VENV)/.installed-peers

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The probe asks for ensurepip too: Debian's python3 has no pip for a venv without python3-venv.
$(VENV)/pyvenv.cfg:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	    if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "making $(VENV) with $$($$python --version)"; \
	        exec $$python -m venv $(VENV); \
	    fi; \
	done; \
	echo 'clearprop needs Python 3.11 or newer with its venv module (Debian: apt install python3-venv).' >&2; \
	echo 'If it stands elsewhere: make PYTHON=/path/to/python3 ...' >&2; \
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
# PIP_FIND_LINKS tell pip where PyTorch keeps its CPU builds.
$(VENV)/.installed-peers: $(REQUIREMENTS) | $(VENV)/pyvenv.cfg
	@echo 'installing PyTorch (CPU)'
	@$(PIP) torch || { echo 'no CPU build of PyTorch found: set PIP_EXTRA_INDEX_URL to where PyTorch keeps them' >&2; exit 1; }
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-peers
	@echo 'installing the peers that the benchmarks measure'
	@$(PIP) --editable '.[bench]'
	@touch $@
