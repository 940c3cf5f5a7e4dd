#!/usr/bin/env bash
# Prints the path of a real SQLite database of some hundred MB that nobody here made, in the cache folder: the Japanese dictionary of PyPI's
# `jamdict-data` (325 MB, 45 tables). Where it cannot be had, one of that size is generated, and a note on stderr says so.
source "$(dirname "$0")/common.sh"
exec 3>&1 1>&2
folder="$CACHE/testdata"
real="$folder/jamdict-1.5.db" made="$folder/generated-300.db"
for known in "$real" "$made"; do
  if [ -s "$known" ]; then printf '%s\n' "$known" >&3; exit 0; fi
done
mkdir -p "$folder"
part=$(mktemp -d "$folder/part-XXXXXX")
trap 'rm -rf "$part"' EXIT

say "A real database for the tests: jamdict-data of PyPI, 54 MB to load (half a minute)"
if timeout 300 python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --dest "$part" jamdict-data==1.5 2>/dev/null &&
  tar -xzf "$part"/jamdict*.tar.gz -C "$part" --wildcards --strip-components=2 '*/jamdict.db.xz' &&
  python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' "$part/jamdict.db.xz" "$part/real.db"; then
  mv "$part/real.db" "$real"
  printf '%s\n' "$real" >&3
  exit 0
fi
say "NOTE: it cannot be loaded here; the tests use a generated database of 300 MB instead (half a minute)"
python3 end2end/sqlite.py big "$part/made.db" 300
mv "$part/made.db" "$made"
printf '%s\n' "$made" >&3
