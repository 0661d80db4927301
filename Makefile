# The commands of this project. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help run up down key keys revoke block unblock blocked demo import export replay check test e2e lint mutants bench package deploy destroy

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.installed ## Run it all on this machine: PORT=8000 AWS_PORT=4566 STATE_DIR=.local
	@exec $(BIN)/python -m dev.run

up: .venv/.installed ## Deploy the whole stack to an AWS on this machine and print its address; `make down` stops it
	@$(BIN)/python -m dev.deploy up

down: .venv/.installed ## Stop what `make up` started; links are kept
	@$(BIN)/python -m dev.deploy down

key: .venv/.installed ## Make an API key and show it once: NAME=laptop SCOPES=create,read,manage OWNER= EXPIRES=90d STAGE=local
	@$(BIN)/python -m dev.keys make "$(STAGE)" "$(NAME)" "$(SCOPES)" "$(OWNER)" "$(EXPIRES)"

keys: .venv/.installed ## List the API keys of a stage: STAGE=local
	@$(BIN)/python -m dev.keys list "$(STAGE)"

revoke: .venv/.installed ## Revoke an API key: ID=..., STAGE=local
	@$(BIN)/python -m dev.keys revoke "$(STAGE)" "$(ID)"

block: .venv/.installed ## Let no link lead to HOST or a name below it, and stop those that do: REASON='...' STAGE=local
	@$(BIN)/python -m dev.blocks block "$(STAGE)" "$(HOST)" "$(REASON)"

unblock: .venv/.installed ## Let links lead to HOST again: STAGE=local
	@$(BIN)/python -m dev.blocks unblock "$(STAGE)" "$(HOST)"

blocked: .venv/.installed ## List the blocked hosts: STAGE=local
	@$(BIN)/python -m dev.blocks list "$(STAGE)"

demo: .venv/.installed ## Shorten and follow the URLs of FILE (a small sample by default) on a running `make run`
	@$(BIN)/python -m dev.demo $(FILE)

import: .venv/.installed ## Make links of FILE, a CSV of another shortener's or a list: OWNER=laptop TAKEN=refuse|skip|rename STAGE=local, or ADDRESS= KEY=
	@$(BIN)/python -m dev.transfers import "$(STAGE)" "$(FILE)" "$(OWNER)" "$(TAKEN)"

export: .venv/.installed ## Write all links to FILE, .csv or .ndjson: OWNER= (everyone's) DAYS= STAGE=local, or ADDRESS= KEY=
	@$(BIN)/python -m dev.transfers export "$(STAGE)" "$(FILE)" "$(OWNER)" "$(DAYS)"

replay: .venv/.installed ## Put the clicks that FILE, a log, says were spilled back into the queue: STAGE=local
	@$(BIN)/python -m dev.replay "$(FILE)" "$(STAGE)"

check: lint ## Lint, types, import fence, unit tests: seconds
	@$(BIN)/pytest tests/core tests/aws tests/doors tests/test_house.py tests/test_settings.py -n auto

test: lint ## Everything: `check`, and the tests over real HTTP and a local AWS
	@$(BIN)/pytest -n auto

lint: .venv/.installed ## Lint, format, types and the import fence only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports > .venv/imports.log || (cat .venv/imports.log; exit 1)

e2e: .venv/.installed ## The tests over real HTTP and the deployed stack; E2E_URL=https://... tries a deployed address
	@$(BIN)/pytest tests/e2e -n auto

mutants: .venv/.installed ## Take away each guard in turn, and see that a test notices: ONLY=scope
	@$(BIN)/python -m dev.mutants "$(ONLY)"

package: .venv/.installed ## Build and check what goes to AWS, in dist/: STAGE=prod
	@$(BIN)/python -m dev.package $(STAGE)

deploy: .venv/.installed ## Deploy to AWS: STAGE=dev or STAGE=prod
	@$(BIN)/python -m dev.deploy deploy "$(STAGE)"

destroy: .venv/.installed ## Delete a stage from AWS, unless its tables are protected: STAGE=dev
	@$(BIN)/python -m dev.deploy destroy "$(STAGE)"

bench: .venv/.installed ## Measure: a redirect beside the talk's handler, collisions of codes, counting, long lists, files
	@$(BIN)/python bench/redirect.py
	@$(BIN)/python bench/codes.py
	@$(BIN)/python bench/counting.py
	@$(BIN)/python bench/lists.py
	@$(BIN)/python bench/imports.py
	@$(BIN)/python bench/costs.py && $(BIN)/python bench/lambda_bench.py

.venv/.installed: requirements.txt requirements-dev.txt constraints.txt
	@$(PYTHON) dev/install.py
