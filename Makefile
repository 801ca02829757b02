# Works on Debian 12 with Go, gcc, make, git and apt: what else the tests and
# the demo need, .ci/setup installs.

GO          ?= go
VERSION     ?= $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null || echo dev)
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
SOAK        ?= -soak.rounds=200 -soak.packages=60

# A user's PATH often lacks the sbin directories, where runc is.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

# The Go modules of this repository: Stowage, a program that uses its API, and
# the benchmarks, which need programs to compare with.
MODULES = . examples/library internal/bench

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/stowage
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/stowage ./cmd/stowage

.PHONY: demo
demo: ## Build and push examples/quickstart for two platforms, and plan it again
	@.ci/setup
	@echo 'Building bin/stowage. The first time this takes a few minutes.'
	@$(MAKE) --no-print-directory build
	@.ci/demo

.PHONY: setup
setup: ## Install what the tests and the demo run
	.ci/setup

.PHONY: test
test: setup lint ## Check everything and run all tests, against real builders and registries
	$(GO) test -race -shuffle=on -vet=off -timeout 60m ./...
	$(GO) test -shuffle=on -vet=off ./internal/dockerfile ./planner # with what cannot run under -race

.PHONY: soak
soak: setup ## Kill clients, builders and registries for an hour or two; SOAK=flags chooses how
	$(GO) test ./cmd/stowage -run 'TestSoak$$' -v -timeout 180m $(SOAK)

.PHONY: lint
lint: ## Check formatting, module files, go vet and staticcheck
	@unformatted=$$(gofmt -l .) || exit; \
	  test -z "$$unformatted" || { echo "gofmt would change:" $$unformatted; exit 1; }
	set -e; for module in $(MODULES); do \
	  (cd $$module && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...); \
	done

.PHONY: bench
bench: setup ## Compare with BuildKit, git and bake for two hours or more, and run the benchmarks
	set -e; for program in startup lookups plan executor 'apply -default' 'apply -packages 300 -rounds 1' steady big disk; do \
	  $(GO) run -C internal/bench ./$$program; \
	done
	$(GO) test -run '^$$' -bench . -benchmem ./schema ./graph ./planner ./executor/schedule ./internal/layout ./internal/registry

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
