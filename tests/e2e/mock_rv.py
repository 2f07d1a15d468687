#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A token whose driver fails: each call of PKCS#11 with each code, in each command that uses it.
No crash, no hang, one error line, nothing changed, no PIN spent."""
# run: once
# sanitizers: no
import atexit
import json
import os

from lib import BINANCE, PIN, main, no_secret
from mock_kit import ADD, CODES, PIN_CODES, SIGN, SOME, Mock, clean, well_formed

OPENING = ("C_Initialize", "C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_Login",
           "C_FindObjectsInit", "C_FindObjects", "C_GetAttributeValue", "C_DeriveKey")
# A failure of these need not stop a command that has what it wants.
ENDING = ("C_GetInfo", "C_FindObjectsFinal", "C_DestroyObject", "C_Logout", "C_CloseSession",
          "C_Finalize", "C_GetSessionInfo", "C_CloseAllSessions")
# Of a private operation: the token was pulled and put back, reset, or its session went.
LOST = (0x05, 0x06, 0x30, 0x32, 0x60, 0x90, 0xb0, 0xb3, 0xe0, 0x101, 0x190)
NEW_PIN = "a good new pin"
MADE = []


def home():
    """One vault for all tests here: what is tested leaves it as it is."""
    if not MADE:
        MADE.append(Mock())
        atexit.register(MADE[0].__exit__)
        MADE[0].made()
    return MADE[0]


def few(call, codes):
    """Fewer of the calls whose failure takes time: a token may have just been plugged in."""
    return codes[::6] if call in ("C_GetSlotList", "C_GetTokenInfo") else codes


def run_bent(h, call, code, args, how="", **kw):
    """One command with one bent call; what it may do and must not."""
    h.fresh(f"{call} rv={code:#x} {how}")
    r = h.run(*args, timeout=20, **kw)
    assert r.code >= 0, f"died of signal {-r.code}: {call} {code:#x} {how} {r}"
    n = h.counts()
    # A second time only after the token took it: one recovery.
    assert n["pin_tried"] <= 2 and n["pin_wrong"] == 0, f"{call} {code:#x}: {n}"
    assert n["C_Login"] <= 2, f"{call} {code:#x}: {n['C_Login']} logins"
    return r


def bent(h, call, code, args, how="", codes=(1, 3), **kw):
    """As run_bent, and it must fail as it should, or do its work right."""
    r = run_bent(h, call, code, args, how, **kw)
    try:
        if r.code:
            well_formed(r, codes)
            assert r.out == "", r
            assert (r.code != 3 or "wrong PIN" not in r.err) or code in PIN_CODES, r
        else:
            clean(r)
    except AssertionError as e:
        raise AssertionError(f"{call} rv={code:#x} {how}: {e}") from None
    return r


def test_sign_always():
    """sign, each call that opens the vault failing always with each code: refused"""
    h = home()
    before = h.kept()
    for i, call in enumerate(OPENING):
        # tests/test_mock.c has the whole product of calls and codes.
        whole = call in ("C_Login", "C_GetAttributeValue", "C_DeriveKey")
        for code in CODES if whole else few(call, CODES[i % 3::3]):
            r = bent(h, call, code, SIGN)
            stale = call == "C_Login" and code == 0x100     # 'already logged in', and it is not
            started = call == "C_Initialize" and code == 0x191
            assert r.code or stale or started, f"{call} {code:#x}: {r}"
    assert h.kept() == before, "files changed"


def test_sign_ending():
    """sign, each call that ends or only informs failing: signed all the same"""
    h = home()
    before = h.kept()
    for call in ENDING:
        for code in SOME:
            r = bent(h, call, code, SIGN)
            assert r.code == 0 and "signature=" in r.out, f"{call} {code:#x}: {r}"
    assert h.kept() == before, "files changed"


def test_sign_once():
    """sign, each call failing once: it recovers with the right signature, or says why not"""
    h = home()
    h.fresh()
    want = h.ok(*SIGN).out.split("timestamp=")[0]
    for call in OPENING:
        for code in few(call, SOME):
            for after in (0, 1):
                r = bent(h, call, code, SIGN, f"times=1 after={after}")
                assert r.code or r.out.split("timestamp=")[0] == want, r
    for code in LOST:
        r = bent(h, "C_DeriveKey", code, SIGN, "times=1")
        assert r.code == 0 and h.counts()["C_DeriveKey"] > 1, f"{code:#x}: {r}"


def test_others():
    """add, rename, remove, trust and pin with a failing driver: refused, nothing changed"""
    h = home()
    h.fresh()
    new = h.private("new", NEW_PIN)
    commands = ((ADD, {"stdin": json.dumps(BINANCE)}), (("rename", "main", "other"), {}),
                (("remove", "main", "--yes"), {}), (("pin", "--new-pin-file", new), {}),
                (("trust", h.fingerprint(), "--token", h.uri()), {}))
    before = h.kept()
    for args, kw in commands:
        for call in (*OPENING, "C_SetPIN"):
            codes = (1, 2, 3) if args[0] == "trust" else (1, 3)
            if (call == "C_SetPIN") != (args[0] == "pin") and call in ("C_SetPIN", "C_DeriveKey",
                                                                       *OPENING[5:]):
                continue
            for code in few(call, SOME[::3]) if call != "C_SetPIN" else CODES:
                h.fresh(f"{call} rv={code:#x}")
                r = h.run(*args, timeout=20, **kw)
                assert r.code > 0, f"{args[0]} {call} {code:#x}: {r}"
                no_secret(r.out + r.err, NEW_PIN)
                well_formed(r, codes if code not in PIN_CODES else (1, 2, 3))
                assert h.kept() == before, f"files changed: {call} {code:#x} {r}"


def test_reading():
    """tokens, list, status and doctor with a failing driver: they tell it and go on"""
    h = home()
    before = h.kept()
    for call in ("C_Initialize", "C_GetSlotList", "C_GetTokenInfo", "C_GetInfo", "C_Finalize"):
        for code in few(call, SOME):
            r = run_bent(h, call, code, ("tokens", "--module", h.module), pin=False)
            assert r.code in (0, 1), f"{call} {code:#x}: {r}"
            clean(r)
            # The driver's other rows, of other modules of this machine, are not ours.
            told = "does not work" in r.out or "token 'mock'" in r.out
            assert told or call == "C_GetTokenInfo", f"{call} {code:#x}: {r}"
    for call in (*OPENING, *ENDING):
        for code in few(call, SOME[::2]):
            r = run_bent(h, call, code, ("doctor",))
            assert r.code in (0, 1, 3), f"{call} {code:#x}: {r}"
            assert r.code or call in ENDING, f"{call} {code:#x}: {r}"
            clean(r)
    for args in (("list",), ("status",), ("show", "main")):     # these look at no token
        h.fresh(*(f"{call} rv=0x30" for call in ("C_Initialize", "C_GetSlotList")))
        r = h.ok(*args, pin=False)
        assert "main" in r.out and h.counts()["C_Login"] == 0, r
        clean(r)
    assert h.kept() == before, "files changed"


def test_init():
    """init with a failing driver: refused, and no file is left"""
    for generate in (False, True):
        with Mock() as h:
            new = ("--vault", os.path.join(h.home, "new"))
            args = ("init", "--token", h.uri("token=mock;id=%42" if generate else
                                             "token=mock;id=%01"), *new)
            args += ("--generate",) if generate else ()
            calls = (*OPENING, *(["C_GenerateKeyPair"] if generate else []))
            for call in calls:
                for code in few(call, SOME[::2]) if call != "C_GenerateKeyPair" else CODES:
                    h.fresh(f"{call} rv={code:#x}")
                    r = h.run(*args, timeout=20)
                    assert r.code > 0, f"{call} {code:#x}: {r}"
                    well_formed(r, (1, 2, 3) if call == "C_GetAttributeValue" else (1, 3))
                    assert not os.path.exists(new[1]), f"{call} {code:#x}: {r}"
                    assert h.counts()["pin_tried"] <= 2, h.counts()
            h.fresh()
            r = h.run(*args)
            assert r.code == 0, r
            assert PIN not in r.out + r.err


if __name__ == "__main__":
    main([test_sign_always, test_sign_ending, test_sign_once, test_others, test_reading,
          test_init], needs_softhsm=False)
