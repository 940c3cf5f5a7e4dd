#!/usr/bin/env bash
# Builds what is missing and becomes `keepstone serve`. From make: DB protects that database instead of the demo's, DATA is the data
# directory, LISTEN the address, ARGS more arguments of `serve`.
source "$(dirname "$0")/common.sh"
DATA=${DATA:-$ROOT/keepstone-data}
LISTEN=${LISTEN:-127.0.0.1:8181}
given_db
scripts/setup.sh
scripts/bundle.sh
keepstone=$(scripts/server.sh)

demo=(--demo)
if [ -n "${DB:-}" ]; then
  "$keepstone" --data "$DATA" db add "$DB"
  demo=()
fi
say "keepstone serve on http://$LISTEN, its data in $DATA; Ctrl-C stops it"
# shellcheck disable=SC2086 # ARGS are several words
exec "$keepstone" --data "$DATA" serve --listen "$LISTEN" "${demo[@]}" ${ARGS:-}
