#!/usr/bin/env bash
# make bench: the optimised binary beside `sqlite3 .backup` then gzip, and beside cp. BENCH_MB (default "256 2048") are the sizes,
# BENCH_ROUNDS (default 3) how often, BENCH_DIR where (twice the largest size and more must be free there).
source "$(dirname "$0")/common.sh"
for tool in sqlite3 python3; do
  command -v $tool >/dev/null || apt_install $tool || die "$tool is missing (Debian: apt install $tool)"
done
scripts/build.sh
exec python3 scripts/bench.py "$TARGET/release/keepstone"
