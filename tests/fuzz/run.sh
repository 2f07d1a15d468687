#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs each harness under libFuzzer for FUZZ_S seconds; new inputs go to build/fuzz/corpus. T picks by name.
set -u
cd "$(dirname "$0")/../.." || exit 2
passed=0 failed=0
for binary in "$B"/fuzz/fuzz_*; do
    name=${binary##*/fuzz_}
    case $name in *.*) continue ;; esac
    case $name in *"${T:-}"*) ;; *) continue ;; esac
    mkdir -p "$B/corpus/$name" "$B/crashes"
    echo "fuzz $name for ${FUZZ_S:-60} s"
    if "$binary" -max_total_time="${FUZZ_S:-60}" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$B/crashes/$name-" "$B/corpus/$name" "tests/fuzz/corpus/$name" >"$B/$name.log" 2>&1; then
        passed=$((passed + 1))
        grep -E '^#[0-9]+.*DONE|stat::number_of_executed_units' "$B/$name.log" | tail -n 2
    else
        failed=$((failed + 1))
        tail -n 40 "$B/$name.log"
        echo "FAIL fuzz $name: the input is in $B/crashes; add it to tests/fuzz/corpus/$name with the fix"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
