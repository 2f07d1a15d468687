# SPDX-License-Identifier: Apache-2.0
"""AES-256-GCM with a 12-byte nonce, for tests: slow, and not safe against timing."""
import hmac


def _xtime(a):
    return (a << 1) ^ (0x11B if a & 0x80 else 0)


def _make_sbox():
    """The S-box from powers and inverse powers of the generator 3."""
    box = [0] * 256
    p = q = 1
    while True:
        p ^= _xtime(p)
        for shift in (1, 2, 4):
            q = (q ^ (q << shift)) & 0xFF
        if q & 0x80:
            q ^= 0x09
        x = q
        for turn in (1, 2, 3, 4):
            x ^= ((q << turn) | (q >> (8 - turn))) & 0xFF
        box[p] = x ^ 0x63
        if p == 1:
            break
    box[0] = 0x63
    return box


SBOX = _make_sbox()


def _expand(key):
    """The 15 round keys of AES-256, 16 bytes each."""
    if len(key) != 32:
        raise ValueError("the key must have 32 bytes")
    words, rcon = [key[i:i + 4] for i in range(0, 32, 4)], 1
    for i in range(8, 60):
        w = words[-1]
        if i % 8 == 0:
            w = bytes(SBOX[b] for b in w[1:] + w[:1])
            w = bytes([w[0] ^ rcon]) + w[1:]
            rcon = _xtime(rcon)
        elif i % 8 == 4:
            w = bytes(SBOX[b] for b in w)
        words.append(bytes(a ^ b for a, b in zip(words[i - 8], w)))
    return [b"".join(words[i:i + 4]) for i in range(0, 60, 4)]


def _mix(column):
    a, b, c, d = column
    t = a ^ b ^ c ^ d
    return (a ^ t ^ _xtime(a ^ b), b ^ t ^ _xtime(b ^ c),
            c ^ t ^ _xtime(c ^ d), d ^ t ^ _xtime(d ^ a))


def _encrypt(keys, block):
    """One block; the state is in column order."""
    s = [a ^ b for a, b in zip(block, keys[0])]
    for n in range(1, 15):
        s = [SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if n < 14:
            s = [b for i in range(0, 16, 4) for b in _mix(s[i:i + 4])]
        s = [a ^ b for a, b in zip(s, keys[n])]
    return bytes(s)


def _times(x, y):
    """Product in GF(2^128), with GCM's order of bits."""
    z = 0
    for i in range(127, -1, -1):
        if (x >> i) & 1:
            z ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return z


def _ghash(h, aad, ct):
    y = 0
    sizes = (len(aad) * 8).to_bytes(8, "big") + (len(ct) * 8).to_bytes(8, "big")
    for part in (aad, ct, sizes):
        for i in range(0, len(part), 16):
            y = _times(y ^ int.from_bytes(part[i:i + 16].ljust(16, b"\0"), "big"), h)
    return y.to_bytes(16, "big")


def _xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def _ctr(keys, nonce, text):
    out = b""
    for n, i in enumerate(range(0, len(text), 16), 2):
        out += _xor(text[i:i + 16], _encrypt(keys, nonce + n.to_bytes(4, "big")))
    return out


def _tag(keys, nonce, aad, ct):
    h = int.from_bytes(_encrypt(keys, bytes(16)), "big")
    return _xor(_ghash(h, aad, ct), _encrypt(keys, nonce + b"\0\0\0\1"))


def seal(key, nonce, text, aad=b""):
    """ciphertext || tag"""
    if len(nonce) != 12:
        raise ValueError("the nonce must have 12 bytes")
    keys = _expand(key)
    ct = _ctr(keys, nonce, text)
    return ct + _tag(keys, nonce, aad, ct)


def unseal(key, nonce, sealed, aad=b""):
    """The text, or ValueError; nothing is decrypted before the tag holds."""
    if len(nonce) != 12 or len(sealed) < 16:
        raise ValueError("too short")
    keys, ct = _expand(key), sealed[:-16]
    if not hmac.compare_digest(_tag(keys, nonce, aad, ct), sealed[-16:]):
        raise ValueError("the tag does not hold")
    return _ctr(keys, nonce, ct)
