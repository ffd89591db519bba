#!/usr/bin/env bash
# Fuzzes every target for FUZZTIME, one after the other: scripts/fuzz.sh [PACKAGE...]
# What a target finds is in testdata/fuzz of its package: commit it with the fix, it is a test from then on.
source "$(dirname "$0")/lib.sh"

FUZZTIME=${FUZZTIME:-10s}
packages=("$@")
[ $# -gt 0 ] || mapfile -t packages < <(git grep -lE '^func Fuzz[A-Z]' -- '*_test.go' | xargs -rn1 dirname | sort -u | sed 's|^|./|')
[ ${#packages[@]} -gt 0 ] || die "There are no fuzz targets."
count=0 failed=()
for package in "${packages[@]}"; do
  while read -r target; do
    count=$((count + 1))
    say "--- $package $target for $FUZZTIME"
    go test -run='^$' -fuzz="^$target\$" -fuzztime="$FUZZTIME" "$package" || failed+=("$package $target")
  done < <(go test -list '^Fuzz' "$package" | grep '^Fuzz')
done
[ ${#failed[@]} -eq 0 ] || die "FAIL: ${failed[*]}"
say "PASS: $count targets"
