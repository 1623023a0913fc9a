# `make` lists the targets. Everything they need is installed into this folder: .venv, .cache and
# node_modules. `make clean` removes it.

ifneq ($(words $(CURDIR)),1)
$(error the path of this folder has a space, which make does not support: move the clone)
endif

# A pipe fails if any part of it fails.
SHELL := bash
.SHELLFLAGS := -o pipefail -c

PYTHON ?= python3
LISTEN ?= 127.0.0.1:9092
BENCHMARKS ?=

ROOT := $(CURDIR)
# Keeps what runs here away from the spool of this machine's services.
export EKA_SPOOL_DIR := $(ROOT)/.cache/spool
BIN := $(ROOT)/.venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install --disable-pip-version-check --cache-dir .cache/pip
# Reduces pip's output to a line per package.
BRIEFLY := sed -un 's/^Collecting \([^ ]*\).*/  \1/p; s/^Installing.*/  … all downloaded, installing/p'
LOCK := $(BIN)/uv pip compile --quiet --cache-dir .cache/uv --universal \
  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' $(LOCK_FLAGS)

GO_SUMS := $(wildcard infra/*/go.sum sdks/go/go.sum sdks/go/*/go.sum sdks/go/*/*/go.sum tests/*/*/go.sum)
TYPESCRIPT := sdks/typescript

# Each stamp is in the folder that its step fills, so removing the folder makes the step run again.
VENV_READY := .venv/.ready
PYTHON_READY := .venv/.ready-packages
SDK_READY := .venv/.ready-sdk
GO_READY := .cache/go/.ready
NODE_READY := $(TYPESCRIPT)/node_modules/.ready
# What users have beside the TypeScript SDK: the oldest supported Vitest, Jest and bundlers.
PROJECTS := $(TYPESCRIPT)/tests/projects
PROJECTS_READY := $(PROJECTS)/node_modules/.ready
# What the HTTP API's pages draw with, and what their test in a browser needs.
PAGE := infra/api/page
PAGE_READY := $(PAGE)/node_modules/.ready
BROKER := .cache/bin/devbroker
KAFKA := .cache/kafka/.ready
# Apache Kafka is only fetched where it can run; tests that need it report if it cannot.
KAFKA_HERE := $(if $(and $(shell command -v java),$(shell command -v mvn)),$(KAFKA))
READY := $(SDK_READY) $(BROKER) $(NODE_READY) $(PROJECTS_READY) $(PAGE_READY) $(KAFKA_HERE)

.DEFAULT_GOAL := help
.PHONY: help setup generate check demo serve test test-all lint-all build-all e2e broker crash attacks bench mutations lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Install all packages and tools into this folder
	@echo "setup: ready"

generate: $(PYTHON_READY) ## Generate the SDKs' tables, the documents and the infrastructure from schema/
	@$(PY) -m codegen generate
	@$(PY) -m tests.conformance.parity generate

check: $(PYTHON_READY) ## Validate schema/, the generated files and the parity of the SDKs
	@$(PY) -m codegen check
	@$(PY) -m tests.conformance.parity check

demo: check $(READY) ## Run the whole pipeline for a day of usage, from the catalog to the invoice
	@$(PY) -m tests.e2e.demo

serve: LISTEN := 127.0.0.1:8080
serve: $(READY) ## Serve the HTTP API and its pages with a day of usage on LISTEN (127.0.0.1:8080) until Ctrl-C
	@exec $(PY) -m tests.e2e.serve --listen $(LISTEN)

test: $(READY) ## Run everything: check, lint-all and test-all, then print a summary
	@$(PY) tests/run.py

test-all: $(READY) ## Run the test suites of every language
	@$(PY) tests/run.py test

lint-all: $(READY) ## Run the linters, formatters and type checkers of every language
	@$(PY) tests/run.py lint

build-all: $(READY) ## Build the packages of every language
	@$(PY) -m build --no-isolation sdks/python
	@cd sdks/go && $(BIN)/go build ./...
	@cd $(TYPESCRIPT) && $(BIN)/npm run --silent build

e2e: $(READY) $(KAFKA) ## Run every SDK against Apache Kafka, one broker and three, through outages (needs Java and Maven)
	@$(PY) -m tests.e2e.sdks
	@$(PY) -m tests.e2e.failover

