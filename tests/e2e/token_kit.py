# SPDX-License-Identifier: Apache-2.0
"""What the scripts on coffer-token share: tests/tools/token_talk.c kept open, which drives it as the
agent does, and a home with the mock driver."""
import os
import subprocess

from lib import COFFER, PIN, TOOLS
from mock_kit import Mock

PROGRAM = os.path.join(os.path.dirname(COFFER), "coffer-token")
TALK = os.path.join(TOOLS, "token_talk")
WRONG = "not the PIN at all"


class Talk:
    """A home with the mock, and the program that starts coffer-token; ends both."""

    def __init__(self, *script):
        self.h, self.p = Mock(), None
        self.h.fresh()
        self.restart()
        self.ok(f"seal {self.h.uri()} ecdh-p256 {PIN}")
        self.before = self.h.counts()
        self.h.script(*script)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()
        self.h.__exit__()

    def end(self):
        self.p.stdin.close()
        self.p.wait(20)
        self.p.stdout.close()

    def restart(self, **env):
        """The talking program, in this environment."""
        if self.p:
            self.end()
        self.p = subprocess.Popen([TALK], env=self.h.environ(**env), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        answer = self.p.stdout.readline()
        assert answer, f"the tool ended at {line!r}"
        return answer.rstrip("\n")

    def ok(self, line):
        answer = self.ask(line)
        assert answer.startswith("ok"), f"{line}: {answer}"
        return answer[3:]

    def fails(self, line, *words):
        answer = self.ask(line)
        assert answer.startswith("err"), f"{line}: {answer}"
        for w in words:
            assert w in answer, f"{line}: no {w!r} in {answer}"
        assert PIN not in answer and WRONG not in answer, answer
        return answer

    def start(self):
        state = self.ok("start " + PROGRAM)
        assert "present=1 logged-in=0" in state, state
        return self

    def tried(self, name="pin_tried"):
        """How many PINs the token compared since the start."""
        return self.h.counts()[name] - self.before[name]
