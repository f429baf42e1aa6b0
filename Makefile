# Every target prepares `.venv` by itself; nothing has to be activated or exported.
BOOTSTRAP_PYTHON := $(shell command -v python3 || command -v "$(PYTHON)" || command -v python3.10 || command -v python3.11 || command -v python3.12 || command -v python3.13)
BIN := .venv/bin
WORKERS ?= 2
export PYTHON

.PHONY: help setup run test test-fast coverage lint format docs bench benchmark-labels lock clean

help:  ## what the targets do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

setup:
	@test -n "$(BOOTSTRAP_PYTHON)" || { printf '%s\n' \
	  "tfx-contrastive set-up: no python3 was found. Python 3.10 does everywhere, 3.11 to 3.13 where glibc is 2.39 or newer." \
	  "Get one, then run the same command again:" \
	  "  uv python install 3.10     (https://docs.astral.sh/uv, no root needed)" \
	  "  apt-get install python3 python3-venv python3-dev g++  (on Debian 13, Ubuntu 22.04, 24.04 only)" \
	  "or name it: make run PYTHON=/path/to/python3.10" >&2; exit 1; }
	@"$(BOOTSTRAP_PYTHON)" ci/bootstrap.py

run: setup  ## run the pipeline on Fashion-MNIST with the default configuration
	@$(BIN)/tfx-contrastive run --config fashion_mnist

test: setup  ## run every test; PYTEST_ARGS=--cov measures the coverage too
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

test-fast: setup  ## run the tests that take seconds
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not slow and not e2e"

coverage: setup  ## run the tests that take seconds, and show which lines and branches they miss; fails below the floor
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not slow and not e2e" --cov

lint: setup  ## check style, types and layering
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo

format: setup  ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup  ## build the documentation site into build/site; fails at a dead link
	@.venv/.tools/bin/uv run --quiet --isolated --no-project --python $(BIN)/python \
	  --with-requirements requirements/docs.txt mkdocs --quiet build

bench: setup  ## measure speed and memory
	@$(BIN)/python -m benchmarks

benchmark-labels: setup  ## measure accuracy by labels per class; takes hours, continues where it was stopped
	@$(BIN)/python -m benchmarks.label_efficiency

lock: setup  ## resolve the lock files again
	@ci/lock.sh

clean:  ## remove the environment and everything that runs have made
	rm -rf .venv runs build dist *.egg-info .coverage .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
