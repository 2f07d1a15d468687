#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer recipients: list, add a token or a public key, test, remove, with real SoftHSM tokens.
Papers: recipients_paper.py. Killed: recipients_killed.py."""
import os
import re
import shutil

import kit
import lib
import ops
from recipients_kit import (NEW_PIN, add_spare, b64, body, copy_vault, embedded_is_gone, entries, fresh,
                            key_on, listed, machine, other_machine, put, signs, talk)

SECRETS = (lib.PIN, NEW_PIN, lib.BINANCE["api_secret"], kit.OKX["api_secret"])


def alone():
    """a new vault has one recipient, and that is said"""
    h = fresh()
    for args in (("recipients",), ("recipients", "list")):
        r = h.ok(*args, pin=False)
        assert re.search(r"^coffer +software token +\w{16} +EC P-256 +ecdh-p256 +tested +yes +"
                         r"[0-9a-f]{8}$", r.out, re.M), r
        assert "when it is lost or breaks, nothing opens the vault" in r.out, r
        assert "not authenticated" in r.out and "UNTESTED" not in r.out, r
    one = listed(h)["coffer"]
    assert one["software"] is True and one["on_this_machine"] is True and one["kind"] == "token", one
    assert one["id"] == b64(body(h)["recipients"][0]["rid"]).hex()[:8], one
    with lib.Home() as nobody:
        nobody.refuses("recipients", pin=False, code=1, says="there is no vault")


def add_token():
    """add URI: told first, tried at once, either token opens the vault then"""
    h = fresh()
    old = h.fingerprint()
    r = add_spare(h, "--label", "drawer")
    assert "token operations  3 of token 'coffer'; where it asks for a touch, 3 touches" in r.out, r
    assert "added        'drawer' (serial " in r.out and "), tested" in r.out, r
    assert "sealed anew  2 record files for 2 recipients" in r.out, r
    assert "Back up the vault now: older copies open only by" in r.out, r
    lib.no_secret(r.out + r.err, *SECRETS)
    assert h.fingerprint() == old, "no other machine needs trust"
    assert len(entries(h)) == 2 and len(os.listdir(h.records)) == 2, entries(h)
    signs(h)
    embedded_is_gone(h)
    h.pin_file = h.new_pin
    signs(h)
    h.add("later")
    got = listed(h)
    assert got["drawer"]["tested"] and got["drawer"]["on_this_machine"], got
    j = add_spare(h, "--json", label="third").json()
    assert j["added"]["label"] == "third" and j["added"]["tested"] and j["files"] == 3, j
    assert j["recipients"] == 3 and j["fingerprint"] == old, j


def add_by_the_same_token():
    """a second key on the token that opens the vault: one login, no PIN of a new token"""
    h = fresh()
    add_spare(h)
    embedded_is_gone(h)
    h.pin_file = h.new_pin
    h.refuses("recipients", "add", h.uris["spare"], "--yes", "-q", code=2, says="already",
              hint="--generate")
    h.ok("recipients", "add", h.uris["spare"], "--generate", "--yes", "--label", "beside")
    signs(h)
    assert len(listed(h)) == 3
    r = h.refuses("recipients", "remove", listed(h)["spare"]["serial"], "--yes", code=2,
                  says="could be more than one")
    assert r.err.count("hint: '") == 2, r


def asked():
    """add asks, no is no, progress is shown"""
    h = fresh()
    path = put(h, "key.der", key_on(h, "spare"))
    args = ("recipients", "add", "--public-key", path, "--label", "far")
    before = h.kept()
    r = h.tty(*args, answers=[("Add it?", "n")])
    assert r.code == 1 and "no recipient was added" in r.out and h.kept() == before, r
    r = talk(h, *args, answers=[("Add it?", "y"), ("PIN of token", lib.PIN)])
    assert r.code == 0 and "sealed anew: 1 of 2" in r.out, r
    h.refuses("recipients", "remove", "far", "-q", code=3, says="no terminal",
              hint="--yes removes without asking")


def public_key():
    """add --public-key: DER, PEM; untested until its token has opened the vault"""
    h = fresh()
    spki = key_on(h, "spare")
    args = ("recipients", "add", "--yes", "--label", "safe", "--public-key")
    h.ok(*args, put(h, "key.der", spki))
    h.ok("recipients", "remove", "safe", "--yes")
    fp = h.fingerprint()
    r = h.ok(*args, put(h, "key.pem", kit.openssl("pkey", "-pubin", "-inform", "DER", stdin=spki)))
    assert "'safe' (token, not seen here, EC P-256" in r.out and "UNTESTED" in r.out, r
    assert f"coffer trust {fp} --token URI" in r.out, r
    one = listed(h)["safe"]
    assert one["tested"] is False and one["software"] is None and not one["on_this_machine"], one
    r = h.ok("recipients", pin=False)
    assert "UNTESTED: the vault has never been opened by it" in r.out, r
    assert "coffer recipients test URI" in r.out and "--paper" not in r.out, r
    signs(h)
    with other_machine(h) as far:
        far.refuses("recipients", "test", h.uris["spare"], code=3,
                    says="has not been told to trust", hint="coffer trust FINGERPRINT --token URI")
        assert not os.path.exists(far.config), "an entry before trust"
        far.ok("trust", fp, "--token", h.uris["spare"])
        assert listed(far)["safe"]["tested"] is False
        r = far.ok("recipients", "test")
        assert "opens        'safe' (serial " in r.out and "tested now" in r.out, r
        assert "tested, as before" in far.ok("recipients", "test").out
        signs(far)
        copy_vault(far, h.vault)
    assert listed(h)["safe"]["tested"] is True
    signs(h)                                        # the pin goes forward silently


def certificate():
    """a certificate's key counts, and nothing else of it"""
    h = fresh()
    key = put(h, "k.pem", kit.key("p256").encode())
    for form in ("PEM", "DER"):
        cert = kit.openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=x", "-outform", form)
        path = put(h, "cert", cert)
        if form == "PEM":
            h.ok("recipients", "add", "--public-key", path, "--label", "cert", "--yes")
    h.refuses("recipients", "add", "--public-key", path, "--label", "again", "--yes", code=1,
              says="sealed to that key already, as 'cert'")


