#!/usr/bin/env bash
# Everything that must be true of the tree before a commit. Each step names what it found; all steps run.
source "$(dirname "$0")/lib.sh"

# Agents run on systems on which nobody develops: they must at least compile there.
agents=(postern-connector postern-updater postern-client)
systems=(windows/amd64 windows/arm64 darwin/amd64 darwin/arm64 linux/arm64)

check_format() { local files; files=$(git ls-files -co --exclude-standard -- '*.go' | xargs -r gofmt -l); [ -z "$files" ] || die "make fmt would change:"$'\n'"$files"; }
check_vet() { go vet ./...; }
check_staticcheck() { go tool staticcheck ./...; }
check_imports() { go test ./internal/archtest/; }
check_modules() { go mod tidy -diff && go mod verify >/dev/null && ( cd test/grpc/programs && go mod tidy -diff ); }
check_generated() { scripts/generate.sh --check; }
check_scripts() {
  local files file
  mapfile -t files < <(git ls-files -co --exclude-standard -- '*.sh' .ci/run)
  for file in "${files[@]}"; do bash -n "$file"; done
  ! command -v shellcheck >/dev/null || shellcheck --severity=warning --exclude=SC1091 "${files[@]}"
}

# The admin center's types, and that it makes up no figure; its install is what its build uses.
check_ui() {
  command -v npm >/dev/null || { ! strict || die "npm is missing"; say "npm is missing: the admin center is not checked"; return 0; }
  scripts/ui.sh install
  ( cd ui && npx tsc --noEmit && node scripts/figures.mjs )
}

# Nothing in the tree depends on the machine it was written on, or on a registry other than the default one.
check_names() {
  local bad=0
  ! git grep --untracked -nIE '(^|[^[:alnum:]_.])/(work|farm)/[a-z.]|\.\./shared' -- . ':!scripts/check.sh' || bad=1
  ! git grep --untracked -nE '"resolved": "http' -- '*package-lock.json' || bad=1
  ! git grep --untracked -nE '^registry *=|GOPROXY=http' -- . ':!scripts/check.sh' || bad=1
  ! git grep --untracked -nE 'TODO|FIXME|XXX' -- '*.go' '*.mjs' '*.ts' '*.tsx' '*.sh' ':!scripts/check.sh' || bad=1
  return $bad
}

check_cross() {
  local agent system
  for agent in "${agents[@]}"; do
    [ -d "cmd/$agent" ] || continue
    for system in "${systems[@]}"; do
      GOOS=${system%/*} GOARCH=${system#*/} CGO_ENABLED=0 go build -o /dev/null "./cmd/$agent" || die "$agent does not build for $system"
    done
  done
}

steps=(format modules vet staticcheck imports generated ui scripts names cross)
[ $# -eq 0 ] || steps=("$@")
failed=()
for step in "${steps[@]}"; do
  began=$SECONDS
  set +e # not "if out=…": within a condition no step would stop at its first failure
  out=$(set -e; "check_$step" 2>&1)
  code=$?
  set -e
  if [ $code = 0 ]; then
    printf '%-12s ok (%d s)\n' "$step" $((SECONDS - began))
  else
    printf '%-12s FAILED (%d s)\n%s\n' "$step" $((SECONDS - began)) "$(head -n 60 <<<"$out")"
    failed+=("$step")
  fi
done
[ ${#failed[@]} -eq 0 ] || die "FAILED: ${failed[*]}"
