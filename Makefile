# The verbs of the house; `make` alone lists them. Everything lands in .venv, nothing outside.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes

.DEFAULT_GOAL := help
.PHONY: help install install-dev run bot demo test quick check bench lock clean

help:                   ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-13s %s\n", $$1, $$2}'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("store_api needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/installed: requirements/runtime.lock | .venv/bin/python
	$(PIP) -r requirements/runtime.lock
	@touch $@

.venv/installed-dev: requirements/dev.lock .venv/installed
	$(PIP) -r requirements/dev.lock
	@touch $@

install: .venv/installed            ## what the service and the bot need, into .venv

install-dev: .venv/installed-dev    ## and what tests, checks, demo and benchmarks need

run: install            ## serve on http://127.0.0.1:8000 with an embedded MongoDB
	@exec $(BIN)/python -m store_api

bot: install            ## the evening report on Telegram; ARGS="--once", "--dry-run FOLDER" or "--help"
	@exec $(BIN)/python -m bot $(ARGS)

demo: install-dev       ## replay a supermarket chain's receipts; ARGS="--stores 20 --baskets 5000 --speed 100"
	@exec $(BIN)/python -m bench.demo $(ARGS)

# Files go to the workers in the order of their folders, the longest first, so that all end at about the same time.
# Elections and browsers are waited for more than computed: there are more workers than cores.
LONGEST_FIRST := tests/end_to_end tests/faults tests/browser tests/proxies tests/replica_init tests/simulation \
    tests/monitoring tests/integration tests/contract tests/unit tests/house tests/examples tests/torture
UNIT := $(filter-out tests/unit/__% tests/unit/reports/,$(wildcard tests/unit/*/ tests/unit/test_*.py))
QUICK := tests/simulation tests/unit/reports/ tests/end_to_end/test_sockets.py tests/integration/test_rest*.py \
    tests/contract $(UNIT)
SPREAD := -m "not load" --dist loadfile --no-loadscope-reorder

# As Python from 3.15 on: files are UTF-8 wherever the tests are started. And what is compiled is kept, whatever the
# shell says: the tests start hundreds of programs, each of which would compile all of ours anew.
test quick coverage: export PYTHONUTF8 := 1
test quick coverage: export PYTHONDONTWRITEBYTECODE :=

EVERY := -m pytest $(LONGEST_FIRST) $(SPREAD) --numprocesses 4 --durations 15 $(ARGS)

test: install-dev       ## every test: 8 to 12 minutes on 2 cores, as quick as they are
	$(BIN)/python $(EVERY)
	$(BIN)/python -m pytest tests/load -s

coverage: install-dev   ## the tests once more, with coverage, which must reach 95 %: a minute longer
	$(BIN)/python -m coverage erase
	COVERAGE_FILE=$(CURDIR)/.coverage $(BIN)/python -m coverage run $(EVERY)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

quick: install-dev      ## the tests that take seconds: 1 to 1.5 minutes on 2 cores, as quick as they are
	$(BIN)/python -m pytest $(QUICK) $(SPREAD) --numprocesses 2 -k "not two_workers" $(ARGS)

check: install-dev install-deploy   ## lint and types
	.venv/deploy/bin/hadolint Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: install-deploy deploy-check image-check compose-check vanish-check torture k8s-secrets
.venv/deploy/installed: requirements/deploy.lock .venv/installed-dev
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/deploy
	$(BIN)/uv pip install --quiet --python .venv/deploy/bin/python --require-hashes -r requirements/deploy.lock
	@touch $@

install-deploy: .venv/deploy/installed  ## what checks the Dockerfile, Compose and Kubernetes files

deploy-check: install-dev install-deploy    ## check the Compose and Kubernetes files, without Docker or a cluster
	$(BIN)/python -m pytest tests/deployment --numprocesses 2 $(ARGS)

image-check: install-dev    ## build and run the image without Docker (needs root, buildah and mmdebstrap)
	$(BIN)/python -m pytest tests/image -s $(ARGS)

compose-check: install-dev install-deploy   ## the Compose stack on a Docker engine of its own (needs root and Debian's docker.io): minutes
	$(BIN)/python -m tests.compose $(ARGS)

vanish-check: install-dev   ## members and clients whose packets vanish or are late: 6 minutes (needs root, iproute2 and iptables)
	$(BIN)/python -m pytest tests/vanish -s $(ARGS)

torture: install-dev    ## hurt everything at random, and judge every answer; ARGS="--minutes 60 --seed 7"
	@exec $(BIN)/python -m tests.torture $(ARGS)

OVERLAY = local
k8s-secrets: install    ## make what is not there of k8s/overlays/$(OVERLAY)/secrets; OVERLAY=production
	@MONGO_HOSTS=$$(sed -n 's/^ *- MONGO_HOSTS=//p' k8s/mongodb/kustomization.yaml) \
	    $(BIN)/python mongo-replica-init make-secrets k8s/overlays/$(OVERLAY)/secrets

bench: install-dev      ## writes, pushes and memory, side by side with bare Sanic, FastAPI and Node (needs wrk and npm)
	@exec $(BIN)/python -m bench $(ARGS)

lock: install-dev       ## write the lock files anew from pyproject.toml
	$(BIN)/uv pip compile --quiet pyproject.toml --extra embedded --extra bot --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -o requirements/runtime.lock
	$(BIN)/uv pip compile --quiet pyproject.toml --extra embedded --extra bot --extra dev --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -c requirements/runtime.lock -o requirements/dev.lock
	$(BIN)/uv pip compile --quiet pyproject.toml --extra bot --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -c requirements/runtime.lock -o requirements/image.lock
	$(BIN)/uv pip compile --quiet --group pyproject.toml:deploy --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -o requirements/deploy.lock

clean:                  ## forget the embedded database and the virtual environment
	rm -rf .venv data
