# Postern. `make help` lists the targets; CONTRIBUTING.md explains them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Version stamping through git fails on clones that belong to another user; the version comes by -X instead.
export GOFLAGS := -buildvcs=false $(filter-out -buildvcs=%,$(GOFLAGS))
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build and run a complete demo on loopback; needs no root
	@exec bin/postern demo

.PHONY: build
build: ## build the admin center and all programs into bin/
	@scripts/ui.sh
	@CGO_ENABLED=0 go build -trimpath -pgo=scripts/build.pgo -ldflags '-X main.version=$(VERSION)' -o bin/ ./cmd/...

.PHONY: test
test: ## run every test at small size; installs what the tests need
	@scripts/test.sh

.PHONY: proof
proof: ## run one part at full size: make proof PART=name; without PART, list the parts
	@scripts/proof.sh '$(PART)'

.PHONY: check
check: ## format, vet, staticcheck, import rules, generated files, cross-compilation
	@scripts/check.sh

.PHONY: bench
bench: ## run the benchmarks interleaved and print ratios
	@scripts/bench.sh

.PHONY: profile
profile: ## profile the benchmark anew, for what build optimises (scripts/build.pgo)
	@scripts/profile.sh

.PHONY: fuzz
fuzz: ## fuzz every target for FUZZTIME (10s)
	@scripts/fuzz.sh

.PHONY: fmt
fmt: ## format the code
	@gofmt -w cmd internal test

.PHONY: generate
generate: ## write generated files anew
	@scripts/generate.sh

.PHONY: clean
clean: ## remove what was built
	@rm -rf bin .cache test/browser/node_modules ui/node_modules internal/admin/center/app