def rsa():
    """an RSA key needs its scheme; the wrong one shows when it is tested"""
    h = fresh()
    fp, path = h.fingerprint(), put(h, "rsa.der", key_on(h, "spare", "rsa2048"))
    add = ("recipients", "add", "--public-key", path, "--label", "rsa", "--yes")
    r = h.refuses(*add, code=2, says="needs --scheme rsa-oaep-256 or --scheme rsa-oaep-1",
                  hint="rsa-oaep-1 for SoftHSM")
    h.refuses(*add, "--scheme", "ecdh-p256", code=2, says="cannot be used by 'ecdh-p256'")
    h.refuses(*add, "--scheme", "rsa", code=2, says="cannot be used by 'rsa'")
    h.ok(*add, "--scheme", "rsa-oaep-256")
    with other_machine(h) as far:
        r = far.run("trust", fp, "--token", h.uris["spare"])
        assert r.code == 1, r
        assert listed(far)["rsa"]["tested"] is False
    h.ok("recipients", "remove", "rsa", "--yes")
    h.ok(*add, "--scheme", "rsa-oaep-1")
    with other_machine(h) as far:
        far.ok("trust", h.fingerprint(), "--token", h.uris["spare"])
        assert "tested now" in far.ok("recipients", "test").out
        signs(far)


def der(tag, body):
    n = len(body)
    size = bytes([n]) if n < 128 else bytes([0x82]) + n.to_bytes(2, "big")
    return bytes([tag]) + size + body


def weak_key():
    """An RSA modulus with the weak generator's fingerprint: modulo each small prime it is a power of
    65537."""
    m = 1
    for p in [x for x in range(2, 800) if all(x % y for y in range(2, x))][:126]:
        m *= p
    low = pow(65537, 12345, m)
    n = ((1 << 2048) - 1 - low) // m * m + low
    key = der(0x30, der(2, b"\0" + n.to_bytes(256, "big")) + der(2, b"\1\0\1"))
    rsa_oid = bytes.fromhex("300d06092a864886f70d0101010500")
    return der(0x30, rsa_oid + der(3, b"\0" + key))


