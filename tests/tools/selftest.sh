#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tests' own tools do what the tests believe: a tool that finds nothing must be able to find.
set -u
: "${TOOLS:?}" "${TMPDIR:?}"
n=0 bad=0
row() { # row NAME STATUS
    n=$((n + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        bad=1
    fi
}
skip() {
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}
tmp=$(mktemp -d "$TMPDIR/tools.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

"$TOOLS/no_memfd_secret" "$TOOLS/no_memfd_secret" --probe >"$tmp/out"
status=$?
if [ $status -eq 77 ]; then
    skip "memfd_secret is refused" "$(cat "$tmp/out")"
else
    [ $status -eq 1 ]
    row "memfd_secret is refused" $?
fi

# memsearch: 'tail' keeps what it reads; half of the needle is in no argument.
printf 'control:%s\n%s\nhex:%s\n' "$tmp/planted" needle-in-memory-17 6e6f742d696e2d746865726521 >"$tmp/needles"
printf 'needle-in-memory-17\n' >"$tmp/planted"
enter=()
[ "$(id -u)" -eq 0 ] || enter=(unshare -Ur)
"${enter[@]}" "$TOOLS/memsearch" "$tmp/needles" sort "$tmp/planted" >"$tmp/out" 2>&1
status=$?
if [ "$status" -ne 1 ] && ! grep -q 'memsearch: searched' "$tmp/out"; then
    skip "memsearch finds a needle" "$(tail -n 1 "$tmp/out")"
    skip "memsearch finds only what is there" "$(tail -n 1 "$tmp/out")"
    skip "memsearch wants its control" "$(tail -n 1 "$tmp/out")"
else
    [ "$status" -eq 1 ] && grep -q 'needle of line 2' "$tmp/out" && grep -q 'control found' "$tmp/out"
    row "memsearch finds a needle" $?
    : >"$tmp/planted"
    "${enter[@]}" "$TOOLS/memsearch" "$tmp/needles" sort "$tmp/planted" >"$tmp/out" 2>&1
    row "memsearch finds only what is there" $?
    "${enter[@]}" "$TOOLS/memsearch" "$tmp/needles" sort /dev/null >"$tmp/out" 2>&1
    [ $? -eq 2 ]
    row "memsearch wants its control" $?
fi

# faults_preload. The preload goes into env's child only, so that no sanitizer of ours is in its way.
fault() { # fault FAULT COMMAND...
    what=$1
    shift
    env LD_PRELOAD="$TOOLS/faults_preload.so" FAULT="$what" FAULT_UNDER="$tmp/dir" FAULT_LOG="$tmp/log" "$@" 2>"$tmp/err"
}
mkdir "$tmp/dir"
python=$(command -v python3)
cat >"$tmp/writer.py" <<'PY'
import os, sys
d = os.open(sys.argv[1], os.O_RDONLY)
f = os.open("a", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=d)
os.write(f, b"12345678")
os.fsync(f)
os.rename("a", "b", src_dir_fd=d, dst_dir_fd=d)
os.unlink("b", dir_fd=d)
PY
fault any:99:EIO "$python" "$tmp/writer.py" "$tmp/dir" && [ "$(cut -d' ' -f2 "$tmp/log" | tr '\n' ' ')" = "openat write fsync renameat unlinkat " ]
row "faults_preload counts the calls below its directory" $?
! fault fsync:1:EIO "$python" "$tmp/writer.py" "$tmp/dir" && grep -q 'Errno 5' "$tmp/err" && [ -e "$tmp/dir/a" ]
row "faults_preload makes one call fail" $?
rm -f "$tmp/dir/a"
fault any:2:short "$python" "$tmp/writer.py" "$tmp/dir"
row "faults_preload writes short" $?
fault any:4:after:SIGKILL "$python" "$tmp/writer.py" "$tmp/dir"
[ $? -eq 137 ] && [ -e "$tmp/dir/b" ]
row "faults_preload kills after a call" $?

# p11count: the log stands beside the module.
cp "$TOOLS/p11count_module.so" "$tmp/counted.so"
if ! command -v softhsm2-util >/dev/null; then
    skip "p11count counts logins" "softhsm2 is not installed"
else
    mkdir "$tmp/tokens"
    printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$tmp/tokens" >"$tmp/softhsm2.conf"
    SOFTHSM2_CONF=$tmp/softhsm2.conf softhsm2-util --module "$tmp/counted.so" --init-token --free --label t \
        --pin 12345678 --so-pin 12345678 >"$tmp/out" 2>&1 && grep -qx C_Login "$tmp/counted.so.log"
    row "p11count counts logins" $?
fi
echo "1..$n"
exit $bad
