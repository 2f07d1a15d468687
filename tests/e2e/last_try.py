#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The last PIN try, a locked PIN, and tokens that never tell: on the mock driver, whose PIN has a
counter that outlives a process."""
# run: once
import json
import os

from lib import PIN, main, no_secret
from mock_kit import MODULE, SIGN, Mock
from pinentry_kit import Fake

WRONG = "not the right pin"
SHORT_WRONG = "87654321"      # of a length that PIV takes
FACTORY = "123456"
ASKED = "PIN of token"
SURE = "Use the last try? Type 'yes'"
LAST = "--use-last-try"
TPM = "description " + b"TPM2.0 Cryptoki".hex()
YUBIKEY = ["manufacturer " + b"Yubico (www.yubico.com)".hex(), "model " + b"YubiKey YK5".hex()]
made = {}


class Three(Mock):
    """Its PIN has three tries, as most tokens' have."""

    def fresh(self, *lines):
        super().fresh("tries 3", *lines)


def begin(*lines, kind=Three):
    """The home as it was with a fresh token, its driver with these lines."""
    if kind not in made:
        made[kind] = kind().made()
    h = made[kind]
    h.restore()
    h.fresh(*lines)
    return h


def tried(h):
    return h.counts()["pin_tried"], h.counts()["pin_left"]


def spend(h, n, *args, pin=WRONG):
    """n wrong PINs that a person types, one a command."""
    for _ in range(n):
        r = h.tty(*SIGN, *args, answers=[(ASKED, pin), (ASKED, "")])
        assert r.code == 3 and "wrong PIN" in r.out, r


def test_refused():
    """one try left: no PIN is asked for or tried, from wherever; the hint names the way"""
    h = begin()
    spend(h, 2)
    assert tried(h) == (2, 1), h.counts()
    for args, kw in (((), {}), ((), {"pin": False}), ((), {"answers": []}),
                     (("--pin-fd", "0"), {"pin": False, "stdin": PIN})):
        r = h.refuses(*SIGN, *args, code=3, says="has one PIN try left", **kw,
                      hint=["log in once with the right PIN", "--use-last-try"])
        assert ASKED not in r.out, r
    h.refuses("pin", "--new-pin-file", h.pin_file, code=3, says="has one PIN try left")
    assert tried(h) == (2, 1), h.counts()


def test_refused_later():
    """a PIN that worked and is refused when the token is opened again: no unattended try follows"""
    h = begin("C_DeriveKey rv=0x101", "C_Login rv=0xA0 after=1")
    r = h.run(*SIGN)
    assert r.code in (1, 3) and h.counts()["pin_tried"] <= 2, (r, h.counts())
    n = h.counts()["C_Login"]
    h.script("tries 3")
    h.refuses(*SIGN, code=3, says="nobody typed")
    assert n == 2 and h.counts()["C_Login"] == 2, (n, h.counts())


def test_third_of_one_command():
    """two wrong PINs in one command: the third is not asked for"""
    h = begin()
    r = h.refuses(*SIGN, answers=[(ASKED, WRONG), (ASKED, WRONG)], code=3,
                  says="has one PIN try left")
    assert r.out.count(ASKED) == 2 and tried(h) == (2, 1), (r, h.counts())


def test_used():
    """--use-last-try: says what a wrong PIN does, asks for a yes, then for the PIN, once"""
    h = begin()
    spend(h, 2)
    r = h.tty(*SIGN, LAST, answers=[(SURE, "yes"), (ASKED, PIN)])
    assert r.code == 0 and "signature=" in r.out and "(the last try)" in r.out, r
    assert "a wrong PIN locks it" in r.out and "what unlocks it then: " in r.out, r
    no_secret(r.out, PIN)
    assert tried(h)[1] == 3, h.counts()


def test_not_agreed():
    """anything but yes: nothing is tried"""
    h = begin()
    spend(h, 2)
    for answer in ("", "y", "no", "yes please"):
        h.refuses(*SIGN, LAST, answers=[(SURE, answer)], code=3, says="the last try was not used")
    h.refuses(*SIGN, LAST, pin=False, code=3, says="no terminal to ask")
    assert tried(h) == (2, 1), h.counts()


def test_lost():
    """a wrong last try: locked is said, with the token's own way out; then and from then on"""
    for lines, way in (((), "by the maker's tool"), (YUBIKEY, "ykman piv access unblock-pin")):
        h = begin(*lines)
        spend(h, 2, pin=SHORT_WRONG)
        r = h.refuses(*SIGN, LAST, answers=[(SURE, "yes"), (ASKED, SHORT_WRONG)], code=3,
                      says="locked", hint=way)
        assert r.out.count(ASKED) == 1 and tried(h) == (3, 0), (r, h.counts())
        assert bool(lines) == ("PUK: ykman" in r.out), r
        for args, kw in (((), {}), ((LAST,), {"pin": False})):
            h.refuses(*SIGN, *args, code=3, says="is locked", hint=way, **kw)
        assert tried(h) == (3, 0), h.counts()


