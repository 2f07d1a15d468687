#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lengths: files to 400 lines, lines to 100 columns, a first line with the licence. Reports the longest
# files and every function over 60 lines.
set -u
cd "$(dirname "$0")/../.." || exit 2
exec python3 - <<'PY'
import glob
import re
import sys

FOLDERS = ("base", "pkcs11", "vault", "connectors", "agent", "net", "cli", "tests",
           "tests/tools", "tests/fuzz", "tests/bench", "tests/example", "tests/card", "tests/mock")
FILE_MAX, COLUMNS, FUNCTION_NOTE = 400, 100, 60
bad = 0


def complain(text):
    global bad
    print(text)
    bad = 1


sources = [f for d in FOLDERS for f in sorted(glob.glob(d + "/*.[ch]"))]
lengths, functions = [], []
for name in sources:
    lines = open(name, encoding="utf-8").read().split("\n")
    if lines[0] != "/* SPDX-License-Identifier: Apache-2.0 */":
        complain(f"{name}:1: the first line is not the licence")
    if len(lines) > 1 and not lines[1].startswith("/*"):
        complain(f"{name}:2: no sentence on what is in the file")
    lengths.append((len(lines) - 1, name))
    if len(lines) - 1 > FILE_MAX:
        complain(f"{name}: {len(lines) - 1} lines, at most {FILE_MAX}")
    start = None
    for n, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            complain(f"{name}:{n}: {len(line)} columns, at most {COLUMNS}")
        if "\t" in line:
            complain(f"{name}:{n}: a tab")
        if line.rstrip() != line:
            complain(f"{name}:{n}: blanks at the end")
        if line == "{":
            start = n
        elif line == "}" and start:
            functions.append((n - start + 1, f"{name}:{start}"))
            start = None

for name in sorted(glob.glob("tests/**/*.sh", recursive=True) + glob.glob("tests/**/*.py", recursive=True)):
    if not re.search(r"SPDX-License-Identifier: Apache-2\.0", "".join(open(name, encoding="utf-8").readlines()[:3])):
        complain(f"{name}: no licence line")

print("longest files: " + ", ".join(f"{f} {n}" for n, f in sorted(lengths)[-5:][::-1]))
for n, where in sorted(functions)[::-1]:
    if n > FUNCTION_NOTE:
        print(f"note: {where}: a function of {n} lines")
if functions:
    n = sorted(f[0] for f in functions)
    print(f"functions: {len(n)}, median {n[len(n) // 2]} lines, longest {n[-1]}")
sys.exit(bad)
PY
