#!/usr/bin/env bash
# libfaketime, for the tests that set the clock of a process. Without it those tests say that they are skipped.
source "$(dirname "$0")/common.sh"
if compgen -G "/usr/lib/*/faketime/libfaketime.so.1" >/dev/null || [ -e /usr/lib/faketime/libfaketime.so.1 ]; then exit 0; fi
say "libfaketime, for tests of clocks that jump (seconds)"
apt_install faketime || say "libfaketime cannot be installed here: the tests that need it are skipped (Debian: apt install faketime)"
