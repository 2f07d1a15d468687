#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens and keys that are missing, too many, of no use or read-only, and every bad token URI."""
import glob
import json
import os
import shutil
import subprocess

from lib import BINANCE, COFFER, PIN, Home, main, remove_tree, shared, softhsm_module

SIGN = ("sign", "main", "GET", "/api/v3/account")
ADD = ("add", "third", "binance", "--no-verify", "--accept-risk", "test", "--from-json", "-")
JSON = json.dumps(BINANCE)
MODULE = softhsm_module()


def uri(text, module=MODULE):
    return f"pkcs11:{text}?module-path={module}"


def use_own(h):
    """A SoftHSM configuration of the test's own."""
    tokens = os.path.join(h.home, "tokens")
    os.makedirs(tokens, exist_ok=True)
    conf = os.path.join(h.home, "softhsm2.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    h.extra_env["SOFTHSM2_CONF"] = conf


def make_token(h, label):
    subprocess.run(["softhsm2-util", "--module", MODULE, "--init-token", "--free", "--label", label,
                    "--pin", PIN, "--so-pin", "security officer"], env=h.environ(), check=True,
                   stdout=subprocess.DEVNULL)


def prepare(h):
    """Tokens 'one' and 'two', both without a key."""
    use_own(h)
    make_token(h, "one")
    make_token(h, "two")


def prepare_embedded(h):
    h.init()
    h.add("main")


fresh_tokens, embedded = shared(prepare), shared(prepare_embedded)


def fresh():
    h = fresh_tokens()
    use_own(h)
    return h


def init(h, *args, vault="vault", **kw):
    return h.run("init", *args, "--vault", os.path.join(h.home, vault), **kw)


def refused(h, text, code, says, hint=None, more=(), **kw):
    """init with this URI: refused, and nothing is left."""
    before = sorted(os.listdir(h.home))
    h.refuses("init", "--token", text, *more, code=code, says=says, hint=hint, **kw)
    assert sorted(os.listdir(h.home)) == before or set(os.listdir(h.home)) - set(before) <= {
        ".local"}, os.listdir(h.home)
    assert not os.path.exists(h.vault) and not os.path.exists(h.config), "init left files"


def test_uri():
    """malformed, empty, repeated, unknown and forbidden parts of a token URI: exit 2"""
    with Home() as h:
        m = "module-path=" + str(MODULE)
        for text, says in (
                ("", "token URI: empty"), ("nonsense", "does not begin with 'pkcs11:'"),
                ("PKCS11", "does not begin with 'pkcs11:'"), ("pkcs11:", "names no token"),
                ("pkcs11:token", "a part has no '='"), ("pkcs11:token=a;?" + m, "has no '='"),
                ("pkcs11:;token=a?" + m, "has no '='"), ("pkcs11:token=?" + m, "'token' is empty"),
                ("pkcs11:id=?" + m, "'id' is empty"),
                ("pkcs11:token=a;token=a?" + m, "given twice"),
                ("pkcs11:token=a?" + m + "&" + m, "given twice"),
                ("pkcs11:tokn=a?" + m, "unknown attribute 'tokn'"),
                ("pkcs11:Token=a?" + m, "unknown attribute 'Token'"),
                ("pkcs11:x-own=a?" + m, "unknown attribute 'x-own'"),
                ("pkcs11:token=a?vendor=b&" + m, "unknown attribute 'vendor'"),
                ("pkcs11:token=%zz?" + m, "malformed %-escape"),
                ("pkcs11:token=%4?" + m, "malformed %-escape"),
                ("pkcs11:token=a%00b?" + m, "malformed %-escape"),
                ("pkcs11:token=" + "a" * 33 + "?" + m, "longer than 32 bytes"),
                ("pkcs11:token=" + "a" * 2000, "longer than"),
                ("pkcs11:token=a?pin-value=1234&" + m, "'pin-value' is not taken"),
                ("pkcs11:token=a;pin-value=1234?" + m, "'pin-value' is not taken"),
                ("pkcs11:token=a?pin-source=/x&" + m, "'pin-source' is not taken"),
                ("pkcs11:slot-id=1?" + m, "'slot-id' is not taken"),
                ("pkcs11:token=a;" + m, "after the question mark"),
                ("pkcs11:token=a?" + m + "&object=b", "before the question mark"),
                ("pkcs11:token=a b?" + m, "blank or unprintable"),
                ("pkcs11:token=a\n?" + m, "blank or unprintable"),
                ("pkcs11:token=\u00e4?" + m, "blank or unprintable"),
                ("pkcs11:token=a#b?" + m, "must be written as %23"),
                ("pkcs11:token=a", "does not say which driver"),
                ("pkcs11:token=a?module-path=", "'module-path' is empty"),
                ("pkcs11:token=a?module-path=libsofthsm2.so", "is not absolute")):
            r = h.refuses("init", "--token", text, code=2, says=says)
            assert "1234" not in r.err, "a PIN was printed"
            assert not os.listdir(h.home), "init left files"
        for text in ("", "pkcs11:token=a;token=a?" + m, "pkcs11:token=%zz?" + m):
            h.refuses("init", "--token", text, code=2, says="token URI", hint="'pkcs11:token=NAME")
        h.refuses("init", "--token", "pkcs11:tokn=a?" + m, code=2, says="tokn", hint="known are")
        h.refuses("init", "--token", "pkcs11:token=a", code=2, says="driver", hint="?module-path=")
        h.refuses("init", "--token", "pkcs11:token=a b", code=2, says="blank", hint="%20")


def test_module():
    """a module that is not there, a directory, a text, a library that is no PKCS#11 module"""
    with Home() as h:
        text = h.private("text.so", "not a library\n")
        other = next(iter(glob.glob("/lib/*/libc.so.6") + glob.glob("/lib64/libc.so.6")), text)
        for path, says, hint in (("/nonexistent.so", "no such file", "install the driver"),
                                 (h.top, "no such file", "correct its path"),
                                 (text, "cannot be loaded", "must be a PKCS#11 module"),
                                 (other, "cannot be loaded", "must be a PKCS#11 module")):
            h.refuses("init", "--token", uri("token=one", path), code=1, says=says, hint=hint)
            assert not os.listdir(h.home), "init left files"
        r = h.run("tokens", "--module", "/nonexistent.so", pin=False)
        assert r.code == 1 and "does not work" in r.out, r


def test_which():
    """init without a token, or with both kinds"""
    with Home() as h:
        hint = ["coffer init --token URI", "coffer init --softhsm"]
        h.refuses("init", code=2, says="needs a token", hint=hint)
        h.refuses("init", "--softhsm", "--token", "pkcs11:token=a", code=2,
                  says="exclude each other", hint=hint)
        h.refuses("init", "--softhsm", "--generate=nonsense", code=2, says="no kind of sealing key",
                  hint="p256, rsa2048, rsa3072, rsa4096")
        assert not os.listdir(h.home), "init left files"


def test_several():
    """several tokens match, or none: each is named, and how to choose"""
    h = fresh()
    for text in ("", "model=SoftHSM%20v2"):
        refused(h, uri(text), 2, "2 tokens match", "add serial=")
    refused(h, uri("token=three"), 1, "no token with label 'three' is there", "SOFTHSM2_CONF")
    refused(h, uri("token=one;serial=00"), 1, "the driver shows", "SoftHSM directory")
    make_token(h, "one")
    refused(h, uri("token=one"), 2, "2 tokens match: 'one' (serial", "add serial=")


def test_uri_shown():
    """the URI that 'coffer tokens' shows is taken by init as it stands"""
    h = fresh()
    make_token(h, "a b;c%\u00e4")
    shown = [t for t in h.ok("tokens", "--module", MODULE, "--json", pin=False).json()["tokens"]
             if t.get("label") == "a b;c%\u00e4"]
    assert len(shown) == 1 and "token=a%20b%3Bc%25%C3%A4;serial=" in shown[0]["uri"], shown
    r = h.ok("tokens", "--module", MODULE, pin=False)
    assert "  URI       " + shown[0]["uri"] + "\n" in r.out, r
    r = init(h, "--token", shown[0]["uri"], "--generate")
    assert r.code == 0, r


def test_no_key():
    """a token without a key, or none of that name"""
    h = fresh()
    refused(h, uri("token=one"), 1, "token 'one' has no key that can seal", "--generate makes one")
    for part in ("id=%41", "object=mine"):
        refused(h, uri("token=one;" + part), 1, "no key with that id or object", "--generate")
    refused(h, uri("token=one"), 2, "'nonsense' is no kind", "p256, rsa2048",
            more=("--generate=nonsense",))


def test_wrong_pin():
    """init with a wrong PIN from a file: one try, then none"""
    h = fresh()
    wrong = h.private("wrong", "not the right pin")
    refused(h, uri("token=one"), 3, "wrong PIN", "not tried again", ("--pin-file", wrong),
            pin=False, may_change=True)
    h.refuses("init", "--token", uri("token=one"), code=3, says="none is tried again")


def test_generate():
    """--generate makes P-256 or RSA; id= or object= picks one of several keys"""
    h = fresh()
    r = init(h, "--token", uri("token=one"), "--generate=rsa2048", "--json")
    assert r.code == 0 and r.json()["token"]["key"] == "RSA 2048", r
    assert r.json()["token"]["scheme"].startswith("rsa-oaep-"), r
    r = init(h, "--token", uri("token=one"), "--json", vault="again")
    assert r.code == 0 and r.json()["token"]["key"] == "RSA 2048", r
    r = init(h, "--token", uri("token=one;id=%42;object=mine"), "--generate", "--json", vault="ec")
    assert r.code == 0 and r.json()["token"]["key"] == "EC P-256", r
    r = init(h, "--token", uri("token=one"), vault="none")
    assert r.code == 2 and "has 2 keys that can seal" in r.err and "id=%42 ('mine'" in r.err, r
    assert not os.path.exists(os.path.join(h.home, "none"))
    for i, part in enumerate(("id=%42", "object=mine", "object=mine;id=%42")):
        r = init(h, "--token", uri("token=one;" + part), "--json", vault=f"pick{i}")
        assert r.code == 0 and r.json()["token"]["key"] == "EC P-256", r
    r = init(h, "--token", uri("token=one;object=mine;id=%41"), vault="none")
    assert r.code == 1 and "no key with that id or object" in r.err, r
    r = init(h, "--token", uri("token=one;id=%42"), "--generate", vault="none")
    assert r.code == 1 and "has a key of that id already" in r.err, r
    assert not os.path.exists(os.path.join(h.home, "none"))
    for vault in ("vault", "pick1"):
        there = ("--vault", os.path.join(h.home, vault))
        h.ok("add", "main", *ADD[2:], *there, stdin=JSON)
        assert "signature=" in h.ok(*SIGN, *there).out


def test_token_gone():
    """the embedded token's directory is gone: nothing is written, and it comes back"""
    h = embedded()
    away = h.softhsm + ".away"
    commands = ((SIGN, {}), (ADD, {"stdin": JSON}), (("rename", "main", "x"), {}),
                (("pin", "--new-pin-file", h.private("new", "a good new pin")), {}))
    os.rename(h.softhsm, away)
    for args, kw in commands:
        h.refuses(*args, code=1, says="the software token is gone", hint="backup", **kw)
    r = h.run("doctor")
    assert r.code == 1 and "fail  token         the software token is gone" in r.out, r
    os.rename(away, h.softhsm)
    h.ok(*SIGN)
    tokens = glob.glob(os.path.join(h.softhsm, "*/tokens/*"))[0]
    shutil.move(tokens, away)
    for args, kw in commands:
        h.refuses(*args, code=1, says="no token with label 'coffer'", hint="SoftHSM directory",
                  **kw)
    shutil.move(away, tokens)
    h.ok(*SIGN)


def test_other_token():
    """another token in the place of the embedded one"""
    h = embedded()
    with Home() as x:
        x.init()
        own = glob.glob(os.path.join(h.softhsm, "*/tokens"))[0]
        remove_tree(own)
        shutil.copytree(glob.glob(os.path.join(x.softhsm, "*/tokens"))[0], own)
    h.refuses(*SIGN, code=1, says="the driver shows 'coffer' (serial", hint="SoftHSM directory")


def test_key_gone():
    """the token is there, its sealing key is not"""
    h = embedded()
    for path in glob.glob(os.path.join(h.softhsm, "*/tokens/*/*.object")):
        if os.path.basename(path) != "token.object":
            os.unlink(path)
    h.refuses(*SIGN, code=1, says="key")
    h.refuses(*ADD, stdin=JSON, code=1, says="key")


def test_key_replaced():
    """another key under the id of the sealing key: told, and doctor compares them"""
    h = fresh()
    make = ("--token", uri("token=one;id=%42"), "--generate")
    there = ("--vault", os.path.join(h.home, "vault"))
    assert init(h, *make).code == 0
    h.ok("add", "main", *ADD[2:], *there, stdin=JSON)
    r = h.ok("doctor", *there)
    assert "has the key that the vault is sealed to" in r.out, r
    for path in glob.glob(os.path.join(h.home, "tokens/*/*.object")):
        if os.path.basename(path) != "token.object":
            os.unlink(path)
    assert init(h, *make, vault="other").code == 0
    hint = "another one under the same id"
    for args, kw in ((SIGN, {}), (ADD, {"stdin": JSON}), (("rename", "main", "x"), {})):
        h.refuses(*args, *there, code=1, says="could not open the wrap", hint=hint, **kw)
    r = h.run("doctor", *there)
    assert r.code == 1 and "does not show the key that the vault is sealed to" in r.out, r


def test_outside():
    """a token of a configuration of one's own, used without it"""
    h = fresh()
    r = init(h, "--token", uri("token=one"), "--generate")
    assert r.code == 0, r
    there = ("--vault", os.path.join(h.home, "vault"))
    h.ok("add", "main", *ADD[2:], *there, stdin=JSON)
    with Home() as empty:
        use_own(empty)
        h.extra_env = empty.extra_env
        h.refuses(*SIGN, *there, code=1, says="no token with label 'one'", hint="SOFTHSM2_CONF")


def as_user(h):
    """Lets root run the program as somebody whom modes bind; False when that cannot be."""
    if os.geteuid() != 0:
        return True
    tool = shutil.which("setpriv")
    if not tool:
        return False
    h.wrapper = [tool, "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    for d, dirs, files in os.walk(h.top):
        for f in [d, *(os.path.join(d, f) for f in dirs + files)]:
            os.chown(f, 65534, 65534, follow_symlinks=False)
    return all(subprocess.run([*h.wrapper, *argv], check=False, cwd="/",
                              capture_output=True).returncode == 0
               for argv in ((COFFER, "--version"), ("test", "-w", h.home)))


def set_modes(top, for_file, for_dir):
    for d, _, files in os.walk(top, topdown=for_dir == 0o700):
        os.chmod(d, 0o700)
        for f in files:
            os.chmod(os.path.join(d, f), for_file)
        os.chmod(d, for_dir)


def test_read_only():
    """a token that cannot be written: it signs; no key is made, no PIN changed"""
    h = embedded()
    new = h.private("new", "a good new pin")
    conf = glob.glob(os.path.join(h.softhsm, "*/softhsm2.conf"))[0]
    if not as_user(h):
        return "root can write everywhere, and another user cannot come here"
    second = ("--vault", os.path.join(h.home, "second"))
    set_modes(h.softhsm, 0o400, 0o500)
    try:
        assert "signature=" in h.ok(*SIGN).out
        h.refuses("pin", "--new-pin-file", new, code=1, says="token 'coffer'",
                  hint="its files can be read and written")
        h.refuses("init", "--softhsm", *second, code=1, says="permission denied")
        h.extra_env["SOFTHSM2_CONF"] = conf
        r = h.refuses("init", "--token", uri("token=coffer"), "--generate", *second, code=1,
                      says="generate a key on token 'coffer'", hint="can be read and written")
        assert not os.path.exists(second[1]), r
    finally:
        set_modes(h.softhsm, 0o600, 0o700)
    return None


if __name__ == "__main__":
    main([test_uri, test_module, test_which, test_several, test_uri_shown, test_no_key,
          test_wrong_pin, test_generate, test_token_gone, test_other_token, test_key_gone,
          test_key_replaced, test_outside, test_read_only])
