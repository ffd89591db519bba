#!/usr/bin/env bash
# Runs the benchmarks that compare, both sides in turn, and prints ratios: scripts/bench.sh [tunnel|path...]
#   tunnel  our multiplexer beside another over the same TLS
#   path    the whole path beside nginx in two hops: the benchmarks of test/bench
# ROUNDS says how often the sides of path take their turn (5). The output is in .cache/bench, too.
source "$(dirname "$0")/lib.sh"

export ROUNDS=${ROUNDS:-5}
out=.cache/bench
mkdir -p "$out"

bench_tunnel() { go test -count=1 -run='^$' -bench='Table|Wire' -benchtime=1x -timeout=30m ./internal/tunnel | tee "$out/tunnel"; }

bench_path() {
  want ssh openssh-client; want /usr/sbin/sshd openssh-server
  want nginx nginx-light; want h2load nghttp2-client; want openssl openssl; want curl curl
  install_wanted || die "path: not run"
  go test -count=1 -run='^$' -bench=. -benchtime=1x -timeout=30m ./test/bench | tee "$out/path"
  grep -q '^Benchmark' "$out/path" || die "path: test/bench has no benchmark"
}

parts=("$@")
[ $# -gt 0 ] || parts=(tunnel path)
for part in "${parts[@]}"; do
  declare -F "bench_$part" >/dev/null || die "There is no part $part; parts are: tunnel path"
  printf '\n=== %s\n' "$part"
  "bench_$part"
done
