#!/usr/bin/env bash
# Removes what was built in this checkout. The data directory and the cache folder stay.
source "$(dirname "$0")/common.sh"
cargo clean --quiet
rm -rf dist end2end/node_modules end2end/test-results end2end/playwright-report end2end/screenshots
