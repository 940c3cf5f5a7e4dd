#!/usr/bin/env bash
# bundle.sh [release]: the browser's bundle into dist/, by Trunk; nothing happens where it is up to date.
source "$(dirname "$0")/common.sh"
use_tools bundle
profile=${1:-dev}
stamp=dist/.made-of

# Everything the bundle is made of. By content, not by time: Trunk writes all files anew, and the server would be linked again for nothing.
made_of() {
  { echo "$profile $TRUNK_VERSION"; rustc -vV; find app frontend model style .cargo Cargo.toml Cargo.lock Trunk.toml index.html \
    scripts/bundle-assets.mjs -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum
}
now=$(made_of)
if [ "$(cat $stamp 2>/dev/null)" = "$now" ]; then exit 0; fi

if [ "$profile" = release ]; then
  say "The browser's bundle, optimised (3 to 4 minutes the first time, then half a minute)"
  RUST_BACKTRACE=0 trunk --log warn build --release
else
  say "The browser's bundle (3 minutes the first time, then seconds)"
  RUST_BACKTRACE=0 trunk --log warn build
fi
printf '%s\n' "$now" >$stamp
