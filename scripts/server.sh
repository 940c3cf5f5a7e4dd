#!/usr/bin/env bash
# Builds the server unoptimised, with the bundle of dist/ inside, and prints the binary's path on stdout.
source "$(dirname "$0")/common.sh"
binary="$TARGET/debug/keepstone"
if ! [ -x "$binary" ]; then say "The server (3 minutes the first time, then seconds)" >&2; fi
cargo build --locked -p keepstone-server >&2
printf '%s\n' "$binary"
