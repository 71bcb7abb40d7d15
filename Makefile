# Everything that a newcomer, a developer or CI runs. Each target is one line; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
# A company's proxy has its CA only in the system's store. If there is no such store, uv uses its own.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/*),true,false)

.PHONY: help demo up test check format bench lock clean

help: ## list these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/run ## the main job on embedded defaults, live (FOR=20: for 20 s)
	@$(BIN)/frontdesk demo $(if $(FOR),--for $(FOR))

up: .venv/run ## serve everything, with an embedded PostgreSQL by default
	@exec $(BIN)/frontdesk up

test: .venv/dev ## every test, on servers of its own (TESTS=path: only those)
	@$(BIN)/python -m tests.servers.services $(BIN)/python -m $(if $(TESTS),pytest $(TESTS),coverage run -m pytest && $(BIN)/coverage report)

check: .venv/dev ## ruff, mypy --strict, import-linter, squawk: what CI checks
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/squawk migrations/*.sql

format: .venv/dev ## format and sort the code with ruff
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: .venv/dev ## measure speed beside its references; write bench/latest.json
	@FRONTDESK_TEST_DURABLE=1 $(BIN)/python -m tests.servers.services $(BIN)/python -m bench

lock: .venv/uv ## rewrite requirements/*.txt from pyproject.toml, with hashes
	@$(BIN)/uv pip compile -q --no-emit-index-url --no-emit-find-links --generate-hashes --universal --extra embedded --group build pyproject.toml -o requirements/run.txt && $(BIN)/uv pip compile -q --no-emit-index-url --no-emit-find-links --generate-hashes --universal --extra embedded --group build --group dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt

clean: ## remove what these targets installed
	@rm -rf .venv

.venv/made:
	@python3 -m venv --clear .venv && touch $@

.venv/uv: .venv/made requirements/uv.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt && touch $@

.venv/run: .venv/uv requirements/run.txt pyproject.toml
	@$(BIN)/uv pip install -q --require-hashes -r requirements/run.txt && $(BIN)/uv pip install -q --no-deps --no-build-isolation -e . && touch $@

.venv/dev: .venv/run requirements/dev.txt
	@$(BIN)/uv pip install -q --require-hashes -r requirements/dev.txt && touch $@
