# SPDX-License-Identifier: Apache-2.0
"""A made-up pinentry for the tests, which answers as it should, or anyhow."""
import json
import os
import shutil
import sys

# One process a question. It does what the next entry of "plan" says, and writes down what it was
# given. Its file is not in the home that is searched.
FAKE = r'''#!{python}
import json, os, signal, sys, time
here = os.path.dirname(os.path.abspath(__file__))
plan = json.load(open(here + "/plan"))
n = len([f for f in os.listdir(here) if f.startswith("seen.")])
what, _, text = (plan[n] if n < len(plan) else plan[-1]).partition(":")
seen = open(f"{{here}}/seen.{{n}}", "w", buffering=1)
fds = [f for f in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + f)]
fds = [f for f in fds if os.readlink("/proc/self/fd/" + f) not in (here + f"/seen.{{n}}",)]
print(json.dumps({{"pid": os.getpid(), "argv": sys.argv, "env": dict(os.environ), "fds": fds,
                  "ignored": [s.name for s in signal.Signals if s.name in ("SIGINT", "SIGTERM")
                              and signal.getsignal(s) == signal.SIG_IGN]}}), file=seen)
def say(s):
    os.write(1, s.encode("latin-1"))
if what == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if what == "die":
    sys.exit(1)
if what == "mute":
    time.sleep(60)
say(text if what == "greet" else "OK fake\n")
for line in sys.stdin:
    print(line, end="", file=seen)
    if line.startswith(("GETPIN", "CONFIRM")):
        if what == "stuck":
            time.sleep(60)
        elif what == "die-late":
            sys.exit(1)
        elif what == "raw":
            say(text)
        else:
            say("S KEEPALIVE 1\n# a comment\n")
            say("D " + text.replace("%", "%25") + "\nOK\n")
    elif what == "no-options" and line.startswith("OPTION"):
        say("ERR 83886254 Unknown option <Pinentry>\n")
    else:
        say("OK\n")
if what == "deaf":
    time.sleep(60)
'''


class Fake:
    """The made-up pinentry in a directory of its own."""

    def __init__(self, h):
        self.dir = os.path.join(h.top, "fake")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.mkdir(self.dir)
        self.path = os.path.join(self.dir, "pinentry-fake")
        with open(self.path, "w", encoding="ascii") as f:
            f.write(FAKE.format(python=sys.executable))
        os.chmod(self.path, 0o700)

    def plan(self, *answers):
        """What it does from now on, a question each."""
        for f in os.listdir(self.dir):
            if f.startswith("seen."):
                os.unlink(os.path.join(self.dir, f))
        with open(os.path.join(self.dir, "plan"), "w", encoding="ascii") as f:
            json.dump(answers, f)

    def seen(self):
        """What each process of it was given: its start, then the lines."""
        out = []
        for n in range(100):
            path = os.path.join(self.dir, f"seen.{n}")
            if not os.path.exists(path):
                return out
            with open(path, encoding="utf-8") as f:
                head, *lines = f.read().split("\n")
            if not lines:           # it has only just begun
                return out
            out.append((json.loads(head), lines[:-1]))
        return out
