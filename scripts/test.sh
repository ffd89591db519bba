#!/usr/bin/env bash
# Runs every test at small size, in parts that run side by side: scripts/test.sh [PART...]
# A part that cannot run here is reported as "not run"; with CI=true that is a failure.
source "$(dirname "$0")/lib.sh"

parts=(unit system lab browser)
[ $# -eq 0 ] || parts=("$@")
logs=$PWD/.cache/test
rm -rf "$logs"; mkdir -p "$logs"

# Each part: needs_PART prints why it cannot run, if it cannot; run_PART runs it.
needs_unit() { needs go gcc initdb nginx haproxy h2load openssl curl ssh slapd systemd-analyze; }
run_unit() {
  # SQLite is C made into Go: to check its every pointer and access doubled the time of all tests that use a database.
  # Its locks are the database driver's, which is checked.
  local unchecked='-race=false -d=checkptr=0' flags=() package
  for package in sqlite/lib libc memory; do flags+=("-gcflags=modernc.org/$package=$unchecked"); done
  files_in_memory
  # What takes longest begins first; one package more than processors, since they also wait for disks.
  local longest=(./internal/store ./internal/control ./internal/cli ./internal/admin ./internal/portal)
  go test -race "${flags[@]}" -p "$(($(nproc) + 1))" -timeout 75m "${longest[@]}" ./internal/... ./test/size/... ./test/bench/... ./test/http2/... || return 1
  [ ! -d cmd ] || go test -timeout 10m ./cmd/...
}

# files_in_memory puts the temporary files of this part into memory, if there is plenty: its hundreds of databases sync what
# they write as ever, and need not wait for a disk. The part system stays on the disk.
files_in_memory() {
  local free dir
  free=$(df --output=avail -B1G /dev/shm 2>/dev/null | tail -1) || return 0
  [ "${free:-0}" -ge 8 ] && [ "$(awk '/MemAvailable/ {print int($2 / 2^20)}' /proc/meminfo)" -ge 12 ] || return 0
  dir=$(mktemp -d -p /dev/shm) || return 0
  chmod 711 "$dir" # PostgreSQL runs as somebody else under root
  export GOTMPDIR=${TMPDIR:-/tmp} TMPDIR=$dir # programs are built where they were
  trap 'rm -rf "$TMPDIR"' EXIT
  trap exit TERM INT
}

needs_system() { needs go initdb node npm slowhttptest squid haproxy openssl kdb5_util krb5kdc kadmin.local kinit; has_go_tests test/system || echo "test/system has no tests"; }
run_system() {
  ( cd test/oidc && install_modules ) || return 1
  go test -count=1 -timeout 40m ./test/system/... ./test/security/... ./test/oidc/... ./test/grpc/... ./test/proxies/...
}

needs_lab() {
  needs go ip nft curl squid openssl initdb ssh sshd haproxy pgbench pg_dump redis-benchmark redis-server smbclient smbd iperf3 dnsperf proxychains4
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || echo "it needs root, to make network namespaces"
}
run_lab() { # compiled as ourselves, run as root
  local as=()
  [ "$(id -u)" = 0 ] || as=(-exec 'sudo -n --preserve-env=CI,PATH,POSTERN_PROOF')
  go test -count=1 -timeout 40m "${as[@]}" ./test/lab/...
}

needs_browser() {
  needs go node npm chromium certutil openssl
  [ -e internal/admin/center/app/index.html ] || echo "the admin center was not built"
  [ -n "$(find test/browser -maxdepth 1 -name '*.test.mjs' -print -quit 2>/dev/null)" ] || echo "test/browser has no tests"
}
run_browser() {
  export POSTERN_BIN=$PWD/.cache/bin # built once for all files
  CGO_ENABLED=0 go build -o "$POSTERN_BIN/" ./cmd/... || return 1
  cd test/browser || return 1
  install_modules || return 1
  node --test --test-timeout=1800000 --test-reporter=spec
}

# install_modules installs what package-lock.json of this directory says, if it is not there yet.
install_modules() { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --silent; }

# needs COMMAND... prints the missing ones.
needs() { local c; for c; do command -v "$c" >/dev/null || echo "$c is missing"; done; }

want systemd-analyze systemd; want gcc gcc; want gcc libc6-dev; want initdb postgresql; want ip iproute2; want nft nftables
want slapd slapd; want curl curl; want ssh openssh-client; want openssl openssl; want nginx nginx-light; want haproxy haproxy; want h2load nghttp2-client; want slowhttptest slowhttptest; want /usr/lib/squid/security_file_certgen squid-openssl; want kdb5_util krb5-kdc; want kadmin.local krb5-admin-server; want kinit krb5-user; want chromium chromium; want chromium fonts-dejavu-core; want certutil libnss3-tools; want node nodejs; want npm npm
want sshd openssh-server; want redis-benchmark redis-tools; want redis-server redis-server; want smbclient smbclient; want smbd samba; want iperf3 iperf3; want dnsperf dnsperf; want proxychains4 proxychains4
install_wanted || say "Going on without."

say "Building everything once, so that the parts do not compile the same packages side by side."
set -m # interrupted, it ends with its children
scripts/ui.sh install >"$logs/ui" 2>&1 </dev/null & # waits for the network, while the compiler does not
installing=$!
set +m
go build ./... || say "The parts will say what that breaks."
{ wait "$installing" && scripts/ui.sh >>"$logs/ui" 2>&1; } || { cat "$logs/ui" >&2; say "The admin center could not be built."; }

# An interrupted run leaves nothing behind.
stop() { for p in "${pid[@]}"; do kill -TERM -- "-$p" 2>/dev/null || true; done; exit 130; }
trap stop INT TERM

declare -A pid=() began=() result=()
for part in "${parts[@]}"; do
  declare -F "run_$part" >/dev/null || die "There is no part $part; parts are: unit system lab browser"
  reasons=$("needs_$part" | sort -u | paste -sd';')
  if [ -n "$reasons" ]; then
    result[$part]="not run: $reasons"
    continue
  fi
  say "--- $part: started"
  began[$part]=$SECONDS
  set -m # a process group of its own, which can be ended as a whole
  ( "run_$part" ) >"$logs/$part" 2>&1 </dev/null &
  pid[$part]=$!
  set +m
done

failed=0
beat=$SECONDS
while [ ${#pid[@]} -gt 0 ]; do
  for part in "${!pid[@]}"; do
    kill -0 "${pid[$part]}" 2>/dev/null && continue
    if wait "${pid[$part]}"; then result[$part]="ok"; else result[$part]="FAILED"; failed=1; fi
    result[$part]+=" in $((SECONDS - began[$part])) s"
    unset "pid[$part]"
    printf '\n=== %s: %s\n' "$part" "${result[$part]}"
    cat "$logs/$part"
  done
  if [ $((SECONDS - beat)) -ge 60 ]; then
    beat=$SECONDS
    say "... still running after $SECONDS s: ${!pid[*]}"
  fi
  sleep 0.5
done

skipped=0
printf '\n=== summary\n'
for part in "${parts[@]}"; do
  printf '  %-8s %s\n' "$part" "${result[$part]}"
  case ${result[$part]} in "not run"*) skipped=$((skipped + 1)); ! strict || failed=1 ;; esac
done
[ $failed = 0 ] || { printf 'FAIL\n'; exit 1; }
[ $skipped = 0 ] || printf 'NOT RUN: %d of %d parts, see above\n' "$skipped" "${#parts[@]}"
printf 'PASS in %d s\n' "$SECONDS"
