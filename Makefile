# The front door. `make` alone says what there is.
SHELL := /bin/sh
CARGO ?= cargo
PYTHON ?= python3
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
ACCORD := $(TARGET)/debug/accord
VENV := $(TARGET)/venv
PEERS := $(TARGET)/peers
DEMO := var/demo

.PHONY: help build demo check test fuzz mutants bench bench-hmac bench-intake bench-suppression bench-linkage schema docs \
	clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Compile the command
	@$(CARGO) build --locked

demo: build ## Run both pipelines, approve, publish and verify, on this machine alone
	@ACCORD="$(abspath $(ACCORD))" DEMO="$(DEMO)" sh fixtures/demo.sh

test: $(VENV)/.ready ## Run all tests
	@ACCORD_PYTHON="$(abspath $(VENV))/bin/python" $(CARGO) test --locked

fuzz: ## Push made-up bytes into every reader; SECONDS=60 for each target, TARGETS="..." for some
	@CARGO="$(CARGO)" sh fuzz/run $(or $(SECONDS),60) $(TARGETS)

mutants: ## Break disclosure control in many ways and see whether its tests notice; five minutes of CPU
	@$(PYTHON) tests/python/mutants.py --out "$(TARGET)/mutants"

bench: bench-intake bench-suppression bench-linkage ## Measure beside the peers

bench-hmac: build ## Measure pseudonyms beside bare SHA-256; part of bench-intake and bench-linkage
	@$(CARGO) bench --locked --profile dev --bench hmac

bench-intake: build $(PEERS)/.ready bench-hmac ## Measure intake alone; INTAKE_ARGS="--rows 1000000 --unique"
	@$(CARGO) bench --locked --profile dev --bench intake --no-run
	@intake=$$($(CARGO) bench --locked --profile dev --bench intake --no-run --message-format json 2>/dev/null \
		| sed -n 's/.*"executable":"\([^"]*\/intake-[^"]*\)".*/\1/p' | tail -n 1); \
	PYTHONDONTWRITEBYTECODE=1 "$(PEERS)/bin/python" benches/intake.py --accord "$(ACCORD)" --intake "$$intake" \
		--out "$(TARGET)/bench" $(INTAKE_ARGS)

bench-suppression: build $(PEERS)/.ready ## Measure disclosure control alone; ARGS="--long --million" for all of it
	@PYTHONDONTWRITEBYTECODE=1 "$(PEERS)/bin/python" tests/python/attack_check.py
	@PYTHONDONTWRITEBYTECODE=1 "$(PEERS)/bin/python" benches/suppression.py --accord "$(ACCORD)" \
		--out "$(TARGET)/bench" $(ARGS)

bench-linkage: build $(PEERS)/.ready bench-hmac ## Measure linkage alone; LINKAGE_DATA=DIR, a folder with census_ssa/
	@if [ -n "$(LINKAGE_DATA)" ]; then PYTHONDONTWRITEBYTECODE=1 "$(PEERS)/bin/python" benches/linkage.py \
		--accord "$(ACCORD)" --data "$(LINKAGE_DATA)" --out "$(TARGET)/bench/linkage"; \
	else echo "linkage was not measured: give LINKAGE_DATA=DIR, a folder with census_ssa/"; fi

check: ## Formatting, lints, schemas, one version of the large parts
	@$(CARGO) fmt --check
	@$(CARGO) clippy --locked --all-targets -- -D warnings
	@$(CARGO) run --quiet --locked -- schema --check
	@$(CARGO) run --quiet --locked -- check
	@for name in arrow datafusion object_store parquet; do \
		n=$$(grep -c "^name = \"$$name\"$$" Cargo.lock); \
		[ "$$n" = 1 ] || { echo "Cargo.lock holds $$n versions of $$name" >&2; exit 1; }; \
	done
	@if command -v cargo-deny >/dev/null 2>&1; then $(CARGO) deny --offline check bans licenses sources; \
	else echo "cargo-deny is not installed: licences were not checked"; fi

schema: build ## Write config/schemas/
	@$(ACCORD) schema

docs: ## Build the code's documentation
	@$(CARGO) doc --locked --no-deps --document-private-items

clean: ## Remove what demo, test and bench leave beside the compiled code
	@rm -rf var "$(VENV)" "$(PEERS)" "$(TARGET)/bench" "$(TARGET)/criterion" "$(TARGET)/mutants" "$(TARGET)/fuzz"

$(VENV)/.ready: tests/python/requirements.txt
	@$(PYTHON) -m venv "$(VENV)"
	@"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt
	@touch $@

$(PEERS)/.ready: benches/requirements.txt
	@$(PYTHON) -m venv "$(PEERS)"
	@"$(PEERS)/bin/python" -m pip install --quiet --disable-pip-version-check -r benches/requirements.txt
	@touch $@
