#!/usr/bin/env bash
# make fuzz: each target of fuzz/ for MINUTES (default 2) minutes, from the archives and databases in testdata. It needs a nightly compiler. What a
# target finds lies in fuzz/artifacts; the corpus stays in target/fuzz-corpus for the next run.
source "$(dirname "$0")/common.sh"
CARGO_FUZZ_VERSION=0.13.2
tool=$CACHE/tools/cargo-fuzz-$CARGO_FUZZ_VERSION
rustc +nightly --version >/dev/null 2>&1 || { say "Rust nightly (a minute)"; rustup toolchain install nightly --profile minimal; } ||
  die "fuzzing needs a nightly Rust: rustup toolchain install nightly"
[ -x "$tool/bin/cargo-fuzz" ] || { say "cargo-fuzz $CARGO_FUZZ_VERSION (2 minutes)"; cargo install --quiet --locked --version $CARGO_FUZZ_VERSION --root "$tool" cargo-fuzz; }
PATH=$tool/bin:$PATH

seconds=$((${MINUTES:-2} * 60)) failed=0 figures=()
logs=$TARGET/fuzz-logs
mkdir -p "$logs"
notes='{"notes_version": 1, "backup_id": "BACKUP-ID", "pinned": true, "description": "d", "tags": ["t"], "proofs": [], "sealed": null}'
targets=(archive directory metadata image sealed notes)
for target in "${targets[@]}"; do
  corpus=$TARGET/fuzz-corpus/$target
  mkdir -p "$corpus"
  case $target in
    archive) cp testdata/archives/*.zip "$corpus" ;;
    notes) for which in 0 1 2 3; do printf '%b%s' "\\$which" "$notes" > "$corpus/$which"; done ;;
    sealed) for which in 0 1 2 3 4 5 6 7; do printf '%b' "\\$which\\0\\0020\\1x\\1\\0040\\0y" > "$corpus/$which"; done ;;
    image) cp testdata/malformed/*.db "$corpus" ;;
    metadata) for archive in testdata/archives/*.zip; do unzip -p "$archive" metadata.json > "$corpus/$(basename "$archive" .zip).json"; done ;;
  esac
  say "$target: builds (cold 5 minutes), then $seconds s"
  cargo +nightly fuzz run --target-dir "$TARGET/fuzz" "$target" "$corpus" -- \
    -max_total_time=$seconds -max_len=262144 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 > "$logs/$target.log" 2>&1 ||
    { failed=$((failed + 1)); say "FAILED: $logs/$target.log"; grep -E '^error|panicked|SUMMARY' "$logs/$target.log" | head -5; }
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$target.log")
  figures+=("$(printf '%-12s %12s runs' "$target" "${executed:-no}")")
done
printf '\n'
printf '%s\n' "${figures[@]}"
printf '\n%d targets, %d failed\n' ${#targets[@]} "$failed"
[ "$failed" = 0 ]
