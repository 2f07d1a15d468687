#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""Recipients and somebody who can write to the vault but has no key of it: a list that is shown and
another one that is there at the commit; names that are not for reading; keys that were exchanged. And
what an owner without luck is told."""
import hashlib
import os
import re

import kit
import lib
from recipients_kit import (NEW_PIN, Paper, add_paper, add_spare, b64, body, embedded_is_gone, fresh,
                            key_on, listed, other_machine, put, signs, talk, words_fd)


class Swap:
    """vault.json with two labels exchanged, and the true one again while the PIN is typed."""

    def __init__(self, h, a, b):
        self.path = os.path.join(h.vault, "vault.json")
        with open(self.path, "rb") as f:
            self.true = f.read()
        a, b = b'"label":"%s"' % a.encode(), b'"label":"%s"' % b.encode()
        assert a in self.true and b in self.true
        newer = re.sub(rb'"generation":\d+', b'"generation":99', self.true)    # than the pin knows
        self.write(newer.replace(a, b"?").replace(b, a).replace(b"?", b))

    def write(self, data):
        with open(self.path, "wb") as f:
            f.write(data)

    def back(self, pin):
        def answer(_):
            self.write(self.true)
            return pin
        return answer

    def is_true(self):
        with open(self.path, "rb") as f:
            return f.read() == self.true


def swapped(h, *args, answers, pin=lib.PIN, a="spare", b="third"):
    s = Swap(h, a, b)
    r = talk(h, *args, answers=[*answers, ("PIN of token", s.back(pin))])
    assert r.code == 1 and "recipients are not those that were shown: nothing was changed" in r.out, r
    assert s.is_true() and set(listed(h)) >= {"coffer", a, b}, r


def shown_and_done():
    """what was shown before the vault was open is what is done: remove, recover, rotate --seal"""
    h = fresh()
    add_spare(h)
    add_spare(h, label="third")
    swapped(h, "recipients", "remove", "spare", answers=[("Remove 'spare'?", "y")])
    swapped(h, "recover", "--lost", "spare", answers=[
        ("What opens", "k"), ("The new token's URI", ""), ("Go on?", "y")])
    swapped(h, "rotate", "--seal", answers=[("Seal 2 keys anew?", "y")])
    signs(h)
    h.ok("recipients", "remove", "spare", "--yes")      # and with nobody in between it is done
    assert sorted(listed(h)) == ["coffer", "third"]


def labels():
    """a name that cannot be shown is refused before a token is asked, in init too"""
    h = fresh()
    path = put(h, "k.pem", kit.openssl("pkey", "-pubout", stdin=kit.key("p256").encode()))
    for label in (b"x\xff", b"x\x1b[2J", b"a\nb", "x\u202ey".encode(), b"x\x7f"):
        for args in (("recipients", "add", "--public-key", path),
                     ("recipients", "add", h.uris["spare"], "--generate"),
                     ("recover", "--lost", "coffer", "--to", h.uris["spare"]),
                     ("rotate", "--seal")):
            h.refuses(*args, "--label", label, "--yes", "-q", code=2,
                      says="--label has characters that cannot be shown", pin=False)
    with lib.Home() as other:
        other.refuses("init", "--softhsm", "--label", b"x\n", code=2, says="cannot be shown")


def digest():
    """add --public-key shows what to compare the key by, more than a short id"""
    h = fresh()
    der = kit.openssl("pkey", "-pubout", "-outform", "DER", stdin=kit.key("p256").encode())
    r = h.tty("recipients", "add", "--public-key", put(h, "k.der", der), "--label", "far",
              answers=[("Add it?", "n")])
    assert hashlib.sha256(der).hexdigest() in r.out and "compare it" in r.out, r
    assert "no recipient was added" in r.out, r


def filled_in():
    """what only the token knows of a recipient that came as a public key is noted by the test"""
    h = fresh()
    h.ok("recipients", "add", "--yes", "--label", "safe", "--public-key",
         put(h, "key.der", key_on(h, "spare")))
    safe = [x for x in body(h)["recipients"] if x["label"] == "safe"][0]
    assert safe["serial"] == "" and safe["key_id"] == "", safe
    r = h.ok("recipients", "test", h.uris["spare"], "--pin-file", h.new_pin, pin=False)
    assert "Back up the vault again; older copies still call it UNTESTED" in r.out, r
    safe = [x for x in body(h)["recipients"] if x["label"] == "safe"][0]
    assert safe["serial"] and len(b64(safe["key_id"])) == 8 and safe["tested"], safe
    assert listed(h)["safe"]["serial"] == safe["serial"]
    r = h.ok("recipients", "test", h.uris["spare"], "--pin-file", h.new_pin, pin=False)
    assert "as before" in r.out and "replicate it" not in r.out, r


def paper_for_nothing():
    """the commit fails after the words were written down: they open nothing, and that is said"""
    h = fresh()
    p, path = Paper(), h.record_file("okx")
    with open(path, "rb") as f:
        data = f.read()

    def lose(shown):
        p.write(shown)
        os.unlink(path)
        return ""

    r = talk(h, "recipients", "add", "--paper", "--yes", answers=[
        ("PIN of token", lib.PIN), ("Press Enter", lose), *p.dialogue()[2:]])
    assert r.code == 1 and "is missing" in r.out and "destroy that paper" in r.out, r
    assert list(listed(h)) == ["coffer"]
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o600)
    add_paper(h)
    signs(h)


def typed_ahead():
    """an Enter that was typed before the words were there does not take them away"""
    h = fresh()
    p = Paper()
    r = talk(h, "recipients", "add", "--paper", "--yes", answers=[
        ("PIN of token", lib.PIN + "\n\n"), *p.dialogue()[1:]])
    assert r.code == 0 and len(p.words) == 24, r


def paper_only():
    """no token opens it any more: nobody is told to plug one in"""
    h = fresh()
    p = add_paper(h)
    with other_machine(h) as far:
        r = words_fd(far, p.text, "recover", h.fingerprint(), "--lost", "coffer", "--yes", pin=False)
        assert r.code == 0 and "recipients add URI" in r.out, r
        for args, hint in ((("sign", "main", "GET", "/api/v3/account"), "coffer recipients add URI"),
                           (("recipients", "test"), "coffer recipients test --paper")):
            r = far.refuses(*args, code=3, says="knows no token for this vault", hint=hint)
            assert "coffer trust" not in r.err, r
        assert "coffer trust" not in far.ok("status", pin=False).out
        r = words_fd(far, p.text, "recipients", "add", h.uris["spare"], "--generate",
                     "--new-pin-file", h.new_pin, "--yes", pin=False)
        assert r.code == 0 and NEW_PIN not in r.out, r
        signs(far)


def several():
    """two with one name: both are told apart by what is known of them, and none is chosen"""
    h = fresh()
    add_spare(h)
    h.ok("recipients", "add", h.uris["third"], "--generate", "--new-pin-file", h.new_pin, "--yes",
         "--label", listed(h)["spare"]["id"])
    r = h.refuses("recipients", "remove", listed(h)["spare"]["id"], "--yes", code=2,
                  says="could be more than one")
    assert r.err.count(", serial ") == 2 and "not seen here" not in r.err, r


def one_token():
    """two keys of one token are no spare of each other, and nothing says they are"""
    h = fresh()
    with lib.Home() as one:
        one.extra_env, one.pin_file = {"SOFTHSM2_CONF": h.conf}, h.new_pin
        one.ok("init", "--token", h.uris["spare"], "--generate")
        r = one.ok("recipients", "add", h.uris["spare"], "--generate", "--label", "2nd", "--yes")
        assert "It is no spare" in r.out, r
        r = one.ok("recipients", pin=False)
        assert "All recipients are keys of one token: when it is lost" in r.out, r
        for args in (("status",), ("doctor",)):
            assert "one token opens this vault" in one.ok(*args, pin=False).out, args
        r = one.ok("recipients", "add", h.uris["third"], "--generate", "--new-pin-file", h.new_pin,
                   "--yes")
        assert "no spare" not in r.out, r
        assert "one token" not in one.ok("recipients", pin=False).out


def taken_back_by_paper():
    """a record that the index has lost stops recover; with no token left the paper takes it back"""
    h = fresh()
    p, path = add_paper(h), h.record_file("main")
    name = os.path.basename(h.record_file("main"))
    with open(path, "rb") as f:
        data = f.read()
    h.ok("remove", "main", "--yes")
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o600)
    embedded_is_gone(h)
    recover = ("recover", "--lost", "coffer", "--yes")
    r = words_fd(h, p.text, *recover, pin=False)
    assert r.code == 1 and f"coffer doctor --take-back {name}" in r.err, r
    h.refuses("doctor", "--take-back", name, code=1, says="the software token is gone",
              hint="--words-fd N")
    fd = os.open(os.devnull, os.O_RDONLY)
    h.refuses("doctor", "--words-fd", str(fd), code=2, says="goes with --take-back", pass_fds=(fd,))
    os.close(fd)
    r = words_fd(h, p.text, "doctor", "--take-back", name, pin=False)
    assert r.code == 0 and "part of the vault again" in r.out, r
    r = words_fd(h, p.text, *recover, pin=False)
    assert r.code == 0 and "opened by 'paper'" in r.out, r
    assert "main" in h.ok("list", pin=False).out


def as_json():
    """recover --json asks for nothing that it does not show"""
    h = fresh()
    add_spare(h)
    r = h.tty("recover", "--json")
    assert r.code == 2 and '"code":"usage"' in r.out and "Which one" not in r.out, r


if __name__ == "__main__":
    lib.main([shown_and_done, labels, digest, filled_in, paper_for_nothing, typed_ahead, paper_only,
              several, one_token, taken_back_by_paper, as_json])
