#!/usr/bin/env bash
# Makes a Rust that builds for the browser (wasm32-unknown-unknown):
# 1. the active toolchain has the target, or rustup adds it: done;
# 2. else Debian's rustc-web and its sources: std is built once for wasm32 into a sysroot of its own in the cache folder, whose
#    `bin` scripts/common.sh puts first on PATH for the bundle. The server is built with the usual toolchain all the same.
source "$(dirname "$0")/common.sh"

if has_wasm rustc; then exit 0; fi
if command -v rustup >/dev/null; then
  say "The $WASM target of Rust (seconds)"
  if rustup target add $WASM >/dev/null 2>&1 && has_wasm rustc; then exit 0; fi
  say "rustup cannot get it: Debian's Rust is used for the browser's part"
fi

home="$CACHE/tools/rust-wasm"
debian=/usr/bin/rustc
lib=/usr/lib/rustlib
llvm() { "$debian" -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p'; }

if ! [ -x $debian ] || ! [ -x /usr/bin/cargo ] || ! [ -e $lib/src/rust/library/Cargo.lock ]; then
  say "rustc-web, cargo-web and rust-web-src by apt (a minute)"
  apt_install rustc-web cargo-web rust-web-src ||
    die "cannot install them: as root, run: apt-get install rustc-web cargo-web rust-web-src"
fi
[ -x "/usr/lib/llvm-$(llvm)/bin/lld" ] || apt_install "lld-$(llvm)" || die "cannot install lld-$(llvm): as root, run: apt-get install lld-$(llvm)"
host=$("$debian" -vV | sed -n 's/^host: //p')

# A std that another rustc built is of no use: the stamp says which one did.
stamp="$("$debian" -vV) $(dpkg-query -W -f '${Version}' rustc-web 2>/dev/null || true)"
if [ "$(cat "$home/stamp" 2>/dev/null)" = "$stamp" ] && has_wasm "$home/bin/rustc"; then exit 0; fi

say "The standard library for $WASM into $home (a minute)"
rm -rf "$home"
mkdir -p "$home/bin" "$home/lib/rustlib/$host/bin" "$home/lib/rustlib/$WASM/lib" "$home/build/src"

# Its own sysroot: the host's libraries as links, the browser's built below. rustc calls `rust-lld` from there.
ln -s "$lib/$host/lib" "$home/lib/rustlib/$host/lib"
ln -s "/usr/lib/llvm-$(llvm)/bin/lld" "$home/lib/rustlib/$host/bin/rust-lld"
ln -s /usr/bin/cargo "$home/bin/cargo"
printf '#!/bin/sh\nexec %s --sysroot %q "$@"\n' "$debian" "$home" >"$home/bin/rustc"
chmod +x "$home/bin/rustc"

: >"$home/build/src/lib.rs"
cat >"$home/build/Cargo.toml" <<'TOML'
[package]
name = "stub"
version = "0.0.0"
edition = "2021"
[profile.release]
codegen-units = 1
debug = 0
TOML
# embed-bitcode: without it the release bundle's fat LTO cannot see into std.
(cd "$home/build" && env -u RUSTUP_TOOLCHAIN -u CARGO_TARGET_DIR PATH=/usr/bin:/bin RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes \
  /usr/bin/cargo build --quiet --release --target $WASM -Zbuild-std=std,panic_abort,proc_macro,test)
rm -f "$home/build/target/$WASM/release/deps/"libstub-*
cp "$home/build/target/$WASM/release/deps/"lib*.rlib "$home/lib/rustlib/$WASM/lib/"
rm -rf "$home/build"
has_wasm "$home/bin/rustc" || die "the standard library for $WASM was built but is not found in $home"
printf '%s\n' "$stamp" >"$home/stamp"
