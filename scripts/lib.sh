# shellcheck shell=bash
# Shared by the scripts beside it; source it. It leaves the shell in the repository's root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Programs of Debian packages that are not on everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin
for dir in /usr/lib/postgresql/*/bin; do [ -d "$dir" ] && PATH=$PATH:$dir; done
export PATH

# A clone that belongs to another user makes git, and with it version stamping, refuse.
[[ " ${GOFLAGS:-} " == *" -buildvcs="* ]] || export GOFLAGS="-buildvcs=false ${GOFLAGS:-}"

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
strict() { [ "${CI:-}" = true ]; }

declare -A wanted=()
want() { # want COMMAND PACKAGE: remember the package if the command is missing
  command -v "$1" >/dev/null || wanted[$2]=1
}

# install_wanted installs what want has found missing, as root or by sudo, and returns 1 if it cannot.
install_wanted() {
  [ ${#wanted[@]} -gt 0 ] || return 0
  local list=("${!wanted[@]}") as=()
  wanted=()
  command -v apt-get >/dev/null || { say "Please install: ${list[*]} (no apt-get here)"; return 1; }
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || { say "Please install: ${list[*]} (neither root nor sudo without a password)"; return 1; }
    as=(sudo -n)
  fi
  say "Installing: ${list[*]}"
  "${as[@]}" bash -s "${list[@]}" <<'ROOT'
set -eu
# Tests start their own servers: a freshly installed package must not start one.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" >/dev/null; }
get update
get install -y --no-install-recommends "$@"
ROOT
}

# has_go_tests DIR: does it, or anything under it, have Go tests?
has_go_tests() { [ -d "$1" ] && [ -n "$(find "$1" -name '*_test.go' -print -quit)" ]; }