def weak():
    """a key whose private half can be computed is refused"""
    h = fresh()
    h.refuses("recipients", "add", "--yes", "--label", "weak", "--scheme", "rsa-oaep-256",
              "--public-key", put(h, "weak.der", weak_key()), code=5, says="ROCA")


def refused():
    """what is refused changes nothing"""
    h = fresh()
    ec = put(h, "ec.pem", kit.openssl("pkey", "-pubout", stdin=kit.key("p256").encode()))
    files = {name: put(h, name, data) for name, data in {
        "private": kit.key("p256").encode(), "k256": kit.openssl(
            "pkey", "-pubout", stdin=kit.key("k256").encode()),
        "small": kit.openssl("pkey", "-pubout", stdin=kit.key("rsa1024").encode()),
        "ed": kit.openssl("pkey", "-pubout", stdin=kit.key("ed25519").encode()),
        "empty": b"", "noise": os.urandom(300), "cut": kit.openssl(
            "pkey", "-pubout", "-outform", "DER", stdin=kit.key("p256").encode())[:-1],
        "pem-noise": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "pkcs1": kit.openssl("rsa", "-RSAPublicKey_out", stdin=kit.key("rsa2048").encode()),
        "long": b"x" * 70000}.items()}
    wrong = h.private("wrong", "wrong wrong wrong\n")
    uri = h.uris["spare"]
    cases = [
        (("frob",), 2, "no such action", "list, add, test, remove"),
        (("list", "x"), 2, "takes no argument", None),
        (("list", "--label", "x"), 2, "does not take --label", None),
        (("test", "--generate"), 2, "does not take --generate", None),
        (("test", uri, "--paper"), 2, "exclude each other", None),
        (("test", "--paper"), 1, "no paper opens this vault", None),
        (("test", uri, "--pin-file", h.new_pin), 1, "has none of the keys", None),
        (("test", "pkcs11:token=none?module-path=" + lib.softhsm_module()), 1, "no token", None),
        (("add",), 2, "needs one of: URI, --public-key FILE, --paper", "--paper"),
        (("add", uri, "--paper"), 2, "needs one of", None),
        (("add", "--paper", "--public-key", ec), 2, "needs one of", None),
        (("add", "--paper"), 3, "are shown on a terminal and nowhere else", None),
        (("add", "--public-key", ec), 2, "--public-key needs --label", None),
        (("add", "--public-key", ec, "--label", ""), 2, "--label is empty", None),
        (("add", "--public-key", ec, "--label", "x" * 200), 2, "--label is longer", None),
        (("add", "--public-key", ec, "--label", "coffer"), 1, "called 'coffer' already", None),
        (("add", "--public-key", ec, "--label", "x", "--scheme", "ecdh-p256"), 2,
         "--scheme is for RSA keys", None),
        (("add", "--public-key", ec, "--label", "x", "--generate"), 2, "--generate goes with", None),
        (("add", "--public-key", ec, "--label", "x", "--new-pin-file", wrong), 2,
         "a new PIN is for the token that the URI names", None),
        (("add", uri, "--scheme", "rsa-oaep-1"), 2, "--scheme goes with --public-key", None),
        (("add", uri, "--generate=p384"), 2, "no kind of sealing key", None),
        (("add", uri), 3, "the PIN of the new token 'spare' is needed", "--new-pin-file"),
        (("add", uri, "--new-pin-file", wrong), 3, "the new token", None),
        (("add", uri, "--new-pin-file", h.new_pin), 1, "no key that can seal", "--generate"),
        (("add", "pkcs11:token=spare"), 2, "which driver to load", "module-path"),
        (("add", "spare"), 2, "the URI", None),
        (("add", "--public-key", "/nonexistent", "--label", "x"), 1, "--public-key", None),
        (("add", "--public-key", files["private"], "--label", "x"), 2, "holds a private key",
         "stays in its token"),
        (("add", "--public-key", files["pkcs1"], "--label", "x"), 1, "no public key and no",
         "openssl rsa -RSAPublicKey_in"),
        (("remove",), 2, "needs a recipient", "coffer recipients"),
        (("remove", "nobody"), 1, "has no recipient 'nobody'", "coffer recipients"),
        (("remove", "coffer"), 2, "is the only recipient", "coffer recipients add"),
        (("remove", "coffer", "x"), 2, "", None),
    ]
    for name in ("k256", "small", "ed", "empty", "noise", "cut", "pem-noise", "long"):
        cases.append((("add", "--public-key", files[name], "--label", "x"), None, "--public-key",
                      None))
    for args, code, says, hint in cases:
        yes = ("--yes", "-q") if args[0] in ("add", "remove") else ()
        own = "--pin-file" in args
        pin = args[0] not in ("list", "frob") and not own
        before = h.kept()
        r = h.run("recipients", *args, *yes, pin=pin)
        assert r.code == code or code is None and r.code in (1, 2), r
        kit.judge_refusal(r, r.code, says, hint, SECRETS)
        assert h.kept() == before, f"files changed: {r}"
        if wrong in args:                   # only a person's login makes up for it
            r = h.tty("recipients", "test", uri, answers=[("PIN of token", NEW_PIN)])
            assert "has none of the keys" in r.out, r
    r = h.refuses("recipients", "add", uri, "--generate", "--new-pin-file", h.new_pin, "--yes",
                  "-q", "--pin-file", wrong, code=3, says="wrong PIN", pin=False, may_change=True)
    assert "key made for this" not in r.err, r      # the vault was opened first
    signs_by_person(h)


