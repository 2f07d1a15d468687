# SPDX-License-Identifier: Apache-2.0
"""What the scripts on the mock driver (tests/mock/) share: a home whose vault is sealed to it, its
script, what it counted, and what every failed command must look like."""
import os
import re
import shutil
import struct

from lib import BINANCE, PIN, TOOLS, Home, no_secret

MODULE = os.path.join(TOOLS, "mock.so")
SIGN = ("sign", "main", "GET", "/api/v3/account")
ADD = ("add", "third", "binance", "--no-verify", "--accept-risk", "test", "--from-json", "-")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# Every return code of PKCS#11 2.40 but CKR_OK, and two that no standard knows.
CODES = [*range(0x01, 0x04), *range(0x05, 0x0b), *range(0x10, 0x14), 0x1b, 0x20, 0x21,
         *range(0x30, 0x33), 0x40, 0x41, 0x50, 0x51, 0x54, 0x60, *range(0x62, 0x65),
         *range(0x65, 0x6b), 0x70, 0x71, 0x82, 0x90, 0x91, *range(0xa0, 0xa5),
         *range(0xb0, 0xb2), *range(0xb3, 0xb9), 0xc0, 0xc1, 0xd0, 0xd1, *range(0xe0, 0xe3),
         *range(0xf0, 0xf3), *range(0x100, 0x106), *range(0x110, 0x116), 0x120, 0x121, 0x130,
         0x140, 0x141, 0x150, 0x160, 0x170, 0x180, 0x190, 0x191, 0x1a0, 0x1a1, 0x1b0, 0x1b1,
         0x200, 0x7fffffff, 0x80000001]
# Of these each class of answer has one.
SOME = (0x02, 0x05, 0x06, 0x07, 0x30, 0x32, 0x50, 0x54, 0x70, 0x82, 0x90, 0xb3, 0xe0, 0x101, 0x190)
PIN_CODES = (0xa0, 0xa1, 0xa2, 0xa3, 0xa4)


class Mock(Home):
    """A home with the module in a directory of its own."""

    def __init__(self):
        super().__init__()
        self.dir = os.path.join(self.top, "mock")
        os.mkdir(self.dir, 0o700)
        shutil.copy(MODULE, self.dir)
        self.module = os.path.join(self.dir, "mock.so")
        self.state_file = os.path.join(self.dir, "mock.state")
        self.first = None

    def uri(self, text="token=mock;id=%01"):
        return f"pkcs11:{text}?module-path={self.module}"

    def script(self, *lines):
        """From here on the driver does what the lines say."""
        with open(os.path.join(self.dir, "mock.conf"), "w", encoding="utf-8") as f:
            f.write("".join(line + "\n" for line in lines))

    def fresh(self, *lines):
        """As script, and the token is as it was when the vault was made."""
        self.script(*lines)
        if self.first is not None:
            with open(self.state_file, "wb") as f:
                f.write(self.first)
        elif os.path.exists(self.state_file):
            os.unlink(self.state_file)
        self.clear_guard()

    def made(self):
        """A vault and one key in it; what the driver counted until then does not count."""
        self.fresh()
        self.ok("init", "--token", self.uri())
        self.add("main")
        with open(self.state_file, "rb") as f:
            data = bytearray(f.read())
        for at, name, _ in self.rows(data):
            if name != "pin_left":
                data[at + 24:at + 32] = bytes(8)
        self.first = bytes(data)
        self.save()
        return self

    @staticmethod
    def rows(data):
        """Name and number of each count, and where its row begins."""
        for at in range(0, len(data), 32):
            name = bytes(data[at:at + 24]).rstrip(b"\0").decode(errors="replace")
            if not re.fullmatch(r"C_\w+|[a-z_]+", name):
                return
            yield at, name, struct.unpack_from("<Q", data, at + 24)[0]

    def counts(self):
        with open(self.state_file, "rb") as f:
            return {name: n for _, name, n in self.rows(f.read())}

    def clear_guard(self):
        """A failed unattended PIN is remembered; the next case starts anew."""
        for d, _, files in os.walk(self.state):
            for f in files:
                if f.endswith((".pin-guard", ".pin-count")):
                    with open(os.path.join(d, f), "wb"):
                        pass


def well_formed(r, codes=(1, 3)):
    """One error line, in lower case and without a full stop, then hints; no secret."""
    assert r.code in codes, f"exit {r.code}: {r}"
    lines = [x for x in r.err.splitlines() if x]
    errors = [x for x in lines if x.startswith("coffer: ") and
              not x.startswith(("coffer: warning: ", "coffer: note: "))]
    assert len(errors) == 1, f"{len(errors)} errors: {r}"
    text = errors[0][len("coffer: "):]
    assert re.match(r"[a-z0-9']", text), r
    assert not text.endswith("."), r
    assert all(x.startswith(("coffer: ", "hint: ")) for x in lines), r
    clean(r)


def clean(r):
    """Nothing that moves a terminal, and no secret, is printed."""
    assert not CONTROL.search(r.out + r.err), f"a control character: {r!r}"
    assert "\ufffd" not in r.out + r.err, f"bytes that are no text: {r!r}"
    no_secret(r.out + r.err, PIN, BINANCE["api_secret"])
