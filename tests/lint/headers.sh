#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone, with every compiler that is here.
set -u
cd "$(dirname "$0")/../.." || exit 2
bad=0 compilers=
for cc in gcc clang; do
    command -v $cc >/dev/null && compilers="$compilers $cc"
done
[ "$compilers" ] || compilers=${CC:-cc}
flags=$(pkg-config --cflags p11-kit-1 libcrypto libcjson libcurl | sed 's/-I/-isystem /g')
for cc in $compilers; do
    for header in base/*.h pkcs11/*.h vault/*.h connectors/*.h agent/*.h net/*.h cli/*.h tests/*.h tests/fuzz/*.h tests/bench/*.h tests/card/*.h tests/mock/*.h; do
        [ -e "$header" ] || continue
        # shellcheck disable=SC2086 # lists of words
        printf '#include "%s"\n#include "%s"\nextern int one;\n' "$header" "$header" |
            $cc -std=gnu17 -D_GNU_SOURCE -I. $flags -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c - || {
            echo "$header: does not compile alone with $cc"
            bad=1
        }
    done
done
exit $bad
