#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""A vault that two tokens open, both known here, and an agent that has both: one is removed, comes
back, or has a PIN that is locked up, and the other one notices nothing"""
import os
import shutil

import lib
from agent_kit import wait_for
from agent_load import Bots, MockWorld, ask
import mock_kit


class Two(MockWorld):
    """A MockWorld with another driver, whose token is 'second'."""

    def begin(self):
        h = self.h
        self.dir = os.path.join(h.top, "other")
        os.mkdir(self.dir, 0o700)
        shutil.copy(mock_kit.MODULE, self.dir)
        self.script_second()
        self.uri = f"pkcs11:token=second;id=%02?module-path={self.dir}/mock.so"
        h.ok("recipients", "add", self.uri, "--new-pin-file", h.pin_file, "--yes")
        super().begin()

    def script_second(self, *lines):
        with open(os.path.join(self.dir, "mock.conf"), "w", encoding="utf-8") as f:
            f.write("".join(x + "\n" for x in (f"label {b'second'.hex()}",
                                               f"serial {b'0002'.hex()}", *lines)))

    def tokens_by_label(self):
        return {t["label"]: t for t in self.a.ask("status")["tokens"]}

    def unlock_both(self):
        for label in ("mock", "second"):
            if not self.tokens_by_label()[label]["unlocked"]:
                fd = os.open(self.h.private("bare", lib.PIN), os.O_RDONLY)
                self.a.ask("unlock", fd, token=label)
                os.close(fd)

    def second_count(self, name):
        mine, self.h.state_file = self.h.state_file, os.path.join(self.dir, "mock.state")
        try:
            return self.h.counts().get(name, 0)
        finally:
            self.h.state_file = mine


def test_first_removed():
    """the first one on the list is removed: the other one's process goes on, unlocked, no PIN again"""
    with Two() as w:
        w.a.ask("status", look=True)
        w.unlock_both()
        before, tried = set(w.a.tokens), w.second_count("pin_tried")
        assert len(before) == 2 and list(w.tokens_by_label()) == ["mock", "second"]
        with Bots(w, ("held", 2), ("each", 2)) as bots:
            bots.wait_good(10)
            r = w.h.run("recipients", "remove", "mock", "--yes")
            assert r.code == 0 and "agent" not in r.err, r
            bots.wait_good(10, "each")
            bots.all_good(20)
        left = w.tokens_by_label()
        assert list(left) == ["second"] and left["second"]["unlocked"], left
        assert left["second"]["restarts"] == 0, left
        wait_for("the first one's end", lambda: len(w.a.tokens) == 1)
        assert set(w.a.tokens) < before
        # one login of the command that removed it, and none of the agent's
        assert w.second_count("pin_tried") <= tried + 1, (tried, w.second_count("pin_tried"))
        assert not bots.bad("held"), bots.bad("held")[:3]


def test_locked_up():
    """the first one's PIN is locked up: 'coffer unlock' takes the other one"""
    with Two() as w:
        w.h.ok("lock", pin=False)
        w.h.script("flags LOCKED")
        tried, second = w.count("pin_tried"), w.second_count("pin_tried")
        r = w.h.ok("unlock")
        assert "unlocked by token 'second'" in r.out, r
        assert w.count("pin_tried") == tried and w.second_count("pin_tried") == second + 1
        assert ask(w, "each").status == 200
        # of both: the first one says why
        w.h.ok("lock", pin=False)
        w.script_second("flags LOCKED")
        r = w.h.run("unlock")
        assert r.code == 3 and "'mock'" in r.err and "locked" in r.err, r
        assert w.count("pin_tried") == tried and w.second_count("pin_tried") == second + 1


if __name__ == "__main__":
    lib.main([test_first_removed, test_locked_up], needs_softhsm=False)
