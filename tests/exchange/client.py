# SPDX-License-Identifier: Apache-2.0
"""A small client of the simulated exchange that signs by the exchanges' rules, with code shared
with nobody: to test the exchange itself, and to do what another program with the key would."""
import base64
import datetime
import hashlib
import hmac
import http.client
import json
import secrets
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.parse

HOST = {("binance", "live"): "api.binance.com", ("binance", "test"): "testnet.binance.vision",
        ("binance", "demo"): "demo-api.binance.com", ("okx", "live"): "www.okx.com",
        ("okx", "demo"): "www.okx.com", ("kraken", "live"): "api.kraken.com",
        ("coinbase_advanced_trade", "live"): "api.coinbase.com",
        ("coinbase_advanced_trade", "test"): "api-sandbox.coinbase.com"}
OKX_HOST = {"www": "www.okx.com", "app": "us.okx.com", "my": "eea.okx.com"}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


def private_sign(pem, data, digest):
    """The private key comes on stdin, the message in a file."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        args = ["openssl", "pkeyutl", "-sign", "-inkey", "/dev/stdin", "-rawin", "-in", f.name]
        args += ["-digest", digest] if digest else []
        return subprocess.run(args, input=pem.encode(), capture_output=True, check=True).stdout


def der_to_raw(sig):
    """An ECDSA signature as 64 bytes; its two numbers are short enough for one length byte."""
    r_end = 4 + sig[3]
    r, s = sig[4:r_end], sig[r_end + 2:]
    return r.lstrip(b"\0").rjust(32, b"\0") + s.lstrip(b"\0").rjust(32, b"\0")


def ed25519_pem(text):
    """PKCS#8 PEM of Coinbase's base64 form."""
    der = bytes.fromhex("302e020100300506032b657004220420") + base64.b64decode(text)[:32]
    return ("-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(der).decode() +
            "\n-----END PRIVATE KEY-----\n")


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Client:
    """skew_ms: this client's clock, against the machine's."""

    def __init__(self, x, timeout=5):
        self.x, self.timeout, self.skew_ms = x, timeout, 0
        self.nonce = 0

    def now_ms(self):
        return int(time.time() * 1000) + self.skew_ms

    def connect(self, host, sni=None):
        """A TLS connection to the exchange, under that name."""
        context = ssl.create_default_context(cafile=self.x.ca_file)
        raw = socket.create_connection(("127.0.0.1", self.x.port), self.timeout)
        return context.wrap_socket(raw, server_hostname=sni or host)

    def send(self, method, host, target, headers=None, body="", sni=None):
        """One request on a connection of its own."""
        http_conn = http.client.HTTPConnection(host)
        http_conn.sock = self.connect(host, sni)
        try:
            sent = {"Host": host, "User-Agent": "test", **(headers or {})}
            http_conn.request(method, target, body=body.encode() if body else None, headers=sent)
            got = http_conn.getresponse()
            return Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read())
        finally:
            http_conn.close()

    def call(self, key, method, path, params=None, host=None, secret=None):
        """A signed call. params: query or body, as that exchange wants them. secret: signs with
        another secret."""
        host = host or (OKX_HOST[key.region] if key.region else HOST[key.exchange, key.env])
        secret = secret or key.secret
        sign = {"binance": self.binance, "okx": self.okx, "kraken": self.kraken}
        sign = sign.get(key.exchange, self.coinbase)
        return self.send(method, host, *sign(key, secret, method, path, params, host))

    # Each gives target, headers, body.

    def binance(self, key, secret, _, path, params, __):
        query = urllib.parse.urlencode({**(params or {}), "timestamp": self.now_ms()},
                                       quote_via=urllib.parse.quote)
        if key.key_type == "hmac":
            sig = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        else:
            digest = "sha256" if key.key_type == "rsa" else None
            sig = base64.b64encode(private_sign(secret, query.encode(), digest)).decode()
        sig = urllib.parse.quote(sig, safe="")
        return f"{path}?{query}&signature={sig}", {"X-MBX-APIKEY": key.id}, ""

    def okx(self, key, secret, method, path, params, _):
        moment = datetime.datetime.fromtimestamp(self.now_ms() / 1000, datetime.timezone.utc)
        stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
        body = json.dumps(params) if method == "POST" else ""
        if params and not body:
            path += "?" + urllib.parse.urlencode(params)
        mac = hmac.new(secret.encode(), (stamp + method + path + body).encode(), hashlib.sha256)
        headers = {"OK-ACCESS-KEY": key.id, "OK-ACCESS-TIMESTAMP": stamp,
                   "OK-ACCESS-SIGN": base64.b64encode(mac.digest()).decode(),
                   "OK-ACCESS-PASSPHRASE": key.fields["passphrase"],
                   "Content-Type": "application/json"}
        if key.env == "demo":
            headers["x-simulated-trading"] = "1"
        return path, headers, body

    def kraken(self, key, secret, _, path, params, __):
        self.nonce = max(self.nonce + 1, self.now_ms() * 1000)
        params = dict(params or {})
        nonce = str(params.pop("nonce", self.nonce))
        body = urllib.parse.urlencode({"nonce": nonce, **params})
        inner = hashlib.sha256((nonce + body).encode()).digest()
        mac = hmac.new(base64.b64decode(secret), path.encode() + inner, hashlib.sha512)
        return path, {"API-Key": key.id, "API-Sign": base64.b64encode(mac.digest()).decode(),
                      "Content-Type": "application/x-www-form-urlencoded"}, body

    def coinbase(self, key, secret, method, path, params, host):
        now = self.now_ms() // 1000
        alg = "EdDSA" if key.key_type == "ed25519" else "ES256"
        head = {"alg": alg, "kid": key.id, "nonce": secrets.token_hex(16), "typ": "JWT"}
        claims = {"sub": key.id, "iss": "cdp", "nbf": now, "exp": now + 120,
                  "uri": f"{method} {host}{path}"}
        text = ".".join(b64url(json.dumps(part).encode()) for part in (head, claims))
        if alg == "EdDSA":
            sig = private_sign(ed25519_pem(secret), text.encode(), None)
        else:
            sig = der_to_raw(private_sign(secret, text.encode(), "sha256"))
        headers = {"Authorization": f"Bearer {text}.{b64url(sig)}"}
        if method == "POST":
            return path, {**headers, "Content-Type": "application/json"}, json.dumps(params)
        return path + ("?" + urllib.parse.urlencode(params) if params else ""), headers, ""
