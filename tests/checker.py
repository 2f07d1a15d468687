#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a signed request by the exchange's published rules, with no code of this project.

Usage: checker.py EXCHANGE CREDENTIALS.json < signed.json     one line, exit 0 or 1
       checker.py --self-test [DIR]                           every vector in DIR, whole and damaged

EXCHANGE: binance, okx, kraken, coinbase_advanced_trade. CREDENTIALS.json: {"api_key": ...} and what
else the key has (test secrets only). signed.json: {"method","url","headers","body"}, or {"url",
"headers","message"} for a WebSocket. Python's standard library; the openssl command verifies RSA,
Ed25519 and ES256, and sees public data in files, private keys (to derive the public one) on stdin.
"""
import base64
import copy
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse


class Bad(Exception):
    """Why a signature does not hold."""


def need(ok, why):
    if not ok:
        raise Bad(why)


def same(a, b):
    return hmac.compare_digest(a.encode(), b.encode())


def unbase64(text, what):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as e:
        raise Bad(f"{what} is not base64") from e


def unbase64url(text, what):
    need(re.fullmatch(r"[A-Za-z0-9_-]+", text), f"{what} is not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def split_url(url):
    need(re.match(r"(https|wss)://[^/?#]+", url) and "#" not in url, "url is not https or wss")
    rest = url.split("://", 1)[1]
    at = re.search(r"[/?]|$", rest).start()
    path, _, query = rest[at:].partition("?")
    return rest[:at].lower().removesuffix(":443"), path, query


def headers_of(signed):
    found = {}
    for name, value in (signed.get("headers") or {}).items():
        need(name.lower() not in found, f"header {name} stands twice")
        found[name.lower()] = value
    return found


# Public keys -------------------------------------------------------------------------------------

def openssl(args, data=None):
    done = subprocess.run(["openssl", *args], input=data, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def pem_text(text):
    return text.replace("\\n", "\n").strip() + "\n"


def public_key(creds):
    """Kind (rsa, ed25519 or p256) and PEM of the public key; None for a symmetric secret."""
    secret = creds.get("private_key_pem") or creds.get("api_secret") or ""
    if "-----BEGIN" in secret:
        pub = openssl(["pkey", "-pubout"], pem_text(secret).encode())
        need(pub, "the private key in the credentials cannot be read")
        der = base64.b64decode(b"".join(pub.splitlines()[1:-1]))
        kind = "rsa" if len(der) > 200 else "p256" if len(der) == 91 else "ed25519"
        return kind, pub
    try:
        raw = base64.b64decode(secret, validate=True)
    except ValueError:
        return None
    der = bytes.fromhex("302a300506032b6570032100") + raw[32:]
    body = base64.b64encode(der).decode()
    return "ed25519", f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()


def raw_to_der(sig):
    def integer(b):
        b = b.lstrip(b"\0") or b"\0"
        b = b"\0" + b if b[0] & 0x80 else b
        return b"\x02" + bytes([len(b)]) + b
    both = integer(sig[:32]) + integer(sig[32:])
    return b"\x30" + bytes([len(both)]) + both


def verify_asymmetric(kind, pub, message, sig):
    if kind in ("ed25519", "p256"):
        need(len(sig) == 64, f"signature has {len(sig)} bytes, not 64")
    if kind == "p256":
        sig = raw_to_der(sig)
    with tempfile.TemporaryDirectory() as d:
        files = {}
        for name, data in (("pub", pub), ("msg", message), ("sig", sig)):
            files[name] = os.path.join(d, name)
            with open(files[name], "wb") as f:
                f.write(data)
        args = ["pkeyutl", "-verify", "-pubin", "-inkey", files["pub"], "-rawin", "-in",
                files["msg"], "-sigfile", files["sig"]]
        if kind != "ed25519":
            args += ["-digest", "sha256"]
        need(openssl(args) is not None, f"{kind} signature does not hold")


# Binance -----------------------------------------------------------------------------------------

BINANCE_KEY_ONLY = re.compile(
    r"/(api/v3|sapi/v1)/userDataStream(/isolated)?|/fapi/v1/listenKey|/sapi/v1/userListenToken|"
    r"/(api/v3|fapi/v1)/historicalTrades")


def binance_signature(creds, message, text, is_percent):
    public = public_key(creds) if "-----BEGIN" in str(creds.get("private_key_pem") or
                                                      creds.get("api_secret")) else None
    if not public:
        want = hmac.new(creds["api_secret"].encode(), message, hashlib.sha256).hexdigest()
        need(same(text.lower(), want), "hmac differs")
        return "hmac"
    if is_percent:
        need(not re.search(r"[+/=]", text), "signature is not percent-encoded")
        text = urllib.parse.unquote(text)
    verify_asymmetric(*public, message, unbase64(text, "signature"))
    return public[0]


def binance_rest(creds, signed, headers):
    host, path, query = split_url(signed["url"])
    body = signed.get("body") or ""
    need(headers.get("x-mbx-apikey") == creds["api_key"], "X-MBX-APIKEY is not the key")
    if BINANCE_KEY_ONLY.fullmatch(path):
        return f"{host}{path} needs the key only"
    last = body or query
    at = last.rfind("&signature=")
    need(at > 0, "signature is not the last parameter")
    unsigned, text = last[:at], last[at + len("&signature="):]
    need("&" not in text, "something follows the signature")
    parts = [query if body else unsigned, unsigned if body else ""]
    names = [urllib.parse.unquote(p.partition("=")[0]) for s in parts for p in s.split("&")]
    need("signature" not in names, "there are two signatures")
    need(names.count("timestamp") == 1, f"there are {names.count('timestamp')} timestamps")
    need(re.search(r"(^|&)timestamp=[0-9]{10,16}(&|$)", "&".join(parts)), "timestamp is no time")
    return binance_signature(creds, "".join(parts).encode(), text, True)


def binance_ws(creds, message, headers):
    params = dict(message.get("params", message))
    text = params.pop("signature", None)
    need(isinstance(text, str), "params has no signature")
    need(params.get("apiKey") == creds["api_key"], "apiKey is not the key")
    need(isinstance(params.get("timestamp"), int), "timestamp is no time")
    need(all(isinstance(v, (str, int, bool, Number)) for v in params.values()), "value not plain")
    words = {True: "true", False: "false"}
    joined = "&".join(f"{k}={words[v] if isinstance(v, bool) else v}"
                      for k, v in sorted(params.items()))
    return binance_signature(creds, joined.encode(), text, False)


# OKX ---------------------------------------------------------------------------------------------

def okx_sign(creds, text):
    mac = hmac.new(creds["api_secret"].encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(mac).decode()


def okx_rest(creds, signed, headers):
    url = signed["url"]
    target = url[url.index("/", 8):]
    stamp = headers.get("ok-access-timestamp", "")
    need(headers.get("ok-access-key") == creds["api_key"], "OK-ACCESS-KEY is not the key")
    need(headers.get("ok-access-passphrase") == creds["passphrase"], "passphrase differs")
    need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp), "timestamp is not ISO 8601")
    need(headers.get("x-simulated-trading", "1") == "1", "x-simulated-trading is not 1")
    want = okx_sign(creds, stamp + signed["method"] + target + (signed.get("body") or ""))
    need(same(headers.get("ok-access-sign", ""), want), "hmac differs")
    return "hmac"


def okx_ws(creds, message, headers):
    need(message.get("op") == "login" and len(message["args"]) == 1, "not a login")
    login = message["args"][0]
    need(login.get("apiKey") == creds["api_key"], "apiKey is not the key")
    need(login.get("passphrase") == creds["passphrase"], "passphrase differs")
    need(re.fullmatch(r"\d{10}", str(login.get("timestamp"))), "timestamp is not in seconds")
    want = okx_sign(creds, login["timestamp"] + "GET/users/self/verify")
    need(same(str(login.get("sign")), want), "hmac differs")
    return "hmac"


# Kraken ------------------------------------------------------------------------------------------

def kraken_nonce(body):
    if body.lstrip().startswith("{"):
        return str(json.loads(body, parse_int=str).get("nonce"))
    values = [p.partition("=")[2] for p in body.split("&") if p.partition("=")[0] == "nonce"]
    need(len(values) == 1, f"there are {len(values)} nonces")
    return values[0]


def kraken_rest(creds, signed, headers):
    host, path, query = split_url(signed["url"])
    body = signed.get("body") or ""
    need(host == "api.kraken.com" and path.startswith("/0/private/"), "not a private endpoint")
    need(signed["method"] == "POST" and not query, "not a POST without a query")
    nonce = kraken_nonce(body)
    need(re.fullmatch(r"[0-9]{1,20}", nonce), "nonce is not decimal")
    need(headers.get("api-key") == creds["api_key"], "API-Key is not the key")
    inner = hashlib.sha256((nonce + body).encode()).digest()
    secret = unbase64(creds["api_secret"], "api_secret")
    want = hmac.new(secret, path.encode() + inner, hashlib.sha512).digest()
    need(same(headers.get("api-sign", ""), base64.b64encode(want).decode()), "hmac differs")
    return f"hmac, nonce {nonce}"


# Coinbase ----------------------------------------------------------------------------------------

def coinbase_jwt(creds, token, uri):
    parts = token.split(".")
    need(len(parts) == 3, "token has not three parts")
    head = json.loads(unbase64url(parts[0], "token header"))
    claims = json.loads(unbase64url(parts[1], "token claims"))
    public = public_key(creds)
    need(public and public[0] in ("p256", "ed25519"), "no private key in the credentials")
    need(head.get("alg") == {"p256": "ES256", "ed25519": "EdDSA"}[public[0]], "alg is wrong")
    need(head.get("kid") == creds["api_key"] == claims.get("sub"), "kid or sub is not the key")
    need(isinstance(head.get("nonce"), str) and len(head["nonce"]) >= 16, "nonce is too short")
    need(claims.get("iss") in ("cdp", "coinbase-cloud"), "iss is wrong")
    need(isinstance(claims.get("nbf"), int), "nbf is no time")
    need(0 < claims.get("exp", 0) - claims["nbf"] <= 120, "token lives over 120 seconds")
    uris = [claims["uri"]] if "uri" in claims else claims.get("uris", [])
    need(uris == ([uri] if uri else []), f"uri is {uris}, not {uri}")
    sig = unbase64url(parts[2], "token signature")
    verify_asymmetric(*public, f"{parts[0]}.{parts[1]}".encode(), sig)
    return head["alg"]


def coinbase_rest(creds, signed, headers):
    host, path, _ = split_url(signed["url"])
    bearer = headers.get("authorization", "")
    need(bearer.startswith("Bearer "), "no bearer token")
    return coinbase_jwt(creds, bearer[7:], f"{signed['method']} {host}{path}")


def coinbase_ws(creds, message, headers):
    need(message.get("type") in ("subscribe", "unsubscribe"), "not a subscription")
    return coinbase_jwt(creds, str(message.get("jwt")), None)


# All ---------------------------------------------------------------------------------------------

class Number(str):
    """A JSON number with a fraction, as written."""


RULES = {
    "binance": (binance_rest, binance_ws),
    "okx": (okx_rest, okx_ws),
    "kraken": (kraken_rest, None),
    "coinbase_advanced_trade": (coinbase_rest, coinbase_ws),
}
ALIASES = {"binanceusdm": "binance", "coinbase": "coinbase_advanced_trade"}


def verify(exchange, creds, signed):
    """(True, how) when the signature holds, else (False, why not)."""
    rules = RULES.get(ALIASES.get(exchange, exchange))
    if not rules:
        return False, f"unknown exchange {exchange}"
    try:
        headers = headers_of(signed)
        if "message" not in signed:
            return True, rules[0](creds, signed, headers)
        need(rules[1], "this exchange signs no WebSocket message")
        message = signed["message"]
        if isinstance(message, str):
            message = json.loads(message, parse_float=Number)
        return True, rules[1](creds, message, headers)
    except Bad as why:
        return False, str(why)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as why:
        return False, f"not a signed request ({type(why).__name__}: {why})"


# Self-test ---------------------------------------------------------------------------------------

def flip(text, at):
    return text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1:]


def damaged(signed):
    """The same request several times, each with one character changed."""
    def variant(change):
        one = copy.deepcopy(signed)
        change(one)
        if one != signed:
            yield one
    for name in signed.get("headers") or {}:
        if name.lower() == "content-type":
            continue
        for at in (0, len(signed["headers"][name]) // 2):
            yield from variant(lambda s, n=name, a=at: s["headers"].update(
                {n: flip(s["headers"][n], a)}))
    for member in ("body", "url"):
        text = signed.get(member) or ""
        start = text.index("?") + 1 if "?" in text else (0 if member == "body" else None)
        if text and start is not None and "authorization" not in map(str.lower, signed["headers"]):
            for at in (start, len(text) // 2, len(text) - 3):
                if at >= start:
                    yield from variant(lambda s, m=member, a=at: s.update({m: flip(s[m], a)}))
    message = signed.get("message")
    if message:
        inner = message.get("params") or (message.get("args") or [message])[0]
        for name in inner:
            if name in ("apiKey", "timestamp", "signature", "sign", "jwt", "price", "passphrase"):
                yield from variant(lambda s, n=name: damage_message(s["message"], n))


def damage_message(message, name):
    inner = message.get("params") or (message.get("args") or [message])[0]
    value = inner[name]
    inner[name] = flip(value, len(value) // 2) if isinstance(value, str) else value + 1


def case_signed(case):
    if case.get("kind") == "ws_login":
        return {"url": case["url"], "headers": {}, "message": case["message"]}
    signed = {k: case["signed"][k] for k in ("method", "url", "headers", "body")}
    if case.get("signature_rule") == "form_decoded":
        head, _, query = signed["url"].partition("?")
        signed["url"] = head + "?" + urllib.parse.unquote_plus(query)
    return signed


def self_test(folder):
    counts = {"hold": 0, "damaged and noticed": 0, "divergences noticed": 0, "legacy left out": 0}
    failures = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            data = json.load(f)
        for case in data["cases"]:
            title = f"{name} {case['id']}"
            if case["feature"] == "legacy_hmac":
                counts["legacy left out"] += 1
                continue
            if "expect_error" in case or not (case.get("signed") or case.get("message")):
                continue
            signed = case_signed(case)
            is_own_jwt = not signed.get("message") and not signed["headers"]
            if is_own_jwt:
                continue
            ok, text = verify(data["exchange"], case["credentials"], signed)
            if case["use_for"] == "divergence":
                counts["divergences noticed"] += not ok
                if ok:
                    failures.append(f"{title}: a divergence passed")
                continue
            counts["hold"] += ok
            if not ok:
                failures.append(f"{title}: {text}")
            seen = 0
            for bad in damaged(signed):
                seen += 1
                passed, _ = verify(data["exchange"], case["credentials"], bad)
                counts["damaged and noticed"] += not passed
                if passed:
                    failures.append(f"{title}: a damaged one passed: {json.dumps(bad)[:300]}")
            if not seen:
                failures.append(f"{title}: nothing to damage")
    for line in failures:
        print(line)
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    return 0 if not failures and counts["hold"] else 1


def main(argv):
    if len(argv) >= 2 and argv[1] == "--self-test":
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors")
        return self_test(argv[2] if len(argv) > 2 else here)
    if len(argv) != 3:
        print(__doc__)
        return 2
    with open(argv[2], encoding="utf-8") as f:
        creds = json.load(f)
    try:
        ok, text = verify(argv[1], creds, json.load(sys.stdin))
    except ValueError as why:
        ok, text = False, f"not JSON: {why}"
    print(f"{argv[1]} signature {'holds' if ok else 'does NOT hold'}: {text}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
