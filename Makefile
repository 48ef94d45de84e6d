# Firstpass. `make run` drafts annotations for the sample photographs, `make test` proves that it works.
# Both do all of their own set-up: a bare machine needs Python 3.11 and make.

# The first of these that is a Python 3.11; PYTHON=/path/to/python3.11 names another.
PYTHON ?= $(shell for python in python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
UV := $(BIN)/uv
export UV_LINK_MODE ?= hardlink
export VIRTUAL_ENV := $(CURDIR)/.venv

# A variable that nothing reads is a typing error, told before a night runs without it. Settings are looked at by
# Firstpass itself, which knows their names. A make that was started by another one inherits that one's variables.
TAKEN := IMAGES MODEL THRESHOLD PYTHON UV_LINK_MODE
OTHERS := PYTHON% UV_% PIP_% FIRSTPASS_% AIRFLOW% AWS_% SSL_% REQUESTS_% %_PROXY %_proxy
ifeq ($(MAKELEVEL),0)
GIVEN := $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))
UNKNOWN := $(firstword $(filter-out $(TAKEN) $(OTHERS),$(GIVEN)))
ifneq ($(UNKNOWN),)
LIKE := import difflib, sys; print(*difflib.get_close_matches(sys.argv[1].upper(), sys.argv[2:], 1, 0.5))
NEAR := $(shell $(PYTHON) -c '$(LIKE)' '$(UNKNOWN)' $(TAKEN) 2>/dev/null)
$(error there is no variable $(UNKNOWN)$(if $(NEAR),: did you mean $(NEAR)?,; there are $(TAKEN) and settings, FIRSTPASS_…))
endif
export FIRSTPASS_COMMAND_LINE := $(filter FIRSTPASS_%,$(GIVEN))
endif

.PHONY: run test test-containers lint docs lock up down status clean

run: .venv/ready  ## pre-annotate: make run [IMAGES=folder] [MODEL=name[@version]] [THRESHOLD=0.4]
	@$(BIN)/firstpass run $${IMAGES:+--images "$$IMAGES"} $${MODEL:+--model "$$MODEL"} $${THRESHOLD:+--threshold "$$THRESHOLD"}

test: .venv/ready-dev  ## every test, the real stack included
	@$(BIN)/python -m pytest -n 3 --no-loadscope-reorder

test-containers: .venv/ready-dev  ## build both images with podman and run them; before each release
	@$(BIN)/python -m pytest tests/docker/containers.py

lint: .venv/ready-dev  ## ruff (Airflow's rules, banned imports), import-linter and mypy --strict
	@$(BIN)/ruff check --preview .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

docs: .venv/ready-dev  ## write the references and build the site into docs/_build/html; a broken link fails
	@$(BIN)/python docs/generate_reference.py
	@$(BIN)/python -m sphinx -W --keep-going -n -q docs docs/_build/html

up down status: .venv/ready  ## the local stack
	@$(BIN)/firstpass $@

# uv comes from the same lock as everything else; --compile-bytecode halves every later start.
.venv/bin/uv: requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Firstpass needs Python 3.11: install it, or name it in PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements-dev.txt)"
	@touch $@

.venv/ready: .venv/bin/uv requirements.txt pyproject.toml
	@$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements.txt
	@$(UV) pip install --quiet --no-deps -e .
	@touch $@

.venv/ready-dev: .venv/ready requirements-dev.txt
	@$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements-dev.txt
	@touch $@

lock:  ## renew requirements*.txt from pyproject.toml
	@test -x $(UV) || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv; }
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --python-version 3.11 --all-extras pyproject.toml -o requirements.txt
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --python-version 3.11 --group dev -c requirements.txt -o requirements-dev.txt
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --python-version 3.11 -c requirements.txt docker/inference/requirements.in -o docker/inference/requirements.txt
	$(PYTHON) docs/reference_pages/versions_page.py  # refuses what is not supported, and writes docs/reference/versions.md

# As root, PostgreSQL's data lies outside of this folder: see include/firstpass/stack/postgres.py.
clean:  ## stop the stack and remove all that it made, its data included
	@test ! -x $(BIN)/firstpass || $(BIN)/firstpass down
	@instance=$$(cat var/instance 2>/dev/null); test -z "$$instance" || rm -rf "/var/lib/firstpass/$$instance" "/tmp/firstpass-$$instance"
	rm -rf .venv var logs
