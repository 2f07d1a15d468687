#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Global names: of two with one name the linker takes either, without a word, where objects come from an
# archive. Looks at what was built, beside COFFER.
set -u
cd "$(dirname "$0")/../.." || exit 2
B=${COFFER:-build/release/coffer}
B=${B%/*}
bad=0

for lib in "$B/libcoffer.a" "$B/libcoffernet.a" "$B/tests/libtests.a"; do
    if [ ! -e "$lib" ]; then
        echo "note: $lib is not built: its names were not compared"
        continue
    fi
    twice=$(nm --defined-only --extern-only "$lib" 2>/dev/null | awk 'NF == 3 && $2 ~ /[TDBRC]/ { print $3 }' | sort | uniq -d)
    for name in $twice; do
        echo "$lib: $name is defined in $(nm -A --defined-only --extern-only "$lib" | awk -v n="$name" '$NF == n { print $1 }' |
            sed 's/^[^:]*:\([^:]*\):.*/\1/' | tr '\n' ' ')"
        bad=1
    done
done
exit $bad
