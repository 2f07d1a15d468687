#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer-token by itself, driven as the agent does, on the mock driver, whose script fails on
demand. On real drivers: tests/tokens/. Its sandbox: token_sandbox.py."""
# run: once
import os
import signal
import subprocess
import time

from lib import PIN, TOOLS, main, softhsm_module
from mock_kit import MODULE
from token_kit import PROGRAM, WRONG, Talk


class SoftToken:
    """A SoftHSM token 'lab', whose files are in the one place for tokens, or put aside."""

    def __init__(self, h, module, name):
        self.aside = os.path.join(h.top, "aside-" + name)
        self.place = os.path.join(h.top, "soft")
        os.makedirs(self.place, mode=0o700, exist_ok=True)
        os.mkdir(self.aside, 0o700)
        self.conf = h.private("softhsm2.conf", f"directories.tokendir = {self.place}\n")
        env = h.environ(SOFTHSM2_CONF=self.conf)
        subprocess.run(["softhsm2-util", "--module", os.path.realpath(module), "--init-token",
                        "--free", "--label", "lab", "--pin", PIN, "--so-pin", "12345678"], env=env,
                       stdout=subprocess.DEVNULL, check=True)
        subprocess.run([os.path.join(TOOLS, "token")], env=env, stdout=subprocess.DEVNULL,
                       text=True, check=True, input=f"open pkcs11:token=lab?module-path={module}\n"
                       f"login {PIN}\ngenerate p256 01\n")
        self.move(self.place, self.aside)

    @staticmethod
    def move(source, to):
        for name in os.listdir(source):
            os.rename(os.path.join(source, name), os.path.join(to, name))

    def into_place(self):
        self.move(self.aside, self.place)

    def put_aside(self):
        self.move(self.place, self.aside)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_end(pid, seconds=10):
    end = time.monotonic() + seconds
    while is_alive(pid):
        assert time.monotonic() < end, f"{pid} still runs"
        time.sleep(0.02)


# -- the PIN --

def test_life():
    """locked at first; unlocked; let go of and used again; a new channel finds it unlocked"""
    with Talk() as t:
        t.start().fails("decap", "err person", "coffer unlock")
        assert "try=proven" in t.ok("unlock " + PIN)
        assert "recoveries=0" in t.ok("decap")
        t.fails("tamper", "err tampered")
        t.ok("repeat 20")
        assert t.h.counts()["sessions"] == 1
        t.ok("release")
        assert "present=1 logged-in=1" in t.ok("look")
        assert t.h.counts()["sessions"] == 0, "a session is left"
        assert "present=1 logged-in=1" in t.ok("channel")
        assert "recoveries=0" in t.ok("decap")
        assert t.tried() == 2, "once at the unlock, once after the token was let go of"
        assert t.ok("stop") == "exit 0"


def test_wrong_pin():
    """a wrong PIN is one try, and is not kept"""
    with Talk() as t:
        t.start().fails("unlock " + WRONG, "err wrong_pin")
        assert t.tried() == t.tried("pin_wrong") == 1
        t.fails("decap", "err person")
        t.ok("channel")
        t.fails("decap", "err person")
        assert t.tried() == 1
        t.ok("unlock " + PIN)
        t.ok("decap")


def test_wrong_pin_later():
    """a wrong PIN for a token that was let go of: the kept one is not tried after it"""
    with Talk() as t:
        t.start().ok("unlock " + PIN)
        assert "try=not-tried" in t.ok("unlock " + WRONG), "it is unlocked: nothing is tried"
        t.ok("release")
        t.fails("unlock " + WRONG, "err wrong_pin")
        assert t.tried() == 2
        t.fails("decap", "err person")
        assert t.tried() == 2
        t.ok("unlock " + PIN)
        t.ok("decap")


def test_pin_form():
    """a PIN that is empty, too long or late is not tried"""
    with Talk() as t:
        t.start().fails("unlock ", "err wrong_pin", "empty")
        t.fails("unlock " + "1" * 256, "err wrong_pin", "longer")
        began = time.monotonic()
        t.fails("unlock -", "err wrong_pin", "did not come")
        assert 1.5 < time.monotonic() - began < 6
        t.fails("unlock-typed", "err person", "needs a PIN")
        assert t.tried() == 0


def test_final_try():
    """the last try is not used unasked"""
    with Talk("flags FINAL_TRY") as t:
        assert "pin=final-try" in t.ok("start " + PROGRAM)
        t.fails("unlock " + PIN, "err person", "one PIN try left")
        assert t.tried() == 0
        t.ok("unlock-last " + PIN)
        t.ok("decap")


def test_again_fails():
    """a kept PIN that fails once is dropped"""
    with Talk("C_Login rv=0xa0 after=1") as t:
        t.start().ok("unlock " + PIN)
        t.ok("release")
        t.fails("decap", "err wrong_pin")
        logins = t.h.counts()["C_Login"]
        t.fails("decap", "err person", "coffer unlock")
        assert "logged-in=0" in t.ok("channel")
        t.fails("decap", "err person")
        assert t.h.counts()["C_Login"] == logins, "a second try"


def test_tried_elsewhere():
    """after a wrong PIN that somebody else tried, the kept one is not given unasked"""
    with Talk() as t:
        t.start().ok("unlock " + PIN)
        t.ok("release")
        t.ok("look")
        other = subprocess.run([os.path.join(TOOLS, "token")], env=t.h.environ(), text=True,
                               input=f"open {t.h.uri()}\nlogin {WRONG}\n",
                               stdout=subprocess.PIPE, check=True)
        assert "err wrong_pin" in other.stdout, other
        before = t.tried()
        t.fails("decap", "err person", "wrong PIN was tried meanwhile")
        assert t.tried() == before
        assert "logged-in=0" in t.ok("channel")
        t.ok("unlock " + PIN)
        t.ok("decap")


def test_other_token():
    """another token of that name in its place does not get the PIN"""
    module = softhsm_module()
    if not module:
        return "SoftHSM is not installed"
    with Talk() as t:
        one, two = [SoftToken(t.h, module, n) for n in ("one", "two")]
        one.into_place()
        t.restart(SOFTHSM2_CONF=one.conf)
        t.ok(f"seal pkcs11:token=lab;id=%01?module-path={module} ecdh-p256 {PIN}")
        t.start().ok("unlock " + PIN)
        t.ok("release")
        t.ok("look")
        one.put_aside()
        two.into_place()
        t.fails("decap", "err token", "another token")
        two.put_aside()
        one.into_place()
        t.ok("decap")
    return None


# -- the token --

def test_pulled():
    """pulled: an error; put back: it works again, with one login"""
    with Talk("C_DeriveKey rv=0x32 after=1 times=2") as t:
        t.start().ok("unlock " + PIN)
        t.ok("decap")
        t.fails("decap", "err token")
        assert "recoveries=0" in t.ok("decap")
        assert t.tried() <= 3


def test_gone():
    """a token that the driver no longer shows is told so, and found when it is back"""
    with Talk("C_DeriveKey rv=0xe0 after=1 times=1", "C_GetSlotList rv=0xe0 after=2 times=40") as t:
        t.start().ok("unlock " + PIN)
        t.ok("decap")
        t.fails("decap", "err")
        seen = [t.ok("look") for _ in range(40)]
        assert "present=0 logged-in=1" in seen[0], seen[0]
        assert "present=1 logged-in=1" in seen[-1], seen[-1]
        t.ok("decap")


def test_touch():
    """one note that it waits, a second after the call began"""
    with Talk("C_DeriveKey sleep=1400 after=1 times=1") as t:
        t.start().ok("unlock " + PIN)
        assert "waits=0" in t.ok("decap")
        assert "waits=1" in t.ok("decap")
        assert "waits=0" in t.ok("decap")


def test_hung():
    """a driver that hangs: the process stays until it is killed, and then it is gone"""
    with Talk("C_DeriveKey hang after=1") as t:
        t.start().ok("unlock " + PIN)
        t.ok("decap")
        t.ok("send-decap")
        pid = int(t.ok("pid"))
        time.sleep(1.5)
        assert is_alive(pid)
        assert t.ok("kill") == "signal 9"


def test_orphan():
    """it ends with its parent, also in a call of the driver that hangs"""
    with Talk("C_DeriveKey hang after=1") as t:
        t.start().ok("unlock " + PIN)
        t.ok("decap")
        t.ok("send-decap")
        pid = int(t.ok("pid"))
        t.p.send_signal(signal.SIGKILL)
        wait_end(pid)


def test_stuck_end():
    """a driver that hangs when it is let go of does not keep the process"""
    with Talk("C_Finalize hang") as t:
        t.start()
        pid = int(t.ok("pid"))
        assert "present=0" in t.ok("look")
        wait_end(pid)


def test_start():
    """it runs for nobody else"""
    r = subprocess.run([PROGRAM], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       check=False)
    assert r.returncode == 2 and "by coffer-agent" in r.stderr, r
    with Talk() as t:
        for bad in ("module=relative", f"module={MODULE} rid=11 scheme=ecdh-p256",
                    f"module={MODULE} scheme=ecdh-p256", "nonsense", "port=0"):
            t.fails(f"run {PROGRAM} {bad}", "hung up")


main([test_life, test_wrong_pin, test_wrong_pin_later, test_pin_form, test_final_try,
      test_again_fails, test_tried_elsewhere, test_other_token, test_pulled, test_gone, test_touch,
      test_hung, test_orphan, test_stuck_end, test_start], needs_softhsm=False)
