# SPDX-License-Identifier: Apache-2.0
"""The behaviours of the matrix, each tried on one world. A cell is 'yes', 'not applicable', or
'no: REASON'. Where a person would see it, coffer itself is run; the rest is tests/tools/token.c."""
import hashlib
import hmac
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pages
import terminal
from worlds import UNLOCK_WORDS

NOT_APPLICABLE = "not applicable"
SCHEMES = {"ecdh-p256": "ec", "rsa-oaep-256": "rsa", "rsa-oaep-1": "rsa"}
SIGN = ("sign", "main", "GET", "/api/v3/account")
ASKED = "PIN of token"
WRONG = "654321"
TOUCH_MS = 1600


class No(Exception):
    """The token or its driver cannot do that; the reason is the text."""


class Tool:
    """tests/tools/token.c, or another such program, kept open."""

    def __init__(self, world, program="token"):
        self.world = world
        self.p = subprocess.Popen([os.path.join(world.tools, program)], env=world.environ(),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.stdin.close()
        try:
            self.p.wait(20)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            raise
        finally:
            self.p.stdout.close()
        assert exc[0] or self.p.returncode == 0, f"the tool ended with {self.p.returncode}"

    def ask(self, line):
        """The answer to a line."""
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        answer = self.p.stdout.readline()
        assert answer, f"the tool ended at {line!r}"
        return answer.rstrip("\n")

    def ok(self, line):
        """What follows 'ok' in the answer."""
        answer = self.ask(line)
        assert answer.startswith("ok"), f"{line.split()[0]}: {answer}"
        return answer[3:]

    def ready(self, kind, scheme=None):
        """Open, logged in, its key in use and one value sealed."""
        self.ok("open " + self.world.uri(kind))
        self.ok("login " + self.world.pin)
        self.ok("use")
        if scheme:
            self.ok("encap " + scheme)
        return self


def reason(answer):
    """Why a driver cannot do it: of 'err token: doing x on token 'y': WHY; hint' the WHY."""
    text = answer.split("; ")[0]
    return re.sub(r"^.*'[^']*': ", "", text).removeprefix("err token: ")


def quiet(r):
    """What went well: nothing of the driver's stands on stderr."""
    assert "ERROR" not in r.err and "WARNING" not in r.err, r
    return r


def at_once(*works):
    """Runs them in threads; the first failure is raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        for r in [pool.submit(w) for w in works]:
            r.result()


class Matrix:
    """One world's cells. lib: tests/e2e/lib.py, imported with TEST_TOKEN set to this world."""

    def __init__(self, name, world, lib):
        self.name, self.world, self.lib = name, world, lib
        self.homes = {}        # kind: a home with a vault, or None
        self.works = []        # schemes that do

    # -- the program, as a person has it --

    def home(self, kind):
        """A vault on the key of that kind, with one record."""
        if kind not in self.homes:
            self.homes[kind] = None
            h = self.lib.Home()
            quiet(h.ok("init", "--token", self.world.uri(kind)))
            h.add("main")
            h.save()
            self.homes[kind] = h
        h = self.homes[kind]
        assert h, "coffer init did not work"
        h.restore()            # without what the cell before left: a guard of the PIN
        return h

    def any_home(self):
        return self.home(SCHEMES[self.works[0]])

    def signed(self, text):
        """The last signature in what coffer printed is right."""
        secret = self.lib.BINANCE["api_secret"].encode()
        found = re.findall(r"(timestamp=\d+[^\s\"]*)&signature=([0-9a-f]{64})", text)
        assert found, f"no signature in {text}"
        query, signature = found[-1]
        for q in (query, "recvWindow=5000&" + query):
            if hmac.new(secret, q.encode(), hashlib.sha256).hexdigest() == signature:
                return
        raise AssertionError(f"a wrong signature: {text}")

    def signs(self, h):
        self.signed(quiet(h.ok(*SIGN)).out)

    def signs_typed(self, h, *more, says="", first=()):
        """At a terminal; first: what is asked before the PIN."""
        r = h.tty(*SIGN, *more, answers=[*first, (ASKED, self.world.pin)])
        assert r.code == 0, r
        assert says in r.out, f"no {says!r} in {r}"
        self.signed(r.out)
        return r

    # -- seal and unseal --

    def scheme(self, name):
        kind = SCHEMES[name]
        if not self.world.uri(kind):
            return NOT_APPLICABLE
        with Tool(self.world).ready(kind, name) as t:
            answer = t.ask("decap")
            if answer.startswith("err token"):
                raise No(reason(answer))
            assert answer.startswith("ok"), answer
            t.ok("repeat 3")
            chosen = t.ok("probe")
        if chosen == name:
            h = self.home(kind)
            self.signs(h)
            with open(os.path.join(h.vault, "vault.json"), encoding="utf-8") as f:
                assert f'"{name}"' in f.read(), "init chose another scheme"
        self.works.append(name)
        return "yes"

    def tampered(self):
        for name in self.works:
            with Tool(self.world).ready(SCHEMES[name], name) as t:
                # A changed point may be on the curve still: then only the seal tells.
                got = t.ok("tamper")
                assert got == "tampered", f"{name}: {got}"
                if self.world.tamper_next:
                    self.world.tamper_next()
                    got = t.ask("decap")
                    assert re.match("ok|err tampered|err failed", got), f"{name}: {got}"
                    t.ok("decap")
        for kind in list(self.homes):
            h = self.home(kind)
            if self.world.tamper_next:
                self.world.tamper_next()
                r = h.run(*SIGN)
                assert r.code == 1 and not r.out or r.code == 0 and self.signed(r.out) is None, r
            self.signs(h)
        return "yes"

    # -- the PIN --

    def wrong_pin(self):
        h, before = self.any_home(), self.world.pin_tries()
        wrong = h.private("wrong-pin", WRONG + "\n")
        r = h.refuses(*SIGN, "--pin-file", wrong, pin=False, code=3, says="wrong PIN")
        assert WRONG not in r.err, r
        after = self.world.pin_tries()
        assert before is None or before - after == 1, f"{before} tries before, {after} after"
        h.refuses(*SIGN, code=3, says="none is tried again")
        assert self.world.pin_tries() == after, "a second try was spent"
        self.signs_typed(h)
        self.signs(h)
        return "yes"

    def last_try(self):
        if not self.world.set_tries:
            return NOT_APPLICABLE
        h = self.any_home()
        self.world.set_tries(1)
        try:
            with Tool(self.world) as t:
                t.ok("open " + self.world.uri(SCHEMES[self.works[0]]))
                if "pin=final-try" not in t.ok("info"):
                    raise No("the driver does not tell that one try is left")
            h.refuses(*SIGN, code=3, says="try", hint="--use-last-try")
            assert self.world.pin_tries() == 1, "a try was spent"
            h.refuses(*SIGN, "--use-last-try", code=2, says="for a PIN that a person types")
            assert self.world.pin_tries() == 1, "a try was spent"
            self.signs_typed(h, "--use-last-try", first=[("Type 'yes'", "yes")])
        finally:
            self.world.unlock()
        self.signs(h)
        return "yes"

    def locked(self):
        if not self.world.lock:
            return NOT_APPLICABLE
        h = self.any_home()
        self.world.lock()
        try:
            r = h.refuses(*SIGN, code=3, says="locked", may_change=True)
            assert UNLOCK_WORDS[self.name] in r.err, f"no unlock command in {r}"
        finally:
            self.world.unlock()
        self.signs_typed(h)
        self.signs(h)
        return "yes"

    # -- the token --

    def pulled(self):
        if not self.world.remove:
            return NOT_APPLICABLE
        name, h = self.works[0], self.any_home()
        with Tool(self.world).ready(SCHEMES[name], name) as t:
            t.ok("decap")
            self.world.remove()
            answer = t.ask("decap")
            assert answer.startswith(("err token", "err not_found")), answer
            r = h.run(*SIGN)
            assert r.code == 1 and not r.out and "token" in r.err, r
            self.world.insert()
            t.ok("decap")
            assert t.ok("recoveries") != "0", "no recovery was counted"
            t.ok("repeat 3")
        self.signs(h)
        return "yes"

    def touched(self):
        if not self.world.touch:
            return NOT_APPLICABLE
        name, h = self.works[0], self.any_home()
        with Tool(self.world).ready(SCHEMES[name], name) as t:
            t.ok("decap")
            assert t.ok("waits") == "0", "told to touch without need"
            self.world.touch(TOUCH_MS)
            try:
                ms = int(t.ok("decap").split()[0])
                assert ms >= TOUCH_MS - 50, f"it took {ms} ms only"
                assert t.ok("waits") == "1", "nobody was told to touch"
                self.signs_typed(h, says="touch it")
            finally:
                self.world.touch(0)
        return "yes"

    def helper(self):
        """By coffer-token, in its sandbox, as the agent has it."""
        with Tool(self.world, "token_talk") as t:
            self.helper_start(t)
            assert "present=1 logged-in=0" in self.begin(t)
            assert t.ask("decap").startswith("err person"), "not locked at first"
            t.ok("unlock " + self.world.pin)
            t.ok("decap")
            assert t.ask("tamper").startswith("err tampered"), "a changed wrap"
            t.ok("repeat 3")
            t.ok("release")
            assert "logged-in=1" in t.ok("channel")
            t.ok("decap")
            self.helper_pulled(t)
            self.helper_touched(t)
            assert t.ok("stop") == "exit 0"
            self.helper_pins(t)
        return "yes"

    def helper_start(self, t):
        """Something to decrypt."""
        name = self.works[0]
        t.ok(f"seal {self.world.uri(SCHEMES[name])} {name} {self.world.pin}")

    def begin(self, t):
        """What a new coffer-token says of the token."""
        program = os.path.join(os.path.dirname(self.lib.COFFER), "coffer-token")
        return t.ok("start " + program)

    def helper_pulled(self, t):
        if not self.world.remove:
            return
        for is_released in (False, True):
            if is_released:
                t.ok("release")
            self.world.remove()
            answer = t.ask("decap")
            assert answer.startswith(("err token", "err not_found")), answer
            assert "present=0 logged-in=1" in t.ok("channel")
            self.world.insert()
            t.ok("decap")
            assert "present=1 logged-in=1" in t.ok("look")

    def helper_touched(self, t):
        if not self.world.touch:
            return
        self.world.touch(TOUCH_MS)
        try:
            assert "waits=1" in t.ok("decap"), "nobody was told to touch"
        finally:
            self.world.touch(0)
        assert "waits=0" in t.ok("decap"), "told to touch without need"

    def helper_pins(self, t):
        """One failure costs one try, and the last one is not used."""
        self.begin(t)
        before = self.world.pin_tries()
        assert t.ask("unlock " + WRONG).startswith("err wrong_pin"), "a wrong PIN"
        assert t.ask("decap").startswith("err person"), "no login"
        after = self.world.pin_tries()
        assert before is None or before - after == 1, f"{before} tries before, {after} after"
        t.ok("unlock " + self.world.pin)
        t.ok("kill")
        if not self.world.set_tries or self.name == "tpm":
            return
        self.world.set_tries(1)
        try:
            assert "pin=final-try" in self.begin(t)
            assert t.ask("unlock " + self.world.pin).startswith("err person"), "the last try"
            assert self.world.pin_tries() == 1, "a try was spent"
            t.ok("unlock-last " + self.world.pin)
            t.ok("decap")
            t.ok("kill")
        finally:
            self.world.unlock()

    def two_processes(self):
        """Two, not more: a TPM without a resource manager has room for no third."""
        name, h = self.works[0], self.any_home()
        kind = SCHEMES[name]
        with Tool(self.world).ready(kind, name) as a, Tool(self.world).ready(kind, name) as b:
            at_once(*[lambda t=t: t.ok("repeat 20") for t in (a, b)])
            if self.world.reset_card:
                self.world.reset_card()
                a.ok("decap")
                b.ok("decap")
        at_once(*[lambda: [self.signs(h) for _ in range(3)]] * 2)
        return "yes"

    def threads(self):
        name = self.works[0]
        with Tool(self.world).ready(SCHEMES[name], name) as t:
            got = t.ok("threads 8 25")
            assert got.startswith("right=200 wrong=0 failed=0"), got
        return "yes"

    def generate(self, how):
        with self.lib.Home() as h:
            r = h.run("init", "--token", self.world.free_uri(), f"--generate={how}")
            if r.code == 1:
                first = [line for line in r.err.splitlines() if line.startswith("coffer: ") and
                         not line.startswith("coffer: warning: ")]
                raise No(reason(first[0].removeprefix("coffer: ")) if first else r.err)
            assert r.code == 0, r
            h.add("main")
            self.signs(h)
        return "yes"

    def page(self):
        """The set-up commands of the token's page, typed at a terminal."""
        home = self.world.mkdir("person")
        os.makedirs(os.path.join(home, "build/release"), exist_ok=True)
        os.symlink(self.world.tools, os.path.join(home, "build/release/tools"))
        env = self.world.environ()
        env.update(HOME=home, XDG_RUNTIME_DIR=self.world.mkdir("person-run"), TERM="dumb",
                   PATH=os.path.dirname(self.lib.COFFER) + ":" + env["PATH"])
        for name in ("TPM2_PKCS11_STORE", "TPM2_PKCS11_BACKEND"):
            env.pop(name, None)
        code, seen = terminal.type_in(pages.commands(self.name), home, env, self.world.pin)
        assert code == 0, f"exit {code}\n{seen}"
        self.lib.no_secret(seen, self.world.pin)
        return "yes"

    def cells(self):
        """(name, function) in order: what the later ones need comes first."""
        return [("ecdh-p256", lambda: self.scheme("ecdh-p256")),
                ("rsa-oaep-256", lambda: self.scheme("rsa-oaep-256")),
                ("rsa-oaep-1", lambda: self.scheme("rsa-oaep-1")),
                ("tampered blob", self.tampered),
                ("wrong PIN", self.wrong_pin),
                ("last try guarded", self.last_try),
                ("locked", self.locked),
                ("pulled, put back", self.pulled),
                ("touch", self.touched),
                ("by the agent's process", self.helper),
                ("two processes", self.two_processes),
                ("8 threads", self.threads),
                ("generate p256", lambda: self.generate("p256")),
                ("generate rsa2048", lambda: self.generate("rsa2048")),
                ("set-up by its page", self.page)]

    def run(self, say):
        """Calls say(cell, value, why) for each; why is the trace of a cell that broke."""
        import traceback                                   # pylint: disable=import-outside-toplevel
        for name, work in self.cells():
            try:
                self.world.restart()
                say(name, work(), "")
            except No as e:
                say(name, f"no: {e}", "")
            except Exception as e:                         # pylint: disable=broad-except
                line = (str(e) or type(e).__name__).splitlines()[0]
                say(name, f"BROKEN: {line}", traceback.format_exc())


NAMES = [n for n, _ in Matrix(None, None, None).cells()]
EXPECTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected.json")


# What a driver newer than Debian 12's does otherwise: world, first version, cells.
SINCE = [("p11-kit-remote", (0, 25), {"ecdh-p256": "yes", "generate p256": "yes"}),
         ("tpm", (1, 10), {"ecdh-p256": "yes", "generate p256": "yes"})]


def expected():
    """World to cell to value, as committed."""
    if not os.path.exists(EXPECTED):
        return {}
    with open(EXPECTED, encoding="utf-8") as f:
        return json.load(f)


def expected_of(world, version):
    """The row of a world whose driver has that version (numbers), or an unknown one."""
    row = dict(expected().get(world, {}))
    for name, first, cells in SINCE:
        if name == world and version and tuple(version[:2]) >= first:
            row.update(cells)
    return row


def expect(rows):
    with open(EXPECTED, "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=2)
        f.write("\n")
