# The commands of this project. `make help` lists them.
PYTHON ?= python3
# For another Python: make VENV=.venv-3.13 PYTHON=python3.13 test. VENV of the environment is ignored.
VENV := .venv
export VENV
BIN := $(VENV)/bin
LINT = $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && \
	{ $(BIN)/lint-imports > $(VENV)/imports.log || { cat $(VENV)/imports.log; false; }; }
PYTEST = $(BIN)/pytest --by-file -o console_output_style=classic -n auto --dist loadfile --no-loadscope-reorder
# make test STORE=dynamodb-local: the tests of counting alone, on another store. STORE of the environment is ignored.
STORE := ministack
export STORE
STORES := ministack dynamodb-local
$(if $(filter $(STORE),$(STORES)),,$(error STORE is '$(STORE)'; it must be one of: $(STORES)))
OTHER_STORE := $(filter-out ministack,$(STORE))
COUNTING := $(addprefix tests/exactly_once/,test_exact.py test_aws_clients.py::TestTable)
NEED_OF_STORE = "make test STORE=$(STORE) needs Java 17 or later and npm: there is no"
# What make domain changes: those that are given to make itself, also with an empty value, which clears.
OF_A_DOMAIN := WORKSPACES UNKNOWN_URL BARE_URL ENDED_URL ROBOTS ASSETLINKS APPLE
.DEFAULT_GOAL := help
.PHONY: help run up down key keys revoke block unblock blocked domain erase demo import export replay recount verify check test test-long e2e lint mutants soak bench audit validate clients lock openapi reference package deploy rollback secret destroy

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## Run it all on this machine: PORT=8000 AWS_PORT=4566 STATE_DIR=.local
	@exec $(BIN)/python -m dev.local.run

up: $(VENV)/.installed ## Deploy the whole stack to an AWS on this machine and print its address; `make down` stops it
	@$(BIN)/python -m dev.deploy up

down: $(VENV)/.installed ## Stop what `make up` started; links are kept
	@$(BIN)/python -m dev.deploy down

key: $(VENV)/.installed ## Create an API key and print it: WORKSPACE=marketing ROLE=viewer|editor|admin NAME= PERSON= EXPIRES=90d SCOPES= STAGE=local
	@$(BIN)/python -m dev.admin.keys make "$(STAGE)" "$(NAME)" "$(SCOPES)" "$(or $(WORKSPACE),$(OWNER))" "$(EXPIRES)" "$(ROLE)" "$(PERSON)"

keys: $(VENV)/.installed ## List the API keys of a stage: STAGE=local
	@$(BIN)/python -m dev.admin.keys list "$(STAGE)"

revoke: $(VENV)/.installed ## Revoke an API key: ID=..., STAGE=local
	@$(BIN)/python -m dev.admin.keys revoke "$(STAGE)" "$(ID)"

block: $(VENV)/.installed ## Block HOST and all names below it, and the links to it: REASON='...' STAGE=local
	@$(BIN)/python -m dev.admin.blocks block "$(STAGE)" "$(HOST)" "$(REASON)"

unblock: $(VENV)/.installed ## Unblock HOST, and the links to it: STAGE=local
	@$(BIN)/python -m dev.admin.blocks unblock "$(STAGE)" "$(HOST)"

blocked: $(VENV)/.installed ## List the blocked hosts: STAGE=local
	@$(BIN)/python -m dev.admin.blocks list "$(STAGE)"

domain: $(VENV)/.installed ## Show a domain, or change it: HOST=team.example WORKSPACES=ann,bob UNKNOWN_URL= BARE_URL= ENDED_URL= ROBOTS=file ASSETLINKS=file APPLE=file STAGE=local
	@$(BIN)/python -m dev.admin.domains "$(STAGE)" "$(HOST)" $(foreach name,$(OF_A_DOMAIN),$(if $(filter command,$(origin $(name))),"$(name)=$($(name))"))

