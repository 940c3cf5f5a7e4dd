# Keepstone's commands. Each installs what it needs and is missing; nothing outside this folder is touched but the cache folder
# (KEEPSTONE_CACHE, default ~/.cache/keepstone) and what cargo, npm and apt install.

# What a person says on the line: make run DB=/path/app.db DATA=… LISTEN=… ARGS=…
export DB DATA LISTEN ARGS MINUTES KILLS SEED LARGE ALL
# Where make was called from, for a relative DB (make -C …).
export FROM := $(CURDIR)

.PHONY: help run dev test torture build bench fuzz screenshots lighthouse clean

help: ## Shows this
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "make run takes DB=/path/app.db (instead of the demo), DATA=folder, LISTEN=address:port, ARGS=\"more of serve\"."

run: ## Builds and starts the console with a demo database on http://127.0.0.1:8181 (first time: 6 to 10 minutes; then seconds)
	@exec scripts/run.sh

dev: ## The same, and builds again whenever a file is saved
	@exec scripts/dev.sh

test: ## Installs what the tests need and runs all: format, lints, unit, HTTP, CLI and browser tests (first time: about 36 minutes; then 12)
	@exec scripts/test.sh

torture: ## Kills, faults, damage, full disks and malformed databases in large, with figures (20 minutes; MINUTES=120)
	@exec scripts/torture.sh

fuzz: ## Feeds the readers of archives, metadata and databases with mutations (2 minutes each; MINUTES=30)
	@exec scripts/fuzz.sh

build: ## Makes target/release/keepstone, one binary with everything inside (first time: about 10 minutes)
	@exec scripts/build.sh

bench: ## Compares create, verify and restore with cp, sqlite3 .backup, gzip, zstd and restic (20 minutes; BENCH_MB="256")
	@exec scripts/bench.sh

screenshots: ## Writes every page, light, dark and phone, to end2end/screenshots (3 minutes)
	@exec scripts/screenshots.sh

lighthouse: ## Scores the main pages of the built binary with Lighthouse (3 minutes, with make build before)
	@exec scripts/lighthouse.sh

clean: ## Removes what was built here; keeps keepstone-data and the cache folder
	@exec scripts/clean.sh