broker: $(BROKER) ## Run the embedded broker on LISTEN (127.0.0.1:9092) until Ctrl-C
	@echo "In another window: export EKA_KAFKA_BROKERS=$(LISTEN)   Ctrl-C here stops the broker."
	@exec $(BROKER) --listen $(LISTEN)

crash: $(READY) ## Kill processes, brokers and disks, and check the guarantees of durability.md
	@$(PY) -m tests.crash.matrix
	@$(PY) -m tests.api.kill 20

attacks: $(READY) ## Measure a client of the HTTP API while others attack it
	@$(PY) -m tests.api.attacks

bench: $(READY) ## Measure the generator, the SDKs, the sink and the store (BENCHMARKS= selects some)
	@$(PY) -m tests.bench $(BENCHMARKS)

mutations: $(READY) ## Break one table or rule of one SDK at a time, and check that its tests detect it
	@$(PY) -m tests.conformance.mutations

lock: $(PYTHON_READY) ## Update the hashed lock files from pyproject.toml (LOCK_FLAGS=--upgrade: newest)
	@$(LOCK) --python-version 3.11 --group dev --output-file tests/requirements.txt
	@$(LOCK) --python-version 3.11 --group codegen --constraints tests/requirements.txt --output-file codegen/requirements.txt
	@$(LOCK) --python-version 3.11 --group sink --group api --constraints tests/requirements.txt --output-file infra/requirements.txt
	@$(LOCK) --python-version 3.10 --group python-sdk --output-file sdks/python/tests/requirements.txt

clean: ## Remove everything that setup and the builds created
	@if [ -d .cache ]; then chmod -R u+w .cache; fi
	@rm -rf .venv .cache $(TYPESCRIPT)/node_modules $(PROJECTS)/node_modules $(PAGE)/node_modules $(TYPESCRIPT)/dist sdks/python/dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV_READY):
	@infra/make-venv.sh $(PYTHON)
	@touch $@

$(PYTHON_READY): $(VENV_READY) tests/requirements.txt infra/link-toolchain.sh
	@echo "setup: Python packages, including Go and Node: 840 MB in .venv"
	@$(PIP) --progress-bar off --require-hashes -r tests/requirements.txt | $(BRIEFLY)
	@infra/link-toolchain.sh
	@touch $@

$(SDK_READY): $(PYTHON_READY) sdks/python/pyproject.toml infra/pyproject.toml
	@echo "setup: the Python SDK and the sink, editable"
	@$(PIP) --quiet --no-deps --no-build-isolation --editable sdks/python --editable infra
	@touch $@

$(GO_READY): $(PYTHON_READY) $(GO_SUMS)
	@echo "setup: Go modules"
	@for module in $(dir $(GO_SUMS)); do (cd $$module && $(BIN)/go mod download) || exit 1; done
	@touch $@

$(BROKER): $(GO_READY) $(wildcard infra/devbroker/*.go)
	@echo "setup: the embedded broker"
	@cd infra/devbroker && $(BIN)/go build -o $(ROOT)/$@ .
	@touch $@

$(KAFKA): tests/e2e/kafka/pom.xml
	@echo "setup: Apache Kafka, 55 MB in .cache"
	@rm -rf $(@D)
	@mvn --quiet --batch-mode -Dstyle.color=never --file $< dependency:copy-dependencies -DoutputDirectory=$(ROOT)/$(@D)
	@touch $@

$(NODE_READY): $(PYTHON_READY) $(TYPESCRIPT)/package-lock.json
	@echo "setup: Node packages"
	@cd $(TYPESCRIPT) && $(BIN)/npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

$(PROJECTS_READY): $(PYTHON_READY) $(PROJECTS)/package-lock.json
	@echo "setup: Node packages of the projects that tests install the SDK into, 93 MB"
	@cd $(PROJECTS) && $(BIN)/npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

$(PAGE_READY): $(PYTHON_READY) $(PAGE)/package-lock.json infra/get-chromium.sh
	@echo "setup: Node packages of the HTTP API's pages, 20 MB"
	@cd $(PAGE) && $(BIN)/npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@infra/get-chromium.sh
	@touch $@
