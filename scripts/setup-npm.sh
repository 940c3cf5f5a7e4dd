#!/usr/bin/env bash
# The npm packages of end2end/ (Playwright, axe, wasm-opt), exactly those of the lock file, once for each lock file.
source "$(dirname "$0")/common.sh"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || die "node $(node -v) is too old for Playwright: 20 or newer is needed"
cd end2end
if ! cmp -s package-lock.json node_modules/.lock-installed; then
  say "npm packages of end2end/ (half a minute)"
  # Browsers are not downloaded here: scripts/setup-browser.sh looks first for one that is there.
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.lock-installed
fi
