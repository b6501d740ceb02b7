# `make demo` and `make test` are all there is to know; both do the set-up first, where it is needed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo test check format build lock clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup:  ## install what is missing: GL libraries, .venv, pinned packages (quick when all is there)
	@PYTHON="$(PYTHON)" bash scripts/setup.sh

demo: setup  ## act, reflect, improve, act again; writes runs/demo/
	@$(BIN)/mosel demo

test: setup  ## the test suite, without the tests marked slow, gpu or network
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: setup  ## ruff, format, mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup  ## let ruff put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

build: setup  ## wheel and sdist, into dist/
	@rm -rf build dist
	@$(BIN)/python -m build --no-isolation --wheel --sdist

lock: setup  ## resolve pyproject.toml again, into requirements.lock (UPGRADE=1 takes newer versions)
	@bash scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean:  ## remove build products and caches; .venv and runs/ stay
	@rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .coverage
	@find mosel_gym/ agents wrappers tests examples scripts -name __pycache__ -type d -prune -exec rm -rf {} +
