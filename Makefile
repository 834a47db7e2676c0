# `make` or `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help env env-dev study check keep fresh dashboard bench test mutants lint format lock lab clean clean-runs

PROFILE ?= quick
SEED ?= 2026
PARAMETERS ?=
NUMBERS = reports/kept/$(PROFILE)-seed$(SEED).json
FRESH = build/check/$(PROFILE)-seed$(SEED)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
STAMP_DEV := $(VENV)/.installed-dev
MODERN := import sys; sys.exit(sys.version_info < (3, 11))
INSTALL := $(BIN)/python tools/install.py
# no index address in a lock; triton compiles networks while they run, which nothing here does: 1 GB less
COMPILE := $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-emit-package triton

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  PROFILE=smoke|quick|paper chooses the study's size (now: $(PROFILE))"

study: env ## run the study (PROFILE=quick) and tell where its report is
	@$(BIN)/sijstudy run --profile $(PROFILE)

check: ## run the study anew in build/check and compare it with the kept numbers (PROFILE=quick SEED=2026)
	@$(if $(wildcard $(NUMBERS)),,$(error no numbers are kept for PROFILE=$(PROFILE) SEED=$(SEED), there is no \
		$(NUMBERS); kept: $(or $(notdir $(wildcard reports/kept/*.json)),none). docs/NUMBERS.md says how to keep some))
	@$(MAKE) --no-print-directory env
	@$(BIN)/sijstudy check --planned $(PROFILE) -p seed $(SEED) $(PARAMETERS) --against $(NUMBERS)
	@$(MAKE) --no-print-directory fresh
	@$(BIN)/sijstudy check $(FRESH)/reports/$(PROFILE) --against $(NUMBERS)

keep: fresh ## run the study anew in build/check and keep its numbers for `make check` (PROFILE=quick SEED=2026)
	@mkdir -p $(dir $(NUMBERS))
	@cp $(FRESH)/reports/$(PROFILE)/numbers.json $(NUMBERS)
	@echo "Kept: $(NUMBERS)"

# In a folder of its own, emptied first: no network, cohort or report of an earlier run takes part.
fresh: env
	@rm -rf $(FRESH)
	@mkdir -p $(FRESH)
	@cp -r notebooks $(FRESH)/notebooks
	@$(BIN)/sijstudy run --root $(FRESH) --profile $(PROFILE) -p seed $(SEED) $(PARAMETERS)

dashboard: env ## move the finished study's sliders in a browser, on this machine only (PROFILE=quick)
	@$(BIN)/sijstudy dashboard --profile $(PROFILE)

bench: env-dev ## measure the study beside MONAI and the usual script, on an idle machine (ONLY=a,b chooses sections)
	@PYTHONPATH=. $(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

test: env-dev lint ## check style and types, then run all tests, notebooks and browser included
	@$(BIN)/python -m pytest -n auto --maxprocesses 2 --dist loadfile --no-loadscope-reorder

mutants: env-dev ## break the method on purpose, a place at a time, and see whether the tests notice (ONLY=roi.py chooses)
	@$(BIN)/python tools/mutants.py $(ONLY)

lint: env-dev ## check style (ruff) and types (mypy)
	@$(BIN)/ruff format --check --quiet . || { echo "make format mends this"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary

format: env-dev ## format the code, mend what ruff can mend
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

lab: env ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks

lock: env ## resolve the dependencies anew: requirements.lock for a run, requirements-dev.lock for everything
	@$(COMPILE) --extra dev pyproject.toml -o requirements-dev.lock
	@$(COMPILE) -c requirements-dev.lock pyproject.toml -o requirements.lock
	@echo uv | $(COMPILE) - -o requirements-uv.lock
	@echo "the locks are written; the next target installs them"

env: $(STAMP) ## make the environment .venv from requirements.lock (done by every other target)

env-dev: $(STAMP_DEV) ## add what tests, style checks and measurements need, from requirements-dev.lock

# A stamp is touched last, so an interrupted install is taken up again.
$(STAMP): requirements.lock requirements-uv.lock pyproject.toml
	@python=$$(for name in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
		"$$name" -c '$(MODERN)' >/dev/null 2>&1 && echo "$$name" && break; done); \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or newer is needed and none was found; install it, or name it: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi; \
	"$(BIN)/python" -c '$(MODERN)' >/dev/null 2>&1 || "$$python" -m venv --clear $(VENV) || { \
		echo "$$python cannot make an environment; on Debian or Ubuntu install the package python3-venv" >&2; exit 1; }
	@echo "Installing the locked packages into $(VENV) (5.1 GB, one to five minutes; only when the lock has changed)"
	@$(INSTALL) requirements.lock
	@touch $@

$(STAMP_DEV): $(STAMP) requirements-dev.lock
	@echo "Adding what tests, style checks and measurements need (0.5 GB)"
	@$(INSTALL) requirements-dev.lock
	@touch $@

clean: ## remove the environment and caches; data, runs and reports stay
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	@find sijstudy tests notebooks -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

clean-runs: ## remove synthetic cohorts, trained networks and every report but those that git keeps
	@rm -rf data runs
	@find data_manifest -mindepth 1 -maxdepth 1 -type d -name 'synthetic-*' -exec rm -rf {} + 2>/dev/null || true
	@find reports -mindepth 1 -maxdepth 1 ! -name paper ! -name kept -exec rm -rf {} + 2>/dev/null || true
