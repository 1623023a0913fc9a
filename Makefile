# `make` lists the targets. Everything that they need lands in this folder: .venv, .cache and
# node_modules; `make clean` removes it all.

PYTHON ?= python3
LISTEN ?= 127.0.0.1:9092

VENV := .venv
CACHE := .cache
STAMPS := $(VENV)/stamps
PY := $(VENV)/bin/python
GO := $(CURDIR)/$(VENV)/bin/go
NPM := $(CURDIR)/$(VENV)/bin/npm
GO_MODULES := infra/devbroker
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --cache-dir $(CACHE)/pip

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup generate check demo test test-all lint-all build-all broker bench lock clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMPS)/python $(STAMPS)/go ## Install everything into this folder; quick when nothing changed.

$(STAMPS)/venv:
	@infra/make-venv.sh $(PYTHON)
	@mkdir -p $(@D) && touch $@

$(STAMPS)/python: $(STAMPS)/venv tests/requirements.txt infra/link-toolchain.sh
	@echo "setup: Python packages, Go and Node (about 300 MB, half a minute)"
	@$(PIP) --require-hashes -r tests/requirements.txt
	@infra/link-toolchain.sh
	@touch $@

$(STAMPS)/go: $(STAMPS)/python $(GO_MODULES:%=%/go.sum)
	@echo "setup: Go modules, and the embedded broker"
	@for module in $(GO_MODULES); do (cd $$module && $(GO) mod download) || exit 1; done
	@cd infra/devbroker && $(GO) build -o $(CURDIR)/$(CACHE)/bin/ .
	@touch $@
