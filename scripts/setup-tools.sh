#!/usr/bin/env bash
# The small tools that tests compare with or look through: strace, sqlite3, unzip, zstd, and python with its package cryptography. By apt where there is
# apt and the right to use it. Says what it installs, and of what is missing in the end which tests go without. Says nothing where nothing is missing.
source "$(dirname "$0")/common.sh"

# missing: the Debian packages of what is not here.
missing() {
  local tool
  for tool in strace sqlite3 unzip zstd python3; do command -v "$tool" >/dev/null || echo "$tool"; done
  command -v unshare >/dev/null || echo util-linux
  python3 -c 'import cryptography' 2>/dev/null || echo python3-cryptography
}
wanted=$(missing | tr '\n' ' ')
[ -n "$wanted" ] || exit 0
say "Tools that tests use (seconds): $wanted"
apt_install $wanted || true

still=$(missing | tr '\n' ' ')
# A python that somebody put before Debian's does not see Debian's packages.
if [[ $still == *cryptography* ]] && ! apt_packages_seen=$(python3 -m pip install --quiet cryptography 2>&1); then say "$apt_packages_seen"; fi
still=$(missing | tr '\n' ' ')
if [ -z "$still" ]; then exit 0; fi
say "Not to be had here: $still(Debian: apt install $still)"
for package in $still; do
  case $package in
    strace) say "without strace: jobs and recoveries that are killed or hang at a call are not tried" ;;
    sqlite3) say "without sqlite3: malformed databases are not compared with its verdict" ;;
    util-linux) say "without unshare: full disks are not tried" ;;
    *) say "without $package: archives are not opened by the tools and the script that need it" ;;
  esac
done
