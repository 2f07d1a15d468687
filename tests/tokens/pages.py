# SPDX-License-Identifier: Apache-2.0
"""The generated parts of docs/tokens/: a token's row in its page, and all rows in README.md, both
between markers."""
import os

from world import ROOT
from worlds import WORLDS, world_class

DOCS = os.path.join(ROOT, "docs/tokens")
BEGIN, END = "<!-- matrix: made by tests/tokens/run.py --update -->", "<!-- end of matrix -->"


def split(name):
    """What stands before, between and after the markers of a page."""
    with open(os.path.join(DOCS, name + ".md"), encoding="utf-8") as f:
        text = f.read()
    head, _, rest = text.partition(BEGIN + "\n")
    body, mark, tail = rest.partition(END + "\n")
    if not mark:
        raise RuntimeError(f"docs/tokens/{name}.md has no markers")
    return head, body, tail


def commands(name):
    """The page's set-up commands."""
    with open(os.path.join(DOCS, name + ".md"), encoding="utf-8") as f:
        return f.read().partition("```sh checked\n")[2].partition("```\n")[0]


def row(cells):
    """Of one token: a table of behaviour and cell."""
    return "".join(["| behaviour | |\n|---|---|\n"] +
                   [f"| {n} | {value} |\n" for n, value in cells.items()])


def short(value):
    """In the whole matrix; the reasons stand in the token's page."""
    return {"not applicable": "-"}.get(value, value.partition(":")[0])


def whole(rows):
    """All tokens: a behaviour a line."""
    names = [w for w in WORLDS if w in rows]
    lines = ["| | " + " | ".join(f"[{world_class(w).title}]({w}.md)" for w in names) + " |",
             "|---" * (len(names) + 1) + "|"]
    lines += [f"| {n} | " + " | ".join(short(rows[w].get(n, "")) for w in names) + " |"
              for n in rows[names[0]]]
    return "\n".join(lines) + "\n"


def made(name, rows):
    """What must stand between the markers of a page."""
    return whole(rows) if name == "README" else row(rows[name])


def write(name, rows):
    head, _, tail = split(name)
    with open(os.path.join(DOCS, name + ".md"), "w", encoding="utf-8") as f:
        f.write(head + BEGIN + "\n" + made(name, rows) + END + "\n" + tail)


def stale(name, rows):
    """Whether a page shows something else than what is expected."""
    return split(name)[1] != made(name, rows)
