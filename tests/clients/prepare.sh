# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# prepare.sh DIRECTORY: puts the pinned client libraries of package-lock.json there, once. What cannot
# be had is told in DIRECTORY/missing, one line, and the tests that need it say so.
set -u
dir=${1:?usage: prepare.sh DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || exit 1
rm -f "$dir/missing"
lack() {
    echo "$1" >"$dir/missing"
    echo "note: real client libraries are not driven: $1" >&2
    exit 0
}
command -v node >/dev/null || lack 'node is not installed (Node 18 or later is wanted)'
node -e 'process.exit(process.versions.node.split(".")[0] < 18 ? 1 : 0)' ||
    lack "Node 18 or later is wanted, this is $(node --version)"
command -v npm >/dev/null || lack 'npm is not installed'
cmp -s "$here/package-lock.json" "$dir/package-lock.json" && [ -d "$dir/node_modules/ccxt" ] && exit 0
cp "$here/package.json" "$here/package-lock.json" "$dir" || exit 1
if ! (cd "$dir" && npm_config_cache="$dir/.npm" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error \
    >"$dir/npm.log" 2>&1); then
    rm -rf "$dir/package-lock.json" "$dir/node_modules"
    lack "npm could not fetch ccxt: $(tail -n 1 "$dir/npm.log")"
fi
rm -rf "$dir/.npm"
