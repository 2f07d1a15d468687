#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The bench: run.sh DIRECTORY-OF-BENCH-PROGRAMS COFFER, which has coffer-net beside it. Makes vaults
# of its own below build/bench, and an exchange on 127.0.0.1 (server.c; the simulated one of the tests
# takes time for what it checks).
# BENCH_SHORT=1: fewer runs, no ccxt, and a missed target is told but fails nothing: so few runs on a
# busy machine decide nothing. BENCH_N: runs of each whole process (200).
set -u
cd "$(dirname "$0")/../.." || exit 2
programs=$(realpath "$1") COFFER=$(realpath "$2")
dir=$PWD/build/bench
short=${BENCH_SHORT:-}
n=${BENCH_N:-${short:+40}}
n=${n:-200}
many=${short:+5}
many=${many:-15}
rounds=${short:+1}
rounds=${rounds:-5}
wraps=${short:+100} # records that get one more recipient
wraps=${wraps:-1000}
pin=bench-pin-of-no-value
passed=0 failed=0 missed=0

part() { # a part's own tally is added to ours
    "$@" | tee "$dir/out" | grep -v ' passed, '
    local status=${PIPESTATUS[0]} tally
    tally=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$dir/out" | tail -n 1)
    if [ "$tally" ]; then
        tally=${tally/ passed,/} tally=${tally/ failed/}
        passed=$((passed + ${tally% *}))
        if [ "$short" ]; then
            missed=$((missed + ${tally#* }))
        else
            failed=$((failed + ${tally#* }))
        fi
    fi
    if [ "$status" -gt 1 ] || { [ "$status" -ne 0 ] && [ ! "$tally" ]; }; then
        failed=$((failed + 1))
        echo "FAIL: ${*:1:3}: status $status"
    fi
}

make_vault() { # make_vault HOME RECORDS [CA-FILE CONNECT-TO]
    mkdir -p "$1"
    env -u COFFER_HOME -u XDG_DATA_HOME -u XDG_CONFIG_HOME -u XDG_STATE_HOME HOME="$1" \
        "$COFFER" init --softhsm --label bench --pin-file "$dir/pin" --quiet >/dev/null &&
        HOME=$1 "$programs/bench" fill "$pin" "${@:2}" >"$1/floor"
}

# A vault for each round of the bench of recipients, in a place of their own: a file system may be slow
# to give out again what was removed a moment ago.
make_wraps() {
    local i
    wrap=$(mktemp -d "$dir/wrap.XXXXXX") || return 1
    for ((i = 1; i <= rounds; i++)); do
        make_vault "$wrap/$i" "$wraps" || return 1
    done
    mkdir -m 700 "$wrap/out" &&
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |
        openssl pkey -pubout -out "$wrap/spare.pem"
}

make_certificates() { # for two days, by an authority of our own
    local new=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2)
    openssl req -x509 "${new[@]}" -keyout "$dir/ca.key" -out "$dir/ca.pem" \
        -subj "/CN=Throw-away bench authority" -addext keyUsage=critical,keyCertSign &&
        openssl req -x509 "${new[@]}" -keyout "$dir/server.key" -out "$dir/server.pem" \
            -subj "/CN=Bench exchange" -addext subjectAltName=DNS:api.binance.com \
            -addext basicConstraints=critical,CA:false -CA "$dir/ca.pem" -CAkey "$dir/ca.key"
}

# With the bench's authority among those of the system, for that command only.
in_namespace() {
    local system=/etc/ssl/certs/ca-certificates.crt
    cat "$system" "$dir/ca.pem" >"$dir/system.pem" || return 1
    # shellcheck disable=SC2016 # the inner shell's words
    unshare --map-root-user --mount sh -c 'mount --bind "$0" "$1" && shift && exec "$@"' \
        "$dir/system.pem" "$system" "$@"
}

# Leaves the ports in $fast (answers at once) and $slow (100 ms). It ends when fd 9 is closed, so
# nothing of ours may inherit that.
start_server() {
    make_certificates >"$dir/openssl.log" 2>&1 || return 1
    rm -f "$dir/stop" "$dir/ports"
    mkfifo "$dir/stop" "$dir/ports" || return 1
    "$programs/server" "$dir/server.pem" "$dir/server.key" 100 <"$dir/stop" >"$dir/ports" &
    exec 9>"$dir/stop"
    read -r fast slow <"$dir/ports" && [ "$slow" ]
}

unset COFFER_HOME XDG_DATA_HOME XDG_CONFIG_HOME XDG_STATE_HOME
mkdir -p "$dir"
(umask 077 && echo "$pin" >"$dir/pin")
if ! make_wraps; then
    echo "the bench's vaults could not be made"
    echo "0 passed, 1 failed"
    exit 1
fi
rm -rf "$dir/few" "$dir/many" "$dir/list" "$dir/net" "$dir/system"
cat >"$dir/fields.json" <<'JSON'
{"api_key":"vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A","api_secret":"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"}
JSON
chmod 600 "$dir/fields.json"
if ! start_server || ! make_vault "$dir/few" 10 || ! make_vault "$dir/many" 10000 ||
    ! make_vault "$dir/list" 1000 ||
    ! make_vault "$dir/net" 30 "$dir/ca.pem" "::127.0.0.1:$slow" ||
    ! make_vault "$dir/system" 30 /dev/null "::127.0.0.1:$slow" ||
    ! HOME=$dir/few "$COFFER" add net binance --from-json "$dir/fields.json" --ca-file "$dir/ca.pem" \
        --connect-to "::127.0.0.1:$fast" --pin-file "$dir/pin" --quiet >/dev/null; then
    echo "the bench's vaults could not be made, or its exchange: see $dir/openssl.log"
    echo "0 passed, 1 failed"
    exit 1
fi

{
    read -r FLOOR_LABEL
    read -r FLOOR_ID
    read -r FLOOR_POINT
} <"$dir/few/floor"
FLOOR_MODULE=$(find /usr/lib /usr/lib64 -maxdepth 4 -name libsofthsm2.so 2>/dev/null | head -n 1)
FLOOR_CONF=$(find "$dir/few/.local/share/coffer-softhsm" -name softhsm2.conf | head -n 1)
export COFFER PIN_FILE="$dir/pin" FIELDS="$dir/fields.json" FLOOR="$programs/floor" FLOOR_PIN=$pin
export FLOOR_LABEL FLOOR_ID FLOOR_POINT FLOOR_MODULE FLOOR_CONF HOME_FEW="$dir/few" HOME_MANY="$dir/many"
signed=$(HOME=$dir/few "$COFFER" sign net GET /api/v3/account --pin-file "$dir/pin")
NET_URL=${signed#*\"url\":\"} NET_URL=${NET_URL%%\"*}
NET_HEADER=${signed#*\"X-MBX-APIKEY\":\"} NET_HEADER="X-MBX-APIKEY: ${NET_HEADER%%\"*}"
export NET_URL NET_HEADER NET_CA="$dir/ca.pem" NET_TO="::127.0.0.1:$fast" HOME_NET="$dir/net"
export FLOOR_NET="$programs/floor_net" FLOOR_READ="$programs/floor_read" HOME_LIST="$dir/list"
export LIST_RECORDS="$dir/list/.local/share/coffer/records"

ccxt=
if [ "$short" ]; then
    echo "# ccxt: not run: short form"
elif ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "# ccxt: not run: node and npm are not installed"
elif ! mkdir -p "$dir/node" || ! (cd "$dir/node" && { [ -d node_modules/ccxt ] ||
    npm install --no-audit --no-fund --silent ccxt@4.5.84 >"$dir/npm.log" 2>&1; }); then
    echo "# ccxt: not run: npm install failed, see $dir/npm.log"
elif ! (cd "$dir/node" && node "$OLDPWD/tests/bench/ccxt.mjs") >"$dir/ccxt.txt" 2>"$dir/ccxt.err"; then
    echo "# ccxt: not run: $(tail -n 1 "$dir/ccxt.err")"
else
    ccxt=$dir/ccxt.txt
fi

HOME=$dir/few part "$programs/bench" inside "$pin" ${ccxt:+"$ccxt"}
HOME=$dir/few part "$programs/bench" whole "$n"
part "$programs/bench" many "$many"
part "$programs/bench" list $((n / 2))
wrap_part() { # the floor uses the first one's token
    local -x FLOOR_LABEL FLOOR_ID FLOOR_POINT FLOOR_CONF
    { read -r FLOOR_LABEL && read -r FLOOR_ID && read -r FLOOR_POINT; } <"$wrap/1/floor"
    FLOOR_CONF=$(find "$wrap/1/.local/share/coffer-softhsm" -name softhsm2.conf | head -n 1)
    HOME=$wrap/1 FLOOR_WRAP=$programs/floor_wrap WRAP_KEY=$wrap/spare.pem WRAP_DIR=$wrap/out \
        part "$programs/bench" recipients "$wrap"/[1-9]*
    rm -rf "$dir"/wrap.*
}
wrap_part
B=$(dirname "$programs") part tests/tokens/run.py --bench
HOME=$dir/few part "$programs/bench" request "$n"
part "$programs/bench" verify "$rounds" "own CA"
if in_namespace true 2>/dev/null; then
    HOME_NET=$dir/system part in_namespace "$programs/bench" verify "$((rounds / 2 + 1))" "system's CAs"
else
    echo "# verify by the system's CAs: not run: no namespace to add one to them in"
fi
part tests/bench/agent.py "$programs"
[ "$missed" -eq 0 ] || echo "# targets missed: $missed; not counted in the short form"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
