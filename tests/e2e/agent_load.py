# SPDX-License-Identifier: Apache-2.0
"""What the tests of tokens and vaults under load share: bots that ask the proxy without a pause, a
World whose vault is sealed to the mock driver, and how often that did its work."""
import os
import threading
import time

import agent_kit
import agent_world
import lib
import mock_kit

ACCOUNT = "/api/v3/account"
# What the driver does while the file mock.gone is there: as one whose token was pulled.
PULLED = tuple(f"{call} rv=0x32 while=gone" for call in ("C_DeriveKey", "C_GetTokenInfo",
                                                         "C_GetSessionInfo")) + \
    tuple(f"{call} rv=0xe0 while=gone" for call in ("C_GetSlotList", "C_GetSlotInfo",
                                                    "C_OpenSession", "C_Login"))


class Bots:
    """with Bots(w, ("name", 5), ...): so many clients each ask the account with that key, without a
    pause, until the end. results: (name, when it was asked, status or what went wrong)."""

    def __init__(self, w, *wanted, pause_s=0.0):
        self.w, self.results, self.is_over, self.pause_s = w, [], False, pause_s
        self.threads = [threading.Thread(target=self.run, args=(name,), daemon=True)
                        for name, n in wanted for _ in range(n)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for t in self.threads:
            t.join(30)
        assert not any(t.is_alive() for t in self.threads), "a client gets no answer"

    def run(self, name):
        c = None
        while not self.is_over:
            at = time.monotonic()
            try:
                c = c or self.w.connect()
                r = c.ask("GET", path_of(name))
                got = r.status if r.is_whole else "broke off"
                if got != 200:
                    got = (got, r.text[:200])
            except (agent_world.Broken, OSError) as e:
                got = ("no reply", repr(e))
            if got != 200 and c:
                c.s.close()
                c = None
            self.results.append((name, at, got))
            time.sleep(self.pause_s if got == 200 else max(self.pause_s, 0.05))
        if c:
            c.s.close()

    def bad(self, name=None, after=0.0):
        return [r for r in list(self.results)
                if r[2] != 200 and r[1] >= after and name in (None, r[0])]

    def good(self, name=None, after=0.0):
        return sum(1 for r in list(self.results)
                   if r[2] == 200 and r[1] >= after and name in (None, r[0]))

    def wait_good(self, n, name=None):
        """Until n more of them were answered as they should."""
        now = time.monotonic()
        agent_kit.wait_for(f"{n} good answers for {name}", lambda: self.good(name, now) >= n)

    def all_good(self, n, name=None):
        """n more, and not one bad answer meanwhile."""
        now = time.monotonic()
        self.wait_good(n, name)
        assert not self.bad(name, now), self.bad(name, now)[:3]


def path_of(name, path=ACCOUNT, bearer=None):
    return f"/{name}{'~' + bearer if bearer else ''}/https://api.binance.com{path}"


def ask(w, name, path=ACCOUNT, method="GET", body=None):
    return w.ask(method, path_of(name, path), body)


class MockWorld(agent_world.World):
    """A World on the mock driver: a key 'each' that is opened for each use and 'held' that stays."""

    def __init__(self, *script, options=(), foreground=False):
        super().__init__("binance", options=options)
        self.script, self.foreground, self.process = script, foreground, None

    def __enter__(self):
        self.h, self.exchange = mock_kit.Mock(), lib.exchange()
        self.x = self.exchange.__enter__()
        self.a = agent_kit.Agent(self.h, *self.options, start=False)
        try:
            self.h.fresh()
            self.h.ok("init", "--token", self.h.uri())
            self.add("each", "binance", "--unseal", "each-use")
            self.add("held", "binance", "--unseal", "session")
            self.h.script(*self.script)
            self.begin()
            self.a.unlock()
        except BaseException:
            self.close(RuntimeError)
            raise
        return self

    def begin(self):
        if not self.foreground:
            self.a.start()
            return
        self.process = self.a.popen(*self.options)
        agent_kit.wait_for("an answer", self.a.is_answering)
        agent_kit.wait_for("a proxy", lambda: self.a.ask("status")["proxy"]["running"])

    def said(self):
        """What the agent wrote to its terminal; it ends for that."""
        self.process.terminate()
        return self.process.communicate(timeout=agent_kit.PATIENCE)[1].decode()

    def mark(self, name):
        """From here on lines of the script with while=NAME hold."""
        with open(os.path.join(self.h.dir, "mock." + name), "w", encoding="utf-8"):
            pass

    def unmark(self, name):
        os.unlink(os.path.join(self.h.dir, "mock." + name))

    def count(self, name="C_DeriveKey"):
        return self.h.counts()[name]

    def token(self):
        return self.a.ask("status")["tokens"][0]
