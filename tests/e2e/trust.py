#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a machine trusts: forged vaults, old ones, forks, a second machine, a restored backup."""
import json
import os
import shutil

from forge import Forger, write
from lib import BINANCE, PIN, Home, main, no_secret, remove_tree, shared

SIGN = ("sign", "main", "GET", "/api/v3/account")
ADD = ("add", "unused", "binance", "--no-verify", "--accept-risk", "test")
JSON = json.dumps(BINANCE)
COMPARE = "compare with the machine or the paper"
COPY = "such a copy has the same fingerprint, so comparing it proves nothing"
NOT_THIS = "not the vault that this machine trusts"
MADE = {}


def prepare(h):
    MADE["fp"] = json.loads(h.init("--json").out)["fingerprint"]
    h.add("main")
    h.add("other")


fresh = shared(prepare)


def signs(h, hint=None):
    r = h.ok(*SIGN)
    assert "signature=" in r.out and (hint is None) == (r.err == ""), r
    assert hint is None or hint in r.err, r


def adds(h, name="third"):
    h.add(name)
    assert name in [k["name"] for k in h.ok("list", "--json", pin=False).json()["keys"]]


def no_writes(h, says, hint):
    """Whatever changes the vault is refused: exit 3."""
    h.refuses(*ADD, "--from-json", "-", stdin=JSON, code=3, says=says, hint=hint)
    h.refuses("rename", "main", "renamed", code=3, says=says, hint=hint)
    h.refuses("remove", "main", "--yes", code=3, says=says, hint=hint)


def never_asks(h, says):
    """add asks for the PIN and stops: no field of a credential was asked for."""
    r = h.refuses(*ADD, answers=[("PIN of token", PIN)], code=3, says=says)
    after = r.out.split("PIN of token", 1)[1]
    assert "key" not in after.lower().split("coffer:")[0], r


def test_forged():
    """a vault forged with public keys and an extra recipient: add and sign refuse"""
    h = fresh()
    f = Forger(h.vault)
    f.add_recipient()
    f.record("main", {"api_key": "A" * 64, "api_secret": "B" * 64})
    f.write()
    no_writes(h, NOT_THIS, COMPARE)
    never_asks(h, NOT_THIS)
    h.refuses(*SIGN, code=3, says=NOT_THIS, hint=COMPARE)


def test_forged_index():
    """vault.json alone forged: the records of the true vault do not open under it"""
    h = fresh()
    f = Forger(h.vault)
    f.add_recipient()
    f.write()
    h.refuses(*ADD, "--from-json", "-", stdin=JSON, code=3, says=NOT_THIS, hint=COMPARE)
    h.refuses("remove", "main", "--yes", code=3, says=NOT_THIS, hint=COMPARE)
    for args in (("rename", "main", "renamed"), SIGN):
        h.refuses(*args, code=1, says="changed by somebody who does not hold its key")


def test_forged_record():
    """one record forged in the true vault, its hash put into the index: the MAC does not hold"""
    h = fresh()
    with open(os.path.join(h.vault, "vault.json"), "rb") as f:
        mac = f.read().split(b"\n")[1]
    f = Forger(h.vault)
    f.record("main", {"api_key": "A" * 64, "api_secret": "B" * 64})
    write(f.path, json.dumps(f.body, separators=(",", ":")).encode() + b"\n" + mac + b"\n")
    h.refuses(*SIGN, code=1, says="somebody who does not hold its key")
    h.refuses(*ADD, "--from-json", "-", stdin=JSON, code=1, says="does not hold its key")


def test_forged_trust():
    """trust with the true fingerprint refuses the forged vault, and changes nothing"""
    h = fresh()
    Forger(h.vault).write()
    for more in ((), ("--softhsm",)):
        h.refuses("trust", MADE["fp"], *more, code=3, says="does not have the fingerprint",
                  hint="do not use it")
    remove_tree(h.state)
    h.refuses("trust", MADE["fp"], "--softhsm", code=3, says="does not have the fingerprint")
    assert not any(p.endswith("pin.json") for p in h.snapshot()), "a pin was set"


def test_forged_generation():
    """a forged vault of a higher generation does not move the pin"""
    h = fresh()
    f = Forger(h.vault)
    f.body["generation"] += 1000
    f.record("main", {"api_key": "A" * 64, "api_secret": "B" * 64})
    f.write()
    h.refuses(*SIGN, code=3, says=NOT_THIS)
    no_writes(h, NOT_THIS, COMPARE)


def copy_vault(h, name):
    to = os.path.join(h.top, name)
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(h.vault, to)
    return to


def put_vault(h, copy):
    shutil.rmtree(h.vault)
    shutil.copytree(copy, h.vault)


