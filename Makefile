# Every target with a line of its own help; `make` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
SUPPORTED := import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13 python3.10; do $$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
UV := $(BIN)/uv
READY := .venv/.ready
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header --no-annotate
COMPILE_IMAGE := $(COMPILE) --constraints=requirements.lock
STEPS := --extra train --extra serve --extra client --extra report

.PHONY: help demo test e2e bench render bootstrap check lock image-locks images setup clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

demo: setup ## train, release, serve, promote and roll back a model on this machine
	@$(BIN)/python -m workflows demo

test: setup ## run the tests
	@$(BIN)/pytest --numprocesses=2 --no-loadscope-reorder

e2e: setup ## run the end-to-end tests on the cluster of KUBECONFIG, or on a fresh one that CLUSTER makes
	@tests/e2e/run

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

lock: setup ## resolve requirements.lock again from pyproject.toml, and then those of the images
	@$(COMPILE) --extra dev --upgrade pyproject.toml -o requirements.lock
	@$(MAKE) --no-print-directory image-locks

# libclang is for those who make TensorFlow's ops. With CUDA there is another TensorFlow: --no-config leaves out what
# keeps it from being one of two.
image-locks: setup ## resolve the lock files of the images anew, in the versions of requirements.lock
	@$(COMPILE_IMAGE) $(STEPS) --no-emit-package=libclang pyproject.toml -o training/requirements-cpu.lock
	@$(COMPILE_IMAGE) $(STEPS) --extra gpu --no-config --no-emit-package=libclang --excludes=<(echo tensorflow-cpu) \
	  pyproject.toml -o training/requirements-gpu.lock
	@$(COMPILE_IMAGE) --no-deps serving/requirements.in -o serving/requirements.lock
	@$(COMPILE_IMAGE) - -o workflows/requirements-sbom.lock <<<cyclonedx-bom

images: setup ## build the images of the steps and of the server (REGISTRY=, TAG=, PUSH=1, PLAIN_HTTP=1, ACCELERATOR=gpu)
	@$(BIN)/shipway images $(if $(REGISTRY),--registry=$(REGISTRY)) $(if $(TAG),--tag=$(TAG)) $(if $(PUSH),--push) \
	  $(if $(PLAIN_HTTP),--plain-http) $(if $(ACCELERATOR),--accelerator=$(ACCELERATOR))

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
