# Firstpass. `make run` drafts annotations for the sample photographs, `make test` proves that it works.
# Both do all of their own set-up: a bare machine needs make and a Python 3, of which uv then fetches version 3.11.

# The first of these that is a Python 3.11; PYTHON=/path/to/python3.11 names another.
PYTHON ?= $(shell for python in python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$python && break; done)
# Where there is none: one that can install uv.
OTHER_PYTHON := $(if $(PYTHON),,$(shell for python in python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && echo $$python && break; done))
BIN := .venv/bin
UV := $(BIN)/uv
export UV_LINK_MODE ?= hardlink
export VIRTUAL_ENV := $(CURDIR)/.venv

# A variable that nothing reads is a typing error, told before a night runs without it. Settings are looked at by
# Firstpass itself, which knows their names. A make that was started by another one inherits that one's variables.
TAKEN := IMAGES MODEL THRESHOLD OPEN PYTHON UV_LINK_MODE
OTHERS := PYTHON% UV_% PIP_% FIRSTPASS_% AIRFLOW% AWS_% SSL_% REQUESTS_% %_PROXY %_proxy
ifeq ($(MAKELEVEL),0)
GIVEN := $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))
UNKNOWN := $(firstword $(filter-out $(TAKEN) $(OTHERS),$(GIVEN)))
ifneq ($(UNKNOWN),)
LIKE := import difflib, sys; print(*difflib.get_close_matches(sys.argv[1].upper(), sys.argv[2:], 1, 0.5))
NEAR := $(shell $(or $(PYTHON),$(OTHER_PYTHON)) -c '$(LIKE)' '$(UNKNOWN)' $(TAKEN) 2>/dev/null)
$(error there is no variable $(UNKNOWN)$(if $(NEAR),: did you mean $(NEAR)?,; there are $(TAKEN) and settings, FIRSTPASS_…))
endif
export FIRSTPASS_COMMAND_LINE := $(filter FIRSTPASS_%,$(GIVEN))
endif

.PHONY: run test test-containers lint docs lock up down status clean

run: .venv/ready  ## pre-annotate: make run [IMAGES=folder] [MODEL=name[@version]] [THRESHOLD=0.4] [OPEN=1]
	@$(BIN)/firstpass run $${IMAGES:+--images "$$IMAGES"} $${MODEL:+--model "$$MODEL"} $${THRESHOLD:+--threshold "$$THRESHOLD"} $(if $(filter-out 0,$(OPEN)),--open)

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

# $(call timed,WHAT,COMMAND): says at once what is done, and how long it took; on a terminal the seconds pass meanwhile.
# The clock looks whether its shell is still there: Ctrl-C does not reach what runs in the background.
define timed
began=$$(date +%s); echo "$(1)"; \
if test -t 2; then \
	(while sleep 1 && kill -0 $$$$ 2>/dev/null; do printf '\r  %s s ' $$(($$(date +%s) - began)) >&2; done) & clock=$$!; \
fi; \
$(2); failed=$$?; \
test -z "$$clock" || { kill $$clock; printf '\r\033[K' >&2; }; \
test $$failed -ne 0 || echo "  $$(($$(date +%s) - began)) s"; exit $$failed
endef

UV_PINNED = "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements-dev.txt)"
UNFETCHED := That did not work. Install Python 3.11 or name one: PYTHON=/path/to/python3.11
PIP_INSTALL := python -m pip install --quiet --disable-pip-version-check

# uv comes from the same lock as everything else; --compile-bytecode halves every later start.
.venv/bin/uv: requirements-dev.txt
ifneq ($(PYTHON),)
	@$(call timed,Installing uv,$(PYTHON) -m venv .venv && $(BIN)/$(PIP_INSTALL) $(UV_PINNED))
else ifneq ($(OTHER_PYTHON),)
	@echo "There is no Python 3.11 here: uv fetches one, into a folder of its own. PYTHON=/path/to/python3.11 names one instead."
	@$(call timed,Installing uv with $(OTHER_PYTHON),$(OTHER_PYTHON) -m venv .venv/other && .venv/other/bin/$(PIP_INSTALL) $(UV_PINNED))
	@$(call timed,Fetching Python 3.11,.venv/other/bin/uv venv --quiet --allow-existing --python 3.11 .venv && .venv/other/bin/uv pip install --quiet $(UV_PINNED) || { echo "$(UNFETCHED)" >&2; false; })
	@rm -rf .venv/other
else
	@echo "Firstpass needs Python 3.11: install it, or any other Python from 3.9 on, with which it is fetched; or name it in PYTHON=/path/to/python3.11"; exit 1
endif
	@touch $@

.venv/ready: .venv/bin/uv requirements.txt pyproject.toml
	@$(call timed,Installing Firstpass into .venv: minutes at the first time,$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements.txt && $(UV) pip install --quiet --no-deps -e .)
	@touch $@

.venv/ready-dev: .venv/ready requirements-dev.txt
	@$(call timed,Installing the development tools,$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements-dev.txt)
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
