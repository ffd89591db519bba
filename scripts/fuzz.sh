#!/usr/bin/env bash
# Fuzzes every target for FUZZTIME, one after the other: scripts/fuzz.sh [PACKAGE...]
# What a target finds is in testdata/fuzz of its package: commit it with the fix, it is a test from then on.
# With BUDGET=seconds no target begins that would not end within it; run it again, and it goes on with those that are left of this
# commit.
source "$(dirname "$0")/lib.sh"

FUZZTIME=${FUZZTIME:-10s}
BUDGET=${BUDGET:-0}
packages=("$@")
[ $# -gt 0 ] || mapfile -t packages < <(git grep -lE '^func Fuzz[A-Z]' -- '*_test.go' | xargs -rn1 dirname | sort -u | sed 's|^|./|')
[ ${#packages[@]} -gt 0 ] || die "There are no fuzz targets."
each=$((${FUZZTIME%[sm]} * $([ "${FUZZTIME: -1}" = m ] && echo 60 || echo 1) + 30)) # with compiling
clean=.cache/fuzz/$(git rev-parse HEAD)-$FUZZTIME # a line for each target that was clean
mkdir -p .cache/fuzz
[ "$BUDGET" -gt 0 ] || clean=/dev/null
touch "$clean"
count=0 left=0 failed=()
for package in "${packages[@]}"; do
  while read -r target; do
    count=$((count + 1))
    ! grep -qxF "$package $target" "$clean" || continue
    if [ "$BUDGET" -gt 0 ] && [ $((SECONDS + each)) -gt "$BUDGET" ]; then
      left=$((left + 1))
      continue
    fi
    say "--- $package $target for $FUZZTIME"
    if go test -run='^$' -fuzz="^$target\$" -fuzztime="$FUZZTIME" "$package"; then
      echo "$package $target" >>"$clean"
    else
      failed+=("$package $target")
    fi
  done < <(go test -list '^Fuzz' "$package" | grep '^Fuzz')
done
[ ${#failed[@]} -eq 0 ] || die "FAIL: ${failed[*]}"
[ $left = 0 ] || { say "PASS so far: $left of $count targets are left, run it again"; exit 0; }
say "PASS: $count targets"
