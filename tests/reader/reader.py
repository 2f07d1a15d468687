# SPDX-License-Identifier: Apache-2.0
"""Opens a vault as vault/FORMAT.md describes it, and prints what is in it. For tests only.

reader.py --vault DIR --key KEY.pem [--name NAME]
reader.py --vault DIR --tokens TOKENS.json --pin-file FILE [--name NAME]
reader.py --vault DIR --words FILE [--name NAME]    (a paper's 24 words)
"""
import argparse
import base64
import collections
import hashlib
import hmac
import os
import re
import subprocess
import sys

import aesgcm
import der
import ec
import forms
import p11token
import paper
from strict import Refused, lines, lp, need, parse_json, shape, unbase64, unlp

VAULT_MAX, RECORD_MAX, RECIPIENTS_MAX = 32 << 20, 256 << 10, 32
POINT_SIZE = 65

Vault = collections.namedtuple("Vault", "body vault_id rid vk fingerprint sha256 generation")
Record = collections.namedtuple("Record", "header rec_id version dek k_rec fields")
# open(scheme, ct) gives Z; scheme None: the one that the vault names.
Recipient = collections.namedtuple("Recipient", "rid scheme open")


# Constructions

def sha256(data):
    return hashlib.sha256(data).digest()


def hkdf(salt, secret, label, size=32):
    prk = hmac.digest(salt, secret, "sha256")
    out = block = b""
    for n in range(1, -(-size // 32) + 1):
        block = hmac.digest(prk, block + label + bytes([n]), "sha256")
        out += block
    return out[:size]


def unseal(key, nonce, sealed, aad=b""):
    try:
        return aesgcm.unseal(key, nonce, sealed, aad)
    except ValueError as e:
        raise Refused("does not open") from e


def unwrap(recipient, scheme, wrap, size, purpose, vault_id, ident, version):
    """K of one wrap; size is K's."""
    ct, sealed = wrap[:-(size + 16)], wrap[-(size + 16):]
    if scheme == "ecdh-p256":
        need(len(ct) == POINT_SIZE, "a wrap has another length")
    try:
        z = recipient.open(scheme, ct)
    except (ValueError, p11token.TokenError) as e:
        raise Refused(f"the key opens nothing: {e}") from e
    need(len(z) == 32, "Z does not have 32 bytes")
    label = lp(b"coffer/v1/wrap", scheme.encode(), purpose, vault_id, ident,
               version.to_bytes(8, "big"), recipient.rid, ct)
    return unseal(hkdf(vault_id, z, label), bytes(12), sealed)


def vault_mac(vault_id, vk, body_line):
    return hmac.digest(hkdf(vault_id, vk, b"coffer/v1/mac/vault"), body_line, "sha256")


def fingerprint_of(vault_id, vk):
    return hkdf(vault_id, vk, b"coffer/v1/fingerprint", 16)


# Files

def read_file(path, limit):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as e:
        raise Refused(f"{os.path.basename(path)}: {e.strerror}") from e
    with os.fdopen(fd, "rb") as f:
        data = f.read(limit + 1)
    need(len(data) <= limit, f"{os.path.basename(path)} is too long")
    return data


def find_one(objects, member, wanted):
    """The only object of an unbelieved array whose member is this."""
    need(isinstance(objects, list), "no array where one must be")
    found = [o for o in objects if isinstance(o, dict) and o.get(member) == wanted]
    need(len(found) == 1, f"no single {member} as it was wanted")
    return found[0]


class File:
    """vault.json as read, of which nothing is believed yet."""

    def __init__(self, folder):
        need(not os.path.islink(folder), "the vault directory is a symbolic link")
        self.folder = folder
        data = read_file(os.path.join(folder, "vault.json"), VAULT_MAX)
        self.sha256 = sha256(data)
        self.line, mac = lines(data, 2, "vault.json")
        self.mac = unbase64(mac.decode("ascii", "replace"), 32, "the MAC")
        self.body = parse_json(self.line, "vault.json")
        need(isinstance(self.body, dict), "vault.json is no object")
        self.vault_id = unbase64(self.body.get("vault_id"), 16, "vault_id")

    def own(self, rid):
        """The recipient of this rid."""
        wanted = _base64(rid)
        return find_one(self.body.get("recipients"), "rid", wanted)

    def scheme(self, recipient):
        if recipient.scheme:
            return recipient.scheme
        scheme = self.own(recipient.rid).get("scheme")
        need(scheme in forms.SCHEMES, "an unknown scheme")
        return scheme

    def entry(self, name):
        """The index entry of a record, or None."""
        index = self.body.get("index")
        need(isinstance(index, list), "no index")
        found = [o for o in index if isinstance(o, dict) and o.get("name") == name]
        need(len(found) < 2, "a name is in the index twice")
        return found[0] if found else None

    def believe(self, recipient, vk):
        """The vault, once its MAC holds and all of it is as it must be."""
        mac = vault_mac(self.vault_id, vk, self.line)
        need(hmac.compare_digest(mac, self.mac), "the MAC does not hold")
        shape(self.body, forms.VAULT, what="vault.json")
        check_recipients(self.body["recipients"])
        check_index(self.body["index"])
        own = self.own(recipient.rid)
        need(recipient.scheme in (None, own["scheme"]), "the recipient has another scheme")
        sealed = unbase64(self.body["audit_key"])
        unseal(hkdf(self.vault_id, vk, b"coffer/v1/audit-key"), sealed[:12], sealed[12:],
               b"coffer/v1/audit-key")
        return Vault(self.body, self.vault_id, recipient.rid, vk,
                     fingerprint_of(self.vault_id, vk), self.sha256, self.body["generation"])


def _base64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def check_recipients(recipients):
    need(1 <= len(recipients) <= RECIPIENTS_MAX, "too many recipients, or none")
    for r in recipients:
        spki = unbase64(r["spki"])
        need(sha256(spki) == unbase64(r["rid"]), "a rid is not the hash of its key")
        try:
            kind, *numbers = der.parse_spki(spki)
            if kind == "ec":
                ec.decode_point(numbers[0])
        except ValueError as e:
            raise Refused(f"a recipient's key: {e}") from e
        if kind == "rsa":
            need(numbers[0].bit_length() in (2048, 3072, 4096), "RSA of another size")
        need((kind == "ec") == (r["scheme"] == "ecdh-p256"), "a scheme does not fit its key")
    need(len({r["rid"] for r in recipients}) == len(recipients), "a recipient is there twice")


def check_index(index):
    names = [e["name"] for e in index]
    need(names == sorted(names), "the index is not sorted")
    need(len({n.lower() for n in names}) == len(names), "two names differ only in case")
    for e in index:
        check_file_name(e["name"], e["file"], unbase64(e["sha256"]))
        need(("retiring" in e) == ("retiring_sha256" in e), "half of a retiring record")
        if "retiring" in e:
            check_file_name(e["name"], e["retiring"], unbase64(e["retiring_sha256"]))


def check_file_name(name, file, digest):
    """The version in a record's file name, which must have the given name and hash in it."""
    found = re.fullmatch(forms.FILE, file) if isinstance(file, str) else None
    need(found and found[1] == name and found[3] == digest.hex()[:8],
         "a record's file name is not as it must be")
    return int(found[2])


# Opening

def open_vault(folder, recipient):
    """The Vault by the wrap in vault.json."""
    return _open_vault(File(folder), recipient)


def _open_vault(file, recipient):
    wrap = unbase64(file.own(recipient.rid).get("wrap"), what="wrap")
    vk = unwrap(recipient, file.scheme(recipient), wrap, 32, b"vault-key", file.vault_id,
                file.vault_id, 0)
    return file.believe(recipient, vk)


class Changed(Refused):
    """A record file is gone or is not what the index says."""


def read_record(file, entry):
    digest = unbase64(entry.get("sha256"), 32, "sha256")
    version = check_file_name(entry["name"], entry.get("file"), digest)
    try:
        data = read_file(os.path.join(file.folder, "records", entry["file"]), RECORD_MAX)
        need(sha256(data) == digest, "the record does not have the hash in the index")
    except Refused as e:
        raise Changed(str(e)) from e
    return version, data


def open_record(folder, recipient, name):
    """(Vault, Record) by the wrap in the record; a record gone or changed is looked for twice."""
    try:
        return _open_record(folder, recipient, name)
    except Changed:
        return _open_record(folder, recipient, name)


def _open_record(folder, recipient, name):
    file = File(folder)
    entry = file.entry(name)
    if entry is None:
        _open_vault(file, recipient)
        raise Refused("the vault has no record of this name")
    version, data = read_record(file, entry)
    header_line, payload_line, wraps_line = lines(data, 3, "the record")
    header, wraps = parse_json(header_line, "header"), parse_json(wraps_line, "wraps")
    need(isinstance(header, dict), "the header is no object")
    need(header.get("version") == version, "the version is not the file name's")
    rec_id = unbase64(header.get("rec_id"), 16, "rec_id")
    wrap = unbase64(find_one(wraps, "rid", _base64(recipient.rid)).get("wrap"), what="wrap")
    keys = unwrap(recipient, file.scheme(recipient), wrap, 64, b"record-key", file.vault_id,
                  rec_id, version)
    vault = file.believe(recipient, keys[:32])
    k_rec = hkdf(vault.vault_id, keys, lp(b"coffer/v1/record", rec_id, version.to_bytes(8, "big")))
    payload = unbase64(payload_line.decode("ascii", "replace"), what="the payload")
    fields = parse_fields(unseal(k_rec, payload[:12], payload[12:], header_line))
    check_record(vault, name, header, wraps)
    return vault, Record(header, rec_id, version, keys[32:], k_rec, fields)


def check_record(vault, name, header, wraps):
    shape(header, forms.HEADER, forms.HEADER_SOMETIMES, "the header")
    need(header["name"] == name, "the header has another name")
    need(unbase64(header["vault_id"]) == vault.vault_id, "the header names another vault")
    need(forms.WRAPS(wraps), "the wraps are no array")
    need(sorted(w["rid"] for w in wraps) == sorted(r["rid"] for r in vault.body["recipients"]),
         "the wraps are not one for each recipient")


def parse_fields(data):
    parts = unlp(data)
    need(len(parts) % 2 == 0, "a field without a value")
    names = [n.decode("ascii", "replace") for n in parts[::2]]
    need(all(n in forms.FIELDS for n in names), "an unknown field")
    places = [forms.FIELDS.index(n) for n in names]
    need(places == sorted(set(places)), "fields twice or in another order")
    need(all(parts[1::2]), "an empty field")
    return dict(zip(names, parts[1::2]))


def check_pin(data, vault):
    """This machine's pin, pin.json, must be of just this vault.json."""
    pin = shape(parse_json(data.strip(), "pin.json"), forms.PIN, what="pin.json")
    for member in ("vault_id", "fingerprint", "sha256"):
        need(unbase64(pin[member]) == getattr(vault, member), f"the pin has another {member}")
    need(pin["generation"] == vault.generation, "the pin has another generation")


# Keys

def openssl(*arguments, data=b""):
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True)
    need(done.returncode == 0, f"openssl {arguments[0]} failed")
    return done.stdout


def pem_recipient(path):
    """The recipient of a private key in a PEM file."""
    with open(path, encoding="ascii") as f:
        d = ec.private_key(ec.pem_to_der(f.read()))
    if d is None:
        spki = openssl("pkey", "-in", path, "-pubout", "-outform", "DER")
    else:
        spki = der.ec_spki(ec.encode_point(*ec.multiply(d, ec.G)))

    def opened(scheme, ct):
        need((scheme == "ecdh-p256") == (d is not None), "the scheme is not for this key")
        if d is not None:
            return ec.shared_x(d, ct)
        digest = "sha1" if scheme == "rsa-oaep-1" else "sha256"
        return openssl("pkeyutl", "-decrypt", "-inkey", path,
                       "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{digest}",
                       "-pkeyopt", f"rsa_mgf1_md:{digest}", data=ct)

    return Recipient(sha256(spki), "ecdh-p256" if d is not None else None, opened)


def paper_recipient(words):
    """The recipient of a paper with these words."""
    d = paper.private_key(paper.seed_of(words))

    def opened(scheme, ct):
        need(scheme == "ecdh-p256", "the scheme is not for a paper")
        return ec.shared_x(d, ct)

    return Recipient(paper.rid_of(d), "ecdh-p256", opened)


def choose_token(path, vault):
    """The entry of tokens.json for a recipient of this vault."""
    data = read_file(path, VAULT_MAX)
    data = data[:-1] if data.endswith(b"\n") else data
    tokens = shape(parse_json(data, "tokens.json"), forms.TOKENS, what="tokens.json")["tokens"]
    rids = [r.get("rid") for r in vault.body.get("recipients", []) if isinstance(r, dict)]
    for token in tokens:
        if unbase64(token["vault_id"]) == vault.vault_id and token["rid"] in rids:
            return token
    raise Refused("tokens.json has no token for this vault")


def with_token(tokens, pin_file, folder, use):
    """use(recipient) with the token that tokens.json has for the vault."""
    token = choose_token(tokens, File(folder))
    with open(pin_file, "rb") as f:
        pin = f.read().rstrip(b"\r\n")
    with p11token.session(token["module"], pin, unbase64(token["key_id"]), token.get("serial"),
                          token.get("label"), token.get("softhsm_conf")) as session:
        return use(Recipient(unbase64(token["rid"]), token["scheme"], session.open))


# Printing

def values(vault, opened=None):
    """What is printed: name, text."""
    out = [("vault id", vault.vault_id.hex()), ("rid", vault.rid.hex()), ("VK", vault.vk.hex()),
           ("fingerprint", vault.fingerprint.hex())]
    if opened:
        out += [("rec_id", opened.rec_id.hex()), ("DEK", opened.dek.hex()),
                ("K_rec", opened.k_rec.hex())]
        out += [(name, show(value)) for name, value in opened.fields.items()]
    return out


def show(value):
    """A field as text, or as hex when it is none."""
    text = value.decode("utf-8", "replace")
    return text if text.encode() == value and text.isprintable() else value.hex()


def run(arguments):
    def use(recipient):
        if arguments.name is None:
            return values(open_vault(arguments.vault, recipient))
        return values(*open_record(arguments.vault, recipient, arguments.name))

    if arguments.key:
        return use(pem_recipient(arguments.key))
    if arguments.words:
        with open(arguments.words, encoding="ascii") as f:
            return use(paper_recipient(f.read()))
    return with_token(arguments.tokens, arguments.pin_file, arguments.vault, use)


def main():
    parser = argparse.ArgumentParser(description="Opens a vault and prints what is in it.")
    parser.add_argument("--vault", required=True)
    parser.add_argument("--key")
    parser.add_argument("--tokens")
    parser.add_argument("--pin-file")
    parser.add_argument("--words")
    parser.add_argument("--name")
    arguments = parser.parse_args()
    ways = (arguments.key, arguments.tokens and arguments.pin_file, arguments.words)
    if sum(map(bool, ways)) != 1:
        parser.error("one of --key, --tokens and --pin-file, --words")
    try:
        for name, text in run(arguments):
            print(f"{name:12} {text}")
    except (Refused, p11token.TokenError, OSError, ValueError) as e:
        print(f"refused: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
