#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What 'coffer add' and its neighbours refuse: names, connectors, fields, keys, JSON, options."""
import json
import os
import signal

import kit
import lib
from kit import ED, HMAC, KRAKEN, NO_VERIFY, OKX, add_args, bad_creds, key, refused

HOME = None
API = HMAC["api_key"]


def home():
    """One vault with one key for all tests here: what is refused changes nothing."""
    global HOME                                            # pylint: disable=global-statement
    if not HOME:
        HOME = lib.Home()
        HOME.init()
        HOME.add("Main-Key")
    return HOME


def last_byte(text, to):
    return text[:-1] + to


def names():
    """names: taken, differing in case, absent, illegal, 64 and 65 characters"""
    h = home()
    text = json.dumps(HMAC)
    s = HMAC["api_secret"]
    refused(h, 1, "'Main-Key'", *add_args("Main-Key", "binance"), stdin=text, hint="another name",
            secrets=[s], pin=False)
    refused(h, 1, "only in case", *add_args("main-key", "binance"), stdin=text, pin=False,
            hint="another name", secrets=[s])
    refused(h, 1, "no key named 'main-kex'", "show", "main-kex", pin=False)
    refused(h, 1, "no key named 'Main-Kex'", "show", "Main-Kex", hint="'Main-Key'", pin=False)
    refused(h, 1, "no key named 'Nain-Key'", "rename", "Nain-Key", "b", pin=False,
            hint="'Main-Key'")
    refused(h, 1, "no key named 'Main_Key'", "remove", "Main_Key", "--yes", hint="'Main-Key'",
            pin=False)
    refused(h, 1, "no key named 'MainKey'", "sign", "MainKey", "GET", "/api/v3/account",
            hint="'Main-Key'", pin=False)
    refused(h, 1, "no key named 'zzzzzzzzzz'", "show", "zzzzzzzzzz", hint="coffer list", pin=False)
    for bad in ("-x", "_x", "a b", "a/b", "../x", "a.b", "käy", "a\nb", "a;b", "."):
        args = ("--", bad, "binance") if bad[0] == "-" else (bad, "binance")
        r = refused(h, 2, "", "add", *NO_VERIFY, "--from-json", "-", *args, stdin=text, pin=False,
                    hint="letters, digits", secrets=[s])
        assert "\n" not in bad or bad not in r.err, r
        refused(h, 2, "", "rename", *(["--"] if bad[0] == "-" else []), "Main-Key", bad, pin=False)
        refused(h, 2, "", "show", *(["--"] if bad[0] == "-" else []), bad, pin=False)
    refused(h, 2, "the name is empty", *add_args("", "binance"), stdin=text, pin=False)
    refused(h, 2, "65 characters", *add_args("a" * 65, "binance"), stdin=text, hint="", pin=False)
    refused(h, 2, "65 characters", "rename", "Main-Key", "a" * 65, pin=False)
    long = "a" * 64
    h.add(long)
    kit.signed(h, long, "GET", "/api/v3/account")
    h.ok("remove", long, "--yes")


def rename_clashes():
    """rename: onto a name that is there, onto another case of one, onto itself"""
    h = home()
    h.add("second")
    refused(h, 1, "'second'", "rename", "Main-Key", "second", pin=False)
    refused(h, 1, "only in case", "rename", "Main-Key", "SECOND", pin=False)
    refused(h, 2, "'second' has that name already", "rename", "second", "second", pin=False)
    h.ok("rename", "second", "Second")
    kit.signed(h, "Second", "GET", "/api/v3/account")
    h.ok("remove", "Second", "--yes")


