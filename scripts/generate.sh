#!/usr/bin/env bash
# Writes generated files anew; with --check it fails, naming them, if that changed any.
source "$(dirname "$0")/lib.sh"

# generated lists what this script writes; new kinds of files need a line here and their command below.
generated() { git ls-files -co --exclude-standard -- docs/openapi.yaml '*_gen.go' 'zz_*.go' 'ui/src/api/*.gen*' '*.syso'; }
sums() { generated | sort | xargs -r sha256sum; }

before=$(sums)
go generate ./...
if go list ./cmd/postern >/dev/null 2>&1; then
  mkdir -p .cache docs
  if CGO_ENABLED=0 go run ./cmd/postern openapi >.cache/openapi.yaml; then
    cmp -s .cache/openapi.yaml docs/openapi.yaml || cp .cache/openapi.yaml docs/openapi.yaml
  else
    die "postern openapi does not print the API's description"
  fi
fi
if command -v npm >/dev/null; then
  scripts/ui.sh install
  ( cd ui && node scripts/generate.mjs )
else
  ! strict || die "npm is missing: what the admin center knows of the API is not written"
  say "Without npm, what the admin center knows of the API is not written anew."
fi
after=$(sums)
if [ "${1:-}" = --check ] && [ "$before" != "$after" ]; then
  diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") | awk '/^[<>]/ {print $3}' | sort -u >&2
  die "These were out of date and have been written anew: look at them and commit them."
fi
