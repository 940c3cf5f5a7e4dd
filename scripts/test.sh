#!/usr/bin/env bash
# make test: installs what the tests need, runs every stage even where an earlier one failed, and ends with a table and the line
# `N passed, M failed`. What cannot be tried on this machine is listed and counted as skipped; with KEEPSTONE_STRICT set, as failed. A stage without test cases of its own (format, lints,
# build) counts as one case. Exit 0 only if nothing failed.
source "$(dirname "$0")/common.sh"
started=$SECONDS
logs=$TARGET/test-logs
mkdir -p "$logs"
rows=() total_passed=0 total_failed=0
: > "$logs/failures.txt" # what failed, with its first words: shown at the very end, where it is read

# count NAME PASSED FAILED SKIPPED SECONDS
count() {
  rows+=("$(printf '%-34s %7d %7d %7d %6d s' "$@")")
  total_passed=$((total_passed + $2)) total_failed=$((total_failed + $3))
}
# stage NAME MINUTES COMMAND…: one case, passed or failed.
stage() {
  local name=$1 estimate=$2 began=$SECONDS; shift 2
  say "$name ($estimate)"
  if "$@"; then count "$name" 1 0 0 $((SECONDS - began)); else count "$name" 0 1 0 $((SECONDS - began)); return 1; fi
}

native=(-p keepstone-model -p keepstone-cipher -p keepstone-engine -p keepstone-app -p keepstone-server --features keepstone-app/ssr)

# Twice as many at a time as there are cores: half of them wait for a process, a lock or a clock.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}
rust_tests() {
  local began=$SECONDS log=$logs/rust.log status=0
  say "Rust tests: unit, property, HTTP, command line, tidy (cold 12 minutes, warm 5)"
  set +e
  cargo test --locked --quiet --no-fail-fast "${native[@]}" 2>&1 | tee "$log" |
    grep -vE '^(running [0-9]+ tests?|[.i]+( [0-9]+/[0-9]+)?|test result: ok.*|)$'
  status=${PIPESTATUS[0]}
  set -e
  read -r passed failed skipped < <(awk '/^test result: /{p+=$4; f+=$6; i+=$8} END{print p+0, f+0, i+0}' "$log")
  # It did not compile, or a test process died: that is a failure even where no test says so.
  if [ "$status" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
  if [ "$passed" = 0 ] && [ "$failed" = 0 ]; then failed=1; fi
  # What a test leaves out because this machine lacks something, or forbids it, it says itself.
  local left_out; left_out=$(grep -ao 'SKIPPED: .*' "$log" | sort | uniq -c || true)
  if [ -n "$left_out" ]; then
    say "Left out:"; printf '%s\n' "$left_out"
    local lines; lines=$(grep -c . <<< "$left_out")
    skipped=$((skipped + lines))
    if [ -n "${KEEPSTONE_STRICT:-}" ]; then failed=$((failed + lines)); fi
  fi
  awk '/^---- .* stdout ----$/{print; left=6; next} left-- > 0' "$log" >> "$logs/failures.txt"
  count "Rust tests" "$passed" "$failed" "$skipped" $((SECONDS - began))
}

browser_tests() {
  local began=$SECONDS report=$logs/playwright.json status=0
  say "Browser tests: Playwright against the packaged binary (7 minutes)"
  rm -f "$report"
  (cd end2end && KEEPSTONE_BIN="$binary" CHROMIUM="$chromium" PLAYWRIGHT_JSON_OUTPUT_NAME="$report" KEEPSTONE_CACHE="$CACHE" \
    npx --no-install playwright test --reporter=line,json) || status=$?
  read -r passed failed skipped < <(node scripts/playwright-report.mjs "$report" "$logs/failures.txt" || echo 0 1 0)
  if [ "$status" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
  count "Browser tests" "$passed" "$failed" "$skipped" $((SECONDS - began))
}

not_run() { say "$1: not run, because $2"; count "$1 (not run)" 0 1 0 0; }

say "Keepstone's tests. From nothing about 36 minutes on two cores, otherwise 12."
scripts/setup.sh
scripts/setup-npm.sh
scripts/setup-tools.sh
scripts/setup-faketime.sh
scripts/setup-postgres.sh >/dev/null
chromium=$(scripts/setup-browser.sh)

lints=(-- -D warnings)
stage "Format (cargo fmt)" "seconds" cargo fmt --all --check || true
# The bundle first: the server carries it inside.
stage "Bundle (Trunk)" "cold 3 minutes" scripts/bundle.sh || true
stage "Lints, server side (clippy)" "cold 3 minutes" cargo clippy --locked "${native[@]}" --all-targets "${lints[@]}" || true
stage "Lints, browser side (clippy)" "cold 1 minute" \
  bash -c 'source scripts/common.sh; use_tools bundle; cargo clippy --locked -p keepstone-frontend -p keepstone-app --features keepstone-app/hydrate --target $WASM "$@"' - "${lints[@]}" || true
stage "Documentation (cargo doc)" "cold half a minute" env RUSTDOCFLAGS="-D warnings" \
  cargo doc --locked --quiet --no-deps -p keepstone-model -p keepstone-cipher -p keepstone-engine || true
rust_tests
if binary=$(scripts/server.sh); then browser_tests; else not_run "Browser tests" "the server did not build"; fi

printf '\n%-34s %7s %7s %7s %8s\n' "What" passed failed skipped time
printf '%s\n' "${rows[@]}"
printf '%-34s %7s %7s %7s %6d s\n\n' "All" "" "" "" $((SECONDS - started))
cat "$logs/failures.txt"
printf '%d passed, %d failed\n' "$total_passed" "$total_failed"
[ "$total_failed" = 0 ]