def connectors():
    """an unknown connector is told, with the nearest one; the list names the documentation"""
    h = home()
    assert h.ok("connectors", pin=False).out.count("  documented  https://") == 4
    for typed, near in (("binanse", "binance"), ("krakn", "kraken"), ("okkx", "okx"),
                        ("coinbas", "coinbase"), ("BINANC", "binance")):
        refused(h, 2, f"does not know the exchange '{typed}'", *add_args("x", typed),
                hint=f"did you mean '{near}'", pin=False)
    for typed in ("bybit", "x" * 300, ""):
        r = refused(h, 2, f"does not know the exchange '{typed}'", *add_args("x", typed),
                    hint="it knows binance, coinbase_advanced_trade, kraken, okx", pin=False)
        assert len(r.err) < 2000 and "did you mean" not in r.err, r
    r = refused(h, 2, "needs EXCHANGE", "add", "mm1", pin=False,
                hint="coffer add mm1 binance (or coinbase_advanced_trade, kraken, okx)")
    assert "--region" not in r.err, r
    r = refused(h, 2, "needs EXCHANGE", "add", lib.BINANCE["api_secret"], pin=False,
                hint="coffer add NAME binance")
    assert lib.BINANCE["api_secret"] not in r.err, r
    refused(h, 2, "no environment", *add_args("x", "binance"), "--env", "prod", pin=False,
            hint="live, test, demo")
    refused(h, 2, "no demo environment", *add_args("x", "kraken"), "--env", "demo", pin=False)
    refused(h, 2, "no region of OKX", *add_args("x", "okx"), "--region", "mars", pin=False,
            hint="regions:")
    refused(h, 2, "no regions", *add_args("x", "kraken"), "--region", "eu", pin=False)


def empty_fields():
    """each field empty or missing"""
    h = home()
    for exchange, creds in (("binance", HMAC), ("okx", OKX), ("kraken", KRAKEN),
                            ("coinbase", kit.COINBASE_EC), ("coinbase", kit.COINBASE_ED)):
        for f in creds:
            shown = "api_secret" if f == "private_key_pem" else f
            for empty in ("", " ", "\t\r\n "):
                bad_creds(h, 2, ("is empty" if f != "private_key_pem" else "",),
                          exchange, {**creds, f: empty})
            without = {k: v for k, v in creds.items() if k != f}
            bad_creds(h, 2, f"has no '{shown}', which", exchange, without)
    bad_creds(h, 2, "has no 'api_key', which", "binance", "{}", hint="of another exchange")
    bad_creds(h, 2, "no field passphrase", "binance", {**HMAC, "passphrase": "x-y-z-12345"})
    bad_creds(h, 2, "give one of them", "binance",
              {**HMAC, "private_key_pem": ED["private_key_pem"]})


def blanks():
    """blanks around a field are trimmed, and it signs rightly; blanks inside are refused"""
    h = home()
    cases = (("binance", HMAC, "POST", "/api/v3/order", lib.BINANCE_QUERY),
             ("okx", OKX, "GET", "/api/v5/account/balance", ""),
             ("kraken", KRAKEN, "POST", "/0/private/Balance", ""))
    for exchange, creds, method, url, body in cases:
        h.add("plain", exchange, creds)
        h.add("padded", exchange, {k: f" \t{v} \r\n" for k, v in creds.items()})
        a = kit.signed(h, "plain", method, url, body, timestamp_ms=1499827319559)
        b = kit.signed(h, "padded", method, url, body, timestamp_ms=1499827319559)
        assert a == b, (a, b)
        if exchange == "binance":
            assert lib.BINANCE_SIGNATURE in a["url"] + a["body"], a
        h.ok("remove", "plain", "--yes")
        h.ok("remove", "padded", "--yes")
    s = HMAC["api_secret"]
    bad_creds(h, 2, "what no Binance key has", "binance", KRAKEN, hint="another exchange")
    bad_creds(h, 2, "api_secret has at 9", "binance", {**HMAC, "api_secret": s[:8] + "+" + s[9:]})
    bad_creds(h, 2, "blank", "binance", {**HMAC, "api_secret": s[:30] + " " + s[30:]})
    bad_creds(h, 2, "blank", "binance", {**HMAC, "api_key": API[:30] + "\n" + API[30:]})
    bad_creds(h, 2, "not plain ASCII", "binance", {**HMAC, "api_secret": last_byte(s, "é")})
    bad_creds(h, 2, "", "binance", {**HMAC, "api_secret": last_byte(s, "\0")})
    bad_creds(h, 2, "not plain ASCII", "binance", {**HMAC, "api_key": last_byte(API, "\x7f")})
    bad_creds(h, 2, "9 characters", "binance", {**HMAC, "api_secret": s[:9]})
    bad_creds(h, 2, "characters", "binance", {**HMAC, "api_secret": s * 5})


