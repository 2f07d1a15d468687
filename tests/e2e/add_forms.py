#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What 'coffer add' takes and says: downloaded key files, classes, wrong things typed"""
import base64
import json

import kit
import lib
from kit import ED, HMAC, NO_VERIFY, add_args, bad_creds, refused

HOME = None
PROMPTS = ("add", "typed", "binance", *NO_VERIFY, "--pin-file")


def home():
    """One vault for all tests here."""
    global HOME                                            # pylint: disable=global-statement
    if not HOME:
        HOME = lib.Home()
        HOME.init()
    return HOME


def coinbase_files():
    """Coinbase's key files as they are downloaded, Ed25519 in two forms and EC"""
    h = home()
    ed, ec = kit.COINBASE_ED, kit.COINBASE_EC
    uuid = "fa4e0001-1111-4111-8111-0123456789ab"
    h.add("pair", "coinbase", ed)
    want = kit.signed(h, "pair", "GET", "/api/v3/brokerage/accounts", random_hex16="00" * 16)
    h.add("named", "coinbase", {"name": ed["api_key"], "privateKey": ed["api_secret"]})
    assert kit.signed(h, "named", "GET", "/api/v3/brokerage/accounts",
                      random_hex16="00" * 16) == want
    h.add("uuid", "coinbase", {"id": uuid, "privateKey": ed["api_secret"]})
    got = kit.signed(h, "uuid", "GET", "/api/v3/brokerage/accounts", random_hex16="00" * 16)
    part = got["headers"]["Authorization"].split(" ")[1].split(".")[0]
    head = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert head["kid"] == uuid and head["alg"] == "EdDSA", head
    h.add("ec", "coinbase", {"name": ec["api_key"], "privateKey": ec["private_key_pem"]})
    kit.signed(h, "ec", "GET", "/api/v3/brokerage/accounts")
    for name in ("pair", "named", "uuid", "ec"):
        h.ok("remove", name, "--yes")
    for bad in ("x" * 88, kit.b64(b"x" * 63), "short"):
        bad_creds(h, 2, "private_key_pem is neither a PEM nor base64 of a 64-byte Ed25519 key",
                  "coinbase", {"id": uuid, "private_key_pem": bad}, hint="whole")
    refused(h, 2, "api_key is given twice", *add_args("new-key", "coinbase"),
            stdin=json.dumps({"id": uuid, "name": "n", "privateKey": ed["api_secret"]}))


def says_what_it_opens():
    """add: classes beyond the default are named; a key that was not tried is never 'verified'"""
    h = home()
    r = h.add("wide", "binance", HMAC, "--allow", "withdraw,read,keys")
    assert "opened: withdraw,keys\n" in r.out and "cannot withdraw" not in r.out, r
    r = h.add("narrow")
    assert "opened" not in r.out and "cannot withdraw" in r.out, r
    for r in (h.ok("list", "--json", pin=False), h.ok("show", "wide", "--json", pin=False)):
        j = r.json()
        for one in j.get("keys", [j]):
            assert one["verified"] is False and not one.get("unverified"), r
    assert "not verified" in h.ok("list", pin=False).out
    h.ok("remove", "wide", "--yes")
    h.ok("remove", "narrow", "--yes")


def wrong_thing_typed():
    """the visible prompt: JSON, a PEM or a long text is refused at once, the rest of it dropped"""
    h = home()
    before = h.snapshot()
    look = 'trap : INT; "$@"; echo "code $?"; stty -a; timeout --foreground 1 cat | sed s/^/GOT/'
    h.wrapper = ["sh", "-c", look, "sh"]
    shown = "clear the screen"
    try:
        for text, said, hint in (
                (json.dumps(HMAC, indent=1), "API key: that looks like JSON", "--from-json"),
                (" " + json.dumps(HMAC), "API key: that looks like JSON", "--from-json"),
                (ED["private_key_pem"], "API key: that looks like a key in PEM",
                 "--field-file private_key_pem=FILE"),
                ("x" * 129 + "\necho", "API key: that is 129 characters long",
                 "--field-file api_key=FILE")):
            r = h.tty(*PROMPTS, h.pin_file, answers=[("API key", text)])
            assert said in r.out and hint in r.out and shown in r.out and "code 2" in r.out, r
            assert "Secret key" not in r.out and "GOT" not in r.out, r
            assert " echo" in r.out and "-echo " not in r.out and " icanon" in r.out, r
            assert h.snapshot() == before, "files were changed"
    finally:
        h.wrapper = []


if __name__ == "__main__":
    try:
        lib.main([coinbase_files, says_what_it_opens, wrong_thing_typed])
    finally:
        if HOME:
            HOME.__exit__()
