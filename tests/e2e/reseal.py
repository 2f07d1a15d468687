#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer rotate --seal with real SoftHSM tokens: in place, to another token, what other machines and
old backups see, and what is refused. Killed and failing: reseal_faults.py."""
import json
import os
import re
import shutil
import subprocess
import sys

import kit
import lib
import ops

SEAL = ("rotate", "--seal", "--yes")
QUIET = (*SEAL, "--quiet")
NEW_PIN = "another long pin 7"
SECRETS = (lib.PIN, NEW_PIN, lib.BINANCE["api_secret"], kit.OKX["api_secret"])


def prepare(h):
    h.init()
    h.add("main")
    h.add("okx", "okx", kit.OKX)


fresh = lib.shared(prepare)


def signs(h, **kw):
    r = h.ok("sign", "main", "GET", "/api/v3/account", **kw)
    assert "signature=" in r.out and r.err == "", r
    h.ok("sign", "okx", "GET", "/api/v5/account/balance", **kw)


def entries(h):
    with open(os.path.join(h.config, "tokens.json"), encoding="utf-8") as f:
        return json.load(f)["tokens"]


def seal(h, *args, **kw):
    r = h.ok(*SEAL, *args, **kw)
    lib.no_secret(r.out + r.err, *SECRETS)
    return r


def machine(h):
    """Another home with copies of the vault and of the embedded token."""
    other = lib.Home()
    os.makedirs(os.path.dirname(other.vault), 0o700)
    for d in (os.path.join(other.home, ".local"), os.path.join(other.home, ".local/share")):
        os.chmod(d, 0o700)
    shutil.copytree(h.vault, other.vault)
    shutil.copytree(h.softhsm, other.softhsm)
    return other


def conf_of(h, name):
    """A SoftHSM configuration of its own below the home."""
    tokens = os.path.join(h.top, name)
    os.mkdir(tokens, 0o700)
    return h.private(name + ".conf", f"directories.tokendir = {tokens}\n"
                     "objectstore.backend = file\nlog.level = ERROR\n")


def token(h, conf, label, pin):
    subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin,
                    "--so-pin", pin], env=h.environ(SOFTHSM2_CONF=conf), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return f"pkcs11:token={label}?module-path={lib.softhsm_module()}"


def in_place():
    """beside the old key on the same token: all signs on, changes go on, one entry remains"""
    h = fresh()
    old, before = h.fingerprint(), entries(h)
    r = seal(h)
    new = h.fingerprint()
    assert new != old and f"fingerprint  {new}" in r.out and old in r.out, r
    assert "token operations  4," in r.out and f"coffer trust {new} --softhsm" in r.out, r
    assert "new backups of the vault and of the token directory" in r.out, r
    assert re.search(r"They hold these keys:\n  main okx\n", r.out), r
    assert "coffer rotate NAME" in r.out and "--delete-object" in r.out, r
    signs(h)
    h.add("later")
    h.ok("rename", "main", "renamed")
    h.ok("remove", "later", "--yes")
    after = entries(h)
    assert len(after) == 1 and after[0]["rid"] != before[0]["rid"], after
    assert after[0]["softhsm_conf"] == before[0]["softhsm_conf"], after
    assert len(os.listdir(h.records)) == 2, os.listdir(h.records)
    r = h.ok("doctor")
    assert "every record file is referred to" in r.out and "2 of 2 opened" in r.out, r
    r = seal(h, "--generate=rsa2048")           # and again, to another kind
    assert "wraps by     rsa-oaep-1" in r.out and "RSA 2048" in r.out, r
    h.ok("sign", "renamed", "GET", "/api/v3/account")


def json_form():
    """--json tells the same"""
    h = fresh()
    old = h.fingerprint()
    j = seal(h, "--json").json()
    assert j["old_fingerprint"] == old and j["fingerprint"] == h.fingerprint(), j
    assert j["files"] == 2 and j["old_backups_hold"] == ["main", "okx"], j
    assert j["sealing_key"]["key_id"] != j["old_sealing_key"]["key_id"], j
    assert j["sealing_key"]["token"] == j["old_sealing_key"]["token"] == "coffer", j


def asked():
    """it tells the cost and asks; no is no; progress is shown"""
    h = fresh()
    before = h.kept()
    r = h.tty("rotate", "--seal", answers=[("Seal 2 keys anew?", "n")])
    assert r.code == 1 and "was not sealed anew" in r.out and "PIN" not in r.out, r
    assert "token operations  4," in r.out and h.kept() == before, r
    r = h.tty("rotate", "--seal", answers=[("Seal 2 keys anew?", "y"), ("PIN of token", lib.PIN)])
    assert r.code == 0 and "sealed anew: 1 of 2" in r.out, r
    signs(h)
    h.refuses("rotate", "--seal", "-q", code=3, says="", hint="--yes does it without asking")


def other_machine():
    """another machine refuses the new vault until trust; so does the maker an old copy"""
    h = fresh()
    old = h.fingerprint()
    with machine(h) as far:
        far.ok("trust", old, "--softhsm")
        signs(far)
        backup = os.path.join(h.top, "backup")
        shutil.rmtree(backup, ignore_errors=True)
        shutil.copytree(h.vault, backup)
        seal(h)
        new = h.fingerprint()
        for copy in (far.vault, far.softhsm):
            lib.remove_tree(copy)
        shutil.copytree(h.vault, far.vault)
        shutil.copytree(h.softhsm, far.softhsm)
        far.refuses("sign", "main", "GET", "/api/v3/account", code=3,
                    says="is not one of the vault's recipients: it got another one elsewhere",
                    hint="with the new token plugged in: coffer trust FINGERPRINT --token URI")
        far.refuses("trust", old, "--softhsm", code=3, says="does not have the fingerprint")
        far.ok("trust", new, "--softhsm")
        signs(far)
        far.add("later")
    # the old state put back here: its key is no recipient that this machine knows
    lib.remove_tree(h.vault)
    shutil.copytree(backup, h.vault)
    r = h.run("sign", "main", "GET", "/api/v3/account")
    assert r.code == 3, r


def old_backup():
    """a backup from before opens with the old key, which is still on the token"""
    h = fresh()
    old = h.fingerprint()
    with machine(h) as before:
        seal(h)
        lib.remove_tree(before.softhsm)
        shutil.copytree(h.softhsm, before.softhsm)     # the token as it is now
        before.ok("trust", old, "--softhsm")
        signs(before)


def to_token():
    """from the embedded token to one that a URI names, with a PIN and a configuration of its own"""
    h = fresh()
    conf = conf_of(h, "system")
    h.extra_env = {"SOFTHSM2_CONF": conf}
    uri = token(h, conf, "hardware", NEW_PIN)
    new_pin = h.private("new-pin", NEW_PIN + "\n")
    old = h.fingerprint()
    r = seal(h, "--to", uri, "--generate", "--new-pin-file", new_pin)
    assert "token        'hardware'" in r.out and "on token 'coffer'" in r.out, r
    assert "--token URI" in r.out, r
    got = entries(h)
    assert len(got) == 1 and got[0]["label"] == "hardware" and "softhsm_conf" not in got[0], got
    h.pin_file = new_pin
    try:
        assert h.fingerprint() != old
        signs(h)
        h.add("later")
        r = h.run(*SEAL, "--to", uri, "--new-pin-file", new_pin)
        assert r.code == 2 and "sealed to that key on token 'hardware' already" in r.err, r
        assert "--generate" in r.err, r
        r = seal(h, "--to", uri, "--generate")         # the same token: one login, one PIN
        signs(h)
    finally:
        h.pin_file = os.path.join(h.top, "pin")
        shutil.rmtree(os.path.join(h.top, "system"))


def side_by_side():
    """between two tokens of one driver, an existing key, and a label"""
    with lib.Home() as h:
        conf = conf_of(h, "two")
        h.extra_env = {"SOFTHSM2_CONF": conf}
        one, two = token(h, conf, "one", lib.PIN), token(h, conf, "two", NEW_PIN)
        new_pin = h.private("new-pin", NEW_PIN + "\n")
        h.ok("init", "--token", one, "--generate")
        h.add("main")
        h.add("okx", "okx", kit.OKX)
        h.refuses(*QUIET, "--to", two, "--new-pin-file", new_pin, code=1,
                  says="has no key that can seal", hint="--generate")
        h.ok("init", "--token", two, "--generate", "--vault", os.path.join(h.top, "second"),
             "--pin-file", new_pin, pin=False)      # a key that is there already
        r = seal(h, "--to", two, "--new-pin-file", new_pin, "--label", "spare drawer")
        assert "token        'two'" in r.out, r
        h.pin_file = new_pin
        signs(h)
        assert "'spare drawer'" in h.ok("show", "main", pin=False).out
        fd = os.open(h.private("first", lib.PIN + "\n"), os.O_RDONLY)
        seal(h, "--to", one, "--generate", "--new-pin-fd", str(fd), pass_fds=(fd,))
        os.close(fd)
        h.pin_file = os.path.join(h.top, "pin")
        signs(h)


def others_stay():
    """with a spare that is not here: it stays, gets the new key unseen, and is told"""
    h = fresh()
    key = os.path.join(h.top, "spare.pem")
    public = os.path.join(h.top, "spare.pub")
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                    "-out", key], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    h.ok("recipients", "add", "--public-key", public, "--scheme", "rsa-oaep-256", "--label",
         "spare drawer", "--yes")
    r = seal(h)
    assert "other recipients  stay" in r.out and "'spare drawer', untested" in r.out, r
    j = seal(h, "--json").json()
    assert j["other_recipients"] == [{"label": "spare drawer", "kind": "token", "tested": False}], j
    signs(h)
    read = subprocess.run([sys.executable, "-B", os.path.join(lib.ROOT, "tests/reader/reader.py"),
                           "--vault", h.vault, "--key", key, "--name", "main"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True)
    assert read.returncode == 0 and lib.BINANCE["api_secret"] in read.stdout, read


def new_pin_named():
    """what goes wrong with the new token's PIN names the options for it"""
    h = fresh()
    conf = conf_of(h, "named")
    h.extra_env = {"SOFTHSM2_CONF": conf}
    uri = token(h, conf, "named", NEW_PIN)
    empty = h.private("empty-pin", "\n")
    fd = os.open(empty, os.O_RDONLY)
    r = h.refuses(*QUIET, "--to", uri, "--new-pin-fd", str(fd), code=3,
                  says="the PIN from --new-pin-fd is empty", may_change=True, pass_fds=(fd,))
    os.close(fd)
    r = h.refuses(*QUIET, "--to", uri, "--new-pin-file", os.path.join(h.top, "none"), code=3,
                  says="the new token: read the PIN", hint="--new-pin-fd", may_change=True)
    assert "with --pin-fd" not in r.err, r


