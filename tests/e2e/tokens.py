#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tokens, doctor and status say of tokens and recipients: keys, PIN, what is known against
them, one token only, untested ones, paper. On SoftHSM, and on the mock driver, which says of itself
whatever it is told to."""
import base64
import glob
import hashlib
import json
import os
import random
import subprocess

from bad_token import MODULE, make_token, uri, use_own
from lib import PIN, Home, main, shared
from mock_kit import Mock

YUBIKEY = ("manufacturer " + b"Yubico (www.yubico.com)".hex(), "model " + b"YubiKey YK5".hex())
PIV = ("manufacturer " + b"piv_II".hex(), "model " + b"PKCS#15 emulated".hex())
SPARE = "coffer recipients add --paper"
TPM_DRIVERS = glob.glob("/usr/lib/*/libtpm2_pkcs11.so.[01]")


def prepare_softhsm(h):
    """Two keys that can be sealed to and one that cannot."""
    use_own(h)
    make_token(h, "lab")
    for kind, name, ident in (("EC:prime256v1", "seal ec", "0102"), ("rsa:2048", "seal rsa", "03"),
                              ("EC:secp384r1", "no use", "04")):
        subprocess.run(["pkcs11-tool", "--module", MODULE, "--token-label", "lab", "--login",
                        "--pin", PIN, "--keypairgen", "--key-type", kind, "--label", name, "--id",
                        ident], env=h.environ(), check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


def prepare_embedded(h):
    h.init()
    h.add("main")


softhsm, embedded = shared(prepare_softhsm), shared(prepare_embedded)


def fresh_softhsm():
    h = softhsm()
    use_own(h)
    return h


def tokens(h, *args):
    """As text, and the listed tokens; asks for no PIN."""
    r = h.ok("tokens", *args, pin=False)
    return r, h.ok("tokens", *args, "--json", pin=False).json()["tokens"]


def labelled(listed, label):
    found = [t for t in listed if t.get("label") == label]
    assert len(found) == 1, listed
    return found[0]


def block(r, label):
    """The lines of one token."""
    lines, inside = [], False
    for line in r.out.splitlines():
        if not line.startswith(" "):
            inside = line == f"token '{label}'"
        elif inside:
            lines.append(line)
    assert lines, r
    return "\n".join(lines)


def rows(r, check):
    """(status, message, fix) of doctor's rows of that name."""
    return [(c["status"], c["message"], c.get("fix")) for c in r.json()["checks"]
            if c["check"] == check]


def doctor(h, **kw):
    return h.run("doctor", "--json", **kw)


def test_keys():
    """each public key: kind, id, scheme to expect, touch, a URI that init takes"""
    h = fresh_softhsm()
    r, listed = tokens(h, "--module", MODULE)
    t = labelled(listed, "lab")
    assert t["software"] and t["firmware"].startswith("2.") and t["pin"] == "ok", t
    assert "SoftHSM" in t["model"] and t["driver"] and t["module"].endswith("libsofthsm2.so"), t
    keys = {k["id"]: k for k in t["keys"]}
    assert [(keys[i]["kind"], keys[i]["label"], keys[i]["scheme_expected"]) for i in sorted(keys)] \
        == [("EC P-256", "seal ec", "ecdh-p256"), ("RSA 2048", "seal rsa", "rsa-oaep-1"),
            ("of another kind", "no use", None)], t
    assert {k["touch"] for k in t["keys"]} == {"never"}, t
    assert t["pin_is_makers"] is None and t["advisories"] == [] and t["vaults"] == "", t
    text = block(r, "lab")
    for line in ("key       EC P-256 'seal ec', id 0102", "scheme: ecdh-p256 expected; init tries",
                 "scheme: rsa-oaep-1 expected", "scheme: none, it cannot be sealed to",
                 "kind      software", "nothing against it", "opens     no vault"):
        assert line in text, f"{line!r} not in {text}"
    shown = keys["03"]["uri"]
    assert ";id=%03?" in shown and f"URI: {shown}\n" in r.out, r
    h.ok("init", "--token", shown)
    t = labelled(tokens(h, "--module", MODULE)[1], "lab")
    assert t["vaults"] == h.fingerprint(), t


