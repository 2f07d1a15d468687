#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo does what it should, and the parts of its transcript that README.md shows are the same,
value by value what is the same each time. demo.py --update writes these parts anew."""
# sanitizers: no
import os
import re
import subprocess
import sys
import tempfile

import lib

README = os.path.join(lib.ROOT, "README.md")
BLOCK = re.compile(r"(<!-- demo -->\n```text\n)(.*?)(```\n<!-- end demo -->)", re.S)
# What differs between two runs: fingerprints, ids, hashes, serials, times, signatures.
VOLATILE = ((r"\d{4}-\d\d-\d\d( \d\d:\d\d UTC|(?=  ))", "DATE"), (r"\d+ ms\b", "N ms"),
            (r"127\.0\.0\.1:\d+", "PORT"),
            (r"[0-9a-f]{4}(-[0-9a-f]{4}){7}", "FINGERPRINT"),
            (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
            (r"[A-Za-z0-9_/+=%.-]{64}\.\.\.", "LONG"),
            (r"\brun-\d+\b", "run-N"),
            (r"\"(OK-ACCESS-SIGN|API-Sign)\":\"[^\"]*\"", r"\1 SIGNATURE"),
            (r"\b[0-9a-f]{8,}\b", "HEX"), (r"\b\d{13,19}\b", "NUMBER"),
            (r"module    .*", "module    PATH"), (r"firmware [\d.]+|PKCS11 [\d.]+", "VERSION"),
            (r"\b\d+ files, \d+ forms", "N files, N forms"))


def transcript():
    """Runs the demo; its exit status and what it printed."""
    with tempfile.TemporaryDirectory(prefix="coffer-demo-", dir=os.environ.get("TMPDIR")) as d:
        p = subprocess.run(["sh", os.path.join(lib.ROOT, "tests/demo/demo.sh"), d],
                           env={**os.environ, "COFFER": lib.COFFER}, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return p.returncode, p.stdout.decode()


def plain(text):
    """text without what differs between two runs."""
    for pattern, name in VOLATILE:
        text = re.sub(pattern, name, text)
    return text


def in_readme():
    with open(README, encoding="utf-8") as f:
        return BLOCK.search(f.read()).group(2)


def sections(text):
    """The parts of a transcript, by their first line."""
    parts = re.split(r"^(?=# )", text, flags=re.M)
    return {p.splitlines()[0]: p.strip("\n").splitlines() for p in parts if p.strip()}


def update():
    code, text = transcript()
    assert code == 0, text
    with open(README, encoding="utf-8") as f:
        old = f.read()
    new = sections(text)
    shown = "\n\n".join("\n".join(new[title]) for title in sections(in_readme()))
    with open(README, "w", encoding="utf-8") as f:
        f.write(BLOCK.sub(lambda m: m.group(1) + shown + "\n" + m.group(3), old))


def test_demo():
    """the demo does what it should, and README.md shows it"""
    code, text = transcript()
    assert code == 0, text
    got, shown = sections(plain(text)), sections(plain(in_readme()))
    assert len(shown) >= 5, "README.md shows too little"
    for title, want in shown.items():
        assert title in got, f"the demo has no part '{title}'"
        for g, w in zip(got[title], want):
            assert g == w, f"the demo printed\n{g}\nREADME.md has\n{w}"
        assert len(got[title]) == len(want), f"'{title}' differs in length"


def test_compares():
    """the comparison notices a changed word"""
    assert plain("wrong PIN") != plain("right PIN")
    assert plain("(exit status 5)") != plain("(exit status 3)")


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        lib.main([test_demo, test_compares])