def refused():
    """what is refused changes nothing, and no PIN is tried for nothing"""
    h = fresh()
    conf = conf_of(h, "other")
    h.extra_env = {"SOFTHSM2_CONF": conf}
    uri = token(h, conf, "other", NEW_PIN)
    wrong = h.private("wrong-pin", "wrong wrong wrong\n")
    old = h.fingerprint()
    cases = [
        (("--to", uri, "--new-pin-file", wrong), 3, "the new token", None),
        (("--to", uri), 3, "the PIN of the new token 'other' is needed", "--new-pin-file"),
        (("--to", "pkcs11:token=other"), 2, "--to", "module-path"),
        (("--to", "other"), 2, "--to", None),
        (("--to", uri.replace("token=other", "token=none"), "--new-pin-file", wrong), 1,
         "no token", None),
        (("--to", "pkcs11:token=x?module-path=/nowhere.so", "--new-pin-file", wrong), 1,
         "/nowhere.so", None),
        (("--new-pin-file", wrong), 2, "--to names", None),
        (("--generate=p384",), 2, "no kind of sealing key", None),
        (("--label", "x" * 200), 2, "--label is longer", None),
        (("main",), 2, "", None),
    ]
    for args, code, says, hint in cases:
        r = h.refuses(*QUIET, *args, code=code, says=says, hint=hint, may_change=True)
        lib.no_secret(r.err, NEW_PIN)
        assert h.fingerprint() == old and len(entries(h)) == 1, r
        signs(h)
    path = h.record_file("main")
    os.rename(path, path + "-gone")
    made = h.refuses(*QUIET, code=1, says="is missing", may_change=True)
    os.rename(path + "-gone", path)
    assert "stays on token 'coffer': nothing needs it" in made.err, made
    h.refuses(*QUIET, "--pin-file", wrong, code=3, says="", pin=False, may_change=True)
    r = h.tty("sign", "main", "GET", "/api/v3/account", answers=[("PIN of token", lib.PIN)])
    assert r.code == 0, r
    signs(h)
    # a key that nothing refers to would be lost for good
    shutil.copy(h.record_file("main"), h.top)
    name = os.path.basename(h.record_file("main"))
    h.ok("remove", "main", "--yes")
    shutil.copy(os.path.join(h.top, name), h.records)
    h.refuses(*QUIET, code=1, says=name, hint="coffer doctor --take-back " + name)
    h.ok("doctor", "--take-back", name)
    seal(h)
    signs(h)
    shutil.rmtree(os.path.join(h.top, "other"))