def test_never_given():
    """--use-last-try with a PIN from a file or a descriptor is a mistake; what is remembered is
    passed over"""
    h = begin()
    for n in (0, 2):
        spend(h, n)
        for args, kw in (((), {}), (("--pin-fd", "0"), {"pin": False, "stdin": PIN})):
            h.refuses(*SIGN, LAST, *args, code=2, says="for a PIN that a person types", **kw)
    path = os.path.join(h.home, "cred")
    os.mkdir(path)
    with open(os.path.join(path, "coffer-pin"), "w", encoding="ascii") as f:
        f.write(PIN)
    os.chmod(os.path.join(path, "coffer-pin"), 0o400)
    env = h.environ(CREDENTIALS_DIRECTORY=path)
    h.refuses(*SIGN, LAST, pin=False, env=env, code=3, says="no terminal to ask")
    h.refuses(*SIGN, pin=False, env=env, code=3, says="has one PIN try left")
    assert tried(h) == (2, 1), h.counts()


def test_not_last():
    """--use-last-try where tries are left asks as ever"""
    h = begin()
    r = h.tty(*SIGN, LAST, answers=[(ASKED, PIN)])
    assert r.code == 0 and SURE not in r.out, r


def test_pinentry():
    """without a terminal the pinentry asks whether, and then for the PIN; cancelled is no"""
    h = begin()
    fake = Fake(h)
    spend(h, 2)
    fake.plan("raw:ERR 83886194 Not confirmed\n")
    h.refuses(*SIGN, LAST, "--pinentry", fake.path, pin=False, code=3,
              says="the last try was not used")
    fake.plan("die")
    h.refuses(*SIGN, LAST, "--pinentry", fake.path, pin=False, code=1, says="pinentry '")
    assert tried(h) == (2, 1), h.counts()
    fake.plan("raw:OK\n", "pin:" + PIN)
    r = h.run(*SIGN, LAST, "--pinentry", fake.path, pin=False)
    assert r.code == 0, r
    (_, first), (_, second) = fake.seen()
    assert any("last PIN try" in x and "locks it" in x for x in first) and "CONFIRM" in first, first
    assert any("This is the last try" in x for x in second), second


def test_low():
    """few tries left is said where the PIN is asked for"""
    h = begin()
    spend(h, 1)
    r = h.tty(*SIGN, answers=[(ASKED, PIN)])
    assert r.code == 0 and "(few tries left)" in r.out, r


def test_never_tells():
    """a token whose flags never warn: after two wrong PINs coffer spends no third unasked"""
    for first in ("typed", "unattended"):
        h = begin(TPM, kind=Mock)
        if first == "typed":
            spend(h, 2)
        else:
            h.run(*SIGN, "--pin-file", h.private("bad", WRONG), pin=False)
            spend(h, 1)
        r = h.refuses(*SIGN, answers=[], code=3, says="coffer spends no third", hint=LAST)
        h.refuses(*SIGN, code=3, says="coffer spends no third")
        n = h.counts()["pin_tried"]
        r = h.refuses(*SIGN, LAST, answers=[(SURE, "yes"), (ASKED, WRONG)], code=3,
                      says="wrong PIN")
        assert "may be the last PIN try" in r.out and h.counts()["pin_tried"] == n + 1, r
        r = h.tty(*SIGN, LAST, answers=[(SURE, "yes"), (ASKED, PIN)])
        assert r.code == 0, r
        h.refuses(*SIGN, answers=[], code=3, says="coffer spends no third",
                  hint=["a right PIN does not lower its count", LAST])


def uptime():
    with open("/proc/uptime", encoding="ascii") as f:
        return float(f.read().split()[0])


def older(h, seconds):
    """The count of wrong PINs as if so much time had gone by."""
    for d, _, files in os.walk(h.state):
        for f in files:
            if f.endswith(".pin-count"):
                path = os.path.join(d, f)
                t = os.stat(path).st_mtime - seconds
                os.utime(path, (t, t))


def test_never_tells_forgives():
    """its wrong PINs are forgiven by time, one in twenty minutes, and by no right one in between"""
    if uptime() < 3700:
        return "the machine has not run for an hour"
    h = begin(TPM, kind=Mock)
    spend(h, 1)
    for _ in range(2):
        assert h.run(*SIGN).code == 0 and h.tty(*SIGN, answers=[(ASKED, PIN)]).code == 0
    spend(h, 1)
    h.refuses(*SIGN, code=3, says="coffer spends no third", hint="coffer forgives one in 20 minutes")
    older(h, 1100)
    h.refuses(*SIGN, code=3, says="coffer spends no third")
    older(h, 150)
    assert h.run(*SIGN).code == 0
    spend(h, 1)
    h.refuses(*SIGN, code=3, says="coffer spends no third")
    older(h, 2450)
    spend(h, 2)
    h.refuses(*SIGN, code=3, says="coffer spends no third")
    return None


