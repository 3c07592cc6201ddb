# Every target with a line of its own help; `make` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
SUPPORTED := import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13 python3.10; do $$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
UV := $(BIN)/uv
READY := .venv/.ready

.PHONY: help demo test bench render bootstrap check lock setup clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

demo: setup ## train, release, serve, promote and roll back a model on this machine
	@$(BIN)/python -m workflows demo

test: setup ## run the tests
	@$(BIN)/pytest --numprocesses=2 --no-loadscope-reorder

bench: setup ## measure the engine, version switches, and the server beside its peers (QUICK=1, ONLY=serving, PEERS=a,b)
	@$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(if $(ONLY),--only=$(ONLY)) $(if $(PEERS),--peers=$(PEERS))

render: setup ## write workflows/rendered from the Hera workflows
	@$(BIN)/shipway render

bootstrap: setup ## put Argo CD on the current cluster, following this repository; asks first
	@$(BIN)/shipway bootstrap

check: setup ## lint, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lock: setup ## resolve requirements.lock again from pyproject.toml
	@$(UV) pip compile --quiet --universal --python-version 3.10 --extra dev --upgrade --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate pyproject.toml -o requirements.lock

setup: $(READY) ## make the environment in .venv from requirements.lock

$(READY): requirements.lock pyproject.toml Makefile
	@$(if $(PYTHON),,echo "shipway needs Python 3.10 to 3.13 with venv, and no python3 here is one: install it (Debian: apt install python3 python3-venv), or name one with make PYTHON=..."; exit 1)
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "shipway needs Python 3.10 to 3.13 with venv, and $(PYTHON) is not one: name another with make PYTHON=..."; exit 1; }
	@echo "setting up .venv with $$($(PYTHON) -V) from requirements.lock (a few minutes the first time)"
	@test -x $(UV) && test "$$($(UV) --version | cut -d' ' -f2)" = $(UV_VERSION) || \
	  { rm -rf .venv; $(PYTHON) -m venv .venv && $(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@VIRTUAL_ENV=.venv $(UV) pip install --no-config --no-deps --compile-bytecode --require-hashes -r requirements.lock
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-config --no-deps -e .
	@touch $@

clean: ## remove the environment, the workspace and caches
	@rm -rf .venv .shipway .pytest_cache .mypy_cache .ruff_cache .hypothesis