def base64_fields():
    """Kraken's secret must be base64"""
    h, s = home(), KRAKEN["api_secret"]
    for bad in (s[:-3] + "!==", s[:-1], s[:-2], "=" + s[1:], s[:40] + "-_" + s[42:], s + "=",
                s[:-3] + "h==", s.replace("/", "|")):
        if bad == s:
            continue
        bad_creds(h, 2, "api_secret is not base64", "kraken", {**KRAKEN, "api_secret": bad},
                  hint="with the = at its end")
    bad_creds(h, 2, "characters", "kraken", {**KRAKEN, "api_secret": s[:8]})


def pem_forms():
    """PEM: without its lines, cut off, encrypted, public; literal \\n is taken and signs rightly"""
    h = home()
    pem = ED["private_key_pem"]
    lines = pem.strip().splitlines()
    with_key = lambda text: {"api_key": ED["api_key"], "private_key_pem": text}   # noqa: E731
    bad_creds(h, 2, "PEM without its lines", "binance", with_key(kit.pem_body(pem)),
              hint="-----BEGIN")
    bad_creds(h, 2, "PEM without its lines", "binance",
              {"api_key": ED["api_key"], "api_secret": kit.pem_body(pem)}, hint="-----BEGIN")
    bad_creds(h, 2, "no END line", "binance", with_key("\n".join(lines[:-1])))
    bad_creds(h, 2, "damaged", "binance", with_key(pem.replace(lines[1], lines[1][:-4])))
    bad_creds(h, 2, "damaged", "binance", with_key(pem.replace(lines[1], lines[1][:-1] + "!")))
    bad_creds(h, 2, "empty", "binance", with_key(lines[0] + "\n" + lines[-1]))
    bad_creds(h, 2, "no private key in PEM", "binance", with_key("x" * 200), hint="-----BEGIN")
    public = kit.openssl("pkey", "-pubout", stdin=pem.encode()).decode()
    bad_creds(h, 2, "this is a public key", "binance", with_key(public))
    for extra in ((), ("-traditional",)):
        locked = kit.openssl("pkey", "-aes128", "-passout", "pass:x", *extra,
                             stdin=key("p256").encode()).decode()
        bad_creds(h, 2, "encrypted with a passphrase", "coinbase",
                  {"api_key": kit.COINBASE_EC["api_key"], "private_key_pem": locked},
                  hint="openssl pkey")
    h.add("pem", "binance", ED)
    h.add("escaped", "binance", with_key(pem.replace("\n", "\\n")))
    h.add("crlf", "binance", with_key("\n " + pem.replace("\n", "\r\n") + "\n"))
    h.add("secret", "binance", {"apiKey": ED["api_key"], "secret": pem})
    want = kit.signed(h, "pem", "GET", "/api/v3/account")
    for name in ("escaped", "crlf", "secret"):
        assert kit.signed(h, name, "GET", "/api/v3/account") == want, name
        h.ok("remove", name, "--yes")
    h.ok("remove", "pem", "--yes")


def key_types():
    """keys of a type, size or curve that the exchange does not take"""
    h = home()

    def bad(said, exchange, pem, hint=None):
        for field in ("private_key_pem", "api_secret"):
            bad_creds(h, 2, said, exchange, {"api_key": "organizations/x/apiKeys/" + API,
                                             field: pem}, hint)

    bad("takes no ec", "binance", key("p256"))
    bad("takes no ec", "binance", key("p256-sec1"))
    bad("takes no rsa", "coinbase", key("rsa2048"))
    bad("not on the curve P-256", "coinbase", key("k256"))
    bad(("RSA key of 1024 bits", "2048"), "binance", key("rsa1024"))
    bad_creds(h, 2, "no field private_key_pem", "kraken",
              {**KRAKEN, "private_key_pem": key("p256")})
    legacy = lib.vectors("coinbase")["ccxt_legacy_hmac_get"]["credentials"]
    bad_creds(h, 2, "legacy HMAC", "coinbase", legacy, hint="https://portal.cdp.coinbase.com")
    pair = kit.COINBASE_ED["api_secret"]
    bad_creds(h, 2, "do not belong together", "coinbase",
              {**kit.COINBASE_ED,
               "api_secret": pair[:60] + ("A" if pair[60] != "A" else "B") + pair[61:]})


