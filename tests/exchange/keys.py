# SPDX-License-Identifier: Apache-2.0
"""API keys as an exchange keeps them: what a key is called, what it may do, and what the person
who made it carries home. All are random and good for nothing elsewhere."""
import base64
import ipaddress
import random
import secrets
import string
import subprocess
import time
import uuid

from .hosts import BINANCE, COINBASE, KRAKEN, OKX, exchange_name

ALNUM = string.ascii_letters + string.digits
ENVS = {BINANCE: ("live", "test", "demo"), OKX: ("live", "demo"), KRAKEN: ("live",),
        COINBASE: ("live", "test")}
TYPES = {BINANCE: ("hmac", "rsa", "ed25519"), OKX: ("hmac",), KRAKEN: ("hmac",),
         COINBASE: ("p256", "ed25519")}
CLIENT = ipaddress.ip_address("127.0.0.1")
DAY_MS = 86_400_000
NULL = object()


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout


def new_private_key(key_type):
    """PEM text, PKCS#8, or SEC1 for P-256."""
    if key_type == "rsa":
        return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048").decode()
    if key_type == "ed25519":
        return openssl("genpkey", "-algorithm", "ED25519").decode()
    pem = openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout").decode()
    assert "BEGIN EC PRIVATE KEY" in pem
    return pem


def seed_and_public(pem):
    """The 64 bytes that Coinbase hands out for an Ed25519 key, in base64."""
    seed = openssl("pkey", "-outform", "DER", data=pem.encode())[-32:]
    public = openssl("pkey", "-pubout", "-outform", "DER", data=pem.encode())[-32:]
    return base64.b64encode(seed + public).decode()


def text(length):
    return "".join(secrets.choice(ALNUM) for _ in range(length))


def new_fields(exchange, key_type):
    """What the exchange shows once, by the names that it uses in files."""
    if exchange == BINANCE:
        if key_type == "hmac":
            return {"api_key": text(64), "api_secret": text(64)}
        return {"api_key": text(64), "private_key_pem": new_private_key(key_type)}
    if exchange == OKX:
        return {"api_key": str(uuid.uuid4()), "api_secret": secrets.token_hex(16).upper(),
                "passphrase": "Fake-" + text(10) + "1!"}
    if exchange == KRAKEN:
        return {"api_key": base64.b64encode(secrets.token_bytes(42)).decode(),
                "api_secret": base64.b64encode(secrets.token_bytes(64)).decode()}
    name = f"organizations/{uuid.uuid4()}/apiKeys/{uuid.uuid4()}"
    if key_type == "ed25519":
        return {"name": str(uuid.uuid4()), "privateKey": seed_and_public(new_private_key(key_type))}
    return {"name": name, "privateKey": new_private_key(key_type)}


def credentials(fields):
    """The same under the names that tests/checker.py uses."""
    creds = {"api_key": fields.get("api_key") or fields.get("name") or fields.get("id")}
    for name in ("api_secret", "private_key_pem", "passphrase"):
        if name in fields:
            creds[name] = fields[name]
    if "privateKey" in fields:
        is_pem = "-----BEGIN" in fields["privateKey"]
        creds["private_key_pem" if is_pem else "api_secret"] = fields["privateKey"]
    return creds


class Key:
    """One key. Every attribute may be changed while the exchange runs."""

    def __init__(self, exchange, env="live", region=None, key_type=None, *, read=True, spot=True,
                 futures=False, withdraw=False, transfer=False, ip=("127.0.0.1",), created_ms=None,
                 expires_ms=None, account="A1", label="coffer", fields=None):
        self.exchange = exchange_name(exchange)
        if key_type in (None, "hmac", "ec") and self.exchange == COINBASE:
            key_type = "p256"
        self.key_type = key_type or "hmac"
        self.env = env
        self.region = (region or "www") if self.exchange == OKX else None
        if env not in ENVS[self.exchange] or self.key_type not in TYPES[self.exchange]:
            raise ValueError(f"{self.exchange} has no {self.key_type} key in {env}")
        self.read, self.spot, self.futures = read, spot, futures
        self.withdraw, self.transfer = withdraw, transfer
        self.ip = ip
        self.created_ms = created_ms or int(time.time() * 1000) - DAY_MS
        self.expires_ms = expires_ms
        self.account, self.label = account, label
        # Members put into the introspection reply; None takes one away, NULL makes it a null.
        self.extra = {}
        self.nonce, self.nonce_window = 0, 0
        self.last_used_ms = 0
        self.is_deleted = False
        self.fields = dict(fields) if fields else new_fields(self.exchange, self.key_type)
        self.credentials = credentials(self.fields)

    @property
    def id(self):
        """The public part: what a request names the key by."""
        return self.credentials["api_key"]

    @property
    def ip(self):
        """The addresses that may use it; None or []: every address."""
        return self._ip

    @ip.setter
    def ip(self, value):
        self._ip = None if value is None else value.split(",") if isinstance(value, str) else \
            list(value)

    @property
    def secret(self):
        """The secret part, for looking whether it turned up somewhere."""
        return self.credentials.get("api_secret") or self.credentials["private_key_pem"]

    def delete(self):
        self.is_deleted = True

    def is_expired(self, now_ms):
        return self.expires_ms is not None and now_ms >= self.expires_ms

    def lets_in(self):
        """Whether a client at 127.0.0.1 may use it."""
        return not self.ip or any(CLIENT in ipaddress.ip_network(one, strict=False)
                                  for one in self.ip)

    def __repr__(self):
        return f"<{self.exchange} {self.env} key of {self.account}, {self.id[:6]}...>"


def number_of(name, low=100_000_000, span=800_000_000):
    """The same made-up number for the same name each time."""
    return low + random.Random(name).randrange(span)
