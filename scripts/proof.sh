#!/usr/bin/env bash
# Runs one part of the proof: the tests of `make test` at full size (POSTERN_PROOF=1), each part under 30 minutes.
# Without an argument it lists the parts. A part is a line of parts(): name | what it shows | command.
source "$(dirname "$0")/lib.sh"

parts() { cat <<'TABLE'
tunnel    | hostile sessions, stalled readers and drains of the tunnel, under the race detector | go test -race ./internal/tunnel/...
http2     | HTTP/2 in front: h2spec, floods of 20,000 frames with a canary, other clients     | go test -race ./internal/http2/... ./test/http2/...
store     | the store's conformance on SQLite and PostgreSQL, and its crash points              | go test ./internal/store/... ./internal/control/...
security  | 10,000 good and hostile requests over one tunnel, floods of HTTP/2 beside a canary; and all else | go test -skip ^TestSlow ./test/security/...
slow      | thousands of clients that begin and do not go on, in every way: cut in time, others served | go test -run ^TestSlow ./test/security/...
transfer  | 5 GiB up and down over HTTP/1.1 and HTTP/2: equal sums, bounded memory              | go test -run TestTransfer ./test/system/...
crash     | 100 crash points on SQLite and PostgreSQL: no acknowledged change is lost           | go test -run TestCrashPoints ./test/system/...
system    | 10,000 marked requests, kills, cuts of up to 60 s, restarts: floods; and all else | go test -skip ^(TestTransfer|TestCrashPoints|TestManyConnectors)$ ./test/system/...
many      | 1,000 connectors on one service: restarts, who a change wakes, who waits meanwhile | go test -run TestManyConnectors ./test/system/...
traffic   | 40 kills, 2 minutes of hostile requests: the traffic log loses no more than a second  | go test -run TestTraffic|TestHostileRequests ./internal/trafficlog/... ./test/system/...
explain   | 10,000 random requests: the gateway does what postern explain said before           | go test -run TestExplainAgrees ./internal/service/...
lab       | network namespaces: inbound counter, cuts of up to 60 s                             | go test -skip ^(TestFleet|TestTheProxyOfADomain|TestPrivate) ./test/lab/...
fleet     | two and three connectors at 200 requests/s: changed, killed, stopped, cut in each way | go test -run TestFleet ./test/lab/...
private   | a device, two sites with the same addresses: programs by every way with 1 GiB, Kerberos of an Active Directory; refusals, 100 changes, faults | go test -parallel 1 -run ^TestPrivate ./test/lab/...
renewal   | 60 renewals at a lifetime of seconds under load, an expiry without the service, kills at 16 points, a full disk | go test -race -run Renew|Expiry|CrashPoints|DiskFull|EnrolAgain ./internal/connector/... ./internal/credential/...
directory | signing in by Active Directory (two Samba domains): groups, states, access lost       | go test ./test/directory/...
proxies   | connectors through real squid: open, Basic, script, WPAD, TLS opened, Kerberos of an Active Directory; 5 times | go test -count=5 -run Prox|Squid|Interception|Balancer ./test/proxies/... ./test/lab/...
saml      | signing in and out at a SAML provider (lemonldap-ng), encrypted assertions          | go test ./test/saml/...
center    | the admin center with 1,000 connectors and applications, 10,000 users, 100,000 requests: how soon it paints and answers, what it loads | go test ./test/center/...
browser   | the pages in a browser                                                              | scripts/test.sh browser
windows   | the connector as a Windows service, under Wine: silent installation, traffic, update, removal; the client in all its rootless modes; twice | go test -count=2 ./test/windows/...
grpc      | gRPC's interoperability programs through a whole Postern: 14 of 14 cases, 20 times  | go test ./test/grpc/...
fuzz      | every fuzz target for FUZZTIME (10m), as many as fit: run it until none is left | scripts/fuzz.sh
bench     | tunnel against yamux, whole path beside nginx, many rounds                          | scripts/bench.sh
TABLE
}

name=${1:-}
if [ -z "$name" ]; then
  say "make proof PART=…"
  parts | while IFS='|' read -r part shows _; do printf '  %-10s%s\n' "${part// /}" "${shows# }"; done
  exit 0
fi

line=$(parts | grep -E "^$name +\|" || true)
[ -n "$line" ] || die "There is no part $name: make proof lists them."
command=${line##*| }
case $name in directory | proxies | private) # what no part of make test needs
  for package in samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind ldb-tools python3-samba iproute2 krb5-user; do
    dpkg -s $package >/dev/null 2>&1 || wanted[$package]=1 # make test installs a part of samba
  done
  install_wanted || say "Going on without." ;;
windows) # 160 MB to get and 1 GB to keep: too much for make test
  want /usr/lib/wine/wine64 wine64; want x86_64-w64-mingw32-gcc-win32 gcc-mingw-w64-x86-64-win32
  install_wanted || say "Going on without." ;;
center) scripts/ui.sh ;;
slow) want slowhttptest slowhttptest; install_wanted || say "Going on without." ;;
saml)
  for package in lemonldap-ng liblasso-perl libglib-perl libgd-securityimage-perl libimage-magick-perl libxml-simple-perl libio-string-perl \
    libmime-tools-perl libemail-sender-perl libemail-date-format-perl libstring-random-perl libhttp-browserdetect-perl; do
    want /usr/share/lemonldap-ng/bin/lemonldap-ng-cli $package
  done
  install_wanted || say "Going on without." ;;
esac
export POSTERN_PROOF=1 FUZZTIME=${FUZZTIME:-10m} BUDGET=${BUDGET:-1700} ROUNDS=${ROUNDS:-15}
say "$name: $command"
case $command in "go test "*)
  [[ ! $name =~ ^(lab|fleet|proxies|private)$ ]] || [ "$(id -u)" = 0 ] || die "$name: it needs root, to make network namespaces"
  command="go test -count=1 -timeout 30m -v ${command#go test }" ;;
esac
log=.cache/proof-$name.log
mkdir -p .cache
began=$SECONDS
$command 2>&1 | tee "$log" || die "FAIL: $name after $((SECONDS - began)) s; the output is in $log"
case $command in "go test "*) # a proof of nothing is no proof
  grep -qE '^--- PASS' "$log" || die "FAIL: $name ran no test"
  ! grep -q '^NOT RUN' "$log" || die "FAIL: $name did not run" ;;
esac
say "PASS: $name in $((SECONDS - began)) s"
