# SPDX-License-Identifier: Apache-2.0
"""The key of a recipient on paper, as vault/FORMAT.md makes it: from 24 words to d. For tests only.

paper.py --keys WORDS.txt   a line for each line "SEED WORDS...": SEED d rid
"""
import hashlib
import hmac
import pathlib
import sys

import der
import ec

LIST = pathlib.Path(__file__).with_name("words.txt")
LIST_SHA256 = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"


def word_list():
    text = LIST.read_bytes()
    if hashlib.sha256(text).hexdigest() != LIST_SHA256:
        raise ValueError("words.txt is not the list")
    return text.decode("ascii").split()


def seed_of(words):
    """The 32 bytes of 24 words; ValueError when they are none."""
    known = word_list()
    places = [known.index(w) for w in words.lower().split()]
    if len(places) != 24:
        raise ValueError("not 24 words")
    number = 0
    for place in places:
        number = number << 11 | place
    seed = (number >> 8).to_bytes(32, "big")
    if number & 0xFF != hashlib.sha256(seed).digest()[0]:
        raise ValueError("the words' checksum does not hold")
    return seed


def words_of(seed):
    known = word_list()
    number = int.from_bytes(seed, "big") << 8 | hashlib.sha256(seed).digest()[0]
    return " ".join(known[number >> 11 * (23 - i) & 2047] for i in range(24))


def expand(seed):
    """HKDF of 48 bytes, salt "" (RFC 5869)."""
    prk = hmac.digest(b"", seed, "sha256")
    one = hmac.digest(prk, b"coffer/v1/paper\1", "sha256")
    return (one + hmac.digest(prk, one + b"coffer/v1/paper\2", "sha256"))[:48]


def private_key(seed):
    return int.from_bytes(expand(seed), "big") % (ec.N - 1) + 1


def rid_of(d):
    point = ec.encode_point(*ec.multiply(d, ec.G))
    return hashlib.sha256(der.ec_spki(point)).digest()


def main():
    if len(sys.argv) != 3 or sys.argv[1] != "--keys":
        sys.exit(__doc__)
    for line in pathlib.Path(sys.argv[2]).read_text().splitlines():
        if line.startswith("#"):
            continue
        seed, words = line.split(" ", 1)
        assert seed_of(words).hex() == seed and words_of(bytes.fromhex(seed)) == words, words
        d = private_key(bytes.fromhex(seed))
        print(seed, f"{d:064x}", rid_of(d).hex())


if __name__ == "__main__":
    main()
