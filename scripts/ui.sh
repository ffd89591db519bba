#!/usr/bin/env bash
# Builds the admin center of ui/ into what the service embeds, if anything of it has changed since: scripts/ui.sh [install]
# With "install" it only installs what the build needs. Without npm a page stands in that says so; with CI=true that is a failure.
source "$(dirname "$0")/lib.sh"

out=internal/admin/center/app
command -v node >/dev/null && command -v npm >/dev/null || {
  ! strict || die "The admin center cannot be built: node or npm is missing."
  say "Without node and npm the admin center is not built; a page that says so stands in."
  exit 0
}
sum=$(git ls-files -co --exclude-standard -- ui | LC_ALL=C sort | while read -r file; do [ ! -f "$file" ] || sha256sum "$file"; done | sha256sum)
[ "${1:-}" = install ] || [ "$(cat "$out/.built" 2>/dev/null)" != "$sum" ] || exit 0

# One at a time: two would install into the same directory, or replace what the other builds.
mkdir -p .cache
exec 9>.cache/ui.lock
flock 9
[ "${1:-}" = install ] || [ "$(cat "$out/.built" 2>/dev/null)" != "$sum" ] || exit 0 # somebody else built it meanwhile

cd ui
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --silent
[ "${1:-}" != install ] || exit 0
npx vite build --logLevel warn
cd ..
# In one step, so that nobody embeds half of it.
rm -rf "$out"
mv ui/dist "$out"
echo "$sum" >"$out/.built"
