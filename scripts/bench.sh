#!/usr/bin/env bash
# make bench: the optimised binary beside cp, `sqlite3 .backup`, that with gzip, with zstd, and with restic, in one run. BENCH_MB (default
# "16 256 2048") are the sizes, BENCH_ROUNDS (default 3) how often, BENCH_DIR where (four times the largest size must be free there).
# Then PostgreSQL, where there is one: pgbench's database in the sizes BENCH_PG_SCALE (default "5 50") beside pg_dump and pg_restore.
source "$(dirname "$0")/common.sh"
for tool in sqlite3 python3 zstd; do
  command -v $tool >/dev/null || apt_install $tool || die "$tool is missing (Debian: apt install $tool)"
done
command -v restic >/dev/null || apt_install restic || say "restic is missing: it is left out (Debian: apt install restic)"
scripts/build.sh
python3 scripts/bench.py "$TARGET/release/keepstone"
if postgres=$(scripts/setup-postgres.sh) && [ -n "$postgres" ]; then python3 scripts/bench_postgres.py "$TARGET/release/keepstone" "$postgres"; fi
