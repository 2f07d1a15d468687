#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A token whose driver answers oddly: names that are no text, lists that grow, keys that lie, wrong
values, PIN flags, calls that last or never come back."""
# run: once
import atexit
import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from lib import BINANCE, COFFER, PIN, main, no_secret
from mock_kit import ADD, CODES, SIGN, Mock, clean, well_formed

MADE = []
# Escape sequences, a bell, CR and LF, DEL, C1 controls raw and in UTF-8, text turned round, bytes
# that are no UTF-8; as long as the longest field.
NAMES = ("1b5b324a1b5d303b611b5c0708090a0d7f9bc29be280ae0041414141414141411b5b", "ff" * 64,
         "c3" * 64, "e280ae6b636f6d" + "20" * 10, "c29b324ac285" + "41" * 30, "", "00" * 64,
         "222c5c7b7d0a" * 5, "25732573256e" * 5)


def home():
    if not MADE:
        MADE.append(Mock())
        atexit.register(MADE[0].__exit__)
        MADE[0].made()
    return MADE[0]


def names(value):
    return [f"{f} {value}" for f in ("label", "serial", "manufacturer", "model", "description")]


def test_names():
    """labels and serials that are no text: nothing raw reaches the terminal, and JSON is JSON"""
    h = home()
    for value in NAMES:
        h.fresh(*names(value))
        shown = h.ok("tokens", "--module", h.module, pin=False)
        clean(shown)
        assert h.module in shown.out, shown
        r = h.ok("tokens", "--module", h.module, "--json", pin=False)
        clean(r)
        assert any(t["module"] == h.module for t in r.json()["tokens"]), r
        well_formed(h.run(*SIGN))
        r = h.run("doctor")
        assert r.code in (1, 3), r
        clean(r)


def test_names_kept():
    """a vault on such a token: what it remembers of the name is text as well"""
    for value in NAMES[:5]:
        with Mock() as h:
            h.fresh(*names(value))
            r = h.run("init", "--token", h.uri("id=%01"))
            clean(r)
            if r.code:
                well_formed(r, (1, 2, 3))
                assert not os.path.exists(h.vault), r
                continue
            h.add("main")
            for args in (SIGN, ("doctor",), ("doctor", "--json"), ("list",), ("status",),
                         ("show", "main"), ("list", "--json"), ("status", "--json")):
                r = h.ok(*args, pin=args[0] in ("sign", "doctor"))
                clean(r)
                if "--json" in args:
                    json.loads(r.out)


def test_lists():
    """slots that grow, shrink or are thousands, and thousands of keys: refused, in time"""
    h = home()
    before = h.kept()
    for lines in (["slots grow"], ["slots 0"], ["slots 257"], ["slots 10000"]):
        h.fresh(*lines)
        well_formed(h.run(*SIGN), (1,))
        r = h.run("tokens", "--module", h.module, pin=False)
        assert r.code in (0, 1), r
        clean(r)
    for lines in (["slots shrink"], ["slots 200"]):
        h.fresh(*lines)
        r = h.run(*SIGN)
        assert r.code in (0, 1), r
    h.fresh("slots 200")
    r = h.ok("tokens", "--module", h.module, pin=False)
    assert "shows 200 tokens" in r.err, r
    h.fresh("objects 10000")
    well_formed(h.run(*SIGN), (1,))
    h.fresh("sessions 1")
    h.ok(*SIGN)
    assert h.kept() == before


def test_keys_that_lie():
    """two keys of one id, another key's public half, a wrong shared value: init refuses"""
    for lines, codes in ((["set twin"], (2,)), (["set liar"], (1,)), (["set no-public"], (1,)),
                         (["z wrong"], (1,)), (["z len=31"], (1,)), (["z len=33"], (1,)),
                         (["z len=0"], (1,)), (["z len=4096"], (1,)),
                         (["attr CKA_VALUE hex=00"], (1,)), (["attr CKA_EC_POINT garbage"], (1,)),
                         (["attr CKA_EXTRACTABLE hex=01"], (1,)),
                         (["attr CKA_SENSITIVE hex=00"], (1,)),
                         (["attr CKA_EC_PARAMS hex=06052b81040022"], (1, 2))):
        with Mock() as h:
            h.fresh(*lines)
            r = h.run("init", "--token", h.uri())
            well_formed(r, codes)
            assert not os.path.exists(h.vault) and not os.path.exists(h.config), r


def test_wrong_values():
    """a token that computes wrong once the vault is there: no signature, nothing written"""
    h = home()
    before = h.kept()
    for line in ("z wrong", "z len=0", "z len=31", "z len=33", "z len=4096",
                 "attr CKA_VALUE hex=00", "attr CKA_VALUE len=9999999", "attr CKA_VALUE absent"):
        h.fresh(line)
        well_formed(h.run(*SIGN), (1,))
        well_formed(h.run(*ADD, stdin=json.dumps(BINANCE)), (1,))
        assert h.counts()["secrets"] == 0, line
    assert h.kept() == before


