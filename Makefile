# Ohmstead. `make` alone explains the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup demo test check docs bench fuzz simulate journeys clean

help: ## Explain the targets
	@echo "Ohmstead: an edge-first controller for EV charging sites"
	@echo
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | \
		while IFS='|' read -r target text; do printf '  make %-9s %s\n' "$$target" "$$text"; done

setup: $(READY) ## Create .venv from requirements.lock and see to the MQTT broker (the others call it)

$(READY): requirements.lock pyproject.toml deploy/setup.sh
	@deploy/setup.sh
	@touch $@

demo: $(READY) ## Play a day at a site: wall display in a terminal, the story in lines with HEADLESS=1
	@exec $(BIN)/python -m deploy.demo

test: $(READY) ## Run all tests
	@$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(READY) ## Lint, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

journeys: $(READY) ## Run only the journeys: whole paths over real parts, with faults
	@$(BIN)/python -m pytest tests/journeys

bench: $(READY) ## Run the benchmarks (half an hour); ONLY=name for one of them, FULL=1 for longer ones (an hour)
	@$(BIN)/python -m tests.bench $(ONLY) $(if $(FULL),--full)

fuzz: $(READY) ## Let stations say anything for an hour (MINUTES=60); what is found is kept in tests/fuzz/seeds
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),60)

simulate: $(READY) ## Play edge, brokers and hub over weeks with faults, SEEDS=100 times; SEED=n plays one and shows it
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),100) --jobs $(or $(JOBS),2))

docs: $(READY) ## Write the documents that are made from the code
	@$(BIN)/python -m docs.generate

clean: ## Remove everything that was made here
	rm -rf .venv .run .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
