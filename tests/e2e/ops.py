#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Private-key operations, counted by a module between coffer and SoftHSM: each may cost its owner a
touch, so a command makes no more than it says."""
import json
import os
import shutil
import subprocess

import kit
import lib

OPERATIONS = ("C_DeriveKey", "C_Decrypt", "C_Sign", "C_UnwrapKey")


class Counted:
    """A home whose token is reached through the counting module."""

    def __init__(self, generate):
        self.h = lib.Home()
        self.module = os.path.join(self.h.top, "counted.so")
        shutil.copy(os.path.join(lib.TOOLS, "p11count_module.so"), self.module)
        tokens = os.path.join(self.h.top, "tokens")
        os.mkdir(tokens, 0o700)
        conf = self.h.private("softhsm2.conf", f"directories.tokendir = {tokens}\n"
                              "objectstore.backend = file\nlog.level = ERROR\n")
        self.h.extra_env = {"SOFTHSM2_CONF": conf}
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "counted", "--pin",
                        lib.PIN, "--so-pin", lib.PIN], env=self.h.environ(), check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.h.ok("init", "--token", f"pkcs11:token=counted?module-path={self.module}",
                  "--generate=" + generate)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.h.__exit__()

    def count(self, *args, **kw):
        """The operations and logins of one command that succeeds."""
        log = self.module + ".log"
        if os.path.exists(log):
            os.unlink(log)
        self.h.ok(*args, **kw)
        if not os.path.exists(log):
            return 0, 0
        with open(log, encoding="ascii") as f:
            calls = f.read().split()
        return sum(c in OPERATIONS for c in calls), calls.count("C_Login")


def session(generate):
    """What each command costs: one login, and one operation for each record that is opened."""
    with Counted(generate) as c:
        for name, exchange, creds, request in kit.KINDS:
            got = c.count(*kit.add_args(name, exchange), stdin=json.dumps(creds))
            assert got == (1, 1), f"add {name}: {got}"
            got = c.count("sign", name, *request)
            assert got == (1, 1), f"sign {name}: {got}"
        assert c.count("sign", "b-hmac", "GET", "/api/v3/time", pin=False) == (0, 0)
        for free in (("list",), ("show", "okx"), ("connectors",)):
            assert c.count(*free, pin=False) == (0, 0), free
        got = c.count("rename", "okx", "okx-2")
        assert got[1] == 1 and got[0] in (1, 2), f"rename: {got}"
        got = c.count("remove", "okx-2", "--yes")
        assert got == (1, 1), f"remove: {got}"
        n = len(kit.KINDS)                      # those that are left, and the vault itself
        got = c.count("doctor")
        assert got == (n, 1), f"doctor: {got}"
        refused = c.h.run("sign", "b-hmac", "POST", "/sapi/v1/asset/transfer")
        assert refused.code == 5, refused


def ec():
    """EC P-256: one private-key operation and one login for sign, add, remove"""
    session("p256")


def rsa():
    """RSA 2048: one private-key operation and one login for sign, add, remove"""
    session("rsa2048")


def rename_is_one():
    """rename costs one private-key operation"""
    with Counted("p256") as c:
        c.h.add("a")
        got = c.count("rename", "a", "b")
        assert got == (1, 1), f"operations, logins: {got}"


if __name__ == "__main__":
    lib.main([ec, rsa, rename_is_one])
