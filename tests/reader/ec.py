# SPDX-License-Identifier: Apache-2.0
"""ECDH on P-256 with a private key from a PEM file. For tests only: not safe against timing."""
import base64

import der

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def on_curve(x, y):
    return 0 <= x < P and 0 <= y < P and (y * y - x * x * x + 3 * x - B) % P == 0


def _double(p):
    x, y, z = p
    if not y:
        return (0, 1, 0)
    delta, gamma = z * z, y * y
    beta, alpha = x * gamma, 3 * (x - delta) * (x + delta)
    x3 = (alpha * alpha - 8 * beta) % P
    z3 = ((y + z) ** 2 - gamma - delta) % P
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % P, z3


def _add(p, q):
    """Sum of two points in Jacobian coordinates; z = 0 is the point at infinity."""
    if not p[2]:
        return q
    if not q[2]:
        return p
    z1z1, z2z2 = p[2] * p[2] % P, q[2] * q[2] % P
    u1, u2 = p[0] * z2z2 % P, q[0] * z1z1 % P
    s1, s2 = p[1] * q[2] * z2z2 % P, q[1] * p[2] * z1z1 % P
    h, r = (u2 - u1) % P, (s2 - s1) % P
    if not h:
        return _double(p) if not r else (0, 1, 0)
    hh = h * h % P
    hhh, v = h * hh % P, u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, h * p[2] * q[2] % P


def multiply(k, point):
    """k times an affine point, affine; ValueError for the point at infinity."""
    total, step = (0, 1, 0), (*point, 1)
    while k:
        if k & 1:
            total = _add(total, step)
        step, k = _double(step), k >> 1
    if not total[2]:
        raise ValueError("the point at infinity")
    inverse = pow(total[2], -1, P)
    return total[0] * inverse**2 % P, total[1] * inverse**3 % P


def encode_point(x, y):
    return b"\4" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def decode_point(raw):
    """(x, y) of an uncompressed point of 65 bytes that is on the curve."""
    if len(raw) != 65 or raw[0] != 4:
        raise ValueError("not an uncompressed point")
    x, y = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
    if not on_curve(x, y):
        raise ValueError("not on the curve")
    return x, y


def shared_x(d, raw):
    """Z: x of the shared point, 32 bytes."""
    return multiply(d, decode_point(raw))[0].to_bytes(32, "big")


def pem_to_der(text):
    lines = [line.strip() for line in text.strip().splitlines()]
    if lines[0] != "-----BEGIN PRIVATE KEY-----" or lines[-1] != "-----END PRIVATE KEY-----":
        raise ValueError("not a PKCS#8 PEM file")
    return base64.b64decode("".join(lines[1:-1]), validate=True)


def private_key(pkcs8):
    """The number d of a PKCS#8 key on P-256, or None when it is another kind of key."""
    _, rest = der.take_integer(der.whole(pkcs8, der.SEQUENCE))
    algorithm, rest = der.take(rest, der.SEQUENCE)
    if algorithm != der.put(der.OID, der.EC_PUBLIC_KEY) + der.put(der.OID, der.PRIME256V1):
        return None
    _, inner = der.take_integer(der.whole(der.take(rest, der.OCTETS)[0], der.SEQUENCE))
    d = int.from_bytes(der.take(inner, der.OCTETS)[0], "big")
    if not 0 < d < N:
        raise ValueError("the private key is out of range")
    return d