def json_forms():
    """--from-json: malformed, nested, twice, unknown, too long, not UTF-8, not there"""
    h = home()
    good = json.dumps(HMAC)
    s = HMAC["api_secret"]
    for text in ("", " ", "{", good[:-1], good[:-3], good + "x", good + good, "[]", "[%s]" % good,
                 "null", '"x"', "17", "{'api_key':'x'}", good.replace('":', '"'), good + "\0",
                 "\ufeff" + good, good.replace('", "', '",, "'), good.replace("}", ",}")):
        refused(h, 2, "JSON", *add_args("new-key", "binance"), stdin=text, secrets=[s])
    bad_creds(h, 2, "api_secret is not a string", "binance", {**HMAC, "api_secret": {"a": s}})
    bad_creds(h, 2, "api_secret is not a string", "binance", {**HMAC, "api_secret": [s]})
    for odd in (None, 17, True):
        bad_creds(h, 2, "api_secret is not a string", "binance", {**HMAC, "api_secret": odd})
    refused(h, 2, "JSON", *add_args("new-key", "binance"), stdin='{"api_key":' + "[" * 10000)
    refused(h, 2, "JSON", *add_args("new-key", "binance"), stdin="{" * 3 + '"a":{' * 3000)
    twice = f'{{"api_key":"{API}","api_secret":"{s}","api_secret":"{s[::-1]}"}}'
    refused(h, 2, "", *add_args("new-key", "binance"), stdin=twice, secrets=[s, s[::-1]])
    refused(h, 2, "api_secret is given twice", *add_args("new-key", "binance"), secrets=[s],
            stdin=json.dumps({**HMAC, "secret": s}))
    refused(h, 2, "api_key is given twice", *add_args("new-key", "binance"),
            stdin=json.dumps({**HMAC, "apiKey": API}))
    refused(h, 2, "'colour'", *add_args("new-key", "binance"), hint="fields: api_key",
            stdin=json.dumps({**HMAC, "colour": "red"}))
    refused(h, 2, "no field of a key", *add_args("new-key", "binance"), secrets=[s],
            stdin=json.dumps({"api_key": API, s: "x"}))
    refused(h, 2, "", *add_args("new-key", "binance"), secrets=[s],
            stdin=good.encode().replace(b"Nhq", b"\xff\xfe\xfd"))
    refused(h, 2, "", *add_args("new-key", "binance"), secrets=[s],
            stdin=good.replace("Nhq", "\\ud800"))
    for path, code in ((os.path.join(h.top, "none.json"), 1), (h.top, 1), ("/dev/null", 1)):
        refused(h, code, "", "add", "new-key", "binance", *NO_VERIFY, "--from-json", path)
    r = refused(h, 1, ("no-such.json", "o such file"), "add", "new-key", "binance", *NO_VERIFY,
                "--from-json", "no-such.json", pin=False)
    assert "sealing to" not in r.err, r
    refused(h, 1, "the file given with --from-json cannot be read", "add", "new-key", "binance",
            *NO_VERIFY, "--from-json", good, pin=False, secrets=[s, API])


def json_too_long():
    """--from-json: longer than a credential can be"""
    h = home()
    s = HMAC["api_secret"]
    for n in (20000, 3000000):
        refused(h, 2, "is over 16384 bytes", *add_args("new-key", "binance"), secrets=[s],
                stdin=json.dumps({**HMAC, "uid": "x" * n}))
    refused(h, 2, "is over 16384 bytes", *add_args("new-key", "binance"), secrets=[s],
            stdin=json.dumps(HMAC) + " " * 40000)