def signs_by_person(h):
    r = h.tty("sign", "main", "GET", "/api/v3/account", answers=[("PIN of token", lib.PIN)])
    assert r.code == 0, r
    signs(h)


def made_for_nothing():
    """a key that was made before a failure is told of, and this machine forgets it"""
    h = fresh()
    add = ("recipients", "add", h.uris["spare"], "--generate", "-q", "--yes")
    add += ("--new-pin-file", h.new_pin)
    r = h.refuses(*add, "--label", "x" * 200, code=2, says="--label is longer")
    assert "stays on token" not in r.err, r
    path = h.record_file("main")
    os.rename(path, path + "-gone")
    r = h.refuses(*add, code=1, says="is missing")
    assert "stays on token 'spare': nothing needs it" in r.err and len(entries(h)) == 1, r
    os.rename(path + "-gone", path)
    signs(h)


def remove():
    """remove: by another recipient, a new vault key, what is lost is told, other machines trust"""
    h = fresh()
    old = h.fingerprint()
    add_spare(h, "--label", "drawer")
    backup = os.path.join(h.top, "backup")
    copy_vault(h, backup)
    with machine(h) as far:
        far.ok("trust", old, "--softhsm")
        r = h.ok("recipients", "remove", "drawer", "--yes")
        assert r.out.startswith("The vault gets a new key: every other machine refuses it until"), r
        new = h.fingerprint()
        assert new != old and f"fingerprint  {new}" in r.out and old in r.out, r
        assert f"On every other machine, once: coffer trust {new}" in r.out, r
        assert re.search(r"still open by 'drawer' and its PIN.\nThey hold these keys:\n  main okx\n",
                         r.out), r
        assert "coffer rotate NAME" in r.out and "token operations  3 of token 'coffer'" in r.out, r
        assert "goes              'drawer'" in r.out and "stays             'coffer'" in r.out, r
        assert len(entries(h)) == 1 and list(listed(h)) == ["coffer"], entries(h)
        signs(h)
        copy_vault(h, far.vault)
        far.refuses("sign", "main", "GET", "/api/v3/account", code=3, says="", hint="coffer trust")
        far.ok("trust", new, "--softhsm")
        signs(far)
    # what was removed opens the backup, and not the vault of today
    with other_machine(h) as thief:
        thief.refuses("trust", new, "--token", h.uris["spare"], code=1, says="none of the keys")
        lib.remove_tree(thief.vault)
        shutil.copytree(backup, thief.vault)
        thief.ok("trust", old, "--token", h.uris["spare"])
        signs(thief)


