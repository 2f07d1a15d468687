#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a driver can do in coffer-token: tests/tools/prying_module.c tries what the sandbox must
refuse, under the file names of the drivers that it knows."""
# run: once
# sanitizers: no
import ctypes
import os
import re
import shutil
import socket
import subprocess

from lib import TOOLS, main
from mock_kit import Mock
from token_kit import PROGRAM, Talk

PRY = os.path.join(TOOLS, "prying_module.so")
FILES = "hwoep"       # what landlock refuses, by its letter in prying_module.c
RID = "11" * 32
LANDLOCK_PORTS = 4


def landlock():
    """Its version; 0: none."""
    abi = ctypes.CDLL(None, use_errno=True).syscall(444, None, ctypes.c_size_t(0), 1)
    return max(abi, 0)


class Pry(Talk):
    """The prying driver under a file name that the sandbox knows it by."""

    def __init__(self, name):
        super().__init__()
        self.dir = os.path.join(self.h.top, "pry")
        os.mkdir(self.dir, 0o700)
        self.name = name
        with open(os.path.join(self.h.home, "secret"), "w", encoding="ascii") as f:
            f.write("x")

    def file(self, port=1):
        """The driver, which connects to that port."""
        path = os.path.join(self.dir, f"{self.name}-{port}")
        shutil.copy(PRY, path)
        return path

    def tries(self, *more, port=1):
        """The letters of what was not refused."""
        file = self.file(port)
        state = self.ok(" ".join(("run", PROGRAM, "module=" + file, "rid=" + RID,
                                  "scheme=ecdh-p256", *more)))
        self.ok("kill")
        return re.search(r"label=(\S+)", state)[1]


def seen(letters):
    return set(letters) - (set() if landlock() else set(FILES))


def test_prying_works():
    """outside a sandbox the driver does what it tries"""
    with Pry("free.so") as t:
        tool = subprocess.run([os.path.join(TOOLS, "token")], env=t.h.environ(), text=True,
                              input=f"open pkcs11:model=xxxxxxxxxxxxxxxx?module-path={t.file()}\n",
                              stdout=subprocess.PIPE, check=True)
        letters = tool.stdout.split()[1]
        assert set("uidnlfxkhwoepmr") <= set(letters), letters


def test_confined():
    """each kind of driver may do what it needs, and nothing else"""
    rows = (("vendor.so", "uo"), ("libsofthsm2.so", "o"), ("opensc-pkcs11.so", "u"),
            ("libykcs11.so.2", "u"), ("libtpm2_pkcs11.so.1", "u"), ("p11-kit-client.so", "u"),
            ("yubihsm_pkcs11.so", "idn"), ("libCryptoki2_64.so", "idn"))
    for name, want in rows:
        with Pry(name) as t:
            got = t.tries()
            assert seen(got) == seen(want), f"{name}: {got}, not {want}"
            assert not os.path.exists(os.path.join(t.h.home, "made")) or not landlock()


def test_ports():
    """a port that the owner names, and the one of a TPM's simulator, and no other"""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(64)
        port = s.getsockname()[1]
        with Pry("vendor.so") as t:
            assert seen(t.tries(f"port={port}", port=port)) == seen("uidnco")
            if landlock() >= LANDLOCK_PORTS:
                assert seen(t.tries(f"port={port - 1}", port=port)) == seen("uidno")
        with Pry("opensc-pkcs11.so") as t:
            assert seen(t.tries(f"port={port}", port=port)) == seen("u"), "no business of a card's"
        for tcti, want in ((f"swtpm:host=127.0.0.1,port={port}", "uidnc"),
                           (f"mssim:port={port - 1}", "uidnc"), ("swtpm:path=/tmp/x", "u"),
                           ("device:/dev/tpmrm0", "u"), ("tabrmd:", "u")):
            with Pry("libtpm2_pkcs11.so") as t:
                t.restart(TPM2_PKCS11_TCTI=tcti)
                got = t.tries(port=port)
                assert seen(got) == seen(want), f"{tcti}: {got}, not {want}"


def test_doctor():
    """coffer doctor says what the driver of each token may use"""
    with Mock().made() as h:
        r = h.ok("doctor", pin=False)
        assert "'mock' (unknown driver) may use: local sockets, no network" in r.out, r
        rows = h.ok("doctor", "--json", pin=False).json()
        assert "may use" in str(rows), rows


main([test_prying_works, test_confined, test_ports, test_doctor], needs_softhsm=False)
