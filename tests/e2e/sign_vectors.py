#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What real clients signed, made again end to end by 'coffer add --from-json' and 'coffer sign
--request' with the client's clock. And Kraken's nonces as several processes draw them."""
import json
import os
import subprocess
import sys
import time

import kit
import lib

TESTS = os.path.join(lib.ROOT, "tests")
CHECKER = os.path.join(TESTS, "checker.py")
AUTH = {"binance": ["X-MBX-APIKEY"], "binanceusdm": ["X-MBX-APIKEY"],
        "kraken": ["API-Key", "API-Sign"],
        "okx": ["OK-ACCESS-KEY", "OK-ACCESS-SIGN", "OK-ACCESS-TIMESTAMP", "OK-ACCESS-PASSPHRASE"],
        "coinbase": ["Authorization"]}


def zero(text, name):
    """The signed form with a zero for what coffer fills in, and without the signature."""
    parts = [p for p in text.split("&") if p and not p.startswith("signature=")]
    return "&".join(name + "=0" if p.startswith(name + "=") else p for p in parts)


def feed(case, exchange):
    """The request to sign. Where the client put timestamp or nonce, coffer finds a zero."""
    u, s = case["unsigned"], case["signed"]
    query, body = u["query"], u["body"]
    name = "nonce" if exchange == "kraken" else "timestamp"
    if case.get("signature_rule") != "none":
        sent = s["url"].partition("?")[2]
        query = zero(sent, name) if name + "=" in sent else query
        body = zero(s["body"], name) if name + "=" in s["body"] and s["body"][0] != "{" else body
    return {"method": u["method"], "url": u["host"] + u["path"] + ("?" + query if query else ""),
            "headers": u["headers"], "body": body, "clock": case["clock"]}


def compare(case, exchange, got):
    want = case["signed"]
    for part in ("method", "url", "body"):
        assert got[part] == (want[part] or ""), f"{case['id']}: {part}\n{got[part]}\n{want[part]}"
    mine = {k.lower(): v for k, v in got["headers"].items()}
    sent = {k.lower(): v for k, v in want["headers"].items()}
    for name in AUTH[exchange]:
        assert mine.get(name.lower()) == sent.get(name.lower()), f"{case['id']}: {name}"


def wanted(case):
    """Exact requests whose url may be given as it stands; WebSocket logins are compared in C."""
    return (case["use_for"] == "exact" and case.get("kind") is None and "jwt" not in case and
            case.get("signature_rule") != "form_decoded" and
            "legacy" not in case["id"] and case["feature"] != "divergence")


def run_file(h, exchange, at_least):
    """Each credential of the file once, then each request that fits."""
    names, n = {}, 0
    for case in lib.vectors(exchange).values():
        if not wanted(case):
            continue
        creds = json.dumps(case["credentials"])
        if creds not in names:
            names[creds] = f"{exchange}-{len(names)}"
            h.add(names[creds], exchange, case["credentials"], "--allow", "all")
        r = h.run("sign", names[creds], "--request", "-", stdin=json.dumps(feed(case, exchange)))
        assert r.code == 0, f"{case['id']}: {r}"
        compare(case, exchange, r.json())
        n += 1
    assert n >= at_least, f"{exchange}: only {n} vectors were compared"


def all_files():
    """each connector's exact vectors, byte for byte, from JSON to JSON"""
    with lib.Home() as h:
        h.init()
        for exchange, at_least in (("binance", 20), ("binanceusdm", 5), ("okx", 8), ("kraken", 8)):
            run_file(h, exchange, at_least)


def documented():
    """Binance's documented example gives the documented signature"""
    with lib.Home() as h:
        h.init()
        h.add("bin")
        got = kit.signed(h, "bin", "POST", "/api/v3/order?" + lib.BINANCE_QUERY,
                         timestamp_ms=1499827319559)
        assert got["url"].endswith("&signature=" + lib.BINANCE_SIGNATURE), got


def checked():
    """Coinbase's tokens, and one request of each kind of key, hold for the independent checker"""
    if not os.path.exists(CHECKER):
        return "not run: tests/checker.py is not there"
    sys.path.insert(0, TESTS)
    sys.dont_write_bytecode = True
    import checker                              # pylint: disable=import-outside-toplevel
    with lib.Home() as h:
        h.init()
        for name, exchange, creds, (method, url) in kit.KINDS:
            h.add(name, exchange, creds, "--allow", "session")
            got = [h.ok("sign", name, method, url).json()]
            if name not in ("kraken", "b-hmac", "b-rsa"):      # those have no WebSocket login
                got.append(h.ok("sign", name, "--request", "-", stdin='{"kind":"ws_login"}').json())
            for one in got:
                ok, why = checker.verify(exchange, creds, one)
                assert ok, f"{name}: {why}\n{one}"
                if one.get("message"):
                    one["message"] = json.loads(one["message"])
                damaged = list(checker.damaged(one))
                assert damaged, f"{name}: nothing could be damaged"
                for bad in damaged:
                    assert not checker.verify(exchange, creds, bad)[0], f"{name}: holds, damaged"
    return None


