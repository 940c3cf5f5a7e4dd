#!/usr/bin/env bash
# make dev: like `make run`, and on every saved change the bundle and the server are built again and the server is started anew.
# Trunk watches the browser's part; this loop watches the server's part and dist/, because the binary carries the bundle inside.
source "$(dirname "$0")/common.sh"
DATA=${DATA:-$ROOT/keepstone-data}
LISTEN=${LISTEN:-127.0.0.1:8181}
given_db
scripts/setup.sh
scripts/bundle.sh
keepstone=$(scripts/server.sh)

server= trunk=
stop() {
  trap - EXIT INT TERM
  for pid in $server $trunk; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -f "$mark"
}
mark=$(mktemp)
trap stop EXIT
trap 'exit 0' INT TERM

(use_tools bundle; exec trunk --log warn watch) &
trunk=$!
demo=(--demo); if [ -n "${DB:-}" ]; then "$keepstone" --data "$DATA" db add "$DB"; demo=(); fi
# shellcheck disable=SC2086
start() { "$keepstone" --data "$DATA" serve --listen "$LISTEN" "${demo[@]}" ${ARGS:-} & server=$!; }
start
say "http://$LISTEN; changes are built as they are saved; Ctrl-C stops it"

while sleep 1; do
  kill -0 "$trunk" 2>/dev/null || die "trunk watch ended"
  changed=$(find model engine app server Cargo.toml Cargo.lock dist -type f -not -path 'dist/.stage/*' -newer "$mark" -print -quit 2>/dev/null || true)
  [ -n "$changed" ] || continue
  touch "$mark" # before the build: what is saved during it is seen in the next round
  say "$changed changed"
  if scripts/server.sh >/dev/null; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    start
  fi
done