def remove_own():
    """the one that this machine uses is removed through another, and that is said"""
    h = fresh()
    add_spare(h)
    r = h.run("recipients", "remove", "coffer", "--yes")
    assert r.code == 3 and "wrong PIN" in r.err, r          # of 'spare', not of 'coffer'
    r = h.tty("recipients", "remove", "coffer", answers=[("Remove 'coffer'?", "y"),
                                                         ("PIN of token 'spare'", NEW_PIN)])
    assert r.code == 0 and "by 'coffer'; from now on by 'spare'" in r.out, r
    assert [x["label"] for x in entries(h)] == ["spare"], entries(h)
    h.pin_file = h.new_pin
    signs(h)
    h.refuses("recipients", "remove", "spare", "--yes", code=2, says="is the only recipient")


def remove_last_tested():
    """never the last one that was tested, and never with no other one at hand"""
    h = fresh()
    far = put(h, "key.der", key_on(h, "spare"))
    h.ok("recipients", "add", "--public-key", far, "--label", "far", "--yes")
    h.refuses("recipients", "remove", "coffer", "--yes", code=2,
              says="'coffer' is the last recipient that has been tested",
              hint="coffer recipients test")
    with other_machine(h) as there:
        there.ok("trust", h.fingerprint(), "--token", h.uris["spare"])
        there.ok("recipients", "test")
        copy_vault(there, h.vault)
    h.refuses("recipients", "remove", "coffer", "--yes", code=3,
              says="this machine knows no other token of the vault",
              hint=["coffer recipients test URI", "'coffer' itself cannot be used"])
    r = h.ok("recipients", "test", h.uris["spare"], "--pin-file", h.new_pin, pin=False)
    assert "This machine knows the token now" in r.out and len(entries(h)) == 2, r
    h.ok("recipients", "remove", "coffer", "--yes", "--pin-file", h.new_pin, pin=False)
    h.pin_file = h.new_pin
    signs(h)


def names():
    """a recipient is named by label, serial or the beginning of its id"""
    h = fresh()
    for by in ("label", "serial", "id", "short"):
        add_spare(h)
        one = listed(h)["spare"]
        name = one["id"][:5].upper() if by == "short" else one[by]
        h.refuses("recipients", "remove", one["id"][:3], "--yes", code=1, says="has no recipient")
        j = h.ok("recipients", "remove", name, "--yes", "--json").json()
        assert j["removed"]["id"] == one["id"] and j["old_backups_hold"] == ["main", "okx"], j
        assert j["fingerprint"] == h.fingerprint() != j["old_fingerprint"] and j["files"] == 2, j


def lost_files():
    """a record file that nothing refers to stops remove, not add"""
    h = fresh()
    path = h.record_file("main")
    shutil.copy(path, h.top)
    h.ok("remove", "main", "--yes")
    shutil.copy(os.path.join(h.top, os.path.basename(path)), h.records)
    add_spare(h)
    h.refuses("recipients", "remove", "spare", "--yes", code=1, says=os.path.basename(path),
              hint="coffer doctor --take-back")
    h.ok("doctor", "--take-back", os.path.basename(path))
    h.ok("recipients", "remove", "spare", "--yes")
    signs(h)


def counted():
    """operations of the token: as told, one login"""
    with ops.Counted("p256") as c:
        n = 20
        for i in range(n):
            c.h.add(f"key-{i}")
        far = put(c.h, "far.pem", kit.openssl("pkey", "-pubout", stdin=kit.key("p256").encode()))
        uri = f"pkcs11:token=counted?module-path={c.module}"
        add = ("recipients", "add", "--yes")
        assert f" {n + 1} of token 'counted'" in c.h.run(*add, "--public-key", far, "--label", "x",
                                                         "--pin-file", "/nowhere", pin=False).out
        for args, expected in (((*add, "--public-key", far, "--label", "far"), n + 1),
                               (("recipients", "remove", "far", "--yes"), n + 1),
                               ((*add, uri, "--generate", "--label", "2nd"), n + 1 + 3),
                               (("recipients", "test"), 1), (("recipients", "test", uri), 1)):
            got = c.count(*args)
            assert got == (expected, 1), f"{args}: {got}, not {expected}"
        assert c.count("recipients", pin=False) == (0, 0)


if __name__ == "__main__":
    lib.main([alone, add_token, add_by_the_same_token, asked, public_key, certificate, rsa, weak,
              refused, made_for_nothing, remove, remove_own, remove_last_tested, names, lost_files,
              counted])
