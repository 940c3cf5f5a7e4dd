#!/usr/bin/env bash
# make lighthouse: scores the Overview, the list of backups and a backup's page, of the binary that `make build` makes.
source "$(dirname "$0")/common.sh"
scripts/build.sh
chromium=$(scripts/setup-browser.sh)
say "Lighthouse (two minutes)"
cd end2end
KEEPSTONE_BIN="$TARGET/release/keepstone" CHROMIUM="$chromium" LIGHTHOUSE=1 npx --no-install playwright test --reporter=line --workers=1 lighthouse