def test_older():
    """an older vault restored: exit 3, until trust accepts it"""
    h = fresh()
    old = copy_vault(h, "old")
    adds(h)
    put_vault(h, old)
    says = "the vault is older than this machine has seen: generation 3, seen 4"
    h.refuses(*SIGN, code=3, says=says, hint=[
        COPY, "only if you restored it yourself just now: coffer trust FINGERPRINT; else look for "
              "the newer copy"])
    assert "compare with" not in h.run(*SIGN).err
    no_writes(h, says, COPY)
    never_asks(h, "older than this machine has seen")
    assert says in h.ok("list", pin=False).err, "list says nothing without a PIN"
    assert says in h.ok("list", "--json", pin=False).json()["warning"]
    other = ("1" if MADE["fp"][0] == "0" else "0") + MADE["fp"][1:]
    h.refuses("trust", other, code=3, says="does not have the fingerprint")
    h.refuses(*SIGN, code=3, says=says)
    r = h.ok("trust", MADE["fp"])
    assert MADE["fp"] in r.out and "software token" in r.out, r
    no_secret(r.out + r.err, PIN)
    signs(h)
    adds(h)


def test_newer():
    """a newer vault, changed on another machine, is taken without a word"""
    h = fresh()
    old = copy_vault(h, "old")
    pin = [p for p in h.snapshot() if p.endswith("pin.json")][0]
    with open(pin, "rb") as f:
        before = f.read()
    adds(h)
    new = copy_vault(h, "new")
    put_vault(h, old)
    write(pin, before)
    signs(h)
    put_vault(h, new)
    signs(h)
    put_vault(h, old)
    h.refuses(*SIGN, code=3, says="older than this machine has seen")


def test_fork():
    """another vault of the same generation: exit 3, until trust accepts it"""
    h = fresh()
    old = copy_vault(h, "old")
    adds(h, "third")
    third = copy_vault(h, "third")
    put_vault(h, old)
    h.ok("trust", MADE["fp"])
    adds(h, "fourth")
    put_vault(h, third)
    says = "the vault has forked: generation 4"
    h.refuses(*SIGN, code=3, says=says, hint=[
        COPY, "choose one copy", "only if this is the one that you chose: coffer trust FINGERPRINT"])
    no_writes(h, says, COPY)
    h.ok("trust", MADE["fp"])
    signs(h)


def test_bad_fingerprint():
    """trust: no fingerprint, another one, part of one, too long a one; both options"""
    h = fresh()
    h.refuses("trust", code=2, says="needs the vault's fingerprint", hint="usage: coffer trust")
    fp = MADE["fp"]
    last = "0" if fp[-1] != "0" else "1"
    h.refuses("trust", fp[:-1] + last, code=3, says="does not have the fingerprint",
              hint="do not use it")
    for bad in (fp[:-1], fp + "0", fp[:4], "", "zz", "0" * 2000, fp.replace("-", "/"),
                fp[:-1] + "g"):
        h.refuses("trust", bad, pin=False, code=2, says="a fingerprint has 32 hex digits")
    r = h.refuses("trust", fp, "extra", code=2, says="at most 1 argument")
    assert "secrets are never" not in r.err, r
    h.refuses("trust", fp, "--softhsm", "--token", "pkcs11:token=x", code=2,
              says="exclude each other")
    for good in (fp.replace("-", ""), fp.upper(), fp.replace("-", ":"), fp.replace("-", " ")):
        h.ok("trust", good)


def test_pin_damaged():
    """the pin itself damaged, empty, cut, open to others or of another vault: exit 3, then trust"""
    h = fresh()
    pin = [p for p in h.snapshot() if p.endswith("pin.json")][0]
    with open(pin, "rb") as f:
        good = f.read()
    for bad in (b"", b"{}", good[:-10], good + b"x",
                good.replace(b'"generation":3', b'"generation":"3"'),
                good.replace(b'"sha256"', b'"sha255"')):
        write(pin, bad)
        says, hint = "pin of the vault is damaged", "coffer trust FINGERPRINT"
        h.refuses(*SIGN, code=3, says=says, hint=hint)
        no_writes(h, says, hint)
    write(pin, good)
    os.chmod(pin, 0o644)
    h.refuses(*SIGN, code=3, says="can be read by others", hint="chmod 0600")
    h.ok("trust", MADE["fp"])
    signs(h)


def second_machine(h, *parts):
    """Another home with copies of parts of this one."""
    other = Home()
    for part in parts:
        source = getattr(h, part)
        to = getattr(other, part)
        os.makedirs(os.path.dirname(to), mode=0o700, exist_ok=True)
        shutil.copytree(source, to)
    return other


