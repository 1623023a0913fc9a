# `make` lists the targets. What they need lands in this folder, in .venv, .cache and node_modules;
# `make clean` removes it.

ifneq ($(words $(CURDIR)),1)
$(error this folder's path has a space, which make cannot take: move the clone)
endif

# A pipe fails where any part of it does.
SHELL := bash
.SHELLFLAGS := -o pipefail -c

PYTHON ?= python3
LISTEN ?= 127.0.0.1:9092
BENCHMARKS ?=

ROOT := $(CURDIR)
# What runs here leaves the spool of this machine's services alone.
export EKA_SPOOL_DIR := $(ROOT)/.cache/spool
BIN := $(ROOT)/.venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install --disable-pip-version-check --cache-dir .cache/pip
# Of what pip says, a line for each package.
BRIEFLY := sed -un 's/^Collecting \([^ ]*\).*/  \1/p; s/^Installing.*/  … all of them are here; installing/p'
LOCK := $(BIN)/uv pip compile --quiet --cache-dir .cache/uv --universal \
  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' $(LOCK_FLAGS)

GO_SUMS := $(wildcard infra/*/go.sum sdks/go/go.sum sdks/go/*/go.sum)
TYPESCRIPT := sdks/typescript

# Each stands in the folder that its step fills, so that removing the folder is enough to run it again.
VENV_READY := .venv/.ready
PYTHON_READY := .venv/.ready-packages
SDK_READY := .venv/.ready-sdk
GO_READY := .cache/go/.ready
NODE_READY := $(TYPESCRIPT)/node_modules/.ready
BROKER := .cache/bin/devbroker
KAFKA := .cache/kafka/.ready
# Apache Kafka is fetched where it can run. What needs it says so where it cannot.
KAFKA_HERE := $(if $(and $(shell command -v java),$(shell command -v mvn)),$(KAFKA))
READY := $(SDK_READY) $(BROKER) $(NODE_READY) $(KAFKA_HERE)

.DEFAULT_GOAL := help
.PHONY: help setup generate check demo test test-all lint-all build-all e2e broker crash bench mutations lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Install everything into this folder; at once when nothing changed
	@echo "setup: ready"

generate: $(PYTHON_READY) ## Write what follows from schema/ into the SDKs, docs and infra
	@$(PY) -m codegen generate
	@$(PY) -m tests.conformance.parity generate

check: $(PYTHON_READY) ## Check schema/, that what was generated is current, and that the SDKs are one
	@$(PY) -m codegen check
	@$(PY) -m tests.conformance.parity check

demo: check $(READY) ## Record a day in each language, through Kafka and a dying sink, up to the invoice
	@$(PY) -m tests.e2e.demo

test: $(READY) ## Everything: check, lint-all and test-all, then a summary
	@$(PY) tests/run.py

test-all: $(READY) ## The test suites of every language
	@$(PY) tests/run.py test

lint-all: $(READY) ## The linters, formatters and type checkers of every language
	@$(PY) tests/run.py lint

build-all: $(READY) ## Build the packages of every language
	@$(PY) -m build --no-isolation sdks/python
	@cd sdks/go && $(BIN)/go build ./...
	@cd $(TYPESCRIPT) && $(BIN)/npm run --silent build

e2e: $(READY) $(KAFKA) ## Every SDK against Apache Kafka, through outages; needs Java and Maven
	@$(PY) -m tests.e2e.sdks

broker: $(BROKER) ## Run the embedded broker on LISTEN (127.0.0.1:9092) until Ctrl-C
	@echo "In another window: export EKA_KAFKA_BROKERS=$(LISTEN)   Ctrl-C here stops the broker."
	@exec $(BROKER) --listen $(LISTEN)

crash: $(READY) ## End processes, brokers and disks in every way, and show what became of the events
	@$(PY) -m tests.crash.matrix

bench: $(READY) ## Measure the generator, the SDKs, the sink and the store; BENCHMARKS= picks some
	@$(PY) -m tests.bench $(BENCHMARKS)

mutations: $(READY) ## Break one table of one SDK at a time, and see that the vectors notice
	@$(PY) -m tests.conformance.mutations

lock: $(PYTHON_READY) ## Renew the hashed locks from pyproject.toml (LOCK_FLAGS=--upgrade: newest)
	@$(LOCK) --python-version 3.11 --group dev --output-file tests/requirements.txt
	@$(LOCK) --python-version 3.11 --group codegen --constraints tests/requirements.txt --output-file codegen/requirements.txt
	@$(LOCK) --python-version 3.11 --group sink --constraints tests/requirements.txt --output-file infra/requirements.txt
	@$(LOCK) --python-version 3.10 --group python-sdk --output-file sdks/python/tests/requirements.txt

clean: ## Remove everything that setup and the builds made
	@if [ -d .cache ]; then chmod -R u+w .cache; fi
	@rm -rf .venv .cache $(TYPESCRIPT)/node_modules $(TYPESCRIPT)/dist sdks/python/dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV_READY):
	@infra/make-venv.sh $(PYTHON)
	@touch $@

$(PYTHON_READY): $(VENV_READY) tests/requirements.txt infra/link-toolchain.sh
	@echo "setup: Python packages, Go and Node among them: 840 MB in .venv"
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
