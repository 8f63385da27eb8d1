# Needs Go and make; with a C compiler, tests use the race detector. The rest is
# brought: see `bin/stack -help`.

.DEFAULT_GOAL := help
.PHONY: build demo test check licences fmt bench chaos stack up down clean help

TOOL  := go tool -modfile=deploy/tools/go.mod
RACE  := $(if $(shell command -v "$$(go env CC)" 2>/dev/null),-race)
BENCH ?= .
PLANS ?= 200
SEED  ?= 1

# What may be linked into the programs. XZ is the public domain.
LICENCES ?= Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT,MPL-2.0,XZ
# Temporal's API needs this one, whose module comes without the licence of its authors.
UNSAID   := github.com/nexus-rpc/nexus-proto-annotations

build: ## Build bin/worker, bin/starter, bin/stack, bin/demo, bin/chaos and bin/sandbox
	@mkdir -p bin
	go build -o bin/ ./worker ./starter ./stack ./demo ./chaos
	go build -o bin/sandbox ./sandbox/server

demo test bench chaos stack: build

demo: ## Sample companies end to end, on a Temporal and a Postgres of its own
	bin/stack -- bin/demo

# review is arithmetic, which the race detector slows down twenty times: one of its tests has it.
test: ## All tests, on a Temporal and a Postgres of their own
	@$(if $(RACE),,echo "make test: no C compiler, so without the race detector" >&2)
	go test ./review
	go test $(RACE) -run WhatWasPlanted ./review
	bin/stack -- go test $(RACE) -timeout 30m $$(go list ./... | grep -v /review$$)
	bin/chaos -short

check: licences ## Formatting, linters, workflow determinism, manifests, licences, known vulnerabilities
	$(TOOL) golangci-lint run
	$(TOOL) workflowcheck ./...
	go -C deploy/manifests run . ../kubernetes/base ../kubernetes/overlays/example
	@out=$$($(TOOL) govulncheck ./... 2>&1) || case "$$out" in \
	*"fetching vulnerabilities"*) echo "make check: the vulnerability database cannot be reached from here, so none were looked for" >&2;; \
	*) echo "$$out"; exit 1;; esac

licences: ## The licences of all that is linked in (LICENCES=MIT,… for a stricter list)
	@out=$$($(TOOL) go-licenses check --allowed_licenses=$(LICENCES) --ignore $(UNSAID) \
	./worker ./starter ./stack ./demo ./sandbox/server ./deploy/healthcheck 2>&1) || { echo "$$out" | grep -i licen; exit 1; }

fmt: ## Format the code as check wants it
	$(TOOL) golangci-lint fmt

bench: ## Benchmarks, and the large end-to-end tests at full size (BENCH=Rate for some)
	bin/stack -- go test -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 30m ./e2e
	bin/stack -- go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 30m $$(go list ./... | grep -v /e2e)
	bin/stack -- go test -run 'ComeOut|Fewest|Kill9|Acknowledged|Sweep|RealChanges' -v -timeout 120m ./e2e -full

chaos: ## Kills, cuts and full disks at every step, 200 plans (PLANS=1 SEED=17 for one)
	bin/chaos -plans $(PLANS) -seed $(SEED) $(if $(WORK),-work $(WORK)) -report .sluice/chaos.json

stack: ## The Temporal and the Postgres alone, until Ctrl-C
	bin/stack

up: ## Everything in Docker, on this machine; settings in .env
	docker compose up --build --detach

down: ## Stop what `make up` started; the data stay
	docker compose down

clean: ## Remove what was built and what stacks have stored
	rm -rf bin .sluice

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
