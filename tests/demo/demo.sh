#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh NEW-DIRECTORY: the main job from end to end, on an embedded software token. Prints each
# command before it runs. Exit 0 only when everything went as it should, refusals included.
# COFFER: the program. Credentials are fake; the signatures are checked by tests/checker.py.
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
    (cd "$dir/home" && env -i HOME="$dir/home" PATH="$PATH" "$COFFER" "$@") > "$dir/out" 2>&1
    got=$?
    tidy < "$dir/out"
    [ "$got" -eq 0 ] || printf '(exit status %s)\n' "$got"
    [ "$got" -eq "$want" ] || { printf 'DEMO FAILED: wanted exit status %s\n' "$want"; failed=1; }
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
printf 'correct horse 9 battery\n' > "$dir/home/pin"
printf 'wrong horse 9 battery\n' > "$dir/home/wrong-pin"
for f in binance okx kraken coinbase; do cp "$top/tests/demo/$f.json" "$dir/home/$f.json"; done

say 'A vault, sealed by a key in a software token of its own'
run 0 init --softhsm --pin-file pin
run 0 tokens

say 'Four exchange keys go in; the files that they came from are deleted'
risk='demo: nothing to lose'
run 0 add binance-main binance --no-verify --accept-risk "$risk" --from-json binance.json --pin-file pin
run 0 add okx-main okx --no-verify --accept-risk "$risk" --from-json okx.json --pin-file pin --quiet
run 0 add kraken-main kraken --no-verify --accept-risk "$risk" --from-json kraken.json --pin-file pin --quiet
run 0 add coinbase-main coinbase --no-verify --accept-risk "$risk" --from-json coinbase.json --pin-file pin --quiet
printf '$ rm binance.json okx.json kraken.json coinbase.json\n'
(cd "$dir/home" && rm binance.json okx.json kraken.json coinbase.json) || failed=1
run 0 list

say 'One signed request for each, judged by code that is not ours'
signed binance binance-main POST /api/v3/order -d 'symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=50000'
signed okx okx-main GET '/api/v5/account/balance?ccy=BTC'
signed kraken kraken-main POST /0/private/Balance
signed coinbase coinbase-main GET /api/v3/brokerage/accounts

say 'What must not work'
run 5 sign binance-main POST /sapi/v1/capital/withdraw/apply -d 'coin=BTC&amount=1' --pin-file pin
run 3 sign binance-main GET /api/v3/account --pin-file wrong-pin
run 3 sign binance-main GET /api/v3/account --pin-file pin

say 'After one failure nobody tries again unattended, until a person types the PIN'
printf '$ coffer sign binance-main GET /api/v3/account       (the PIN typed at a terminal)\n'
python3 "$top/tests/demo/typed.py" "$dir/home" "$dir/home/pin" "$COFFER" sign binance-main GET /api/v3/account \
    > "$dir/out" 2>&1 || failed=1
tidy < "$dir/out"

say 'A record changed by one letter'
record=$(cd "$dir/home/.local/share/coffer/records" && echo okx-main.*)
printf '$ sed -i s/okx-main/okx-mein/ ~/.local/share/coffer/records/%s\n' "$record"
sed -i s/okx-main/okx-mein/ "$dir/home/.local/share/coffer/records/$record"
run 1 sign okx-main GET /api/v5/account/balance --pin-file pin

say 'No secret in any file'
printf '$ python3 tests/demo/search.py ~ tests/demo/*.json\n'
rm -f "$dir/out"
python3 "$top/tests/demo/search.py" "$dir/home" "$top"/tests/demo/*.json || failed=1

[ "$failed" -eq 0 ] && printf '\nThe demo did what it should.\n'
exit "$failed"
