#!/usr/bin/env bash
# One self-contained binary, target/release/keepstone: the optimised bundle inside, compressed. Prints its sizes and holds them to the
# limits of the console.
source "$(dirname "$0")/common.sh"
scripts/setup.sh release
scripts/bundle.sh release
scripts/sizes.sh
say "The server, optimised (5 minutes the first time, then half a minute)"
cargo build --release --locked -p keepstone-server
say "$TARGET/release/keepstone is ready: $(du -h "$TARGET/release/keepstone" | cut -f1), runs from any folder"
