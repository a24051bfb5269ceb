# A thin face on scripts/ and on the presets of CMakePresets.json; `make` alone lists what there is.
#
# ARGS="..." is handed to the program a target runs: make run ARGS="--ServerApp.port=9000"

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ARGS ?=
# Seconds that `make fuzz` gives to each fuzzer.
FUZZ_SECONDS ?= 60

# Recipes that start a server replace their shell by it, so that Ctrl-C reaches it directly.
venv := $(CURDIR)/.venv
in_venv := VIRTUAL_ENV="$(venv)" PATH="$(venv)/bin:$$PATH"

.PHONY: help run lab build test check bench many soak sanitize fuzz format tidy clean

help: ## This list
	@echo "nextgen-kernels, commands:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## Install what is missing, build, start the server (first free port from 8888)
	@exec env $(in_venv) build/release/bin/nextgen-kernels serve $(ARGS)

lab: ## The same, with a JupyterLab beside it, attached and opened
	@scripts/bootstrap lab
	@scripts/build release nextgen-kernels
	@exec env $(in_venv) python3 scripts/lab.py build/release/bin/nextgen-kernels $(ARGS)

build: ## Build the release binary, build/release/bin/nextgen-kernels
	@scripts/bootstrap run
	@scripts/build release nextgen-kernels

test: ## Install what is missing, build, run every test; ends with the summary of ctest
	@scripts/bootstrap test
	@scripts/build dev
	@env $(in_venv) ctest --preset dev $(ARGS)

check: ## Format, lint, include directions, documents
	@scripts/bootstrap check
	@scripts/build dev
	@scripts/check

bench: ## Measure against libzmq, a direct client and jupyter_server; ratios last
	@scripts/bootstrap bench
	@scripts/build bench
	@exec env $(in_venv) python3 benchmarks/run.py $(ARGS)

many: ## What a thousand idle kernels and ten thousand idle WebSockets cost (minutes)
	@scripts/bootstrap bench
	@scripts/build bench
	@exec env $(in_venv) python3 benchmarks/many_kernels.py --kernels 1000 --sockets 10000 --max-cpu 5 $(ARGS)

soak: ## Account for ten million messages at listeners that are killed, stall, or are slow; close a lid (minutes, 8 GB of disk)
	@scripts/bootstrap test
	@scripts/build bench
	@cd tests/e2e && exec env $(in_venv) NEXTGEN_KERNELS_SOAK=1 \
	  NEXTGEN_KERNELS_SERVER="$(CURDIR)/build/release/bin/nextgen-kernels serve" \
	  python3 -m pytest -q -s -p no:cacheprovider test_loss_account.py test_jupyterlab_scenarios.py $(ARGS)

sanitize: ## All tests under AddressSanitizer and UndefinedBehaviorSanitizer, then ThreadSanitizer (an hour)
	@scripts/bootstrap sanitize
	@for preset in asan tsan; do scripts/build $$preset; env $(in_venv) ctest --preset $$preset $(ARGS); done

fuzz: ## Run each fuzzer for FUZZ_SECONDS (60) on its corpus
	@scripts/bootstrap fuzz
	@scripts/build fuzz
	@scripts/fuzz $(FUZZ_SECONDS) $(ARGS)

format: ## Format C++ and Python in place
	@scripts/bootstrap check
	@scripts/check format --fix

tidy: ## clang-tidy over every source file (minutes); `make check` does it for changed files
	@scripts/bootstrap check
	@scripts/build dev
	@scripts/check tidy --all

clean: ## Remove what was built; .venv and node_modules stay
	@rm -rf build
