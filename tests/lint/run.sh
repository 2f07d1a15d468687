#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every lint, one line each: ok, FAIL, or 'not run' with the reason. Ends with 'N passed, N failed'.
set -u
cd "$(dirname "$0")/../.." || exit 2
passed=0 failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

lint() { # lint NAME COMMAND...
    name=$1
    shift
    if "$@" >"$out" 2>&1; then
        passed=$((passed + 1))
        echo "ok    lint/$name"
        sed -n '/^note:\|^longest\|^functions:/s/^/      | /p' "$out"
    else
        failed=$((failed + 1))
        echo "FAIL  lint/$name"
        sed 's/^/      | /' "$out"
    fi
}

lint layers sh tests/lint/layers.sh
lint headers sh tests/lint/headers.sh
lint banned sh tests/lint/banned.sh
lint size sh tests/lint/size.sh
lint names sh tests/lint/names.sh
if command -v shellcheck >/dev/null; then
    # shellcheck disable=SC2046 # a list of files
    lint shellcheck shellcheck -S style -e SC1091 $(find tests -name '*.sh') .ci/run
else
    echo "skip  lint/shellcheck: shellcheck is not installed"
fi
if ! command -v mandoc >/dev/null; then
    echo "skip  lint/man: mandoc is not installed"
else
    lint man mandoc -T lint -W style man/coffer.1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
