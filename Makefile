# Firstpass. `make run` drafts annotations for the sample photographs, `make test` proves that it works.
# Both do all of their own set-up: a bare machine needs Python 3.11 and make.

PYTHON ?= python3.11
BIN := .venv/bin
UV := $(BIN)/uv
export UV_LINK_MODE ?= hardlink

.PHONY: run test lint lock up down status clean

run: .venv/ready  ## pre-annotate: make run [IMAGES=folder] [MODEL=name[@version]] [THRESHOLD=0.4]
	@$(BIN)/firstpass run $(if $(IMAGES),--images "$(IMAGES)") $(if $(MODEL),--model "$(MODEL)") $(if $(THRESHOLD),--threshold "$(THRESHOLD)")

test: .venv/ready-dev  ## every test, the real stack included
	@$(BIN)/python -m pytest

lint: .venv/ready-dev  ## ruff (Airflow's rules, banned imports) and mypy --strict
	@$(BIN)/ruff check --preview .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

up down status: .venv/ready  ## the local stack
	@$(BIN)/firstpass $@

# uv comes from the same lock as everything else; --compile-bytecode halves every later start.
.venv/bin/uv: requirements-dev.txt
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements-dev.txt)"

.venv/ready: .venv/bin/uv requirements.txt pyproject.toml
	@$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements.txt
	@$(UV) pip install --quiet --no-deps -e .
	@touch $@

.venv/ready-dev: .venv/ready requirements-dev.txt
	@$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements-dev.txt
	@touch $@

lock:  ## renew requirements*.txt from pyproject.toml
	@test -x $(UV) || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv; }
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --python-version 3.11 pyproject.toml -o requirements.txt
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --python-version 3.11 --group dev -c requirements.txt -o requirements-dev.txt

clean: down
	rm -rf .venv var logs
