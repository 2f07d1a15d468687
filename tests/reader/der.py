# SPDX-License-Identifier: Apache-2.0
"""As much DER as keys need. Reading is strict: ValueError for anything that is not DER."""

SEQUENCE, INTEGER, BITS, OCTETS, NULL, OID = 0x30, 0x02, 0x03, 0x04, 0x05, 0x06
EC_PUBLIC_KEY = bytes.fromhex("2a8648ce3d0201")
PRIME256V1 = bytes.fromhex("2a8648ce3d030107")
RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")


def put(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def put_integer(n):
    return put(INTEGER, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def take(data, tag):
    """(body, rest) of the first value, which must have this tag."""
    if len(data) < 2 or data[0] != tag:
        raise ValueError("another tag was expected")
    size, at = data[1], 2
    if size & 0x80:
        at = 2 + (size & 0x7F)
        size = int.from_bytes(data[2:at], "big")
    body, rest = data[at:at + size], data[at + size:]
    if put(tag, body) != data[:len(data) - len(rest)]:
        raise ValueError("not DER")
    return body, rest


def take_integer(data):
    body, rest = take(data, INTEGER)
    n = int.from_bytes(body, "big")
    if put_integer(n) != put(INTEGER, body):
        raise ValueError("not a natural number in DER")
    return n, rest


def whole(data, tag):
    body, rest = take(data, tag)
    if rest:
        raise ValueError("bytes after the value")
    return body


def ec_spki(point):
    algorithm = put(SEQUENCE, put(OID, EC_PUBLIC_KEY), put(OID, PRIME256V1))
    return put(SEQUENCE, algorithm, put(BITS, b"\0" + point))


def rsa_spki(n, e):
    algorithm = put(SEQUENCE, put(OID, RSA_ENCRYPTION), put(NULL))
    key = put(SEQUENCE, put_integer(n), put_integer(e))
    return put(SEQUENCE, algorithm, put(BITS, b"\0" + key))


def parse_spki(spki):
    """("ec", point) or ("rsa", n, e), if the SubjectPublicKeyInfo is in normal form."""
    algorithm, rest = take(whole(spki, SEQUENCE), SEQUENCE)
    bits = whole(rest, BITS)
    if take(algorithm, OID)[0] == EC_PUBLIC_KEY:
        point = bits[1:]
        if ec_spki(point) != spki:
            raise ValueError("not prime256v1 in normal form")
        return "ec", point
    n, rest = take_integer(whole(bits[1:], SEQUENCE))
    e, rest = take_integer(rest)
    if rest or rsa_spki(n, e) != spki:
        raise ValueError("not RSA in normal form")
    return "rsa", n, e
