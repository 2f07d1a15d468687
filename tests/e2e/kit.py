# SPDX-License-Identifier: Apache-2.0
"""What the tests of bad input, faults and secrets share on top of lib.py: a credential of each
kind, keys made by openssl, and the check that a refused command changed and told nothing."""
import atexit
import base64
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile

import lib


def credential(vector_file, field):
    """The first credential of a vector file that has this field."""
    for c in lib.vectors(vector_file).values():
        if field in c["credentials"] and len(c["credentials"][field]) > 40 or field == "passphrase":
            return c["credentials"]
    raise KeyError(field)


HMAC = lib.BINANCE
OKX = credential("okx", "passphrase")
KRAKEN = credential("kraken", "api_secret")
COINBASE_EC = credential("coinbase", "private_key_pem")
COINBASE_ED = credential("coinbase", "api_secret")
RSA = lib.vectors("binance")["ccxt_rsa_get_no_params_account"]["credentials"]
ED = lib.vectors("binance")["ccxt_ed25519_get_no_params_account"]["credentials"]

# name, exchange, credential, a request of class read
KINDS = [
    ("b-hmac", "binance", HMAC, ("GET", "/api/v3/account")),
    ("b-rsa", "binance", RSA, ("GET", "/api/v3/account")),
    ("b-ed", "binance", ED, ("GET", "/api/v3/account")),
    ("okx", "okx", OKX, ("GET", "/api/v5/account/balance")),
    ("kraken", "kraken", KRAKEN, ("POST", "/0/private/Balance")),
    ("c-ec", "coinbase", COINBASE_EC, ("GET", "/api/v3/brokerage/accounts")),
    ("c-ed", "coinbase", COINBASE_ED, ("GET", "/api/v3/brokerage/accounts")),
]


def pem_body(pem):
    return "".join(x for x in pem.splitlines() if x and not x.startswith("---"))


def openssl(*args, stdin=b""):
    return subprocess.run(["openssl", *args], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True).stdout


def openssl_version():
    return openssl("version").decode().split()[1]


@functools.lru_cache(None)
def key(kind):
    """A private key in PEM: ed25519, p256, p256-sec1, k256, rsa1024, rsa2048."""
    top = tempfile.mkdtemp(prefix="keys-", dir=os.environ.get("TMPDIR"))
    atexit.register(shutil.rmtree, top, True)
    out = os.path.join(top, "key.pem")
    if kind.startswith("rsa"):
        how = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:" + kind[3:]]
    elif kind == "ed25519":
        how = ["-algorithm", "ED25519"]
    else:
        curve = "secp256k1" if kind == "k256" else "P-256"
        how = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve]
    openssl("genpkey", *how, "-out", out)
    if kind == "p256-sec1":
        return openssl("pkey", "-in", out, "-traditional").decode()
    with open(out, encoding="ascii") as f:
        return f.read()


def secrets_of(creds):
    """The texts of a credential that must never be printed: whole, and each line of a PEM."""
    out = []
    for name in ("api_secret", "private_key_pem"):
        if name in creds and isinstance(creds[name], str):
            text = creds[name].strip()
            out += [x for x in [text, *text.splitlines()] if len(x) > 7 and "-----" not in x]
    return out


def calm(r):
    """No crash, no sanitizer report, whatever the exit code."""
    assert r.code >= 0, r
    for word in ("Sanitizer", "runtime error", "Traceback", "(null)"):
        assert word not in r.err, r


def refused(h, code, said, *args, secrets=(), hint=None, changes=False, **kw):
    """Runs coffer, which must fail with code and say 'said' (one text or several) in one lower-case
    line, tell the hint, print no secret and leave every file as it was."""
    before = h.snapshot()
    r = h.run(*args, **kw)
    judge_refusal(r, code, said, hint, secrets)
    if not changes:
        assert h.snapshot() == before, f"files were changed\n{r}"
    return r


def judge_refusal(r, code, said, hint=None, secrets=()):
    calm(r)
    assert r.code == code, f"exit code {code} expected\n{r}"
    lines = [x for x in r.err.splitlines() if x.startswith("coffer: ")]
    assert len(lines) == 1 and not lines[0].endswith("."), r
    for text in [said] if isinstance(said, str) else said:
        assert text in lines[0], f"{text!r} expected\n{r}"
    for text in [] if hint is None else [hint] if isinstance(hint, str) else hint:
        assert any(x.startswith("hint: ") and text in x for x in r.err.splitlines()), \
            f"hint {text!r} expected\n{r}"
    lib.no_secret(r.out + r.err, *secrets)


NO_VERIFY = ("--no-verify", "--accept-risk", "test")


def add_args(name, exchange):
    return ("add", name, exchange, *NO_VERIFY, "--from-json", "-")


def bad_creds(h, code, said, exchange, creds, hint=None):
    """An add that must be refused for what the credential is. creds: a dict, or JSON as text."""
    text = creds if isinstance(creds, (str, bytes)) else json.dumps(creds)
    secrets = secrets_of(creds) if isinstance(creds, dict) else ()
    return refused(h, code, said, *add_args("new-key", exchange), stdin=text, hint=hint,
                   secrets=secrets)


def signed(h, name, method, url, body="", **clock):
    """What coffer prints for a request with a fixed clock."""
    request = {"method": method, "url": url, "body": body,
               "clock": {"timestamp_ms": 1719830465124, "nonce": "1719830465124", **clock}}
    return h.ok("sign", name, "--request", "-", stdin=json.dumps(request)).json()


def private_namespace(*extra):
    """What to put before a command so that it may mount file systems, or None."""
    for enter in (["unshare", "-m"], ["unshare", "-Urm"]):
        if (enter == ["unshare", "-m"]) != (os.geteuid() == 0):
            continue
        try:
            p = subprocess.run([*enter, "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        except FileNotFoundError:
            return None
        if p.returncode == 0:
            return [*enter, *extra]
    return None


def rerun_in_namespace(script, word):
    """Runs the calling script again, as 'script word', where it may mount. None, or why not."""
    enter = private_namespace()
    if not enter:
        return "not run: no private mount namespace can be had here"
    p = subprocess.run([*enter, sys.executable, script, word], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, check=False)
    assert p.returncode == 0, p.stdout
    return None


def b64(data):
    return base64.b64encode(data).decode()
