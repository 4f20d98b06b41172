# `make run` shows the dashboard with sample entries, `make test` runs every check; both need nothing prepared.

BIN := .venv/bin
CORES := $(shell getconf _NPROCESSORS_ONLN)

.DEFAULT_GOAL := help
.PHONY: help run test lint soak bench bench-full assets wheel clean

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 14

run: ## serve the demo on http://localhost:8000
	@.ci/install run
	@exec $(BIN)/auditweb demo

test: ## run every check there is
	@.ci/system
	@.ci/install dev
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest -n $$(( $(CORES) < 7 ? $(CORES) + 1 : 8 )) --dist worksteal

lint: ## check style, types and layers
	@.ci/install dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: ## run the long rounds at full length
	@.ci/system
	@.ci/install dev
	$(BIN)/pytest --soak -s tests/soak

bench: ## measure against the floor of a hand-written route
	@.ci/system
	@.ci/install bench
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.review

bench-full: ## the same at ten million entries: some hours
	@.ci/system
	@.ci/install bench
	$(BIN)/python -m tests.bench --entries 1000000 --entries 10000000 --output build/bench-full.jsonl

assets: ## build static/vendor/ from the npm packages
	@.ci/install dev
	$(BIN)/python hatch_build.py

wheel: ## build the package into dist/
	@.ci/install dev
	$(BIN)/pip --quiet wheel --no-deps --no-build-isolation --wheel-dir dist .

clean: ## remove what was built; the data in instance/ stays
	rm -rf .venv build dist static/vendor .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
