# Posvid. `make demo` shows the main job end to end; `make test` is what CI runs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

GO ?= go
BIN := bin
# What the tests drive beside Go: the race detector's C compiler, an independent QR decoder, an SVG renderer,
# a WebP encoder, PDF pages, the WebAssembly host, the independent CBOR/COSE checks, a terminal for the checkpoint's screen,
# and the card service with virtual readers and foreign card programs.
TEST_PACKAGES := gcc libc6-dev zbar-tools librsvg2-bin webp poppler-utils nodejs openssl tmux \
	pcscd vsmartcard-vpcd opensc yubico-piv-tool libpcsclite-dev pkg-config \
	chromium systemd xkb-data binutils glewlwyd dbconfig-sqlite3 sqlite3 curl fonts-dejavu-core \
	vdirsyncer khard khal todoman swaks libnet-ssleay-perl dovecot-imapd dovecot-lmtpd
# Cards are read through PC/SC, which needs cgo and its library on Linux; without them the programs are static and say so.
ifneq ($(shell pkg-config --exists libpcsclite 2>/dev/null && command -v gcc 2>/dev/null),)
BUILD := CGO_ENABLED=1 $(GO) build -tags pcsc
else
BUILD := CGO_ENABLED=0 $(GO) build
endif
FUZZ_SECONDS ?= 60
FUZZ_EACH ?= 60
CRASH_CYCLES ?= 10000
CARD_SESSIONS ?= 5000

.PHONY: build demo test vectors vectors-check fuzz fuzz-short bench qr-score card-test card-chaos web-test office-test deb deb-check crash cover clean lint wasm cross test-deps

build: wasm
	$(BUILD) -trimpath -o $(BIN)/posvid ./cmd/posvid
	$(BUILD) -trimpath -o $(BIN)/posvid-verify ./cmd/posvid-verify

# The verifier and the wallet's rules for browsers. The programs carry them, so they are built first.
wasm:
	GOOS=js GOARCH=wasm $(GO) build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o $(BIN)/posvid.wasm ./cmd/posvid-wasm
	gzip -n -9 <$(BIN)/posvid.wasm >$(BIN)/posvid.wasm.gz
	cmp -s $(BIN)/posvid.wasm.gz web/dist/posvid.wasm.gz || cp $(BIN)/posvid.wasm.gz web/dist/posvid.wasm.gz
	cmp -s "$$($(GO) env GOROOT)/lib/wasm/wasm_exec.js" web/dist/wasm_exec.js || cp "$$($(GO) env GOROOT)/lib/wasm/wasm_exec.js" web/dist/wasm_exec.js

# The demo needs nothing but Go: the store is embedded and both programs are static.
demo: build
	$(BIN)/posvid demo

test-deps:
	./scripts/apt-install $(TEST_PACKAGES)

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags crash ./store/...
	CGO_ENABLED=0 $(GO) vet ./nfc/... ./cmd/...
	$(GO) vet -tags pcsc ./nfc/... ./cmd/...
	$(GO) tool staticcheck ./...
	$(GO) tool staticcheck -tags pcsc ./nfc/... ./cmd/...
	$(GO) mod tidy -diff
	$(GO) -C packaging mod tidy -diff
	$(GO) mod verify

# The verifier is built for the platforms checkpoints use.
cross:
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) build -tags pcsc -o /dev/null ./cmd/posvid-verify
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/posvid-verify
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/posvid-verify

test: test-deps
	./scripts/test

vectors:
	$(GO) run ./testvectors/gen

vectors-check:
	$(GO) run ./testvectors/gen -check

fuzz:
	./scripts/fuzz each $(FUZZ_EACH)

fuzz-short:
	./scripts/fuzz total $(FUZZ_SECONDS)

bench: build
	$(BIN)/posvid bench

# Reads camera-like frames with our detector, with plain gozxing and with zbarimg, side by side, and holds ours to the bars.
qr-score:
	rm -rf $(BIN)/frames
	$(GO) run ./qr/detect/frames -out $(BIN)/frames -set webcam,1080p,goodlight,paper,screenshot
	$(GO) run ./qr/detect/score $(BIN)/frames --bar webcam=92 --bar 1080p=94 --bar goodlight=98 --bar paper=99 --bar screenshot=100 \
		--bar all:false=0 --bar webcam:median_ms=20 --bar webcam:p95_ms=150 --bar webcam:gozxing=33..50 --bar webcam:zbar=38..55

# The pages in a real Chromium: every test that drives one.
web-test: test-deps wasm
	./scripts/web-test

# The office module: its tests, with the programs that officials use already.
office-test: test-deps build
	./scripts/office-test

# Two Debian packages, the same bytes for the same commit.
deb:
	./scripts/apt-install gcc libc6-dev pkg-config libpcsclite-dev
	./packaging/build

# The packages twice, the second time from a clone elsewhere with an empty build cache, compared byte for byte.
deb-check: test-deps
	POSVID_EMPTY_CACHE=1 CI=true $(GO) test -count=1 -timeout 30m -run TestDebianPackages -v .

# Cards behind virtual readers, before the real card service, the two programs and card programs of others.
card-test: test-deps
	./scripts/card-test

card-chaos: test-deps
	CI=true POSVID_CARD_SESSIONS=$(CARD_SESSIONS) $(GO) test -tags pcsc -count=1 -parallel 4 -timeout 30m -v -run 'TestCardsChaos|TestCardsTorn' ./cmd/internal/cardpath

crash:
	$(GO) run -tags crash ./store/crash -cycles $(CRASH_CYCLES)

cover:
	$(GO) test -short -coverprofile=coverage.out -coverpkg=./... ./...
	$(GO) tool cover -func=coverage.out | tail -n 1

clean:
	rm -rf $(BIN) posvid-demo coverage.out
