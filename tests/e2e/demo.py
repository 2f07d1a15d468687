#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo does what it should, and its transcript is the one in README.md, value by value what is
the same each time. demo.py --update writes a new transcript into README.md."""
import os
import re
import subprocess
import sys
import tempfile

import lib

README = os.path.join(lib.ROOT, "README.md")
BLOCK = re.compile(r"(<!-- demo -->\n```text\n)(.*?)(```\n<!-- end demo -->)", re.S)
# What differs between two runs: fingerprints, ids, hashes, serials, times, signatures.
VOLATILE = ((r"[0-9a-f]{4}(-[0-9a-f]{4}){7}", "FINGERPRINT"),
            (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
            (r"[A-Za-z0-9_/+=%.-]{64}\.\.\.", "LONG"),
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


def update():
    code, text = transcript()
    assert code == 0, text
    with open(README, encoding="utf-8") as f:
        old = f.read()
    with open(README, "w", encoding="utf-8") as f:
        f.write(BLOCK.sub(lambda m: m.group(1) + text.lstrip("\n") + m.group(3), old))


def test_demo():
    """the demo does what it should, and README.md shows it"""
    code, text = transcript()
    assert code == 0, text
    got, want = plain(text.lstrip("\n")).splitlines(), plain(in_readme()).splitlines()
    for i, (g, w) in enumerate(zip(got, want), 1):
        assert g == w, f"line {i}: the demo printed\n{g}\nREADME.md has\n{w}"
    assert len(got) == len(want), f"{len(got)} lines printed, {len(want)} in README.md"


def test_compares():
    """the comparison notices a changed word"""
    assert plain("wrong PIN") != plain("right PIN")
    assert plain("(exit status 5)") != plain("(exit status 3)")


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        lib.main([test_demo, test_compares])
