#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""search.py DIRECTORY CREDENTIALS.json... : looks for every secret of the credentials, as given,
decoded and in other codings, in every file below the directory. Exit 1 when one is found, or when
the search does not even find what must be there (the masked API key)."""
import base64
import json
import os
import sys


def forms(secret):
    """What a leaked secret could look like."""
    lines = [x for x in secret.splitlines() if x and not x.startswith("-----")]
    raw = [secret.encode()]
    try:
        raw.append(base64.b64decode("".join(lines), validate=True))
    except ValueError:
        pass
    out = {x.encode() for x in lines if len(x) >= 16}
    for r in raw:
        out |= {r, r.hex().encode(), r.hex().upper().encode(), base64.b64encode(r).rstrip(b"="),
                base64.urlsafe_b64encode(r).rstrip(b"=")}
    return out


def main():
    top, files = sys.argv[1], sys.argv[2:]
    needles, public = set(), set()
    for name in files:
        with open(name, encoding="utf-8") as f:
            cred = json.load(f)
        public.add(cred["api_key"][:4].encode())
        for field, value in cred.items():
            if field != "api_key":
                needles |= forms(value)
    texts = {}
    for d, _, names in os.walk(top):
        for n in names:
            with open(os.path.join(d, n), "rb") as f:
                texts[os.path.join(d, n)] = f.read()
    found = [p for p, t in texts.items() if any(n in t for n in needles)]
    control = all(any(k in t for t in texts.values()) for k in public)
    print(f"{len(texts)} files, {len(needles)} forms of {len(files)} secrets: "
          f"{len(found) or 'none'} found; masked keys (must be there): "
          f"{'found' if control else 'NOT FOUND'}")
    sys.exit(1 if found or not control else 0)


main()
