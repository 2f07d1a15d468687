# SPDX-License-Identifier: Apache-2.0
"""The test card (tests/card) behind the real pcscd and the real drivers: libykcs11 and OpenSC.

Slots of the card: 9a P-256 (its certificate's name is OpenSC's label), 9c P-256 (PIN each time), 9d
P-256 and 82 RSA-2048. The last two are coffer's, ids %03 and %05 with both drivers. They ask for a
touch each time, which is there at once until touch() says otherwise."""
import ctypes
import os
import re
import socket
import subprocess

from world import World

SERIAL = "20871143"
READER = "Yubico YubiKey OTP+FIDO+CCID"
PORT = 35963
KEYS = ("9a=p256", "9c=p256", "9d=p256,touch=always", "82=rsa2048,touch=always")
CONFIG = f"""FRIENDLYNAME "{READER}"
DEVICENAME /dev/null:{PORT:#x}
LIBPATH %s
CHANNELID {PORT:#x}
"""


class ReaderState(ctypes.Structure):
    """SCARD_READERSTATE of pcsc-lite."""
    _fields_ = [("reader", ctypes.c_char_p), ("user", ctypes.c_void_p),
                ("current", ctypes.c_ulong), ("event", ctypes.c_ulong),
                ("atr_len", ctypes.c_ulong), ("atr", ctypes.c_ubyte * 33)]


def card_present():
    """What pcscd believes, without connecting to the card."""
    pcsc = ctypes.CDLL("libpcsclite.so.1")
    context = ctypes.c_long()
    state = ReaderState(reader=f"{READER} 00 00".encode())
    if pcsc.SCardEstablishContext(ctypes.c_ulong(2), None, None, ctypes.byref(context)):
        return False
    bad = pcsc.SCardGetStatusChange(context, ctypes.c_ulong(0), ctypes.byref(state),
                                    ctypes.c_ulong(1))
    pcsc.SCardReleaseContext(context)
    return not bad and bool(state.event & 0x20)


class Piv(World):
    """One card, whatever the driver; alone in its network and mount namespace."""

    drivers = ()
    packages = ["pcscd", "vsmartcard-vpcd", "yubico-piv-tool"]

    def start(self):
        self.need("pcscd", "yubico-piv-tool")
        self.module = self.find_driver(*self.drivers)
        vpcd = self.find_driver("pcsc/drivers/serial/libifdvpcd.so")
        card = os.path.join(os.environ.get("TOOLS", "build/release/tools"), "card")
        os.makedirs("/run/pcscd", mode=0o755, exist_ok=True)
        config = self.write("reader.conf", CONFIG % vpcd)
        self.spawn("pcscd", "--foreground", "--error", "-c", config, log="pcscd.log")
        self.wait_for("pcscd", lambda: os.path.exists("/run/pcscd/pcscd.comm"))
        keys = [word for k in KEYS for word in ("--key", k)]
        self.spawn(os.path.abspath(card), "--dir", self.path("card"), "--control",
                   self.path("control"), "--port", str(PORT), "--serial", SERIAL, *keys,
                   log="card.log")
        self.wait_for("the card", lambda: os.path.exists(self.path("control")))
        self.await_card()
        # One retired key with its certificate on the card: OpenSC shows 82 and on only if told so.
        history = self.write("history", "C10101C20100FE00\n")
        self.tool("yubico-piv-tool", "-r", "Yubico", "-a", "write-object", "--id", "0x5fc10c", "-i",
                  history)

    def stop(self):
        super().stop()
        for name in ("pcscd.comm", "pcscd.pid"):
            if os.path.exists(f"/run/pcscd/{name}"):
                os.unlink(f"/run/pcscd/{name}")

    def control(self, line):
        """One command to the card; what stands behind 'ok'."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.path("control"))
            s.sendall(line.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                part = s.recv(256)
                if not part:
                    break
                answer += part
        text = answer.decode().strip()
        if not text.startswith("ok"):
            raise RuntimeError(f"card: {line}: {text or 'no answer'}")
        return text[2:].strip()

    def numbers(self, line):
        return [int(n) for n in re.findall(r"\d+", self.control(line))]

    def piv_tool(self, *argv):
        """yubico-piv-tool with the card; (exit status, output)."""
        r = subprocess.run([self.program("yubico-piv-tool"), "-r", "Yubico", *argv],
                           env=self.environ(), text=True, timeout=60, check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        return r.returncode, r.stdout

    def await_card(self):
        self.wait_for("pcscd to see the card", card_present)
        self.wait_for("the card to answer", lambda: self.piv_tool("-a", "version")[0] == 0)

    def restart(self):
        """Card in, no mishap ordered, PIN as at first."""
        self.control("touch 0")
        self.control("tamper off")
        self.control("restore")
        self.insert()

    def key_id(self, kind):
        return {"ec": "%03", "rsa": "%05"}[kind]

    # Abilities.

    def remove(self):
        self.control("eject")
        # pcscd looks every 0.4 s; a card that is back before it looked confuses it for good.
        self.wait_for("pcscd to miss the card", lambda: not card_present())

    def insert(self):
        self.control("insert")
        self.await_card()

    def touch(self, ms):
        """Each private operation waits so long for the finger; 0: it is there."""
        self.control(f"touch {ms}")

    def touch_never_comes(self, ms):
        """After so long the card gives up, as real ones do (6982)."""
        self.control(f"touch {ms} timeout")

    def set_tries(self, n):
        self.control(f"tries {n}")

    def pin_tries(self):
        return self.numbers("pin-state")[0]

    def lock(self):
        self.control("block")

    def unlock(self):
        self.control("restore")

    def tamper_next(self):
        self.control("tamper once")

    def fail_next(self, sw):
        """The next private operation answers this status word."""
        self.control(f"fail {sw:04x}")

    def reset_card(self):
        """Another process uses the card and resets it when it leaves, as that tool does."""
        self.await_card()

    def lose_login(self):
        """The card alone forgets the login; no driver is told."""
        self.control("reset-card")

    def counters(self):
        """(PINs verified, private operations) so far."""
        return tuple(self.numbers("counters"))


class Ykcs11(Piv):
    name = "ykcs11"
    title = "YubiKey PIV, libykcs11"
    drivers = ("libykcs11.so", "libykcs11.so.2")
    packages = Piv.packages + ["ykcs11"]

    def token_part(self):
        return f"serial={SERIAL}"


class OpenSC(Piv):
    name = "opensc"
    title = "YubiKey PIV, OpenSC"
    drivers = ("opensc-pkcs11.so", "pkcs11/opensc-pkcs11.so")
    packages = Piv.packages + ["opensc-pkcs11"]

    def token_part(self):
        return "token=test%20card%209a"

    def tamper_next(self):
        # OpenSC does an operation that failed (RSA-OAEP) a second time by itself.
        self.control("tamper repeated")
