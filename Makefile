# make help lists the targets.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# Without cgo the binary is static, starts sooner, and runs on any Linux.
export CGO_ENABLED = 0

# A number of runs. With a time (60s) Go before 1.27 may end in a failure of its
# own, "context deadline exceeded", that has no failing input (go.dev/issue/75804).
FUZZTIME ?= 1000000x
SOAK     ?= 200
STALLS   ?= 1000
BOOTS    ?= 20
# Where the kernels are kept that make kernels fetches: some 300 MB.
KERNELS  ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tcplab/kernels
LINT      = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# The packages that have golden files.
PICTURED  = $(sort $(dir $(wildcard $(addsuffix /testdata/*.ladder,$(wildcard labs/*)) \
	$(addsuffix /testdata/*.golden,$(wildcard labs/* cmd/tcplab/internal/*)))))

.PHONY: help build release install test bench lint fuzz golden docs coverage kernels boots controls soak stalls sweep clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

build: ## build bin/tcplab
	$(GO) build -trimpath -ldflags "-X github.com/tcplab/tcplab/cmd/tcplab/internal/cli.version=$(VERSION)" -o bin/tcplab ./cmd/tcplab

release: ## make archives for amd64, arm64 and riscv64, and their checksums, in bin/release
	@GO=$(GO) .ci/release $(VERSION)

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

docs: ## write the labs' pages, the claims' table, the README's tables and the man pages anew
	$(GO) run ./cmd/tcplab/internal/docs .

coverage: ## run all labs, and keep what they witness for docs/coverage.md
	$(GO) run ./cmd/tcplab coverage --json > kept.tmp && mv kept.tmp labs/coverage/kept.json || { rm -f kept.tmp; exit 1; }
	$(MAKE) docs

kernels: build ## run everything on the kernels of a list, each in a virtual machine, for docs/kernels.md
	cmd/tcplab/internal/kernels/fetch cmd/tcplab/internal/kernels/list $(KERNELS)
	$(GO) run ./cmd/tcplab/internal/kernels bin/tcplab $(KERNELS) > kept.tmp && mv kept.tmp cmd/tcplab/internal/seen/kept.json || { rm -f kept.tmp; exit 1; }
	$(MAKE) docs

boots: ## boot a kernel BOOTS times with all processors busy, and end as many machines
	$(GO) test ./cmd/tcplab -run '^TestVM(Same|Killed)$$' -boots $(BOOTS) -vmmoments $(BOOTS) -timeout 60m -v

controls: ## print each claim, its sabotage, and what came of it (as root)
	@$(GO) run ./cmd/tcplab/internal/controls

soak: ## run every lab, or LAB alone, SOAK times with all processors busy
	$(GO) test ./labs -run TestSoak -soak $(SOAK) $(if $(LAB),-lab $(LAB)) -timeout 120m -v

stalls: ## hold every lab up at STALLS moments, and stop as many runs for a while
	$(GO) test ./labs/lab -run '^(TestStalls|TestDelays)$$' -stalls $(STALLS) -timeout 120m -v
	$(GO) test ./cmd/tcplab -run '^TestStop$$' -stops $(STALLS) -timeout 120m -v

sweep: ## run every lab with every value of every sysctl that labs use
	$(GO) test ./labs -run '^TestSweep$$' -sweep 0 -timeout 120m -v

clean: ## remove what was built
	rm -rf bin