def nonce_of(out):
    return int(json.loads(out)["body"].split("nonce=")[1].split("&")[0])


KRAKEN = ("sign", "kraken", "POST", "/0/private/Balance")


def kraken_home():
    h = lib.Home()
    h.init()
    h.add("kraken", "kraken", kit.KRAKEN)
    return h


def mark_file(h):
    found = [os.path.join(d, f) for d, _, files in os.walk(h.state) for f in files
             if f.endswith(".nonce")]
    assert len(found) == 1, found
    return found[0]


def mark(h):
    with open(mark_file(h), encoding="ascii") as f:
        return int(f.read())


def rising():
    """Kraken nonces rise, over 30 processes at once, without a duplicate; the mark is the last"""
    with kraken_home() as h:
        first = nonce_of(h.ok(*KRAKEN).out)
        argv = [lib.COFFER, *KRAKEN, "--pin-file", h.pin_file]
        many = [subprocess.Popen(argv, env=h.environ(), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, start_new_session=True) for _ in range(30)]
        ends = [(*p.communicate(timeout=100), p.returncode) for p in many]
        failed = [err.decode() for _, err, code in ends if code]
        assert not failed, f"{len(failed)} of 30 failed: {failed[0]}"
        got = [nonce_of(out) for out, _, _ in ends]
        assert len(set(got)) == 30 and min(got) > first, got
        assert mark(h) == max(got), (mark(h), got)
        last = nonce_of(h.ok(*KRAKEN).out)
        assert last > max(got) and abs(last - time.time() * 1e6) < 60e6, last


def own_nonce():
    """clock.nonce neither checks nor moves the mark"""
    with kraken_home() as h:
        h.ok(*KRAKEN)
        at = mark(h)
        for nonce in ("1", str(at), str(at + 10 ** 15)):
            assert f"nonce={nonce}" == kit.signed(h, "kraken", "POST", "/0/private/Balance",
                                                  nonce=nonce)["body"]
            assert mark(h) == at
        assert nonce_of(h.ok(*KRAKEN).out) > at


def write_mark(h, text):
    with open(mark_file(h), "w", encoding="ascii") as f:
        f.write(text)


def odd_marks():
    """a mark a little ahead is passed, a day ahead or damaged is refused and stays"""
    with kraken_home() as h:
        h.ok(*KRAKEN)
        ahead = int((time.time() + 3600) * 1e6)
        write_mark(h, f"{ahead}\n")
        assert nonce_of(h.ok(*KRAKEN).out) == ahead + 1
        write_mark(h, f"{int((time.time() + 2 * 86400) * 1e6)}\n")
        kit.refused(h, 1, "more than a day ahead of the clock", *KRAKEN, hint="set the clock")
        for text in ("x", "", "-1", "1 2", "9" * 30, "0x1", "\0"):
            write_mark(h, text)
            kit.refused(h, 1, "damaged", *KRAKEN, hint="do not delete")
        write_mark(h, "1" * 200)
        kit.refused(h, 1, "nonce", *KRAKEN)
        os.unlink(mark_file_or_new(h))
        os.symlink(h.pin_file, mark_file_or_new(h))
        kit.refused(h, 1, "nonce", *KRAKEN)


def mark_file_or_new(h):
    """The mark's path, also while there is none."""
    for d, _, files in os.walk(h.state):
        for f in files:
            if f.endswith(".nonce"):
                h.nonce_path = os.path.join(d, f)
    return h.nonce_path


def read_only_inside():
    """With the state mounted read-only: no Kraken signature, since no mark can be kept. Binance,
    which needs none, is signed, with a PIN guard elsewhere."""
    with kraken_home() as h:
        h.add("bin")
        at = nonce_of(h.ok(*KRAKEN).out)
        if os.geteuid() == 0:
            subprocess.run(["mount", "--bind", h.state, h.state], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", h.state], check=True)
        else:
            subprocess.run(["chmod", "-R", "a-w", h.state], check=True)
        try:
            kit.refused(h, 3, "no place to remember a failed login", *KRAKEN, hint="writable")
            run = os.path.join(h.top, "run")
            os.mkdir(run, 0o700)
            h.extra_env["XDG_RUNTIME_DIR"] = run
            kit.refused(h, 1, ("nonce", "ead-only" if os.geteuid() == 0 else ""), *KRAKEN)
            assert mark(h) == at
            h.ok("sign", "bin", "GET", "/api/v3/account")
        finally:
            if os.geteuid() == 0:
                subprocess.run(["umount", h.state], check=True)
            else:
                subprocess.run(["chmod", "-R", "u+w", h.state], check=True)


def read_only():
    """a read-only state directory: no nonce, so no Kraken signature"""
    if os.geteuid() != 0:
        return read_only_inside()
    return kit.rerun_in_namespace(os.path.abspath(__file__), "--read-only")


if __name__ == "__main__":
    if sys.argv[1:] == ["--read-only"]:
        read_only_inside()
        sys.exit(0)
    lib.main([all_files, documented, checked, rising, own_nonce, odd_marks, read_only])
