# SPDX-License-Identifier: Apache-2.0
"""What somebody can do who may write the vault directory but has no token: a vault made with the
recipients' public keys alone, by vault/FORMAT.md. For tests; the sums are done by tests/reader."""
import base64
import hashlib
import hmac
import json
import os
import secrets
import sys

from lib import ROOT

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests/reader"))

import aesgcm  # noqa: E402  pylint: disable=wrong-import-position
import der     # noqa: E402  pylint: disable=wrong-import-position
import ec      # noqa: E402  pylint: disable=wrong-import-position


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha256(data):
    return hashlib.sha256(data).digest()


def lp(*parts):
    return b"".join(len(p).to_bytes(4, "big") + p for p in parts)


def hkdf(salt, secret, label, size=32):
    prk = hmac.digest(salt, secret, "sha256")
    return hmac.digest(prk, label + b"\1", "sha256")[:size]


def line(value):
    return json.dumps(value, separators=(",", ":")).encode()


def read_json(path):
    """The first line of vault.json or of a record."""
    with open(path, "rb") as f:
        return json.loads(f.readline())


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o600)


def wrap(key, purpose, ident, version, vault_id, recipient):
    """key for one recipient, of whom only the public key is known."""
    kind, point = der.parse_spki(unb64(recipient["spki"]))
    assert kind == "ec" and recipient["scheme"] == "ecdh-p256"
    e = secrets.randbelow(ec.N - 1) + 1
    ct = ec.encode_point(*ec.multiply(e, ec.G))
    label = lp(b"coffer/v1/wrap", b"ecdh-p256", purpose, vault_id, ident,
               version.to_bytes(8, "big"), unb64(recipient["rid"]), ct)
    return ct + aesgcm.seal(hkdf(vault_id, ec.shared_x(e, point), label), bytes(12), key)


def new_recipient():
    """A recipient of the forger's own."""
    spki = der.ec_spki(ec.encode_point(*ec.multiply(secrets.randbelow(ec.N - 1) + 1, ec.G)))
    return {"rid": b64(sha256(spki)), "spki": b64(spki), "scheme": "ecdh-p256", "kind": "token",
            "label": "backup", "key_id": b64(b"\1"), "serial": "0001", "tested": True}


class Forger:
    """Writes into a vault directory with a vault key of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, "vault.json")
        self.body = read_json(self.path)
        self.vault_id = unb64(self.body["vault_id"])
        self.vk = secrets.token_bytes(32)

    def fingerprint(self):
        return hkdf(self.vault_id, self.vk, b"coffer/v1/fingerprint", 16).hex()

    def add_recipient(self):
        self.body["recipients"].append(new_recipient())

    def record(self, name, fields):
        """Replaces a record by one with other fields, under the forged vault key."""
        entry = next(e for e in self.body["index"] if e["name"] == name)
        old = os.path.join(self.folder, "records", entry["file"])
        header = read_json(old)
        rec_id, version = unb64(header["rec_id"]), header["version"]
        keys = self.vk + secrets.token_bytes(32)
        k_rec = hkdf(self.vault_id, keys,
                     lp(b"coffer/v1/record", rec_id, version.to_bytes(8, "big")))
        text, nonce = line(header), secrets.token_bytes(12)
        plain = b"".join(lp(k.encode(), v.encode()) for k, v in fields.items())
        wraps = [{"rid": r["rid"], "wrap": b64(wrap(keys, b"record-key", rec_id, version,
                                                    self.vault_id, r))}
                 for r in self.body["recipients"]]
        data = b"\n".join([text, b64(nonce + aesgcm.seal(k_rec, nonce, plain, text)).encode(),
                           line(wraps), b""])
        entry["file"] = f"{name}.{version}.{sha256(data).hex()[:8]}.json"
        entry["sha256"] = b64(sha256(data))
        os.unlink(old)
        write(os.path.join(self.folder, "records", entry["file"]), data)

    def write(self):
        """vault.json, with wraps of the forged key and a MAC that holds."""
        for r in self.body["recipients"]:
            r["wrap"] = b64(wrap(self.vk, b"vault-key", self.vault_id, 0, self.vault_id, r))
        audit = hkdf(self.vault_id, self.vk, b"coffer/v1/audit-key")
        nonce = secrets.token_bytes(12)
        self.body["audit_key"] = b64(nonce + aesgcm.seal(audit, nonce, secrets.token_bytes(32),
                                                         b"coffer/v1/audit-key"))
        body = line(self.body)
        key = hkdf(self.vault_id, self.vk, b"coffer/v1/mac/vault")
        write(self.path, body + b"\n" + b64(hmac.digest(key, body, "sha256")).encode() + b"\n")