def conf_path(h):
    return os.path.join(h.softhsm, sorted(os.listdir(h.softhsm))[0], "softhsm2.conf")


def conf_of(h):
    with open(conf_path(h), "rb") as f:
        return f.read()


def test_second_conf():
    """of a copied token's configuration only the place is changed, and others may not write it"""
    h = fresh()
    with second_machine(h, "vault", "softhsm") as b:
        write(conf_path(b), conf_of(h) + b"objectstore.umask = 0077\n")
        b.refuses("trust", "0" * 32, "--softhsm", code=3, says="does not have the fingerprint")
        assert conf_of(b) == conf_of(h).replace(h.home.encode(), b.home.encode()) + \
            b"objectstore.umask = 0077\n", conf_of(b)
        assert not os.path.exists(b.config), os.listdir(b.config)
        os.chmod(conf_path(b), 0o622)
        b.refuses("trust", MADE["fp"], "--softhsm", code=1, says="can be", hint="chmod 0600")
        os.chmod(conf_path(b), 0o600)
        b.ok("trust", MADE["fp"], "--softhsm")
        signs(b)


def test_second_machine():
    """vault and token directory copied to another home: trust, then sign and add work there"""
    h = fresh()
    with second_machine(h, "vault", "softhsm") as b:
        b.refuses(*SIGN, code=3, says="knows no token for this vault",
                  hint="coffer trust FINGERPRINT --softhsm")
        b.refuses("trust", MADE["fp"], code=3, says="knows no token for this vault")
        b.refuses("trust", "0" * 32, "--softhsm", code=3, says="does not have the fingerprint")
        assert not os.path.exists(os.path.join(b.config, "tokens.json"))
        r = b.ok("trust", MADE["fp"], "--softhsm")
        assert "trusted" in r.out and "recipient" in r.out, r
        remove_tree(h.softhsm)
        signs(b)
        adds(b)
        with open(os.path.join(b.config, "tokens.json"), "rb") as f:
            assert b.home.encode() in f.read()


def test_second_own_token():
    """the copied token directory is used, not the one that its configuration named"""
    h = fresh()
    with second_machine(h, "vault", "softhsm") as b:
        b.ok("trust", MADE["fp"], "--softhsm")
        b.ok("pin", "--new-pin-file", b.private("new", "another pin for b"))
        signs(h)
        b.refuses(*SIGN, code=3, says="wrong PIN")


def test_second_without_token():
    """the token's directory was not copied: told where it belongs"""
    h = fresh()
    with second_machine(h, "vault") as b:
        b.refuses("trust", MADE["fp"], "--softhsm", code=1, says="no SoftHSM token in",
                  hint="copy the token directory")
        b.refuses("trust", MADE["fp"], "--token",
                  "pkcs11:token=coffer?module-path=/nonexistent.so", code=1,
                  says="cannot be loaded")


def test_second_wrong_token():
    """a token of the same place that has another key"""
    h = fresh()
    with Home() as c, second_machine(h, "vault") as b:
        c.init()
        os.makedirs(b.softhsm, mode=0o700)
        shutil.copytree(os.path.join(c.softhsm, os.listdir(c.softhsm)[0]),
                        os.path.join(b.softhsm, os.listdir(h.softhsm)[0]))
        b.refuses("trust", MADE["fp"], "--softhsm", code=1, says="none of the keys")


def test_no_pin():
    """tokens.json but no pin: sign works with a hint, writes are refused until trust"""
    h = fresh()
    remove_tree(h.state)
    signs(h, "has not been told to trust this vault")
    no_writes(h, "has not been told to trust this vault", "coffer trust")
    never_asks(h, "has not been told to trust this vault")
    assert not any(p.endswith("pin.json") for p in h.snapshot()), "a pin was set"
    r = h.ok("doctor")
    assert MADE["fp"] in r.out and "coffer trust FINGERPRINT" in r.out, r
    assert "coffer trust " + MADE["fp"] not in r.out + r.err, "a copy's fingerprint as a command"
    h.ok("trust", MADE["fp"])
    signs(h)
    adds(h)


def test_linked_home():
    """a home behind a symbolic link: the token's configuration stays, and trust works"""
    h = fresh()
    real, before = h.home, conf_of(h)
    h.home = os.path.join(h.top, "link")
    os.symlink(real, h.home)
    try:
        for args in (SIGN, ("trust", MADE["fp"], "--softhsm"), SIGN, ("tokens",)):
            h.ok(*args, pin=args != ("tokens",))
            assert conf_of(h) == before, args
        h.init("--vault", os.path.join(h.top, "second"))
        h.ok("add", "x", *ADD[2:], "--from-json", "-", "--vault", os.path.join(h.top, "second"),
             stdin=JSON)
    finally:
        os.unlink(h.home)
        h.home = real
        remove_tree(os.path.join(h.top, "second"))


