# What a developer runs. CI runs the same targets, see .ci/run.
GO       ?= go
FUZZTIME ?= 10s
BENCH    ?= .
# Of the whole-image scenarios: -rtt 50ms, -runs 9, -only 'cold|no-op', ...
SCENARIOS ?=
CROSS     ?= darwin/arm64 windows/amd64 linux/386

.PHONY: build runtime allocators test race lint bench bench-docs bench-python microbench fuzz foreign cross e2e guides demo release-check snapshot

# The product never needs cgo; only the race detector does. It has no symbols for debuggers, which stack traces do not need, and
# no generator of manuals.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -tags urfave_cli_no_docs -ldflags "-s -w" -o bin/pyimg ./cmd/pyimg

# The README's command. It needs Go alone.
test:
	$(GO) test ./...

# The race detector needs a C compiler, and ten times as long. RACE may be packages, and -short, which leaves out the scripts of commands in
# which little runs at once.
RACE ?= ./...
race:
	CGO_ENABLED=1 $(GO) test -race -timeout 30m $(RACE)

lint:
	$(GO) vet ./...
	golangci-lint run ./...

# Whole images, scenario by scenario; next to apko, crane and podman where they are on PATH.
bench:
	$(GO) run ./internal/bench $(SCENARIOS)

# The table, the results and the chart of docs/PERFORMANCE.md. Run it on a machine that does nothing else.
bench-docs:
	$(GO) run ./internal/bench -json docs/performance.json -chart docs/performance.svg -page docs/PERFORMANCE.md $(SCENARIOS)

# The Pythons of runtimes, side by side: the table and the drawing of docs/BENCH.md, and README's headline. Run it on a machine that does
# nothing else; the documents stay as they are where it was busy. A mimalloc that "make runtime" has built has a row of its own. RUNTIMES adds
# more, each [NAME=]FILE[+FILE]:
# make bench-python RUNTIMES='static=static.tar.gz "static with jemalloc=static.tar.gz+jemalloc.tar.gz"'
SHARED   ?= ../shared
RUNTIMES ?=
ROUNDS   ?= 10
MIMALLOC ?= $(wildcard $(BUILT)/mimalloc-2.0.9.tar.gz)
measured  = $(SHARED)/runtimes/cpython-3.13.5-x86_64-alpine-musl
bench-python: build
	bin/pyimg bench --on internal/bench/python/on.yaml --repository $(SHARED)/alpine-mirror/v3.20/main --keyring $(SHARED)/alpine-mirror/keys \
		--rounds $(ROUNDS) --html bin/bench.html --json bin/bench.json baseline=$(measured)-baseline.tar.gz optimized=$(measured)-optimized.tar.gz \
		"optimized with jemalloc=$(measured)-optimized.tar.gz+$(SHARED)/runtimes/jemalloc-5.3.0-x86_64-alpine-musl.tar.gz" \
		$(MIMALLOC:%="optimized with mimalloc=$(measured)-optimized.tar.gz+%") $(RUNTIMES)
	$(GO) run ./internal/bench/python bin/bench.json

# The stages, each with its ratio to the least that it must do.
microbench:
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

# One target of one package at a time; each package is built once. FUZZTIME may be a number of inputs, such as 1000x: with a time, a target
# sometimes fails with "context deadline exceeded" where an input is under way at the end.
fuzz:
	@set -e; bin=$$(mktemp -d); trap 'rm -rf "$$bin"' EXIT; corpus=$$($(GO) env GOCACHE)/fuzz; \
	for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		$(GO) test -c -fuzz . -o "$$bin/fuzz" $$package; \
		for target in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$package/*_test.go | cut -d ' ' -f 2); do \
			echo "$$package $$target"; \
			(cd $$package && "$$bin/fuzz" -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) -test.fuzzminimizetime 10x \
				-test.fuzzcachedir "$$corpus/$$($(GO) list .)"); \
		done; \
	done

# What pyimg writes against the schemas and parsers of others. They are a module of their own, and none of pyimg's dependencies.
foreign:
	cd internal/foreign && $(GO) test -count 1 ./...

# Everything, tests too, is compiled for systems and sizes of numbers that CI does not have; nothing of it is run. What measures, and what
# starts other clients, is for Linux.
cross:
	@set -e; for target in $(CROSS); do \
		echo "$$target"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) vet $$($(GO) list ./... | grep -v /internal/bench$$ | grep -v /internal/e2e$$); \
	done

# Real clients on real packages: needs root, docker, podman, umoci, skopeo and
# the folder shared next to the repository. Tests skip what is missing; set
# PYIMG_E2E_REQUIRE=1 to have them fail.
# PYIMG_S6_OVERLAY=DIR runs the example with s6-overlay under the real one: DIR has what Alpine's package and those that it needs install.
e2e:
	PYIMG_E2E=1 $(GO) test -count 1 -timeout 30m -parallel 4 -v ./internal/e2e

# The commands of README.md and of the guides in docs, as they are written, with a real Python and real packages: needs the folder
# shared next to the repository. "make test" runs them with stand-ins.
guides:
	PYIMG_E2E=1 $(GO) test -count 1 -timeout 20m -run TestGuides -v ./cmd/pyimg

# The full build of CPython, jemalloc and mimalloc, by compilers from Debian, in the folder BUILT: some fifteen minutes on a quiet machine.
# ALPINE is a spec of Alpine's musl, libssl3, libcrypto3 and zlib; it says where the mirror is. "PYIMG_BUILT_CPYTHON=FILE make e2e" then
# starts the CPython in an image. CI builds the allocators alone.
BUILT  ?= runtimes
ALPINE ?= examples/runtimes/alpine.yaml
runtime: allocators
	bin/pyimg runtime build cpython@3.13.5 --builder $(BUILT)/builder --source $(BUILT)/sources \
		--profile-data $(BUILT)/cpython-3.13.5.profile.tar -o $(BUILT)/cpython-3.13.5.tar.gz

allocators: build
	mkdir -p $(BUILT)
	bin/pyimg assemble $(ALPINE) --platform linux/$$($(GO) env GOARCH) --output oci:$(BUILT)/alpine
	[ -d $(BUILT)/builder ] || SOURCES=$(BUILT)/sources examples/runtimes/debian-builder.sh $(BUILT)/builder $(BUILT)/alpine
	bin/pyimg runtime build jemalloc@5.3.0 --builder $(BUILT)/builder --source $(BUILT)/sources -o $(BUILT)/jemalloc-5.3.0.tar.gz
	bin/pyimg runtime build mimalloc@2.0.9 --builder $(BUILT)/builder --source $(BUILT)/sources -o $(BUILT)/mimalloc-2.0.9.tar.gz

demo:
	$(GO) run ./cmd/pyimg demo

# What a release needs: GoReleaser's own check of its file, and that everything it names is there.
release-check:
	$(if $(shell command -v goreleaser),goreleaser check,@echo "goreleaser is not installed, so its own check of .goreleaser.yaml is left out")
	shellcheck ci/*.sh ci/*/*.sh release/*.sh examples/*/*.sh
	$(GO) test -count 1 ./internal/release

# A release without its publication, in dist/. It is signed where PYIMG_RELEASE_KEY has a key. It takes too long for .ci/run, as "make
# cross" does. release/check.sh checks what comes out.
snapshot:
	goreleaser release --snapshot --clean --timeout 3h --skip publish$(if $(PYIMG_RELEASE_KEY),,$(comma)sign)

comma := ,
