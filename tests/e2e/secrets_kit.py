# SPDX-License-Identifier: Apache-2.0
"""What the tests of where secrets end up share: keys of every kind at a simulated exchange, a home
whose every directory is searched, each command once, and the forms that a secret takes."""
import functools
import hashlib
import json
import os
import tempfile
import urllib.parse

import kit
import lib
import request
import rotate_secrets as rotated

KINDS = (("binance", "hmac"), ("binance", "ed25519"), ("binance", "rsa"), ("okx", "hmac"),
         ("kraken", "hmac"), ("coinbase", "p256"), ("coinbase", "ed25519"))
SYMBOLS = {"binance": "BTCUSDT", "okx": "BTC-USDT", "kraken": "XBTUSD", "coinbase": "BTC-USD"}
WRONG = {"binance": ("GET", "/api/v3/openOrders?symbol=NOPE"),
         "okx": ("GET", "/api/v5/trade/order?instId=BTC-USDT&ordId=1"),
         "kraken": ("POST", "/0/private/QueryOrders", "-d", "txid=nope"),
         "coinbase": ("GET", "/api/v3/brokerage/orders/historical/nope")}
SECRET_FIELDS = ("api_secret", "private_key_pem", "privateKey")
LABELS = {"binance": ("API key", "Secret key"), "kraken": ("API key", "Private key")}
RISK = ("--accept-risk", "as a test")


# -- the forms of a secret --

@functools.lru_cache(None)
def raw(key):
    """The secret as bytes: as stored and as it signs; of Ed25519 also what makes the nonces."""
    out = list(rotated.raw(key))
    if key.key_type == "ed25519":
        out += [hashlib.sha512(one).digest()[32:] for one in out if len(one) == 32]
    return out


@functools.lru_cache(None)
def signing(key):
    """What would show in a file, in output or on the wire; the passphrase is none of it."""
    out = rotated.forms(key)
    for one in raw(key):
        out |= {one, one.hex().encode(), one.hex().upper().encode()}
    return frozenset(out - {key.fields.get("passphrase", "").encode()})


@functools.lru_cache(None)
def in_memory(key):
    """As in memory: numbers also in little-endian words, HMAC's key also padded, lines of a PEM.
    The halves of each, so that a secret that is wiped in part is found too."""
    out = {x.encode() for x in kit.secrets_of(key.credentials) if 15 < len(x) < 100}
    if key.key_type == "ed25519" and key.exchange.startswith("coinbase"):
        out |= {key.secret[:40].encode()}       # the rest is the public key
    for one in raw(key):
        shapes = [one, one[::-1], one.hex().encode()]
        if key.key_type == "hmac":
            shapes += [bytes(b ^ x for b in one) for x in (0x36, 0x5c)]
        if key.key_type == "ed25519" and len(one) > 32:
            shapes = [one]
        for s in shapes:
            out |= {s} if len(s) < 32 else {s[:16], s[-16:]}
    return frozenset(out)


def passphrases(keys):
    return {k.fields["passphrase"].encode() for k in keys if "passphrase" in k.fields}


def absent(data, keys, where, forms=signing):
    for key in keys:
        for form in forms(key):
            assert form not in data, f"a secret of {key!r} is in {where}"


def hidden(data, keys, where):
    """As absent; the passphrase and the PIN are not to be there either."""
    absent(data, keys, where)
    for other in passphrases(keys) | {lib.PIN.encode()}:
        assert other not in data, f"a passphrase or the PIN is in {where}"


def is_found(search, key):
    """Whether a search that should find it does."""
    try:
        search(b"<" + key.secret.strip().encode() + b">")
    except AssertionError:
        return True
    return False


# -- one home, one exchange, every command --

class World:
    """Remembers what was printed, and all keys that were made."""

    def __init__(self, x, h):
        self.x, self.h, self.keys, self.said = x, h, [], []
        for name in ("tmp", "run", "cache"):
            os.mkdir(os.path.join(h.top, name), 0o700)
        h.extra_env.update(TMPDIR=os.path.join(h.top, "tmp"),
                           XDG_RUNTIME_DIR=os.path.join(h.top, "run"),
                           XDG_CACHE_HOME=os.path.join(h.top, "cache"))
        for e in SYMBOLS:
            x.funds("A1", {"USDT": "1000", "USD": "1000", "ZUSD": "1000", "USDC": "1000"}, e)
        h.init()

    def key(self, exchange, key_type, **more):
        self.keys.append(self.x.key(exchange, key_type=key_type, **more))
        return self.keys[-1]

    def net(self):
        return ("--connect-to", self.x.connect_to, "--ca-file", self.x.ca_file)

    def start(self, args, kw):
        """What runs the command: a Result."""
        if "answers" in kw:
            pin = ("--pin-file", self.h.pin_file) if kw.pop("pin", True) else ()
            return self.h.tty(*args, *pin, **kw)
        return self.h.run(*args, **kw)

    def run(self, *args, code=0, **kw):
        r = self.start(args, kw)
        self.said.append((" ".join(args), r.out + r.err))
        kit.calm(r)
        assert r.code == code, f"exit {code} expected\n{r}"
        return r

    def add(self, name, key, *more, code=0, fields=None):
        return self.run("add", name, key.exchange, *self.net(), "--from-json", "-", *more,
                        code=code, stdin=json.dumps(fields or key.fields))


