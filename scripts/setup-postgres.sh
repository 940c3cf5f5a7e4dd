#!/usr/bin/env bash
# Finds or installs a PostgreSQL server with its client tools for the tests, and prints the folder of its programs on stdout. What is there
# is taken; else Debian's package is tried. Without one the tests that need it say so and are skipped.
source "$(dirname "$0")/common.sh"
exec 3>&1 1>&2

whole() { for tool in initdb pg_ctl postgres pg_dump pg_restore psql pgbench; do [ -x "$1/$tool" ] || return 1; done; }
find_bin() {
  local folder
  for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) $(tr ':' ' ' <<<"$PATH"); do
    if whole "$folder"; then printf '%s\n' "$folder" >&3; return 0; fi
  done
  return 1
}

find_bin && exit 0
say "PostgreSQL for the tests, Debian's package (half a minute)"
# Only the programs: no cluster is made, and no service started.
if as_root mkdir -p /etc/postgresql-common 2>/dev/null && ! [ -e /etc/postgresql-common/createcluster.conf ]; then
  echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null || true
fi
if apt_install postgresql postgresql-contrib && find_bin; then exit 0; fi
say "There is no PostgreSQL, and none can be installed here: its tests are skipped"