def disk_full_inside():
    """A disk that has room for the vault once, not twice."""
    h = fresh()
    for i in range(8):
        h.add(f"more-{i}")
    old = h.fingerprint()
    saved = os.path.join(h.top, "vault-saved")
    shutil.copytree(h.vault, saved)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", h.vault],
                   check=True)
    shutil.copytree(saved, h.vault, dirs_exist_ok=True)
    r = h.run(*SEAL)
    assert r.code == 1 and "no space left" in r.err, r
    assert len(os.listdir(h.records)) == 10 and h.fingerprint() == old, os.listdir(h.records)
    assert len(entries(h)) == 1 and "nothing needs it" in r.err, r
    signs(h)
    subprocess.run(["umount", h.vault], check=True)


def disk_full():
    """a disk that is full for real: refused, nothing stays of it"""
    return kit.rerun_in_namespace(os.path.abspath(__file__), "--disk-full")


def counted():
    """100 records: one operation for each, one login, and it says so first"""
    with ops.Counted("p256") as c:
        for i in range(100):
            c.h.add(f"key-{i}")
        uri = f"pkcs11:token=counted?module-path={c.module}"
        log = c.module + ".log"
        for args in ((), ("--to", uri, "--generate")):
            if os.path.exists(log):
                os.unlink(log)
            r = c.h.ok(*SEAL, *args)
            assert "token operations  102," in r.out, r
            with open(log, encoding="ascii") as f:
                calls = f.read().split()
            n = sum(x in ops.OPERATIONS for x in calls)
            assert calls.count("C_Login") == 1 and 102 < n < 110, (n, calls.count("C_Login"))
        assert len(os.listdir(c.h.records)) == 100
        c.h.ok("sign", "key-99", "GET", "/api/v3/account")


if __name__ == "__main__":
    if sys.argv[1:] == ["--disk-full"]:
        disk_full_inside()
    else:
        lib.main([in_place, json_form, asked, other_machine, old_backup, to_token, side_by_side,
                  others_stay, new_pin_named, refused, disk_full, counted])