def test_overwritten():
    """another key has the id of the vault's: the token does not open it any more, and says so"""
    with Home() as h:
        use_own(h)
        make_token(h, "lab")
        tool = ["pkcs11-tool", "--module", MODULE, "--token-label", "lab", "--login", "--pin", PIN]

        def generate():
            subprocess.run([*tool, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "03"],
                           env=h.environ(), check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)

        generate()
        h.ok("init", "--token", uri("token=lab;id=%03"))
        fingerprint = h.fingerprint()
        for kind in ("privkey", "pubkey"):
            subprocess.run([*tool, "--delete-object", "--type", kind, "--id", "03"],
                           env=h.environ(), check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        t = labelled(tokens(h, "--module", MODULE)[1], "lab")
        assert (t["vaults"], t["vaults_lost"]) == (fingerprint, ""), t    # not shown is not told
        generate()
        r, listed = tokens(h, "--module", MODULE)
        t = labelled(listed, "lab")
        assert (t["vaults"], t["vaults_lost"]) == ("", fingerprint), t
        text = block(r, "lab")
        assert f"had the key of vault {fingerprint}; the key under that id is now another" in text, r
        assert "opens     no vault of this machine" in text, r
        r = doctor(h)
        assert [x[0] for x in rows(r, "token")] == ["warn", "fail"], r
        assert rows(r, "login") == rows(r, "opening") == [], r    # the cause is told, once
        assert "see the row 'token'" in rows(r, "records")[0][2], r


def test_asked_module():
    """with --module that driver alone; else one line for each that has nothing to do here"""
    h = embedded()
    r = h.ok("tokens", "--module", MODULE, pin=False)
    listed = h.ok("tokens", "--module", MODULE, "--json", pin=False).json()["tokens"]
    assert {os.path.realpath(t["module"]) for t in listed} == {os.path.realpath(MODULE)}, listed
    assert labelled(listed, "coffer") and "module /" not in r.out.replace("  module", ""), r
    r = h.ok("tokens", pin=False)
    for line in r.out.splitlines():
        assert not line.startswith("module /") or ": no token (" in line, r
    assert "does not work" not in r.out, r


def test_quiet_tpm():
    """the driver of TPMs writes on stderr what it does not find: not in a list of tokens"""
    h = embedded()
    for module in TPM_DRIVERS:
        r = h.run("tokens", "--module", module, pin=False)
        assert "ERROR" not in r.err and "WARNING" not in r.err, r
    r = h.run("tokens", pin=False)
    assert "ERROR" not in r.err and "WARNING" not in r.err, r


def test_embedded():
    """an embedded token has keys, opens its vault, and is named by no URI"""
    h = embedded()
    r, listed = tokens(h)
    t = labelled(listed, "coffer")
    assert "uri" not in t and all("uri" not in k for k in t["keys"]), t
    assert t["keys"] and t["vaults"] == h.fingerprint(), t
    assert "none: an embedded token is reached by --softhsm" in block(r, "coffer"), r


def test_pin_states():
    """what the driver tells of the PIN, and the command of that token that mends it"""
    with Mock() as h:
        for flags, model, pin, fix in (
                ("LOCKED", YUBIKEY, "locked", "ykman piv access unblock-pin"),
                ("LOCKED", PIV, "locked", "pkcs15-tool --unblock-pin"),
                ("LOCKED", (), "locked", "PUK"),
                ("FINAL_TRY", YUBIKEY, "ONE TRY LEFT", "yubico-piv-tool -a verify-pin"),
                ("COUNT_LOW", (), "a wrong PIN was entered", "right PIN"),
                (None, YUBIKEY, "ok", ""),
                (None, PIV, "not locked, and not at its last try; the driver tells no more", "")):
            h.script(*model, *([f"flags {flags}"] if flags else []))
            r, listed = tokens(h, "--module", h.module)
            t = labelled(listed, "mock")
            assert t["pin"] == pin and fix in t["pin_fix"], (flags, model, t)
            assert t["pin_is_makers"] is None, t    # not told is not 'no'
            assert "still the maker's is not told" in block(r, "mock"), r


def test_default_pin():
    """a driver that tells that the PIN is the maker's is believed, loudly"""
    with Mock() as h:
        h.script("flags TO_BE_CHANGED")
        r, listed = tokens(h, "--module", h.module)
        t = labelled(listed, "mock")
        assert t["pin_is_makers"] is True, t
        assert [(a["id"], a["level"]) for a in t["advisories"]] == [("default-pin", "BAD")], t
        assert "BAD       default-pin: " in block(r, "mock"), r


def test_advisories():
    """what is known of a token by what its driver says; unknown is not shown as well"""
    with Mock() as h:
        for script, want in (((), []), (YUBIKEY, ["EUCLEAK"]), (PIV, ["EUCLEAK"])):
            h.script(*script)
            r, listed = tokens(h, "--module", h.module)
            t = labelled(listed, "mock")
            assert [a["id"] for a in t["advisories"]] == want, t
            assert all(a["message"] and a["fix"] for a in t["advisories"]), t
            text = block(r, "mock")
            assert ("not known here" in text) == (not want), r
        h.script("set no-public")
        assert "none is shown before a login" in block(tokens(h, "--module", h.module)[0], "mock")
        h.script("C_FindObjectsInit rv=0x30")
        r, listed = tokens(h, "--module", h.module)
        assert "key       not read: " in block(r, "mock") and "none is shown" not in r.out, r
        assert labelled(listed, "mock")["keys_error"], listed


def test_doctor_advisories():
    """doctor judges the vault's own token: known against it, PIN to unlock, driver gone"""
    with Mock() as m:
        h = m.made()
        assert rows(doctor(h), "advisory") == [], doctor(h).out
        h.fresh(*YUBIKEY)
        found = rows(doctor(h, pin=False), "advisory")
        assert [f[0] for f in found] == ["warn"] and "EUCLEAK" in found[0][1], found
        h.fresh("flags TO_BE_CHANGED")
        r = doctor(h, pin=False)
        assert r.code == 1 and rows(r, "advisory")[0][0] == "fail", r
        h.fresh(*YUBIKEY, "flags LOCKED")
        found = rows(doctor(h, pin=False), "PIN")
        assert found[0][0] == "fail" and "ykman piv access unblock-pin" in found[0][2], found
        h.fresh()
        os.rename(h.module, h.module + ".away")
        r = doctor(h, pin=False)
        assert r.code == 1 and "no such file" in rows(r, "token")[0][1], r
        r = doctor(h)    # told once, though a PIN is given
        assert rows(r, "login") == [] and [c["status"] for c in r.json()["checks"]].count("fail") \
            == 1, r
        assert "see the row 'token'" in rows(r, "records")[0][2], r


def test_one_token():
    """one token only: doctor and status ask for a spare"""
    h = embedded()
    (found,) = rows(doctor(h), "recovery")
    assert found[0] == "warn" and "one token opens this vault" in found[1], found
    assert SPARE in found[2] and "recipients add URI" in found[2], found
    assert glob.glob(h.softhsm + "/*")[0] in found[2], found
    r = h.ok("status", pin=False)
    assert "one token opens this vault: if it is lost, so is the vault" in r.out, r
    (command,) = [a["command"] for a in h.ok("status", "--json", pin=False).json()["attention"]
                  if a["what"] == "no-spare"]
    assert SPARE in command and "recipients add URI" in command, command


def test_spare_away():
    """a spare that is not plugged in is no fault while another token is there"""
    with Home() as h:
        use_own(h)
        make_token(h, "one")
        before = set(glob.glob(h.home + "/tokens/*"))
        make_token(h, "two")
        (two,) = set(glob.glob(h.home + "/tokens/*")) - before
        h.ok("init", "--token", uri("token=one"), "--generate")
        h.ok("recipients", "add", uri("token=two"), "--generate", "--new-pin-file", h.pin_file,
             "--yes")
        r = doctor(h)
        assert rows(r, "recovery") == [] and len(rows(r, "token")) == 3, r
        os.rename(two, h.top + "/away")
        r = doctor(h)
        found = [x for x in rows(r, "token") if "'two'" in x[1]]
        assert r.code == 0 and found[0][0] == "ok" and "not plugged in" in found[0][1], r
        assert "no-spare" not in h.ok("status", "--json", pin=False).out
        for one in before:
            os.rename(one, h.top + "/other")
        r = doctor(h, pin=False)
        assert r.code == 1 and [x[0] for x in rows(r, "token")] == ["fail", "fail"], r


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    n = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(n)]) + n + body


