#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh NEW-DIRECTORY: the main job from end to end, on an embedded software token. Prints each
# command before it runs. Exit 0 only when everything went as it should, refusals included.
# COFFER: the program, with coffer-net beside it. Credentials are fake, the exchange is simulated
# (tests/exchange), and what is signed is checked by code that is not coffer's.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
: "${COFFER:=$top/build/coffer}"
dir=${1:?usage: demo.sh NEW-DIRECTORY}
mkdir -p "$dir" || exit 1
dir=$(cd "$dir" && pwd)
mkdir -m 700 "$dir/home" || exit 1
failed=0

say() { printf '\n# %s\n' "$*"; }
# The home becomes ~, and values too long for a page are cut (the checker gets them whole).
tidy() { sed -E "s|$dir/home|~|g; s|([A-Za-z0-9_/+=.-]{64})[A-Za-z0-9_/+=.-]{32,}|\\1...|g"; }

# run STATUS WORD...: prints and runs a coffer command, expecting that exit status
run() {
    want=$1
    shift
    printf '$ coffer'
    for w in "$@"; do
        case $w in *[!A-Za-z0-9_./:=,~-]*) printf " '%s'" "$w" ;; *) printf ' %s' "$w" ;; esac
    done
    printf '\n'
    (cd "$dir/home" && env -i HOME="$dir/home" PATH="$PATH" XDG_RUNTIME_DIR="$runtime" "$COFFER" "$@") \
        > "$dir/out" 2>&1
    got=$?
    tidy < "$dir/out"
    [ -z "$(tail -c 1 "$dir/out")" ] || printf '\n'
    [ "$got" -eq 0 ] || printf '(exit status %s)\n' "$got"
    [ "$got" -eq "$want" ] || { printf 'DEMO FAILED: wanted exit status %s\n' "$want"; failed=1; }
}

# tell WORD...: something happens at the exchange
tell() {
    printf '$ python3 tests/exchange/ctl.py ~/exchange'
    printf ' %s' "$@"
    printf '\n'
    python3 "$top/tests/exchange/ctl.py" "$dir/home/exchange" "$@" || failed=1
}

# the simulated exchange, with the keys of this directory; it ends with this script
exchange() {
    python3 - "$top/tests/demo" > "$dir/keys.json" <<'EOP'
import json, os, sys

def key(name, exchange, **more):
    with open(os.path.join(sys.argv[1], name + ".json"), encoding="utf-8") as f:
        return {"exchange": exchange, "fields": json.load(f), **more}

json.dump({"binance": key("binance", "binance", funds={"USDT": "1000", "BTC": "0.25"}),
           "binance-new": key("binance-new", "binance"), "okx": key("okx", "okx"),
           "kraken": key("kraken", "kraken"), "coinbase": key("coinbase", "coinbase"),
           "careless": key("careless", "binance", withdraw=True, ip=None)}, sys.stdout)
EOP
    printf '$ python3 tests/exchange/run.py ~/exchange --keys ~/keys.json &\n'
    python3 "$top/tests/exchange/run.py" "$dir/home/exchange" --keys "$dir/keys.json" </dev/null &
    server=$!
    trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$runtime"' EXIT
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -e "$dir/home/exchange/connect_to" ] && break
        sleep 0.2
    done
    [ -e "$dir/home/exchange/connect_to" ] || { echo 'DEMO FAILED: the exchange did not start'; exit 1; }
    net="--connect-to $(cat "$dir/home/exchange/connect_to") --ca-file exchange/ca.pem"
}

# signed EXCHANGE NAME WORD...: signs, shows the request, and lets the checker judge it
signed() {
    exchange=$1
    shift
    run 0 sign "$@" --pin-file pin
    printf '$ python3 tests/checker.py %s tests/demo/%s.json\n' "$exchange" "$exchange"
    python3 "$top/tests/checker.py" "$exchange" "$top/tests/demo/$exchange.json" < "$dir/out" || {
        printf 'DEMO FAILED: the signature does not hold\n'
        failed=1
    }
}

umask 077
runtime=$(mktemp -d /tmp/coffer-demo.XXXXXX) || exit 1  # the path of a socket is short
trap 'rm -rf "$runtime"' EXIT
printf 'correct horse 9 battery\n' > "$dir/home/pin"
printf 'wrong horse 9 battery\n' > "$dir/home/wrong-pin"
creds='binance binance-new careless okx kraken coinbase'
for f in $creds; do cp "$top/tests/demo/$f.json" "$dir/home/$f.json"; done