erase: $(VENV)/.installed ## Delete the history and the single visits of a deleted link: CODE=... DOMAIN= STAGE=local
	@$(BIN)/python -m dev.admin.erase "$(STAGE)" "$(CODE)" "$(DOMAIN)"

demo: $(VENV)/.installed ## Shorten and follow the URLs of FILE (a small sample by default) on the running service
	@$(BIN)/python -m dev.local.demo $(FILE)

import: $(VENV)/.installed ## Import FILE, a CSV of another shortener or a list: OWNER=laptop TAKEN=refuse|skip|rename|mend TRY=yes DOMAIN= STAGE=local, or ADDRESS= KEY=
	@$(BIN)/python -m dev.admin.transfers import "$(STAGE)" "$(FILE)" "$(OWNER)" "$(TAKEN)" "$(TRY)" "$(DOMAIN)"

export: $(VENV)/.installed ## Export all links to FILE, .csv or .ndjson: OWNER= (everyone's) DAYS= DOMAIN= STAGE=local, or ADDRESS= KEY=
	@$(BIN)/python -m dev.admin.transfers export "$(STAGE)" "$(FILE)" "$(OWNER)" "$(DAYS)" "$(DOMAIN)"

replay: $(VENV)/.installed ## Put the rows of the clicks that were spilled into FILE, a log: STAGE=local
	@$(BIN)/python -m dev.admin.replay "$(FILE)" "$(STAGE)"

recount: $(VENV)/.installed ## Count DAY again from the rows of all links, after its cost is said: DAY=2026-11-20 YES=yes STAGE=local
	@$(BIN)/python -m dev.admin.recount "$(STAGE)" "$(DAY)" "$(YES)"

verify: $(VENV)/.installed ## Ask AWS what only AWS can tell, and print a report: REPORT=file MINUTES= ONLY=mapping,counted VERIFY_COLD=yes STAGE=local
	@$(BIN)/python -m dev.admin.verify "$(STAGE)" "$(REPORT)" "$(MINUTES)" "$(VERIFY_COLD)" "$(ONLY)"

check: $(VENV)/.installed ## The quick check: lint, types, import contracts, tests of core and one of each route: 15 seconds
	@$(BIN)/python -m dev.announce check
	@$(LINT)
	@$(PYTEST) tests/core tests/api/test_access.py::TestEachRoute

test: $(VENV)/.installed $(OTHER_STORE:%=.stores/.installed) ## The full check before a commit: twelve minutes on two cores. STORE=dynamodb-local: counting alone, on that
ifdef OTHER_STORE
	@command -v java > /dev/null || { echo $(NEED_OF_STORE) java.; exit 1; }
	@echo "The tests of counting, on $(STORE) instead of MiniStack: a minute on two cores."
	@$(PYTEST) $(COUNTING)
else
	@$(BIN)/python -m dev.announce test
	@$(LINT)
	@$(PYTEST) --durations=10
endif

test-long: $(VENV)/.installed ## The full check with more seeds, visits, examples and deployments: SHARE=9 (a ninth of them) a quarter of an hour
	@$(BIN)/python -m dev.announce test-long
	@LONG=1 $(PYTEST) --durations=10

lint: $(VENV)/.installed ## Lint, format, types and import contracts only
	@$(LINT)

e2e: $(VENV)/.installed ## The tests over real HTTP and the deployed stack; E2E_URL=https://... tests a deployed address
	@$(PYTEST) tests/e2e

mutants: $(VENV)/.installed ## Remove each guard in turn, and check that a test fails: ONLY=scope
	@$(BIN)/python -m dev.mutants "$(ONLY)"

soak: $(VENV)/.installed ## Compare random calls with a model of the API, with new seeds: MINUTES=10
	@$(BIN)/python -m dev.soak $(MINUTES)

audit: $(VENV)/.installed ## Check the dependencies for known vulnerabilities: FILE=requirements.txt for another list
	@$(BIN)/python -m dev.deploy.audit $(FILE)

