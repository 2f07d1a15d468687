#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer pin: the token's PIN is changed, or nothing is."""
import os

from lib import PIN, Home, main, no_secret, shared

SIGN = ("sign", "main", "GET", "/api/v3/account")
NEW = "a new and better pin"
ASKED = "PIN of token"


def prepare(h):
    h.init()
    h.add("main")


fresh = shared(prepare)


def opens(h, pin):
    """Signing with this PIN succeeds; with the other it says wrong PIN."""
    good, bad = (NEW, PIN) if pin == NEW else (PIN, NEW)
    r = h.run(*SIGN, "--pin-file", h.private("good", good), pin=False)
    assert r.code == 0 and "signature=" in r.out, r
    r = h.tty(*SIGN, answers=[(ASKED, bad)] * 3)
    assert r.code == 3 and "wrong PIN" in r.out, r
    no_secret(r.out, good, bad)


def test_change():
    """with files: the new PIN opens, the old one fails, the vault is the same"""
    h = fresh()
    before = h.kept()
    r = h.ok("pin", "--new-pin-file", h.private("new", NEW + "\n"))
    assert "is changed" in r.out and h.kept() == before, r
    no_secret(r.out + r.err, PIN, NEW)
    opens(h, NEW)
    r = h.ok("pin", "--json", "--pin-file", h.private("a", NEW), "--new-pin-fd", "0", stdin=PIN,
             pin=False)
    assert r.json() == {"token": "coffer"}, r
    opens(h, PIN)


def test_typed():
    """typed: too short and then unlike ones are asked again"""
    h = fresh()
    r = h.tty("pin", answers=[(ASKED, "wrong pin"), (ASKED, PIN), ("New PIN", "abc"),
                              ("New PIN:", NEW), ("New PIN again", NEW + "r"),
                              ("New PIN:", NEW), ("New PIN again", NEW)])
    assert r.code == 0 and "4 to 255 characters" in r.out and "the two PINs differ" in r.out, r
    no_secret(r.out, PIN, NEW, "abc")
    opens(h, NEW)


def test_never_alike():
    """typed: three unlike pairs change nothing"""
    h = fresh()
    pair = [("New PIN:", NEW), ("New PIN again", NEW + "r")]
    h.refuses("pin", answers=[(ASKED, PIN), *pair * 3], code=3, says="no new PIN was given")
    opens(h, PIN)


def test_wrong_old():
    """a wrong old PIN: the new one is not asked for, and the failure counts"""
    h = fresh()
    r = h.refuses("pin", answers=[(ASKED, NEW)] * 3, code=3, says="wrong PIN")
    assert "New PIN" not in r.out, r
    h.refuses("pin", "--pin-file", h.private("a", NEW), "--new-pin-file", h.private("b", NEW),
              pin=False, code=3, says="wrong PIN")
    h.refuses("pin", "--new-pin-file", h.private("b", NEW), code=3, says="none is tried again")


def test_bad_new():
    """a new PIN that is too short, too long, empty, or the old one is refused"""
    h = fresh()
    for text, code, says in (("abc\n", 2, "4 to 255 characters"), ("x" * 256, 2, "255"),
                             ("", 2, "is empty"), ("\n", 2, "is empty"), ("ab\0de", 2, "NUL"),
                             (PIN, 2, "same")):
        h.refuses("pin", "--new-pin-file", h.private("new", text), code=code, says=says)
    opens(h, PIN)


def test_bad_source():
    """a new PIN's file that others can read; both options; no terminal for the new one"""
    h = fresh()
    path = h.private("new", NEW)
    os.chmod(path, 0o644)
    h.refuses("pin", "--new-pin-file", path, code=3, says="can be read by others",
              hint="chmod 0600")
    os.chmod(path, 0o600)
    h.refuses("pin", "--new-pin-file", path, "--new-pin-fd", "0", code=2,
              says="exclude each other")
    h.refuses("pin", "--pin-fd", "0", "--new-pin-fd", "0", pin=False, stdin=PIN + "\n" + NEW + "\n",
              code=2, says="need two descriptors")
    h.refuses("pin", code=3, says="no terminal", hint=["--new-pin-fd", "--new-pin-file"])
    opens(h, PIN)


def test_short_new():
    """a short new PIN of a software token is taken with a warning"""
    h = fresh()
    for text, falls in (("4321", "in 7 seconds"), ("123456", "in 11 minutes"),
                        ("12345678", "in 19 hours"), ("1234567890", "in 82 days"),
                        ("12345678901", "in 2 years"), ("abc4567", None)):
        r = h.ok("pin", "--new-pin-file", h.private("new", text))
        assert "this PIN is short" in r.err and ("all digits" in r.err) == bool(falls), r
        assert not falls or falls + ", at about 1,400 a second" in r.err, (falls, r)
        h.ok("pin", "--pin-file", h.private("p", text), "--new-pin-file", h.private("new", PIN),
             pin=False)
    r = h.ok("pin", "--new-pin-file", h.private("new", "1234567"))
    assert "coffer: warning: this PIN is short" in r.err and "hint: 12 characters" in r.err, r
    assert "coffer pin" not in r.err, r
    r = h.ok("pin", "-q", "--pin-file", h.private("p", "1234567"), "--new-pin-file",
             h.private("new", "7654321"), pin=False)
    assert "this PIN is short" in r.err and "hint:" not in r.err, r
    r = h.refuses("pin", "--pin-file", h.private("p", "7654321"), "--new-pin-file",
                  h.private("new", "7654321"), pin=False, code=2, says="same")
    assert "is short" not in r.err, r
    no_secret(r.out + r.err, "1234567")


def test_init_pin():
    """init: a short PIN is taken with a warning, an impossible one refused without leaving files"""
    with Home() as h:
        for text, code in (("abc", 2), ("x" * 256, 2)):
            h.refuses("init", "--softhsm", "--pin-file", h.private("p", text), pin=False,
                      code=code, says="255")
            assert not os.listdir(h.home), "init left files"
        r = h.run("init", "--softhsm", "--pin-file", h.private("p", "123456"), pin=False)
        assert r.code == 0 and "this PIN is short" in r.err, r
        assert "in 11 minutes" in r.err and "'coffer pin' changes it" in r.err, r
        assert "a PIN for this token" not in r.err, r


def test_init_advice():
    """init at a terminal: what makes a good PIN is said before it is asked for"""
    with Home() as h:
        r = h.tty("init", "--softhsm", answers=[("New PIN:", PIN), ("New PIN again", PIN)])
        assert r.code == 0, r
        advice, asked = r.out.index("12 characters or more, letters too"), r.out.index("New PIN:")
        assert advice < asked and "can try 1,400 a second" in r.out[:asked], r
        assert "is short" not in r.out, r


def test_kept_file():
    """with a remembered PIN file it says to change that too"""
    with Home() as h:
        h.init("--keep-pin-file")
        r = h.ok("pin", "--new-pin-file", h.private("new", NEW), pin=False)
        assert "Write the new PIN into" in r.out and h.pin_file in r.out, r


if __name__ == "__main__":
    main([test_change, test_typed, test_never_alike, test_wrong_old, test_bad_new, test_bad_source,
          test_short_new, test_init_pin, test_init_advice, test_kept_file])
