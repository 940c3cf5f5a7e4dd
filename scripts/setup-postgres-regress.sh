#!/usr/bin/env bash
# Finds or fetches PostgreSQL's own regression tests for the server that the tests use, builds what they load into it, and prints the folder on
# stdout: sql, expected, data, the schedule, and lib. Debian's source and -dev packages are unpacked into the cache folder; nothing is installed.
source "$(dirname "$0")/common.sh"
exec 3>&1 1>&2

bin=$(scripts/setup-postgres.sh)
[ -n "$bin" ] || exit 1
major=$("$bin/pg_config" --version | grep -oE '[0-9]+' | head -1)
version=$(dpkg-query -W -f '${Version}' "postgresql-$major" 2>/dev/null) || { say "PostgreSQL here is no Debian package: its regression tests are not fetched"; exit 1; }
folder=$CACHE/postgres-regress-$version
whole() { [ -f "$folder/parallel_schedule" ] && [ -f "$folder/lib/regress.so" ] && [ -x "$folder/pg_regress" ]; }
if whole; then printf '%s\n' "$folder" >&3; exit 0; fi

say "PostgreSQL's regression tests, Debian's source package of $version (25 MB)"
command -v cc >/dev/null || { say "a C compiler is needed to build what they load"; exit 1; }
part=$folder.part
rm -rf "$part"; mkdir -p "$part"
apt_source "postgresql-$major=$version" "$part/source"
tar xf "$part"/source/postgresql-*.orig.tar.* -C "$part" --strip-components=4 --wildcards '*/src/test/regress/*'
# The server's headers, and pg_regress where the client's package has none.
(cd "$part/source" && apt-get -qq download "postgresql-server-dev-$major=$version" && dpkg -x postgresql-server-dev-*.deb dev)
mkdir "$part/lib"
headers=("$part"/source/dev/usr/include/postgresql/*/server)
cc -shared -fPIC -O1 -w -I "${headers[0]}" -I "$part/source/dev/usr/include/postgresql/internal" -o "$part/lib/regress.so" "$part/regress.c"
for found in "$bin/.." "$part/source/dev/usr/lib/postgresql/$major"; do
  ! [ -x "$found/lib/pgxs/src/test/regress/pg_regress" ] || cp "$found/lib/pgxs/src/test/regress/pg_regress" "$part/"
done
# Of the contrib package, which setup-postgres.sh installs beside the server.
cp "$("$bin/pg_config" --pkglibdir)"/{refint,autoinc}.so "$part/lib/"
rm -rf "$part/source" "$folder"; mv "$part" "$folder"
whole && printf '%s\n' "$folder" >&3
