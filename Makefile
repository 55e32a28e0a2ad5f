# Flow: everything a developer or newcomer types. `make help` lists it.
#
# One configuration builds everything (release, no debug information): a newcomer waits once, tests run what is shipped, and
# benchmarks need no second build. docs/internals/decisions/0003-one-configuration.md has the measurements.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
N ?= 10
LAB ?= .lab
# One place has it: what the programs say.
VERSION ?= $(shell sed -nE 's/^package let flowVersion = "(.*)"$$/\1/p' Sources/FlowAPI/Routing/Call.swift)
BUILD_FLAGS := -c release -debug-info-format none --explicit-target-dependency-import-check error
BIN := .build/release
SEEDS ?= 10000
FIRST ?= 0
MINUTES ?= 30
IDLE ?= 60

.PHONY: help setup build run test proof cron crash fuzz simulate mutants soak fixtures check format bench install dist check-dist lab lab-stop clean

help: ## List what can be typed here
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Install what is missing (apt and pip), saying what
	@scripts/setup

build: setup ## Build flowctl and flowd
	@echo "==> building (the first time takes some minutes: HTTP, TLS and SQLite packages)"
	@swift build $(BUILD_FLAGS) --product flowctl
	@swift build $(BUILD_FLAGS) --product flowd
	@swift build $(BUILD_FLAGS) --product FlowDSL

run: build ## Run flows/hello.swift on the embedded engine, in ./.flow
	@echo "==> flowctl run flows/hello.swift"
	@$(BIN)/flowctl run flows/hello.swift -p name=$${USER:-world}

test: setup ## Run all tests, in two lanes; FLOW_TEST_SEED= repeats an order
	@echo "==> building the tests"
	@swift build $(BUILD_FLAGS) --product FlowDSL
	@# No test uses @testable, and without it what was built for `make run` serves here too.
	@FLOW_TEST_PYTHON="$(CURDIR)/.build/python/bin/python3" scripts/test-lanes $(BUILD_FLAGS) --disable-testable-imports

proof: ## All proofs in full, the best part of a day: simulate, crash, fuzz, cron, mutants, soak, check-dist
	@$(MAKE) simulate SEEDS=1000000
	@$(MAKE) crash
	@FLOW_FUZZ=1000000 $(MAKE) fuzz
	@$(MAKE) cron
	@$(MAKE) mutants
	@$(MAKE) soak
	@$(MAKE) dist check-dist

simulate: setup ## Runs in a world of faults, from SEEDS seeds (10000); FIRST=n begins elsewhere
	@FLOW_SEEDS=$(SEEDS) FLOW_FIRST_SEED=$(FIRST) scripts/run-tests $(BUILD_FLAGS) --disable-testable-imports --no-parallel --filter SimulationTests

mutants: setup ## Plant bugs in a copy of the core, and look which the simulation catches within SEEDS seeds
	@scripts/mutants --seeds $(SEEDS)

soak: setup ## Real daemons, killed, stopped and cut off for MINUTES (30), then judged; one that does nothing for IDLE (60); SEED= repeats the faults
	@swift build $(BUILD_FLAGS) --product FlowDSL
	@FLOW_IDLE_SECONDS=$$(($(IDLE) * 60)) FLOW_SOAK_SECONDS=$$(($(MINUTES) * 60)) $(if $(SEED),FLOW_SEED=$(SEED)) swift test $(BUILD_FLAGS) --disable-testable-imports --no-parallel \
		--filter 'SoakTests|IdleTests'

cron: setup ## Compare schedules with the C library, minute by minute, round every change of every time zone
	@swift build $(BUILD_FLAGS) --product cron-oracle
	@$(BIN)/cron-oracle

fuzz: setup ## Every route of the API with FLOW_FUZZ (10000) requests of extreme values; FLOW_SEED= begins elsewhere
	@FLOW_FUZZ=$${FLOW_FUZZ:-10000} scripts/run-tests $(BUILD_FLAGS) --disable-testable-imports --no-parallel --filter FuzzTests

crash: setup ## Every crash of store and host runner that the tests take a share of; an hour or two
	@echo "==> every power cut, store fault and line of the host runner"
	@FLOW_POWER_CUTS=all FLOW_CRASH_LINES=all FLOW_CRASH_ROUNDS=200 scripts/run-tests $(BUILD_FLAGS) --disable-testable-imports --no-parallel \
		--filter 'PowerCutTests|LogDamageTests|ConformanceTests|HostRunnerLineTests|HostRunnerCrashTests'

fixtures: setup ## Record the journal of version VERSION for later versions to replay
	@FLOW_FIXTURES=$(VERSION) scripts/run-tests $(BUILD_FLAGS) --disable-testable-imports --no-parallel --filter FixtureTests

check: setup ## Check format, imports, scripts, documents, and what install installs
	@scripts/check

format: ## Format all Swift files in place
	@find Package.swift Sources Tests Benchmarks flows -name '*.swift' -not -path '*/FlowLoadingTests/Flows/*' -print0 | \
		xargs -0 swift format --in-place --configuration .swift-format

bench: build ## Measure; prints JSON lines, each figure beside the ceiling of the same run
	@Benchmarks/run

install: build ## Install flowctl, flowd, the FlowDSL module, manual pages and completions under PREFIX
	@scripts/install "$(PREFIX)"

dist: build ## Write dist/flow-VERSION-linux-ARCH.tar.gz and dist/flow_VERSION_ARCH.deb, to install where there is no Swift
	@scripts/dist

check-dist: ## Install what dist wrote in a clean Debian 12 and use it there (root, debootstrap, a mirror)
	@scripts/check-dist

lab: setup ## Start N real sshd hosts on loopback, inventory in $(LAB)/inventory.yaml (needs root)
	@swift build $(BUILD_FLAGS) --product flow-lab
	@$(BIN)/flow-lab start $(N) --dir $(LAB)

lab-stop: ## Stop the lab
	@$(BIN)/flow-lab stop --dir $(LAB)

clean: ## Remove what was built
	@rm -rf .build
