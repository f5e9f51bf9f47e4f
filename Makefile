# Every target sets up what it needs in ./.venv: a machine with make, Python >= 3.11 and a package
# registry is enough. Nothing is ever installed outside this folder.

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
PYTEST := $(BIN)/python -m pytest

# Options for the tools, for example: make test ARGS="-k onion -x"
ARGS ?=

# A process for each core, and at least two: programs that tests start make them wait. What is left
# over when one is done early moves there.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 2 ] && echo $$n || echo 2)
SPREAD  := -n $(WORKERS) --dist worksteal

# Some containers set it: then each of the hundreds of programs that tests start compiles the whole
# package again. What is compiled lies in __pycache__ of this folder.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv demo test quick lint format long schedules faults bench bench-peers clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

venv: $(STAMP)-run ## set up .venv to run zentalk

# `-run` holds what zentalk needs, `-test` adds what its tests and linters need.
$(BIN)/python:
	@sh tools/make-venv.sh $(VENV)

$(STAMP)-run: pyproject.toml | $(BIN)/python
	@echo "setting up $(VENV)"
	@$(PIP) install --editable '.[quic,pictures]'
	@touch $@

$(STAMP)-test: pyproject.toml | $(BIN)/python
	@echo "setting up $(VENV) with the test tools"
	@$(PIP) install --editable '.[test]'
	@touch $(STAMP)-run $@

demo: $(STAMP)-run ## five relays, Alice and Bob, one message network in one command
	@$(BIN)/zentalk sim run --scenario demo $(ARGS)

test: $(STAMP)-test ## the whole test suite, in several processes
	$(PYTEST) $(SPREAD) $(ARGS)

quick: $(STAMP)-test ## the part that every commit needs: no programs, no whole networks
	$(PYTEST) $(SPREAD) -m "not e2e and not faults and not slow and not browser" $(ARGS)

lint: $(STAMP)-test ## style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy zentalk tests cmd simulations tools $(wildcard benchmarks)
	$(BIN)/lint-imports --no-logo

format: $(STAMP)-test ## let ruff put the style right
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

long: $(STAMP)-test ## the suite with many more examples, and the tests kept for it
	ZENTALK_LONG=1 HYPOTHESIS_PROFILE=long $(PYTEST) $(SPREAD) $(ARGS)

schedules: $(STAMP)-test ## whole networks, in other orders of what happens at one time
	for n in 1 2 3; do ZENTALK_SCHEDULE=$$n $(PYTEST) $(SPREAD) tests/e2e $(ARGS) || exit; done

faults: $(STAMP)-test ## only the tests that break things, with many more examples
	ZENTALK_LONG=1 HYPOTHESIS_PROFILE=long $(PYTEST) -m faults --durations=15 \
	    -o faulthandler_timeout=1600 $(ARGS)

bench: bench-peers ## ratios to other implementations, measured here
	@$(BIN)/python -m benchmarks $(ARGS)

# sphinxmix asks for msgpack-python, which writes an ancient msgpack over ours: so it and petlib come
# without their dependencies (those they use are in .venv already). petlib compiles against OpenSSL's
# headers; where that fails, its benchmark row is left out. So are the rows of `peers` without LXMF.
bench-peers: $(STAMP)-peers
$(STAMP)-peers: $(STAMP)-test
	@$(PIP) install --editable '.[bench]'
	@$(PIP) install --no-deps 'petlib==0.0.45' 'sphinxmix==0.0.7' \
	    || echo "no sphinxmix here (it needs a C compiler and libssl-dev): its row is left out"
	@$(PIP) install 'rns==1.5.7' 'lxmf==1.2.1' \
	    || echo "no lxmf here: the rows of \`python -m benchmarks peers\` are left out"
	@touch $@

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .grimp_cache \
	    .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
