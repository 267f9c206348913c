# make demo    applies sql/ to a PostgreSQL of its own and shows the result; again and again, if you like
# make test    all tests
# make matrix  the tests about the server, against PostgreSQL 13 to 17 in turn; VERSIONS='13 15' picks some
# make lint    style, types, layers
# make check   lint, then test
# make package builds the package, and tries it out on every Python from 3.11 on that is installed
# make clean   stops the demo's server and removes what these commands have made
#
# Everything is installed into .venv, nothing outside it. PYTHON=python3.13 picks another Python.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable
# The demo is this folder's own: settings for other databases that stand in the environment are not for it.
SQLMIG := env -u SQLMIG_URL -u SQLMIG_ENV -u SQLMIG_DIR -u SQLMIG_CONFIG $(BIN)/python -m sqlmig

.PHONY: demo test matrix lint check package clean
.NOTPARALLEL:

demo: .venv/installed-embedded
	@echo '$$ sqlmig apply'
	@$(SQLMIG) apply
	@echo '$$ sqlmig status'
	@$(SQLMIG) status

test: .venv/installed-test
	$(BIN)/python -m pytest --numprocesses auto

VERSIONS ?= 13 14 15 16 17
# Left out is what hardly depends on the server's version and takes long: the embedded server, the fixtures, speed.
matrix: .venv/installed-test
	$(BIN)/python tests/matrix.py $(VERSIONS) -- --numprocesses auto \
		--ignore-glob='*/test_embedded_*' --ignore-glob='*_scale.py' --ignore=tests/postgres/test_support.py \
		tests/postgres tests/chaos tests/property/test_psql.py

lint: .venv/installed-test .venv/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

package: .venv/installed-package
	$(BIN)/python tests/package.py

clean:
	@if [ -d .sqlmig ] && [ -x $(BIN)/python ]; then $(SQLMIG) db stop; fi
	rm -rf .venv .sqlmig .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/installed-%: pyproject.toml | $(BIN)/pip
	$(INSTALL) '.[$*]'
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'sqlmig needs Python 3.11 or later: make $(MAKECMDGOALS) PYTHON=/path/to/python' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(ADD_VENV)
	$(PYTHON) -m venv --clear .venv

# Debian keeps the means to make a virtual environment in a package of its own.
ADD_VENV = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get install -y python3-venv || { apt-get update && apt-get install -y python3-venv; }; \
	else \
		echo '$(PYTHON) cannot make a virtual environment. On Debian or Ubuntu: sudo apt-get install python3-venv' >&2; \
		exit 1; \
	fi
