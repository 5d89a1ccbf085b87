# Every target works on a fresh clone with Python 3.11+, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
.DEFAULT_GOAL := help

.PHONY: help setup demo test check format test-slow test-fault test-fuzz docs parity starter bench lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## .venv with everything in it, from the hashed lock

$(STAMP): requirements/lock.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup ## train, evaluate and publish on synthetic data: the whole flow on a local Prefect server
	$(BIN)/kittidet demo

test: setup check ## checks, then every test but the slow and the fault ones, by three workers
	$(BIN)/python -m pytest -n 3 --dist worksteal

check: setup ## format, lint, types, spelling, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell kittidet tasks flows deployments tests benchmarks docs README.md CHANGELOG.md CONTRIBUTING.md
	$(BIN)/lint-imports

format: setup ## let ruff rewrite what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test-slow: setup ## minutes-long tests: real frames, full-size label tree
	$(BIN)/python -m pytest -m slow --timeout 3600

test-fault: setup ## kill -9, full disks, broken servers and files
	$(BIN)/python -m pytest -m fault --timeout 1800

test-fuzz: setup ## random damage to every file that is read: two minutes, or KITTIDET_FUZZ_SECONDS
	$(BIN)/python -m pytest -m fuzz tests/fuzz --timeout 0

docs: setup ## the site in build/docs: these pages and the reference from the docstrings
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

parity: setup ## every output of the reference that lies in ../shared/oracle, against ours
	@if test -d ../shared/oracle; then $(BIN)/kittidet parity; else echo "skipped: the reference's outputs are not in ../shared/oracle"; fi

starter: setup ## train the demo's starter weights again, by their recipe (about an hour on two quiet cores)
	$(BIN)/kittidet run --config kittidet/starter/recipe.yaml
	rm -rf kittidet/starter/checkpoint
	$(BIN)/python -c 'from pathlib import Path; from kittidet.detect.checkpoint import write_half_precision; write_half_precision(Path("runs/starter/weights/best"), Path("kittidet/starter/checkpoint"))'

bench: setup ## all benchmarks; rows go to benchmarks/RESULTS.md
	for bench in benchmarks/bench_*.py; do $(BIN)/python $$bench || exit 1; done

lock: setup ## resolve requirements/lock.txt again
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --no-strip-extras --generate-hashes --no-emit-index-url --quiet -o requirements/lock.txt

clean: ## remove the virtual environment and caches; store, runs and .prefect stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
