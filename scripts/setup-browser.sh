#!/usr/bin/env bash
# Finds or installs a Chromium for the Playwright tests and prints its path on stdout. In this order: one in the cache folder, one on
# PATH, Playwright's own download into the cache folder, Debian's package. Each must really start, or the next is tried.
source "$(dirname "$0")/common.sh"
exec 3>&1 1>&2

starts() { [ -x "$1" ] && timeout 30 "$1" --headless --no-sandbox --disable-gpu --dump-dom 'data:text/html,<p>it-starts</p>' 2>/dev/null | grep -q it-starts; }
found() { printf '%s\n' "$1" >&3; exit 0; }

if [ -n "${CHROMIUM:-}" ]; then
  starts "$CHROMIUM" || die "CHROMIUM=$CHROMIUM does not start"
  found "$CHROMIUM"
fi

# What worked the last time is believed as long as it has not changed: starting one costs a second.
known="$CACHE/browser"
if [ -f "$known" ]; then
  path=$(head -n1 "$known")
  if [ -x "$path" ] && ! [ "$path" -nt "$known" ]; then found "$path"; fi
fi
remember() { mkdir -p "$CACHE"; printf '%s\n' "$1" >"$known"; found "$1"; }

for name in chromium chromium-browser google-chrome google-chrome-stable; do
  path=$(command -v "$name" || true)
  if [ -n "$path" ] && starts "$path"; then remember "$path"; fi
done

say "Chromium for the browser tests, by Playwright, into $CACHE/browsers (a minute, 180 MB)"
export PLAYWRIGHT_BROWSERS_PATH="$CACHE/browsers"
own() { find "$CACHE/browsers" -type f \( -name chrome -o -name headless_shell -o -name chrome-headless-shell \) 2>/dev/null | sort | head -n1; }
if (cd end2end && timeout 300 npx --no-install playwright install chromium >/dev/null 2>&1); then
  path=$(own)
  if [ -n "$path" ] && starts "$path"; then remember "$path"; fi
  # It is there but lacks shared libraries of the system.
  if as_root true 2>/dev/null; then (cd end2end && as_root npx --no-install playwright install-deps chromium >/dev/null 2>&1) || true; fi
  if [ -n "$path" ] && starts "$path"; then remember "$path"; fi
fi

say "That does not work here: Debian's package is tried (a minute)"
if apt_install chromium && path=$(command -v chromium) && starts "$path"; then remember "$path"; fi
die "no Chromium: install one (Debian: apt install chromium) or name it with CHROMIUM=/path, then run this again"
