# SPDX-License-Identifier: Apache-2.0
"""The strict forms of a vault's bytes: lines, JSON, base64url, LP, and what objects may hold."""
import base64
import json
import re

MAX_INTEGER = 2**53


class Refused(Exception):
    """The vault is not as it must be; the text is one line."""


def need(condition, reason):
    if not condition:
        raise Refused(reason)


def lines(data, count, what):
    """The lines of a file that has exactly so many, each ended by LF."""
    parts = data.split(b"\n")
    need(len(parts) == count + 1 and parts[-1] == b"", f"{what} does not have {count} lines")
    return parts[:-1]


def _pairs(pairs):
    out = dict(pairs)
    need(len(out) == len(pairs), "a duplicate member in JSON")
    return out


def _integer(text):
    need(re.fullmatch("[0-9]{1,16}", text) and int(text) <= MAX_INTEGER, "an integer out of range")
    return int(text)


def _no_number(text):
    raise Refused(f"{text[:20]} is no integer")


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_integer, parse_float=_no_number,
                            parse_constant=_no_number)


def parse_json(line, what="JSON"):
    """A value of RFC 8259 in UTF-8 with nothing after it."""
    try:
        text = line.decode("utf-8")
        value, end = _DECODER.raw_decode(text.lstrip(" \t\r\n"))
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # no half of a surrogate pair
    except (ValueError, RecursionError) as e:
        raise Refused(f"{what} is not valid JSON") from e
    need(end == len(text.lstrip(" \t\r\n")), f"bytes after the value in {what}")
    return value


def unbase64(text, size=None, what="a value"):
    """The bytes of base64url without padding, in its only spelling."""
    need(isinstance(text, str) and re.fullmatch("[A-Za-z0-9_-]*", text) and len(text) % 4 != 1,
         f"{what} is not base64url")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    need(base64.urlsafe_b64encode(raw).rstrip(b"=") == text.encode(), f"{what} is not canonical")
    need(size is None or len(raw) == size, f"{what} has another length than {size}")
    return raw


def lp(*parts):
    return b"".join(len(p).to_bytes(4, "big") + p for p in parts)


def unlp(data):
    """The parts of a sequence of LP."""
    parts = []
    while data:
        size = int.from_bytes(data[:4], "big")
        need(len(data) >= 4 + size, "a field is cut off")
        parts.append(data[4:4 + size])
        data = data[4 + size:]
    return parts


# Kinds of members: what each must be.

def integer(low=0):
    return lambda v: type(v) is int and v >= low


def text(low=0):
    return lambda v: isinstance(v, str) and len(v) >= low


def one_of(*allowed):
    return lambda v: any(type(v) is type(a) and v == a for a in allowed)


def matching(pattern):
    return lambda v: isinstance(v, str) and re.fullmatch(pattern, v) is not None


def array_of(kind):
    return lambda v: isinstance(v, list) and all(kind(each) for each in v)


def octets(size=None):
    def check(v):
        unbase64(v, size)
        return True
    return check


def record(always, sometimes=None):
    """An object with these members, the second group if it likes."""
    return lambda v: shape(v, always, sometimes) is v


def shape(value, always, sometimes=None, what="an object"):
    """The value, when it is an object with just these members, each of its kind."""
    kinds = {**always, **(sometimes or {})}
    need(isinstance(value, dict), f"{what} is no object")
    for name in value:
        need(name in kinds, f"{what} has an unknown member")
    for name in always:
        need(name in value, f"{what} has no {name}")
    for name, v in value.items():
        need(kinds[name](v), f"{name} in {what} is not as it must be")
    return value