validate: $(VENV)/.installed .venv-validate/.installed ## Check the packaged template with checkov, cfn-lint's serverless rules and parliament
	@$(BIN)/python -m dev.deploy.validate

clients: $(VENV)/.installed .venv-clients/.installed .clients/.installed ## Generate four clients from the description, check their types and use them; lint it. Needs npm
	@$(BIN)/pytest tests/clients

lock: $(VENV)/.installed ## Update requirements.lock, the hashes of the dependencies, after a change of requirements.txt
	@$(BIN)/python -m dev.deploy.lock

openapi: $(VENV)/.installed ## Build chalicelib/web/openapi.json from the files of openapi/ and constants of the code
	@$(BIN)/python -m dev.openapi

reference: $(VENV)/.installed ## Bring another version of Swagger UI, which shows the API at /docs, into the sources: VERSION=5.35.0
	@$(BIN)/python -m dev.reference "$(VERSION)"

package: $(VENV)/.installed ## Build and check the package for AWS, in dist/: STAGE=prod
	@$(BIN)/python -m dev.deploy.package $(STAGE)
	@$(BIN)/python -m bench.cold_start $(STAGE)

deploy: $(VENV)/.installed ## Deploy to AWS: STAGE=dev or STAGE=prod
	@$(BIN)/python -m dev.deploy deploy "$(STAGE)" "$(MAY_REPLACE)"

rollback: $(VENV)/.installed ## Deploy the code before again, and nothing else: STAGE=dev or STAGE=prod
	@$(BIN)/python -m dev.deploy rollback "$(STAGE)"

secret: $(VENV)/.installed ## Let the distribution of a stage prove itself with another secret: STAGE=dev or STAGE=prod
	@$(BIN)/python -m dev.deploy secret "$(STAGE)"

destroy: $(VENV)/.installed ## Delete a stage from AWS, unless its tables are protected: STAGE=dev
	@$(BIN)/python -m dev.deploy destroy "$(STAGE)"

bench: $(VENV)/.installed ## Run the benchmarks: redirects, code collisions, counting, long lists, imports, the local AWS; a model of counting at scale
	@$(BIN)/python bench/redirect.py
	@$(BIN)/python bench/codes.py
	@$(BIN)/python bench/counting.py
	@$(BIN)/python bench/lists.py
	@$(BIN)/python bench/imports.py
	@$(BIN)/python bench/keeping.py
	@$(BIN)/python bench/scale.py
	@$(BIN)/python bench/costs.py && $(BIN)/python bench/lambda_bench.py

$(VENV)/.installed: requirements.txt requirements-dev.txt constraints.txt
	@$(PYTHON) dev/install.py

.venv-validate/.installed: requirements-validate.txt constraints-validate.txt
	@VENV=.venv-validate REQUIREMENTS=requirements-validate.txt $(PYTHON) dev/install.py

.venv-clients/.installed: requirements-clients.txt constraints-clients.txt
	@VENV=.venv-clients REQUIREMENTS=requirements-clients.txt $(PYTHON) dev/install.py

.clients/.installed: tests/clients/package.json tests/clients/package-lock.json tests/clients/.npmrc
	@command -v npm > /dev/null || { echo "make clients needs npm, which comes with Node.js 20 or later."; exit 1; }
	@echo "Installing the generators into .clients (once; about a minute) ..."
	@mkdir -p .clients && cp $^ .clients && cd .clients && npm ci --silent && touch .installed

.stores/.installed: tests/stores/package.json tests/stores/package-lock.json tests/stores/.npmrc
	@command -v npm > /dev/null || { echo $(NEED_OF_STORE) npm.; exit 1; }
	@echo "Installing DynamoDB Local into .stores (once; 65 MB) ..."
	@mkdir -p .stores && cp $^ .stores && cd .stores && npm ci --silent && touch .installed
