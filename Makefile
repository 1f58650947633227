# What a developer does with hubbub. `make test` installs what the tests need.

INSTANCES ?= 3
PORT ?= 8080
CARGO ?= cargo
# How many tests run at a time. Most wait for something: time to pass, or another process.
export RUST_TEST_THREADS ?= $(shell echo $$((2 * $$(nproc || echo 2))))
# Where cargo puts what it builds.
TARGET := $(or $(CARGO_TARGET_DIR),target)
# The build that `make chaos` takes for the release before this one: a commit that speaks the same formats.
OLD ?= be99f54
APT_PACKAGES = redis-server haproxy chromium

BENCH_TOOL = tests/load/websocket-bench
LIGHTHOUSE_TOOL = tools/lighthouse
# Where the chat servers that `make bench` compares are installed.
PEERS = target/peers/node

.PHONY: run test ci lint deps browser-deps cluster scale roll browser firefox load-tools conformance chaos chaos-quick \
  bench bench-quick page-bench lighthouse screenshots

run: ## The chat on http://127.0.0.1:8080, with nothing else running
	$(CARGO) run --release

test: deps browser-deps ## Everything that is tested
	$(CARGO) build --workspace --locked
	$(CARGO) test --workspace --locked
	npm run test:unit
	npm run test:browser
	@$(MAKE) --no-print-directory load-tools

ci: test firefox conformance lint chaos-quick bench-quick ## What CI runs

lint: deps ## Formatting, lints and types
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	npm run types
	haproxy -c -f haproxy.cfg

deps: node_modules/.package-lock.json ## What the tests need, from the ordinary registries
	@tools/install-packages.sh $(APT_PACKAGES)

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

cluster: ## INSTANCES instances, Redis and HAProxy on loopback; Ctrl-C ends them
	$(CARGO) build --release --workspace --locked
	target/release/hubbub-cluster run --instances $(INSTANCES) --port $(PORT)

scale: ## Change how many instances the running cluster has
	target/release/hubbub-cluster scale --instances $(INSTANCES)

roll: ## Replace the instances of the running cluster one at a time
	target/release/hubbub-cluster roll

# A smaller build of Chromium, by which the browser tests are quicker.
browser-deps:
	@tools/install-packages.sh chromium-headless-shell || echo "the browser tests take a few minutes longer"

browser: deps browser-deps ## The browser tests alone, over both transports
	$(CARGO) build --workspace --locked
	npm run test:browser

firefox: deps ## The core of the browser tests in Firefox
	@tools/install-packages.sh firefox-esr || echo "firefox-esr could not be installed"
	$(CARGO) build --workspace --locked
	npm run test:firefox

load-tools: ## websocket-bench, as published, against one instance and against a cluster
	$(CARGO) build --workspace --locked
	@if command -v npm >/dev/null; then \
		$(MAKE) --no-print-directory $(BENCH_TOOL)/node_modules/.package-lock.json && npm run test:load; \
	else \
		echo "SKIPPED load-tools: npm is not installed"; \
	fi

$(BENCH_TOOL)/node_modules/.package-lock.json: $(BENCH_TOOL)/package.json $(BENCH_TOOL)/package-lock.json
	cd $(BENCH_TOOL) && npm ci
	@touch $@

conformance: deps ## Autobahn's 301 cases against our WebSocket code, direct and behind the balancer; wants Python 2.7
	$(CARGO) build --workspace --locked
	$(CARGO) build --example echo --locked
	node tests/conformance/run.mjs

chaos: deps ## Break a cluster in every way it must survive; fills the table in docs/reliability.md
	@tools/install-packages.sh redis-sentinel libfaketime iptables
	$(CARGO) build --release --workspace --locked
	old=$$(chaos/build-old.sh $(OLD) $(TARGET)/old) && \
	$(TARGET)/release/hubbub-chaos run --markdown docs/reliability.md --json $(TARGET)/chaos.json \
	  $${old:+--old-binary "$$old" --old-name "$$(git show -s --date=short --format='commit %h of %cd (%s)' $(OLD))"}

chaos-quick: deps ## A few of these faults, in about a minute, with what `make test` has built
	$(CARGO) build --workspace --locked
	$(TARGET)/debug/hubbub-chaos run --quick

bench: ## Measure hubbub beside its peers and the machine's limit; fills docs/benchmarks.md
	@tools/install-packages.sh redis-server
	@tools/install-packages.sh nginx libnginx-mod-nchan strace || echo "whatever needs them is left out"
	@$(MAKE) --no-print-directory $(PEERS)/node_modules/.package-lock.json || echo "whatever needs them is left out"
	$(CARGO) build --release --workspace --locked
	@mkdir -p $(PEERS) && cp peers/node/*.mjs $(PEERS)/
	target/release/hubbub-peers run $(BENCH)

bench-quick: deps ## The same for a few seconds, without the peers, to see that it works
	$(CARGO) build --workspace --locked
	target/debug/hubbub-peers run --quick --hubbub target/debug/hubbub --json target/bench-quick.json

$(PEERS)/node_modules/.package-lock.json: peers/node/package.json peers/node/package-lock.json
	mkdir -p $(PEERS) && cp $^ $(PEERS)/
	cd $(PEERS) && npm ci --no-audit --no-fund
	@touch $@

page-bench: deps ## Measure the page in a room of 10,000 messages; PAGE_BENCH=--keep fills docs/page.md
	$(CARGO) build --release --locked
	HUBBUB_BIN=$(TARGET)/release/hubbub npm run measure -- $(PAGE_BENCH)

lighthouse: deps $(LIGHTHOUSE_TOOL)/node_modules/.package-lock.json ## Four times 100; LIGHTHOUSE=--keep fills docs/page.md
	$(CARGO) build --release --locked
	HUBBUB_BIN=$(TARGET)/release/hubbub node $(LIGHTHOUSE_TOOL)/measure.mjs $(LIGHTHOUSE)

$(LIGHTHOUSE_TOOL)/node_modules/.package-lock.json: $(LIGHTHOUSE_TOOL)/package.json $(LIGHTHOUSE_TOOL)/package-lock.json
	cd $(LIGHTHOUSE_TOOL) && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

screenshots: deps ## The pictures in docs/images
	@tools/install-packages.sh fonts-inter fonts-noto-color-emoji pngquant || echo "the pictures are taken with other letters, and larger"
	$(CARGO) build --locked
	HUBBUB_BIN=$(TARGET)/debug/hubbub npm run screenshots
