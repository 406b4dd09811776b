# make help lists the targets.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# Without cgo the binary is static, starts sooner, and runs on any Linux.
export CGO_ENABLED = 0

# A number of runs. With a time (60s) Go before 1.27 may end in a failure of its
# own, "context deadline exceeded", that has no failing input (go.dev/issue/75804).
FUZZTIME ?= 1000000x
SOAK     ?= 200
LINT      = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# The packages that have golden files.
PICTURED  = $(sort $(dir $(wildcard $(addsuffix /testdata/*.ladder,$(wildcard labs/*)) \
	$(addsuffix /testdata/*.golden,$(wildcard labs/* cmd/tcplab/internal/*)))))

.PHONY: help build install test bench lint fuzz golden docs controls soak clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

build: ## build bin/tcplab
	$(GO) build -trimpath -ldflags "-X github.com/tcplab/tcplab/cmd/tcplab/internal/cli.version=$(VERSION)" -o bin/tcplab ./cmd/tcplab

install: ## install tcplab to $GOBIN
	$(GO) install ./cmd/tcplab

test: ## run all tests (as root, or they skip what needs it)
	$(GO) test ./...

bench: build ## print speed and size as ratios
	@$(GO) run ./cmd/tcplab/internal/bench bin/tcplab

lint: ## run golangci-lint
	$(GO) run $(LINT) run ./...

fuzz: ## run every fuzz target for FUZZTIME
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 50x $$package; \
		done; \
	done

golden: ## write the golden ladders and reports anew
	$(GO) test $(PICTURED:%/testdata/=./%) -run 'TestLabs|TestReadmePicture|Golden|TestSVG' -update

docs: ## write the labs' pages, the claims' table and the man pages anew
	$(GO) run ./cmd/tcplab/internal/docs .


controls: ## print each claim, its sabotage, and what came of it (as root)
	@$(GO) run ./cmd/tcplab/internal/controls

soak: ## run every lab SOAK times with all processors busy
	$(GO) test ./labs -run TestSoak -soak $(SOAK) -timeout 120m -v

clean: ## remove what was built
	rm -rf bin
