#!/usr/bin/env bash
# make lighthouse: scores the Overview, the list of backups and a backup's page, of the binary that `make build` makes.
source "$(dirname "$0")/common.sh"
LIGHTHOUSE_VERSION=12.8.2
tool=$CACHE/tools/lighthouse-$LIGHTHOUSE_VERSION
scripts/build.sh
[ -f "$tool/node_modules/lighthouse/package.json" ] || { say "Lighthouse $LIGHTHOUSE_VERSION (half a minute)"; npm install --prefix "$tool" --no-audit --no-fund --loglevel=error "lighthouse@$LIGHTHOUSE_VERSION"; }
chromium=$(scripts/setup-browser.sh)
say "Lighthouse (two minutes)"
cd end2end
KEEPSTONE_BIN="$TARGET/release/keepstone" CHROMIUM="$chromium" LIGHTHOUSE="$tool/node_modules/lighthouse/core/index.js" npx --no-install playwright test --reporter=line --workers=1 lighthouse
