# SPDX-License-Identifier: Apache-2.0
"""What the tests of rotate share: a home and an exchange of their own, the commands as a person
would give them, and what must hold after each."""
import json
import os

import kit
import lib

SAID = []           # everything that coffer printed here
SECRETS = set()
READ = {"binance": ("GET", "/api/v3/account"), "okx": ("GET", "/api/v5/account/balance"),
        "kraken": ("POST", "/0/private/Balance"),
        "coinbase_advanced_trade": ("GET", "/api/v3/brokerage/accounts")}
# What OKX and Kraken cannot separate from trading, or cannot tell, of an ordinary key.
ALWAYS = {"okx": ["may-transfer"], "kraken": ["transfer-unknown"]}
EXCHANGES = ("binance", "okx", "kraken", "coinbase")
TYPED = {"binance": (("API key", "api_key"), ("Secret key", "api_secret")),
         "kraken": (("API key", "api_key"), ("Private key", "api_secret"))}


def hide(key):
    """Its secrets are looked for at the end."""
    SECRETS.update(kit.secrets_of({"api_secret": key.secret, "private_key_pem": key.secret}))
    if "passphrase" in key.fields:
        SECRETS.add(key.fields["passphrase"])


def no_secret_said():
    assert len(SECRETS) > 5 and len(SAID) > 10
    for text in SAID:
        lib.no_secret(text, *SECRETS, lib.PIN)


class Desk:
    """A vault of its own at exchanges of its own. prepare: makes the vault, once per script."""

    def __init__(self, x, h):
        self.x, self.h = x, h

    def heard(self, r):
        SAID.append(r.out + r.err)
        kit.calm(r)
        return r

    def file(self, key, name="key.json"):
        hide(key)
        return self.h.private(name, json.dumps(key.fields))

    def net(self):
        return ("--connect-to", self.x.connect_to, "--ca-file", self.x.ca_file)

    def add(self, key, name="mm1", *more):
        risk = ("--accept-risk", "seen on the site") if key.exchange in ALWAYS else ()
        r = self.heard(self.h.run("add", name, key.exchange, "--env", key.env, *self.net(),
                                  "--from-json", self.file(key), *risk, *more))
        assert r.code == 0, r
        return key

    def start(self, exchange="binance", name="mm1", **more):
        return self.add(self.x.key(exchange, **more), name)

    def rotate(self, key, *more, name="mm1", file=None, **kw):
        return self.heard(self.h.run("rotate", name, "--from-json", file or self.file(key), *more,
                                     **kw))

    def finish(self, *more, name="mm1"):
        return self.heard(self.h.run("rotate", name, "--finish", *more))

    def type_in(self, talk, *more, name="mm1", **kw):
        """rotate at a terminal. talk: lists of what is asked and answered, in order."""
        r = self.h.tty("rotate", name, "--pin-file", self.h.pin_file, *more,
                       answers=[pair for part in talk for pair in part], **kw)
        SAID.append(r.out)
        return r

    @staticmethod
    def typed(key):
        hide(key)
        return [(label, key.fields[f]) for label, f in TYPED[key.exchange]]

    def listed(self, name="mm1"):
        keys = self.h.ok("list", "--json", pin=False).json()["keys"]
        return next((k for k in keys if k["name"] == name), None)

    def risks(self, name="mm1"):
        """By their kind, without the words of what was seen."""
        return {r["problem"].partition(":")[0]: r["reason"] for r in self.listed(name)["risks"]}

    def is_retiring(self, name="mm1"):
        return bool(self.listed(name).get("retiring"))

    def signs_with(self, name="mm1"):
        """The public part of the key that a signed request carries."""
        r = self.h.ok("sign", name, *READ[self.listed(name)["connector"]], "--json")
        heads = {k.lower(): v for k, v in r.json()["headers"].items()}
        for head in ("x-mbx-apikey", "ok-access-key", "api-key"):
            if head in heads:
                return heads[head]
        jwt = heads["authorization"].partition("Bearer ")[2].split(".")[0]
        return json.loads(kit.base64.urlsafe_b64decode(jwt + "=="))["kid"]

    def in_place(self, key, name="mm1", retiring=False):
        assert self.signs_with(name) == key.id, "another key signs"
        assert self.is_retiring(name) == retiring, f"retiring: {self.is_retiring(name)}"

    def kept(self):
        """All files but the marks of nonces, which rise with each try."""
        return {p: b for p, b in self.h.kept().items() if not p.endswith(".nonce")}

    def untouched(self, old, r, code, said, before, hint=None, in_place="the old key is in place",
                  name="mm1"):
        """A refusal after which all is as it was."""
        kit.judge_refusal(r, code, said, hint)
        assert not in_place or in_place in r.err, r
        after = self.kept()
        assert after == before, [p for p in {*after, *before} if after.get(p) != before.get(p)]
        self.in_place(old, name)

    def refused(self, old, new, code, said, *more, hint=None, name="mm1"):
        before = self.kept()
        r = self.rotate(new, *more, name=name)
        self.untouched(old, r, code, said, before, hint, name=name)
        return r

    def files(self):
        return sorted(os.listdir(self.h.records))


def desk(fresh):
    """Decorates a test: it gets a Desk with an empty vault."""
    def wrap(test):
        def run():
            with lib.exchange() as x:
                return test(Desk(x, fresh()))
        run.__doc__, run.__name__ = test.__doc__, test.__name__
        return run
    return wrap