def options():
    """a secret on the command line, no --no-verify, no --accept-risk, odd --allow"""
    h = home()
    s = HMAC["api_secret"]
    base = ("add", "new-key", "binance")
    r = refused(h, 2, "at most 2", *base, s, *NO_VERIFY, pin=False, secrets=[s],
                hint="secrets are never taken from the command line")
    assert s not in r.err
    for form in (("--api-secret", s), ("--secret=" + s,), ("--api_secret", s)):
        refused(h, 2, "unknown option", *base, *form, *NO_VERIFY, pin=False, secrets=[s])
    refused(h, 2, "--accept-risk REASON", *base, "--no-verify", pin=False, hint="--accept-risk '")
    for way in ((), ("--from-json", "-"), ("--from-fd", "0")):
        refused(h, 2, "--remove-source needs --from-json FILE", *base, "--remove-source", *way,
                pin=False)
    for bad in ("x", "a:b", "::127.0.0.1", "::127.0.0.1:0", "::127.0.0.1:70000", ""):
        refused(h, 2, "--connect-to", *base, "--connect-to", bad, pin=False)
    for text in ("", "not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"
                 "-----END CERTIFICATE-----\n", key("ed25519")):
        refused(h, 2, "--ca-file", *base, "--ca-file", h.private("ca.pem", text), pin=False)
    refused(h, 2, "--ca-file is longer than", *base, "--ca-file", h.private("ca.pem", "x" * 40000),
            pin=False)
    refused(h, 1, "does not exist", *base, "--ca-file", "no-such.pem", pin=False)
    refused(h, 2, "the reason is 1 to", *base, "--no-verify", "--accept-risk", " ", pin=False)
    refused(h, 2, "the reason is 1 to", *base, "--no-verify", "--accept-risk", "x" * 5000,
            pin=False)
    refused(h, 2, "needs a value", *base, "--no-verify", "--accept-risk", pin=False)
    for bad in ("withdrawal", ",", "", "read,", "account,", "all,read", "READ", "withdraw,,keys", "x" * 500):
        r = refused(h, 2, ("--allow", "no class"), *base, *NO_VERIFY, "--allow", bad, pin=False,
                    hint="account, session, transfer")
        assert "withdraw," not in r.err.replace(bad, "") and "unknown" not in r.err, r
    refused(h, 2, "exclude each other", *base, *NO_VERIFY, "--from-json", "-", "--from-fd", "0",
            pin=False)
    refused(h, 2, "same descriptor", *base, *NO_VERIFY, "--from-json", "-", "--pin-fd", "0",
            pin=False)
    for bad in ("api_secret", "=x", "colour=x", "api_secret="):
        refused(h, 2, "--field-file", *base, *NO_VERIFY, "--field-file", bad, pin=False)
    refused(h, 2, "FIELD=PATH", *base, *NO_VERIFY, "--field-file", s, pin=False, secrets=[s])
    refused(h, 2, "names no field", *base, *NO_VERIFY, "--field-file", s + "=x", pin=False,
            secrets=[s], hint="fields: api_key")
    refused(h, 1, "the file given for api_secret cannot be read: no such file", *base, *NO_VERIFY,
            "--field-file", "secret=" + s, pin=False, secrets=[s])
    refused(h, 1, "the file given for private_key_pem cannot be read", *base, *NO_VERIFY,
            "--field-file", "private_key_pem=" + ED["private_key_pem"], pin=False,
            secrets=kit.secrets_of(ED))
    refused(h, 2, "needs", "add", "new-key", pin=False, hint="which exchange? coffer add new-key")


def json_errors():
    """--json: a refusal is one object with code, message and hints"""
    h = home()
    r = h.run(*add_args("x", "binanse"), "--json", pin=False)
    e = r.json()["error"]
    assert r.code == 2 and e["code"] == "usage" and "binanse" in e["message"], r
    assert any("binance" in x for x in e["hints"]), r
    r = h.run(*add_args("Main-Key", "binance"), "--json", stdin=json.dumps(HMAC), pin=False)
    assert r.code == 1 and r.json()["error"]["code"] == "exists", r


def no_terminal():
    """without a terminal: exit 3, naming the options that help"""
    h = home()
    refused(h, 3, "terminal", "add", "new-key", "binance", *NO_VERIFY, hint="--from-json")
    refused(h, 3, "terminal", "add", "new-key", "binance", *NO_VERIFY, pin=False, hint="--pin-file")


PROMPTS = ("add", "typed", "binance", *NO_VERIFY, "--pin-file")


def typed():
    """typed at a terminal: the secret is not echoed, and it signs rightly"""
    h = home()
    h.run("remove", "Main-Key", "--yes")    # the same key under another name
    s = HMAC["api_secret"]
    r = h.tty(*PROMPTS, h.pin_file, answers=[("API key", API), ("Secret key", s)])
    assert r.code == 0 and s not in r.out, r
    got = kit.signed(h, "typed", "POST", "/api/v3/order?" + lib.BINANCE_QUERY,
                     timestamp_ms=1499827319559)
    assert lib.BINANCE_SIGNATURE in got["url"] + got["body"], got
    h.ok("remove", "typed", "--yes")
    pem = ED["private_key_pem"].strip()
    r = h.tty(*PROMPTS, h.pin_file, answers=[("API key", ED["api_key"]), ("Secret key", pem)])
    assert r.code == 0, r
    lib.no_secret(r.out, *kit.secrets_of(ED))
    kit.signed(h, "typed", "GET", "/api/v3/account")
    h.ok("remove", "typed", "--yes")
    before = h.snapshot()
    r = h.tty(*PROMPTS, h.pin_file, answers=[("API key", API), ("Secret key", "")])
    assert r.code == 2 and "empty" in r.err and h.snapshot() == before, r