def with_secret_of(key, other):
    """A credential whose secret is another key's."""
    return {n: other.fields[n] if n in SECRET_FIELDS else v for n, v in key.fields.items()}


def adds(w, exchange, key_type, name, *more):
    """add: refused for a danger, with a wrong secret, while the exchange is down; then sealed."""
    bad, late, good = (w.key(exchange, key_type, withdraw=i == 0) for i in range(3))
    w.add("bad", bad, *more, code=5)
    w.add("bad", late, *RISK, *more, code=4, fields=with_secret_of(late, bad))
    w.x.fail("closed", exchange)
    w.add("bad", late, *more, code=1)
    w.add(name + "-late", late, *RISK, *more)
    w.x.heal()
    w.add(name, good, *RISK, *more)
    return good


def order_args(exchange, name):
    path, params = request.ORDER[exchange]
    params = {n: urllib.parse.quote(os.urandom(8).hex()) if n == "client_order_id" else v
              for n, v in params.items()}
    if exchange in ("okx", "coinbase"):
        return ("request", name, "POST", path, "-d", json.dumps(params))
    text = urllib.parse.urlencode(params)
    if exchange == "binance":
        return ("request", name, "POST", path + "?" + text)
    return ("request", name, "POST", path, "-d", text)


def uses(w, exchange, name, *more):
    """What is done with a sealed key."""
    w.run("verify", name, *more)
    w.run("verify", name + "-late", *RISK, *more)
    w.run("verify", name, "--trade", SYMBOLS[exchange], "--yes", *more)
    w.run("balance", name, *more)
    w.run("request", name, *request.READ[exchange], *more)
    w.run(*order_args(exchange, name), *more)
    w.run("request", name, *WRONG[exchange], *more, code=4)


def typed(w, exchange, key_type, name):
    """add at a terminal: given up for a danger, then sealed."""
    for right, code, rest in ((True, 5, [("What now?", "g")]), (False, 0, [])):
        key = w.key(exchange, key_type, withdraw=right)
        more = RISK if not right else ()
        fields = zip(LABELS[exchange], (key.id, key.secret))
        w.run("add", name, exchange, *w.net(), *more, answers=[*fields, *rest], code=code)


def all_keys(w, *more):
    """What is done to all keys at once, or needs none; some exchanges' keys are gone by now."""
    w.run("verify", *more)
    for args in (("status",), ("list",), ("guide",), ("guide", "okx")):
        w.run(*args, *more, pin=False)
    w.run("review", "--json", pin=False)
    generate = lib.TOKEN["generate"] if lib.TOKEN else ()
    if generate is not None:
        w.run("rotate", "--seal", "--yes", *generate, *more)
    w.run("verify", *more)


def review(w, name):
    """Of a key whose rights the exchange tells, so that only these are asked."""
    w.run("review", name, pin=False, answers=[(q, "n") for q in (
        "e-mail address", "second factor", "anti-phishing", "withdrawal addresses",
        "nowhere else")])


# -- files --

def files_below(top, since=None):
    """(path, bytes) of each; with since only of those changed after it."""
    for d, _, files in os.walk(top):
        for f in files:
            path = os.path.join(d, f)
            try:
                st = os.lstat(path)
                if since and (st.st_ctime < since or st.st_size > 1 << 24):
                    continue
                if not os.path.isfile(path) or os.path.islink(path):
                    continue
                with open(path, "rb") as h:
                    yield path, h.read()
            except OSError:
                continue                        # another test's, gone or not for us


def search_files(w, since):
    """Everything below the home's top, and what is new where programs drop files. How many."""
    n, others = 0, passphrases(w.keys)
    for path, data in files_below(w.h.top):
        if path != w.h.pin_file:
            hidden(data + path.encode(), w.keys, path)
            n += 1
    for top in {"/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir()}:
        for path, data in files_below(top, since):  # PIN files of other tests may be among them
            absent(data + path.encode(), w.keys, path)
            assert not any(x in data for x in others), f"a passphrase is in {path}"
    return n