def integer(v):
    return der(2, v.to_bytes(v.bit_length() // 8 + 1, "big"))


def rsa_spki(modulus):
    algorithm = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    return der(0x30, algorithm, der(3, b"\0", der(0x30, integer(modulus), integer(65537))))


def weak_modulus():
    """65537 to some power, modulo the primes up to 167: what gives such keys away."""
    m = 1
    for p in range(2, 168):
        if all(p % d for d in range(2, p)):
            m *= p
    n = random.Random(1).getrandbits(2048) | 3 << 2046
    return n - n % m + pow(65537, 12345, m)


def edit_recipients(h, change):
    """Into vault.json as it stands on the disk: without a PIN it is read unauthenticated."""
    path = os.path.join(h.vault, "vault.json")
    with open(path, "rb") as f:
        body, mac = f.read().splitlines()
    v = json.loads(body)
    change(v["recipients"])
    with open(path, "wb") as f:
        f.write(json.dumps(v, separators=(",", ":")).encode() + b"\n" + mac + b"\n")


def recipient(like, spki, scheme, **more):
    return {**like, "rid": b64(hashlib.sha256(spki).digest()), "spki": b64(spki), "scheme": scheme,
            **more}


def test_weak_recipient():
    """the fingerprint of a broken generator in a recipient's key, whose token is elsewhere"""
    h = embedded()

    def add_weak(listed):
        listed.append(recipient(listed[0], rsa_spki(weak_modulus()), "rsa-oaep-256", label="weak",
                                serial="", tested=False, wrap=b64(bytes(256 + 48))))

    edit_recipients(h, add_weak)
    r = doctor(h, pin=False)
    (found,) = rows(r, "advisory")
    assert r.code == 1 and found[0] == "fail" and "'weak'" in found[1], r
    assert "CVE-2017-15361" in found[1] and "rotate --seal" in found[2], found
    assert rows(r, "recovery") == [], r


def test_untested():
    """a recipient that has never opened the vault is called UNTESTED everywhere"""
    h = embedded()

    def untest(listed):
        listed[0]["tested"] = False

    edit_recipients(h, untest)
    (found,) = rows(doctor(h, pin=False), "recipient")
    assert found[0] == "warn" and "UNTESTED" in found[1] and "recipients test" in found[2], found
    r = h.ok("status", pin=False)
    assert "token 'coffer' is UNTESTED" in r.out and ", UNTESTED, known here" in r.out, r
    j = h.ok("status", "--json", pin=False).json()
    assert "recipient-untested" in [a["what"] for a in j["attention"]], j
    assert j["tokens"][0]["tested"] is False, j
    assert "), UNTESTED\n" in h.ok("show", "main", pin=False).out


def test_paper():
    """paper is never called a token"""
    h = embedded()

    def paper(listed):
        listed[0].update(kind="paper", label="paper", serial="", key_id="")

    edit_recipients(h, paper)
    r = doctor(h, pin=False)
    assert any("paper, not a token" in x[1] for x in rows(r, "recipient")), r
    assert "no token does" in rows(r, "recovery")[0][1], r
    r = h.ok("status", pin=False)
    assert "paper        'paper' (paper, not a token," in r.out, r
    assert "only paper opens this vault, no token" in r.out, r


def test_pin_each_time():
    """a key that asks for the PIN before every use is no candidate; a PIV token makes none itself"""
    bent = "attr CKA_ALWAYS_AUTHENTICATE hex=01 of=private"
    with Mock() as h:
        own = ("--pin-file", h.private("own-pin", "87654321"))    # of a length that PIV takes
        for model, fix in (((), "--generate makes one"), (YUBIKEY, "in slot 9d, which is id=%03")):
            h.fresh(*model, bent, "pin 87654321")
            h.refuses("init", "--token", h.uri(), *own, pin=False, code=1, hint=fix,
                      says="asks for the PIN again before every use")
        h.fresh(*YUBIKEY, "C_GenerateKeyPair rv=0x103", "pin 87654321")
        for hint in ("replaces what is there: yubico-piv-tool -a status",
                     "yubico-piv-tool -a generate -s 9d -A ECCP256"):
            h.refuses("init", "--token", h.uri("token=mock"), "--generate", *own, pin=False, code=1,
                      hint=hint, says="generate a key on token 'mock'")
        h.fresh("attr CKA_ALWAYS_AUTHENTICATE hex=00 of=private")
        h.ok("init", "--token", h.uri())
        h.add("main")
        h.script(bent)    # what is sealed to such a key already is still opened
        assert "signature=" in h.ok("sign", "main", "GET", "/api/v3/account").out


def test_help():
    """help for a part of recipients is that of recipients; other commands have no parts"""
    with Home() as h:
        whole = h.ok("help", "recipients", pin=False).out
        assert h.ok("help", "recipients", "add", pin=False).out == whole
        h.refuses("help", "add", "it", pin=False, code=2, says="'coffer add' has no parts")


def test_no_driver():
    """a driver that does not load: told, with exit 1 where it was asked for"""
    with Home() as h:
        r = h.run("tokens", "--module", "/nonexistent.so", pin=False)
        assert r.code == 1 and "does not work: " in r.out and "fix: install the driver" in r.out, r


if __name__ == "__main__":
    main([test_keys, test_overwritten, test_asked_module, test_quiet_tpm, test_embedded,
          test_pin_states, test_default_pin, test_advisories, test_doctor_advisories,
          test_one_token, test_spare_away, test_weak_recipient, test_untested, test_paper,
          test_pin_each_time, test_help, test_no_driver])