say 'A vault, sealed by a key in a software token of its own'
run 0 init --softhsm --pin-file pin

say 'A simulated exchange on this machine; coffer-net reaches it by the real host names'
exchange

say 'A key is tried and judged before it is sealed; the file that it came from is wiped'
# shellcheck disable=SC2086 # words without blanks
run 0 add binance-main binance $net --from-json binance.json --remove-source --pin-file pin

say 'A key that can withdraw is refused'
# shellcheck disable=SC2086
run 5 add careless binance $net --from-json careless.json --pin-file pin

say 'So is one that nobody can prove harmless, unless the risk is accepted; the reason stays with it'
# shellcheck disable=SC2086
run 5 add okx-main okx $net --from-json okx.json --pin-file pin --quiet
own='sub-account of its own, with the money of one bot'
# shellcheck disable=SC2086
run 0 add okx-main okx $net --from-json okx.json --remove-source --accept-risk "$own" --pin-file pin --quiet
# shellcheck disable=SC2086
run 0 add kraken-main kraken $net --from-json kraken.json --remove-source --accept-risk "$own" --pin-file pin --quiet
# shellcheck disable=SC2086
run 0 add coinbase-main coinbase $net --from-json coinbase.json --remove-source --pin-file pin --quiet

say 'Does it work, and what may it do?'
run 0 verify okx-main --pin-file pin
run 0 status
run 0 balance binance-main --pin-file pin

say 'An order is placed and cancelled; a withdrawal is not even signed'
run 0 request binance-main POST /api/v3/order -d 'symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=50000&newClientOrderId=demo-1' --pin-file pin
run 0 request binance-main DELETE /api/v3/order -d 'symbol=BTCUSDT&origClientOrderId=demo-1' --pin-file pin
run 5 request binance-main POST /sapi/v1/capital/withdraw/apply -d 'coin=BTC&amount=1' --pin-file pin

say 'A bot without a secret: all that it gets is a URL, and what it may not do is refused'
cp "$top/tests/demo/bot.py" "$dir/home/bot.py"
run 0 run binance-main --pin-file pin -- python3 bot.py
printf '$ grep request ~/.local/state/coffer/*/audit.log\n'
grep -h '"request"' "$dir"/home/.local/state/coffer/*/audit.log | tidy

say 'A new key takes the place of the old one, which stays until it is proven dead'
run 0 rotate binance-main --from-json binance-new.json --remove-source --pin-file pin
run 3 rotate binance-main --finish --pin-file pin
tell delete binance
run 0 rotate binance-main --finish --pin-file pin
run 0 list

say 'Signed without being sent, and judged by code that is not ours'
signed coinbase coinbase-main GET /api/v3/brokerage/accounts

say 'What must not work'
run 3 request okx-main GET /api/v5/account/balance --pin-file wrong-pin
run 3 request okx-main GET /api/v5/account/balance --pin-file pin

say 'After one failure nobody tries again unattended, until a person types the PIN'
printf '$ coffer request kraken-main POST /0/private/Balance       (the PIN typed at a terminal)\n'
python3 "$top/tests/demo/typed.py" "$dir/home" "$dir/home/pin" "$COFFER" request kraken-main POST /0/private/Balance \
    > "$dir/out" 2>&1 || failed=1
tidy < "$dir/out"
[ -z "$(tail -c 1 "$dir/out")" ] || printf '\n'

say 'A record changed by one letter'
record=$(cd "$dir/home/.local/share/coffer/records" && echo okx-main.*)
printf '$ sed -i s/okx-main/okx-mein/ ~/.local/share/coffer/records/%s\n' "$record"
sed -i s/okx-main/okx-mein/ "$dir/home/.local/share/coffer/records/$record"
run 1 verify okx-main --pin-file pin

say 'No secret in any file'
printf '$ rm careless.json && python3 tests/demo/search.py ~ tests/demo/*.json\n'
kill "$server" 2>/dev/null
wait "$server" 2>/dev/null
rm -rf "$dir/out" "$dir/keys.json" "$dir/home/exchange" "$dir/home/careless.json"
python3 "$top/tests/demo/search.py" "$dir/home" "$top"/tests/demo/*.json || failed=1

[ "$failed" -eq 0 ] && printf '\nThe demo did what it should.\n'
exit "$failed"
