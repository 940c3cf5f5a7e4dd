#!/usr/bin/env bash
# make torture: every campaign of reliability in large, for about MINUTES (default 20) minutes, ending with a table of figures. Exit 0 only if
# nothing was found. LARGE=no leaves out the databases of more than 4 GiB, for which 20 GB must be free in TMPDIR; ALL=yes plays every planned
# kill, fault and power cut, however long it takes (about two hours). What a small run of the tests does with a few cases is done here with as many as fit into the time.
source "$(dirname "$0")/common.sh"
minutes=${MINUTES:-20}
kills=${KILLS:-$((minutes * 50))}
export KEEPSTONE_TORTURE_SEED=${SEED:-$RANDOM$RANDOM}
started=$SECONDS
logs=$TARGET/torture-logs
mkdir -p "$logs"
rm -f "$logs"/*

scripts/setup-tools.sh

say "Building (cold 6 minutes)"
native=(-p keepstone-model -p keepstone-engine -p keepstone-app -p keepstone-server --features keepstone-app/ssr)
built() { cargo test --locked "${native[@]}" --no-run --message-format json 2>/dev/null; }
cargo test --locked --quiet "${native[@]}" --no-run
# program KIND NAME: the path of a test program.
program() { built | python3 -c '
import json, sys
for line in sys.stdin:
    made = json.loads(line) if line.startswith("{") else {}
    target = made.get("target", {})
    if made.get("executable") and target["name"] == sys.argv[2] and sys.argv[1] in target["kind"] and made["profile"]["test"]:
        print(made["executable"])' "$1" "$2" | head -1; }
torture=$(program test torture) kill=$(program test kill) engine=$(program lib keepstone_engine)
[ -x "$torture" ] && [ -x "$kill" ] && [ -x "$engine" ] || die "the test programs were not found"

# SQLite's malformed databases: by apt into a folder of our own, whatever sources this machine has.
malformed=$CACHE/malformed-databases
fetch_malformed() {
  local at=$CACHE/malformed-databases.part
  rm -rf "$at"
  apt_source sqlite3 "$at" || return 1
  tar xf "$at"/sqlite3_*.orig.tar.xz -C "$at" --wildcards '*/test/fuzzdata3.db' '*/test/fuzzdata7.db' || return 1
  python3 - "$at" <<'PYTHON' || return 1
import glob, os, sqlite3, sys
for source in glob.glob(sys.argv[1] + "/*/test/fuzzdata*.db"):
    for number, content in sqlite3.connect(source).execute("SELECT dbid, dbcontent FROM db"):
        content = content.encode() if isinstance(content, str) else content or b""
        with open(f"{sys.argv[1]}/{os.path.basename(source)[:-3]}-{number}.db", "wb") as file:
            file.write(content)
PYTHON
  rm -rf "$at"/{lists,cache,sqlite3*,sources.list}
  rm -rf "$malformed"; mv "$at" "$malformed"
}
if [ ! -d "$malformed" ]; then
  say "SQLite's malformed databases (8 MB)"
  fetch_malformed > "$logs/fetch.log" 2>&1 || say "not to be had here (see $logs/fetch.log): the sample in testdata stands in"
fi
[ -d "$malformed" ] && export KEEPSTONE_MALFORMED=$malformed
KEEPSTONE_PG_REGRESS=$(scripts/setup-postgres-regress.sh 2>> "$logs/fetch.log" | tail -1) && export KEEPSTONE_PG_REGRESS ||
  say "PostgreSQL's regression tests are not to be had here (see $logs/fetch.log)"

failed=0 campaigns=0
# share PERCENT: seconds of the whole time.
share() { echo $((minutes * 60 * $1 / 100)); }
# campaign NAME SECONDS PROGRAM ARGUMENT…
campaign() {
  local name=$1 log=$logs/$1.log; shift
  say "$name (up to $1 s)"
  campaigns=$((campaigns + 1))
  KEEPSTONE_TORTURE_SECONDS=$1 nice "${@:2}" --nocapture > "$log" 2>&1 && grep -q '^test result: ok. [1-9]' "$log" ||
    { failed=$((failed + 1)); say "FAILED: $log"; grep -E '^(FINDING|thread|assertion)|panicked' "$log" | head -20; }
}

cd server
# Kills of the real binary run beside the rest: they are to hit at moments that nothing but chance chose.
(KEEPSTONE_KILLS=$((kills / 2)) nice "$kill" --nocapture > "$logs/kills.log" 2>&1) & killing=$!
campaign faults "$([ "${ALL:-no}" = yes ] && echo 86400 || share 40)" "$torture" every_file_system_call
campaign damage "$(share 8)" "$torture" every_flipped_byte
campaign live-damage "$(share 4)" "$torture" a_damaged_archive
campaign passwords "$(share 1)" "$torture" a_wrong_password
campaign balance "$(share 7)" "$torture" every_backup_beside
campaign no-gap "$(share 4)" "$torture" no_commit_is_lost
campaign actions "$(share 10)" "$torture" any_acts
campaign full-disk "$(share 1)" "$torture" on_a_full_disk
campaign short-writes "$(share 4)" "$torture" a_write_cut_short
campaign malformed "$(share 12)" "$torture" malformed_databases
if [ "${LARGE:-yes}" = yes ]; then campaign large 0 "$torture" --ignored --test-threads=1 more_than_4_gib; fi
cd ../engine
campaign makes 0 "$engine" --ignored all_makes
if [ -n "${KEEPSTONE_PG_REGRESS:-}" ]; then campaign postgres 0 "$engine" --ignored regression_database
else echo "SKIPPED PostgreSQL's regression database: see $logs/fetch.log" > "$logs/postgres.log"; fi
say "the rest of $kills real kills"
campaigns=$((campaigns + 1))
wait "$killing" || { failed=$((failed + 1)); say "FAILED: $logs/kills.log"; grep -E '^(thread|assertion)|panicked' "$logs/kills.log" | head; }
cd ..

printf '\nSeed %s, %d minutes\n\n' "$KEEPSTONE_TORTURE_SEED" $(((SECONDS - started) / 60))
grep -h '^FIGURES' "$logs"/*.log | sed 's/^FIGURES //' | awk -F ': ' '{printf "%-34s %s\n", $1, $2}'
grep -hE '^[a-z]+: [0-9]+ of' "$logs/kills.log" | awk -F ': ' '{printf "%-34s %s\n", "real kills of " $1, $2}'
grep -h '^SKIPPED' "$logs"/*.log | sort -u || true
printf '\n%d campaigns, %d failed\n' "$campaigns" "$failed"
[ "$failed" = 0 ]
