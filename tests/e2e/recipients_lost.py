#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""What a person is told when a token does not answer or goes for good: that another recipient still
opens the vault, that there is none, and what stays behind."""
import os

import lib
from mock_kit import Mock
from recipients_kit import (NEW_PIN, add_paper, add_spare, embedded_is_gone, fresh, listed,
                            other_machine, signs, talk, words_fd)
from reseal import entries

SIGN = ("sign", "main", "GET", "/api/v3/account")
RECOVER = "lost or broken for good: coffer recover ("


def alone():
    """the only token is gone: its backup, and that nothing else opens the vault"""
    h = fresh()
    embedded_is_gone(h)
    r = h.refuses(*SIGN, code=1, says="the software token is gone",
                  hint=["restore that directory from its backup", "nothing else opens this vault"])
    assert "coffer recover" not in r.err, r


def with_paper():
    """paper is named, wherever the token is wanted; and no longer that the vault stays shut"""
    h = fresh()
    add_paper(h)
    embedded_is_gone(h)
    hint = RECOVER + "'paper' also opens this vault; UNTESTED)"
    for args in (SIGN, ("rename", "main", "x"), ("pin",), ("recipients", "test"),
                 ("rotate", "--seal", "--yes"), ("recipients", "add", h.uris["third"], "--yes")):
        r = h.refuses(*args, code=1, says="the software token is gone", hint=hint)
        assert "stays shut" not in r.err and "nothing else" not in r.err, r


def with_spare():
    """none of two tokens is there: the first one's error, and that the other opens the vault too"""
    h = fresh()
    add_spare(h)
    add_paper(h)
    embedded_is_gone(h)
    h.extra_env = {}
    h.refuses(*SIGN, code=1, says="the software token is gone",
              hint=RECOVER + "'spare' and 1 more also open this vault)")
    entry = entries(h)
    assert len(entry) == 2, entry


def untrusted():
    """a machine that has the copy only: recover by the fingerprint, where there is paper"""
    h = fresh()
    with other_machine(h) as far:
        r = far.refuses(*SIGN, code=3, says="knows no token", hint="coffer trust FINGERPRINT")
        assert "coffer recover" not in r.err, r
    add_paper(h)
    with other_machine(h) as far:
        far.refuses(*SIGN, code=3, says="knows no token",
                    hint="no token left: coffer recover FINGERPRINT ('paper' opens this vault; "
                         "UNTESTED)")


def replaced():
    """recover says what the machines do that opened the vault by the token that is gone"""
    h = fresh()
    p = add_paper(h)
    r = words_fd(h, p.text, "recover", "--lost", "coffer", "--to", h.uris["spare"], "--generate",
                 "--new-pin-file", h.new_pin, "--yes", run=h.ok, pin=False)
    new = h.ok("doctor", "--json", "--pin-file", h.new_pin, pin=False).json()["fingerprint"]
    assert "Where 'coffer' opened the vault" in r.out and f"trust {new} --token URI" in r.out, r
    assert f"The token's directory stays: '{h.softhsm}" in r.out, r


def one_less():
    """removing down to one: said before the question and after; an embedded one's directory stays"""
    h = fresh()
    add_spare(h)
    r = talk(h, "recipients", "remove", "coffer", answers=[("Remove 'coffer'?", "n")])
    assert r.code == 1 and "no spare          is left then" in r.out, r
    h.pin_file = h.new_pin
    r = h.ok("recipients", "remove", "coffer", "--yes")
    assert "There is no spare now. Add one: coffer recipients add URI" in r.out, r
    assert f"The token's directory stays: '{h.softhsm}" in r.out and os.path.isdir(h.softhsm), r
    assert "Where 'coffer' opened the vault" in r.out and "--token URI" in r.out, r
    h.ok("recipients", "add", h.uris["third"], "--generate", "--new-pin-file", h.new_pin, "--yes")
    add_paper_by_spare(h)
    r = h.ok("recipients", "remove", "third", "--yes")
    assert "no spare" not in r.out and "directory stays" not in r.out, r
    signs(h)


def add_paper_by_spare(h):
    from recipients_kit import Paper        # pylint: disable=import-outside-toplevel
    p = Paper()
    r = talk(h, "recipients", "add", "--paper", "--yes",
             answers=[("PIN of token", NEW_PIN), *p.dialogue(pin=False)])
    assert r.code == 0, r


def only_paper():
    """where only paper opens the vault, no token is missed before the words are asked for"""
    h = fresh()
    p = add_paper(h)
    words_fd(h, p.text, "recipients", "test", "--paper", run=h.ok, pin=False)
    words_fd(h, p.text, "recipients", "remove", "coffer", "--yes", run=h.ok, pin=False)
    r = talk(h, "recipients", "add", h.uris["spare"], "--generate", answers=[
        ("Open the vault by the 24 words on paper?", "y"), ("Word 1 of 24", p.text),
        ("Add it?", "y"), ("PIN of token 'spare'", NEW_PIN)])
    assert r.code == 0 and "knows no token" not in r.out, r
    assert sorted(listed(h)) == ["paper", "spare"], listed(h)


def how_to_make_one():
    """who is asked for a token and has none is told how a software token is made"""
    h = fresh()
    h.refuses("recipients", "add", code=2, says="needs one of", hint="softhsm2-util --init-token")


def rsa_only():
    """a TPM's driver that has no elliptic curves yet: RSA is the way, and nothing is unplugged"""
    for lines, hint in ((["description " + b"TPM2.0 Cryptoki".hex()], "--generate=rsa2048"),
                        ([], "plugged in")):
        with Mock() as h:
            h.script("C_GenerateKeyPair rv=0x5", *lines)
            r = h.refuses("init", "--token", h.uri("token=mock;id=%42"), "--generate", code=1,
                          says="general error", hint=hint)
            assert ("plugged in" in r.err) == (not lines), r


if __name__ == "__main__":
    lib.main([alone, with_paper, with_spare, untrusted, replaced, one_less, only_paper,
              how_to_make_one, rsa_only])
