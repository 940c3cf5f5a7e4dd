# Sourced by the other scripts: where things lie, which versions are wanted, and how they speak.
# Nothing here changes anything.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

# The only folder outside the checkout that these scripts write to; what is in it may be deleted at any time.
CACHE=${KEEPSTONE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/keepstone}
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
WASM=wasm32-unknown-unknown

TRUNK_VERSION=0.21.14
# The command line tool and the crate must be equal to the patch, so the lock file decides.
BINDGEN_VERSION=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)

# rustup's own profile may not be read by the shell that runs make.
command -v cargo >/dev/null || PATH="$HOME/.cargo/bin:$PATH"
export PATH
export TRUNK_SKIP_VERSION_CHECK=true
# A terminal sees cargo's progress bar, a log only what goes wrong.
[ -t 2 ] || export CARGO_TERM_QUIET=true

say() { printf '==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# DB as make was given it: a path is relative to where the person stands, not to the checkout.
given_db() {
  if [ -n "${DB:-}" ] && [[ $DB != *://* && $DB != /* ]]; then DB="${FROM:-$PWD}/$DB"; fi
}

# Runs a command as root if that is possible without asking anything, else fails.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else command -v sudo >/dev/null && sudo -n "$@"; fi
}

# apt_install PACKAGE…: quietly, and only where there is apt and the right to use it.
apt_install() {
  command -v apt-get >/dev/null || return 1
  as_root true 2>/dev/null || return 1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# apt_source PACKAGE[=VERSION] FOLDER: the files of a source package, from where this machine has its packages, whatever sources it lists. Changes
# nothing of the system.
apt_source() {
  local at=$2 apt key
  for key in /usr/share/keyrings/{debian,ubuntu}-archive-keyring.gpg; do [ ! -f "$key" ] || break; done
  [ -f "$key" ] && mkdir -p "$at"/{lists/partial,cache/archives/partial} || return 1
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' | sort -u |
    awk -v key="$key" '$1 == "Debian" || $1 == "Ubuntu" { print "deb-src [signed-by=" key "]", $2, $3, $4 }' > "$at/sources.list"
  [ -s "$at/sources.list" ] || return 1
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$at/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$at/lists"
    -o "Dir::Cache=$at/cache")
  "${apt[@]}" update && (cd "$at" && "${apt[@]}" source --download-only "$1")
}

# Whether a rustc has the standard library of the browser's target.
has_wasm() {
  local folder
  folder=$("$1" --print target-libdir --target $WASM 2>/dev/null) && compgen -G "$folder/libstd-*.rlib" >/dev/null
}

# Puts the tools of the cache folder first on PATH, and for the bundle (`use_tools bundle`) a Rust that has the target.
use_tools() {
  PATH="$CACHE/tools/trunk-$TRUNK_VERSION/bin:$CACHE/tools/wasm-bindgen-$BINDGEN_VERSION/bin:$ROOT/end2end/node_modules/.bin:$PATH"
  if [ "${1-}" = bundle ] && ! has_wasm rustc; then
    has_wasm "$CACHE/tools/rust-wasm/bin/rustc" || die "no Rust here can build for $WASM: run scripts/setup.sh first"
    PATH="$CACHE/tools/rust-wasm/bin:$PATH"
    unset RUSTUP_TOOLCHAIN
  fi
}
