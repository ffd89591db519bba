#!/usr/bin/env bash
# Writes scripts/build.pgo: which calls of the data path are hot, for the compiler.
source "$(dirname "$0")/lib.sh"

want nginx nginx-light; want h2load nghttp2-client; want openssl openssl; want curl curl
install_wanted || die "profile: not run"
mkdir -p .cache/profile
go test -count=1 -run='^$' -bench=InProcess -benchtime=1x -timeout=10m -cpuprofile=.cache/profile/cpu -o .cache/profile/bench.test ./test/bench
go tool pprof -proto -output=scripts/build.pgo .cache/profile/cpu