def test_flags():
    """the last try, or a locked PIN: no PIN is given to the token, whichever command asks"""
    h = home()
    new = h.private("new", "a good new pin")
    before = h.kept()
    for line, says in (("flags FINAL_TRY", "one PIN try left"), ("tries 1", "one PIN try left"),
                       ("flags LOCKED", "locked"), ("tries 0", "locked"), ("flags LOCKED FINAL_TRY COUNT_LOW", "locked")):
        for args, kw in ((SIGN, {}), (ADD, {"stdin": json.dumps(BINANCE)}),
                         (("rename", "main", "x"), {}), (("pin", "--new-pin-file", new), {})):
            h.fresh(line)
            if line.startswith("tries"):
                os.unlink(h.state_file)
            r = h.run(*args, **kw)
            well_formed(r, (3,))
            assert says in r.err, r
            n = h.counts()
            assert n["C_Login"] + n["C_SetPIN"] + n["pin_tried"] == 0, n
    h.fresh("flags FINAL_TRY")
    r = h.tty(*SIGN, answers=[])
    assert r.code == 3 and "one PIN try left" in r.out and h.counts()["C_Login"] == 0, r
    assert h.kept() == before


def test_wrong_pin():
    """a wrong PIN reaches the token once, whatever the driver answers to it"""
    h = home()
    wrong = h.private("wrong", "not the right pin")
    for code in (None, *CODES):
        h.fresh(*([f"C_Login rv={code:#x} late"] if code else []))
        r = h.run(*SIGN, "--pin-file", wrong, pin=False)
        well_formed(r)
        no_secret(r.err, "not the right pin")
        n = h.counts()
        assert n["pin_tried"] == 1, f"{code}: {n['pin_tried']} times: {r}"
    h.fresh()
    for _ in range(3):
        assert h.run(*SIGN, "--pin-file", wrong, pin=False).code == 3
    assert h.counts()["pin_wrong"] == 1, h.counts()


def test_refused_again():
    """a login lost on the way, and the PIN that had worked refused: tried once, and remembered"""
    h = home()
    key = os.path.join(h.top, "spare.pem")
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-out", key + ".key"], check=True, timeout=20)
    subprocess.run(["openssl", "pkey", "-in", key + ".key", "-pubout", "-out", key], check=True,
                   timeout=20)
    for args in (SIGN, ("recipients", "add", "--public-key", key, "--label", "far", "--yes")):
        h.fresh("C_DeriveKey rv=0x101 times=1", "C_Login rv=0xa0 after=1")
        well_formed(h.run(*args), (3,))
        assert h.counts()["C_Login"] == 2, (args, h.counts())
        h.script()
        h.refuses(*SIGN, code=3, says="none is tried again")
        assert h.counts()["C_Login"] == 2, (args, h.counts())


def test_counter():
    """typed wrong until one try is left: the last one is kept"""
    with Mock() as h:
        h.fresh("tries 3")
        h.ok("init", "--token", h.uri())
        h.add("main")
        r = h.tty(*SIGN, answers=[("PIN of token", "not the right pin")] * 2)
        assert r.code == 3 and h.counts()["pin_left"] == 1, (r, h.counts())
        r = h.tty(*SIGN, answers=[])
        assert r.code == 3 and h.counts()["pin_wrong"] == 2, (r, h.counts())


def test_slow():
    """a call that lasts is waited for; at a terminal the touch is spoken of"""
    h = home()
    h.fresh("C_DeriveKey sleep=1500 times=1")
    r = h.run(*SIGN)
    assert r.code == 0 and "signature=" in r.out, r
    h.fresh("C_DeriveKey sleep=1500 times=1")
    r = h.tty(*SIGN, answers=[("PIN of token", PIN)])
    assert r.code == 0 and "touch" in r.out, r
    h.fresh()
    r = h.tty(*SIGN, answers=[("PIN of token", PIN)])
    assert r.code == 0 and "touch" not in r.out, r


def test_hang_at_end():
    """a driver that does not end does not hold the command up"""
    def one(call):
        with Mock() as h:
            h.made()
            h.fresh(f"{call} hang")
            start = time.time()
            r = h.run(*SIGN, timeout=30)
            assert r.code == 0 and "signature=" in r.out, (call, r)
            assert time.time() - start < 12, f"{call}: {time.time() - start:.0f} s"

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(one, ("C_Finalize", "C_CloseSession", "C_Logout")))


def test_interrupted():
    """a command that waits for a call that never comes back ends with a signal, at once"""
    h = home()
    before = h.kept()
    for call in ("C_Initialize", "C_Login", "C_DeriveKey", "C_Finalize"):
        for sig in (signal.SIGINT, signal.SIGTERM):
            h.fresh(f"{call} hang")
            with subprocess.Popen([COFFER, *SIGN, "--pin-file", h.pin_file], env=h.environ(),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, start_new_session=True) as p:
                end = time.time() + 10
                while time.time() < end and not (os.path.exists(h.state_file) and
                                                 h.counts().get(call)):
                    time.sleep(0.01)
                p.send_signal(sig)
                try:
                    out = p.communicate(timeout=8)[0].decode()
                except subprocess.TimeoutExpired:
                    p.kill()
                    raise AssertionError(f"{call}: signal {sig} does not end it") from None
            assert p.returncode in (-sig, 128 + sig, 1, 3), (call, sig, p.returncode, out)
            no_secret(out, PIN, BINANCE["api_secret"])
    h.fresh()
    h.ok(*SIGN)
    assert h.kept() == before


if __name__ == "__main__":
    main([test_names, test_names_kept, test_lists, test_keys_that_lie, test_wrong_values,
          test_flags, test_wrong_pin, test_refused_again, test_counter, test_slow,
          test_hang_at_end, test_interrupted], needs_softhsm=False)
