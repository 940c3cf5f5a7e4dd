#!/usr/bin/env bash
# Installs what a build needs and is missing: the wasm32 target, Trunk, wasm-bindgen, and the crates of the lock file.
# `setup.sh release` adds wasm-opt. Says nothing where nothing is missing. A fitting tool on PATH is used as it is.
source "$(dirname "$0")/common.sh"

command -v cargo >/dev/null || die "cargo is missing: install Rust from https://rustup.rs, then run this again"
command -v node >/dev/null || die "node is missing: install Node 18 or newer, then run this again"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] || die "node $(node -v) is too old: Keepstone's build needs 18 or newer"
command -v cc >/dev/null || { say "A C compiler, for SQLite and zstd (a minute)"; apt_install gcc libc6-dev; } ||
  die "cc is missing: install a C compiler (Debian: apt install gcc libc6-dev), then run this again"

scripts/setup-wasm.sh

# cargo_tool NAME VERSION MINUTES [ARGUMENT…]: into a folder of its own, so that the next clean clone finds it and nobody's own
# tools change. Built without optimising: the tools run for seconds, their own release profiles cost minutes.
cargo_tool() {
  local name=$1 version=$2 minutes=$3 home="$CACHE/tools/$1-$2"; shift 3
  if [ "$("$name" --version 2>/dev/null)" = "$name $version" ] || [ -x "$home/bin/$name" ]; then return; fi
  say "$name $version into $home (about $minutes minutes on two cores)"
  mkdir -p "$CACHE/tools"
  # Into a folder beside it that is renamed when whole: an interrupted install is never taken for a tool.
  rm -rf "$home.part"
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 CARGO_PROFILE_RELEASE_OPT_LEVEL="${OPT:-0}" \
    cargo install --quiet --root "$home.part" --target-dir "$home.part/build" --version "$version" "$@"
  rm -rf "$home.part/build"
  mv "$home.part" "$home"
}
cargo_tool trunk "$TRUNK_VERSION" 3 trunk --locked --no-default-features --features rustls
# Not --locked: its lock file may name a version that a registry mirror does not have yet. It reads the whole module: optimised a little.
OPT=1 cargo_tool wasm-bindgen "$BINDGEN_VERSION" 2 wasm-bindgen-cli --no-default-features --bin wasm-bindgen

if [ "${1-}" = release ]; then scripts/setup-npm.sh; fi

# Trunk builds offline, so that a missing crate is an error here and not a download there.
cargo fetch --locked --quiet