def test_keep_pin_file():
    """trust --keep-pin-file remembers it; without --pin-file it is a usage error"""
    h = fresh()
    h.refuses("trust", MADE["fp"], "--keep-pin-file", "--pin-fd", "0", stdin=PIN, pin=False, code=2,
              says="needs --pin-file")
    h.ok("trust", MADE["fp"], "--keep-pin-file")
    r = h.ok(*SIGN, pin=False)
    assert "signature=" in r.out, r
    r = h.ok("trust", MADE["fp"])
    assert "no longer remembered" in r.out, r
    h.refuses(*SIGN, pin=False, code=3, says="no terminal")
    assert "no longer remembered" not in h.ok("trust", MADE["fp"]).out


def test_vault_named():
    """with --vault each command that is named needs it too, which is said once"""
    with Home() as h:
        said = "hint: these commands need --vault "
        r = h.ok("init", "--softhsm", "--vault", "w")
        assert "Next: coffer guide" in r.out and r.err.count(said + "w too\n") == 1, r
        r = h.ok("init", "--softhsm", "--vault", "it's w", "--json")
        assert said not in r.err, r
        r = h.ok("list", "--vault", "it's w", pin=False)
        assert r.err.endswith(said + "'it'\\''s w' too\n"), r
        h.ok("list", "-q", "--vault", "w", pin=False)
        r = h.run("show", "x", "--vault", "w", pin=False)
        assert r.code == 1 and r.err.count(said) == 1, r
        r = h.run("list", pin=False)
        assert said not in r.err, r


def test_doctor_without_key():
    """doctor without a PIN tells what this machine trusts, and an older vault"""
    h = fresh()
    r = h.ok("doctor", pin=False)
    assert "ok    trust         this machine trusts fingerprint " + MADE["fp"] in r.out, r
    (token,) = os.listdir(h.softhsm)
    assert f"elsewhere the token's directory '{os.path.join(h.softhsm, token)}'" in r.out, r
    r = h.ok("tokens", pin=False)
    assert f"opens     vault {MADE['fp']}\n" in r.out, r
    with Home() as other:
        shutil.copytree(h.config, other.config)
        listed = other.ok("tokens", "--json", pin=False).json()["tokens"]
        assert any(token in (t.get("vaults") or "") for t in listed), listed
    old = copy_vault(h, "old")
    adds(h)
    put_vault(h, old)
    r = h.run("doctor", pin=False)
    assert r.code == 1 and "fail  trust         the vault is older" in r.out, r
    remove_tree(h.state)
    r = h.run("doctor", pin=False)
    assert "has not been told to trust this vault" in r.out and MADE["fp"] not in r.out, r
    remove_tree(h.config)
    r = h.run("doctor")
    assert r.code == 1 and "--softhsm" in r.out and "give a PIN" not in r.out, r
    os.mkdir(h.config, 0o700)
    os.chmod(h.config, 0o755)
    r = h.run("doctor", pin=False)
    assert r.code == 1 and r.out.count("(mode 0755)") == 1, r


def test_doctor_orphans():
    """doctor: an older version of a record may go, a record that was removed may be taken back"""
    h = fresh()
    before = copy_vault(h, "before")
    h.ok("rename", "main", "renamed")
    h.ok("remove", "other", "--yes")
    for f in os.listdir(os.path.join(before, "records")):
        if not os.path.exists(os.path.join(h.records, f)):
            shutil.copy(os.path.join(before, "records", f), h.records)
    r = h.ok("doctor")
    assert "is an older version of 'renamed'" in r.out and "it may be deleted" in r.out, r
    assert r.out.count("coffer doctor --take-back other.1.") == 1, r
    assert "--take-back main" not in r.out, r


def test_without_vault():
    """trust where there is no vault"""
    with Home() as b:
        b.refuses("trust", MADE.get("fp", "0" * 32), "--softhsm", code=1, says="there is no vault")
        assert not os.listdir(b.home), "trust left files"


if __name__ == "__main__":
    main([test_forged, test_forged_index, test_forged_record, test_forged_trust,
          test_forged_generation, test_older, test_newer, test_fork, test_bad_fingerprint,
          test_pin_damaged, test_second_machine, test_second_conf, test_second_own_token,
          test_second_without_token, test_second_wrong_token, test_no_pin, test_linked_home,
          test_keep_pin_file, test_vault_named, test_doctor_without_key, test_doctor_orphans,
          test_without_vault])
