#!/usr/bin/env bash
# make screenshots: every page, light, dark and phone, into end2end/screenshots, and the README's picture into docs/images.
source "$(dirname "$0")/common.sh"
scripts/setup.sh
scripts/setup-npm.sh
chromium=$(scripts/setup-browser.sh)
scripts/bundle.sh
binary=$(scripts/server.sh)
cd end2end
KEEPSTONE_BIN="$binary" CHROMIUM="$chromium" SCREENSHOTS=1 npx --no-install playwright test --reporter=line --workers=1 screenshots
say "end2end/screenshots: $(ls screenshots | wc -l) pictures"