def test_never_tells_locked():
    """a TPM that is locked compares no PIN: it is not counted and shuts no guard; cleared soon it
    opens as ever, later it wants --use-last-try, for it may have forgiven just one"""
    h = begin(TPM, kind=Mock)
    spend(h, 2)
    h.refuses(*SIGN, LAST, answers=[(SURE, "yes"), (ASKED, WRONG)], code=3, says="wrong PIN")
    h.script(TPM, "C_Login rv=0xa4")
    clear = "tpm2_dictionarylockout --clear-lockout"
    h.refuses(*SIGN, LAST, answers=[(SURE, "yes"), (ASKED, PIN)], code=3, says="is locked",
              hint=[clear, "cleared soon, run the command again"])
    for _ in range(2):
        h.refuses(*SIGN, answers=[(ASKED, PIN)], code=3, says="is locked", hint=clear)
        h.refuses(*SIGN, code=3, says="is locked", hint=clear)
    older(h, 900)
    h.refuses(*SIGN, code=3, says="coffer spends no third", hint=[clear, LAST])
    older(h, -900)
    h.script(TPM)
    assert h.run(*SIGN).code == 0
    spend(h, 2)
    h.refuses(*SIGN, code=3, says="coffer spends no third")


def test_piv_length():
    """a PIN that no PIV token can have is not tried, wherever it comes from, and shuts no guard"""
    for lines in (YUBIKEY, ["manufacturer " + b"piv_II".hex()]):
        h = begin(*lines)
        for text in ("12345", "123456789"):
            h.refuses(*SIGN, "--pin-file", h.private("bad", text), pin=False, code=3,
                      says="has 6 to 8 characters", hint="no try is lost")
            h.refuses(*SIGN, answers=[(ASKED, text)] * 3, code=3, says="has 6 to 8 characters")
        assert tried(h) == (0, 3), h.counts()
        h.refuses(*SIGN, "--pin-file", h.private("bad", SHORT_WRONG), pin=False, code=3,
                  says="wrong PIN")


def test_factory_pin():
    """the PIN that every PIV token comes with is told at each login, and where it is set"""
    said = "is the one that every PIV token comes with"
    h = begin()
    fingerprint = h.fingerprint()
    path = h.private("factory", FACTORY)
    own = h.private("own", "80491726")
    r = h.ok("pin", "--new-pin-file", path)
    assert said not in r.err, r
    for lines in (YUBIKEY, ["manufacturer " + b"piv_II".hex()]):
        h.script("tries 3", *lines)
        vault = os.path.join(h.home, lines[0][-6:])
        for args in (SIGN, ("trust", fingerprint),
                     ("init", "--vault", vault, "--token", h.uri("id=%01"))):
            r = h.run(*args, "--pin-file", path, pin=False)
            assert r.code == 0 and r.err.count(said) == 1 and FACTORY not in r.out + r.err, r
    r = h.run("pin", "--pin-file", path, "--new-pin-file", own, pin=False)
    assert r.code == 0 and said not in r.err, r
    h.refuses("pin", "--pin-file", own, "--new-pin-file", h.private("long", "123456789"), pin=False,
              code=2, says="a PIN of this token has 6 to 8 characters")
    r = h.run("pin", "--pin-file", own, "--new-pin-file", path, pin=False)
    assert r.code == 0 and r.err.count(said) == 1, r


def test_never_tells_once():
    """in one command too: two wrong PINs, and it ends"""
    h = begin(TPM, kind=Mock)
    r = h.refuses(*SIGN, answers=[(ASKED, WRONG), (ASKED, WRONG)], code=3,
                  says="coffer spends no third")
    assert h.counts()["pin_tried"] == 2 and "does not tell how many tries are left" in r.out, r


def test_unattended_once():
    """one unattended failure leaves all but one try"""
    h = begin()
    bad = h.private("bad", WRONG)
    h.refuses(*SIGN, "--pin-file", bad, pin=False, code=3, says="wrong PIN")
    for _ in range(3):
        h.refuses(*SIGN, "--pin-file", bad, pin=False, code=3, says="none is tried again")
    assert tried(h) == (1, 2), h.counts()


def test_json():
    """locked is an error of its own in --json"""
    h = begin("flags LOCKED")
    r = h.run(*SIGN, "--json", pin=False)
    error = json.loads(r.out)["error"]
    assert r.code == 3 and error["code"] == "pin_locked" and error["hints"], r


if __name__ == "__main__":
    tests = [test_refused, test_refused_later, test_third_of_one_command, test_used,
             test_not_agreed, test_lost, test_never_given, test_not_last, test_pinentry, test_low, test_never_tells,
             test_never_tells_forgives, test_never_tells_locked, test_piv_length, test_factory_pin,
             test_never_tells_once, test_unattended_once, test_json]
    if not os.path.exists(MODULE):
        print(f"1..0 # SKIP {MODULE} is not built")
    else:
        try:
            main(tests, needs_softhsm=False)
        finally:
            for home in made.values():
                home.__exit__()