def with_fault(h, fault, under):
    """Runs what follows with a system call that goes wrong below a directory."""
    h.wrapper = ["env", "LD_PRELOAD=" + os.path.join(lib.TOOLS, "faults_preload.so"),
                 "FAULT=" + fault, "FAULT_UNDER=" + under]


def disk_full():
    """sealing fails for want of space: what was typed may be tried again; a script is told"""
    h, s = home(), HMAC["api_secret"]
    h.run("remove", "Main-Key", "--yes")    # the same key under another name
    fields = [("API key", API), ("Secret key", s)]
    before = h.kept()
    with_fault(h, "write:1:ENOSPC", h.records)
    try:
        r = h.run(*add_args("typed", "binance"), stdin=json.dumps(HMAC))
        kit.judge_refusal(r, 1, "no space left", hint="the key was not stored", secrets=[s])
        r = h.tty(*PROMPTS, h.pin_file, answers=[*fields, ("try again?", "n")])
        assert r.code == 1 and "hint: the key was not stored" in r.out and s not in r.out, r
        assert h.kept() == before, "files were changed"
        r = h.tty(*PROMPTS, h.pin_file, answers=[*fields, ("try again?", "y")])
        assert r.code == 0 and "'typed' is sealed" in r.out and s not in r.out, r
    finally:
        h.wrapper = []
    kit.signed(h, "typed", "GET", "/api/v3/account")
    h.ok("remove", "typed", "--yes")
    with_fault(h, "renameat:1:EIO", h.vault)
    try:
        r = h.tty(*PROMPTS, h.pin_file, answers=fields)
        assert r.code == 1 and "--take-back" in r.out and "try again?" not in r.out, r
    finally:
        h.wrapper = []
    h.ok("doctor", "--take-back", [f for f in os.listdir(h.records) if f.startswith("typed.")][0])
    h.ok("remove", "typed", "--yes")


def not_writable():
    """a vault that cannot be locked or written: add says so before it asks for the key"""
    h = home()
    with_fault(h, "openat:1:EROFS+", h.vault)
    try:
        r = h.tty(*PROMPTS, h.pin_file)
        assert r.code == 1 and "read-only" in r.out.lower() and "API key" not in r.out, r
    finally:
        h.wrapper = []
    lock, moved = os.path.join(h.vault, "lock"), os.path.join(h.home, "moved")
    os.rename(lock, moved)
    os.symlink(moved, lock)
    try:
        r = h.tty(*PROMPTS, h.pin_file)
        assert r.code == 1 and "'lock' is a symbolic link" in r.out, r
        assert "API key" not in r.out and "wait for" not in r.out, r
    finally:
        os.rename(moved, lock)


def interrupted():
    """Ctrl-C and other signals at the secret prompt: terminal sane, nothing changed"""
    h = home()
    before = h.snapshot()
    half = HMAC["api_secret"][:20]
    h.wrapper = ["sh", "-c", 'trap : INT TERM HUP; "$@"; echo "code $?"; stty -a', "sh"]
    try:
        r = h.tty(*PROMPTS, h.pin_file, answers=[("API key", API), ("Secret key", half + "\x03")])
    finally:
        h.wrapper = []
    assert "code 130" in r.out and " echo" in r.out and "-echo " not in r.out, r
    assert half not in r.out and h.snapshot() == before, r
    for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        r = h.tty(*PROMPTS, h.pin_file, send_signal=s,
                  answers=[("API key", API), ("Secret key", None)])
        assert r.code == -s and h.snapshot() == before, r


if __name__ == "__main__":
    try:
        lib.main([names, rename_clashes, connectors, empty_fields, blanks, base64_fields, pem_forms,
                  key_types, json_forms, json_too_long, options,
                  json_errors, no_terminal, typed, disk_full, not_writable, interrupted])
    finally:
        if HOME:
            HOME.__exit__()
