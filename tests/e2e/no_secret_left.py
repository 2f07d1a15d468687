#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where a signing secret must never be: in a file, in what is printed, in the environment, among
the arguments, in memory when a command is done. Secrets are sought in each form that they take.
The commands that ask an exchange, and coffer-net: verb_secrets.py, net_secrets.py."""
import base64
import hashlib
import json
import os
import re
import subprocess
import time

import kit
import lib

CONTROL = "planted-control-4f1c9a7d"


def numbers(pem):
    """The secret numbers of a private key, as big-endian bytes."""
    text = kit.openssl("pkey", "-noout", "-text", stdin=pem.encode()).decode()
    parts = re.split(r"^(\w+):.*\n", text, flags=re.M)
    secret = ("priv", "privateExponent", "prime1", "prime2", "exponent1", "exponent2",
              "coefficient")
    found = [bytes.fromhex(re.sub(r"[^0-9a-f]", "", body)).lstrip(b"\0")
             for name, body in zip(parts[1::2], parts[2::2]) if name in secret]
    assert found, "openssl printed no private key"
    return found


def ed25519_scalar(seed):
    """What an implementation makes of the seed and signs with."""
    h = bytearray(hashlib.sha512(seed).digest()[:32])
    h[0] &= 248
    h[31] = (h[31] & 63) | 64
    return bytes(h)


def from_base64(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def raw_secrets(creds):
    """The secret as bytes: as it is stored, and as it signs."""
    if "private_key_pem" in creds:
        out = numbers(creds["private_key_pem"])
        return out + ([ed25519_scalar(out[0])] if len(out) == 1 and
                      "EC PRIVATE" not in creds["private_key_pem"] else [])
    text = creds["api_secret"].encode()
    raw = from_base64(text)
    if len(raw) == 64 and creds is kit.COINBASE_ED:
        return [text, raw[:32], ed25519_scalar(raw[:32])]
    return [text, raw] if len(raw) > 31 and creds is kit.KRAKEN else [text]


def texts(creds):
    """Forms that would show in a file or in output."""
    out = {x.encode() for x in kit.secrets_of(creds) if len(x) > 15}
    for raw in raw_secrets(creds):
        b64 = base64.b64encode(raw)
        out |= {raw, b64.rstrip(b"="), base64.urlsafe_b64encode(raw).rstrip(b"="),
                raw.hex().encode(), raw.hex().upper().encode()}
    return out


def in_memory(creds):
    """Forms in memory: also big numbers in little-endian words, and HMAC's padded key."""
    out = {x.encode() for x in kit.secrets_of(creds) if len(x) > 15}
    for raw in raw_secrets(creds):
        out |= {raw, raw[::-1], raw.hex().encode()}
        if "api_secret" in creds and creds is not kit.COINBASE_ED:
            out |= {bytes(b ^ x for b in raw) for x in (0x36, 0x5c)}
    return sorted(out)


def contains(data, where):
    for _, exchange, creds, _ in kit.KINDS:
        for form in texts(creds):
            assert form not in data, f"a secret of {exchange} is in {where}"


def search_files(top):
    n = 0
    for d, _, files in os.walk(top):
        for f in files:
            path = os.path.join(d, f)
            with open(path, "rb") as h:
                contains(h.read(), path)
            contains(path.encode(), "a file's name")
            n += 1
    return n


def files_and_output():
    """no secret in a file below HOME and TMPDIR, nor on stdout and stderr, after a whole session"""
    with lib.Home() as h:
        printed = []

        def run(*args, **kw):
            r = h.run(*args, **kw)
            assert r.code in (0, 1, 2, 5), r
            printed.append(r.out + r.err)
            return r

        tmp = os.path.join(h.top, "tmp")
        os.mkdir(tmp)
        h.extra_env["TMPDIR"] = tmp
        run("init", "--softhsm")
        for name, exchange, creds, request in kit.KINDS:
            text = json.dumps(creds)
            for more in ((), ("--json",)):
                args = kit.add_args(name + "j" * len(more), exchange)
                assert run(*args, *more, stdin=text).code == 0
            assert run(*kit.add_args(name, exchange), stdin=text).code == 1
            assert run("sign", name, *request).code == 0
            run("sign", name, "POST", "/nosuch", "--json")
            run("show", name, pin=False)
            run("show", name, "--json", pin=False)
            damaged = {k: v[:-9] + "\x01" + v[-8:] for k, v in creds.items()}
            assert run(*kit.add_args("bad", exchange), stdin=json.dumps(damaged)).code == 2
            assert run(*kit.add_args("bad", exchange), stdin=text[:-1]).code == 2
            assert run("rename", name, name + "-2").code == 0
            assert run("sign", name + "-2", *request).code == 0
        for args in (("list",), ("list", "--json"), ("doctor",), ("doctor", "--json")):
            run(*args, pin=args[0] == "doctor")
        for text in printed:
            contains(text.encode(), "what was printed")
        assert search_files(h.top) > 10
        h.private("copied", kit.OKX["api_secret"])
        try:
            search_files(h.top)
        except AssertionError:
            return
        raise AssertionError("the search finds nothing")


def read_proc(pid, name):
    """A file of /proc, or nothing where the kernel keeps it from this user, which is as good."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as f:
            return f.read()
    except PermissionError:
        return b""


def environment():
    """no secret in the environment or the arguments of the running program; no core dump"""
    with lib.Home() as h:
        h.init()
        creds = json.dumps(kit.OKX).encode()
        env = h.environ(OKX_SECRET=kit.OKX["api_secret"], LD_LIBRARY_PATH=kit.OKX["api_secret"],
                        OPENSSL_CONF="/nonexistent")
        p = subprocess.Popen([lib.COFFER, *kit.add_args("okx", "okx"), "--pin-file", h.pin_file],
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=env,
                             stderr=subprocess.PIPE, start_new_session=True)
        p.stdin.write(creds[:len(creds) // 2])
        p.stdin.flush()
        end = time.time() + 10
        while time.time() < end and kit.OKX["api_secret"].encode() in read_proc(p.pid, "environ"):
            time.sleep(0.01)                    # until main has begun
        time.sleep(0.2)
        assert p.poll() is None, p.stderr.read()
        for name in ("environ", "cmdline", "comm", "status"):
            contains(read_proc(p.pid, name), f"/proc/PID/{name}")
        core = re.search(rb"Max core file size\s+(\S+)", read_proc(p.pid, "limits"))
        assert not core or core[1] == b"0", core
        p.stdin.write(creds[len(creds) // 2:])
        _, err = p.communicate(timeout=30)
        assert p.returncode == 0, err
        h.ok("sign", "okx", "GET", "/api/v5/account/balance")


class Search:
    """Runs coffer below the tracer that searches its memory when it ends."""

    def __init__(self, h, refuse):
        self.h, self.why_not = h, None
        self.before = [] if os.geteuid() == 0 else ["unshare", "-Ur"]
        self.after = [os.path.join(lib.TOOLS, "no_memfd_secret")] if refuse else []

    def run(self, creds, *args, stdin=""):
        """None, or why it could not be done."""
        lines = ["control:" + CONTROL] + ["hex:" + f.hex() for f in in_memory(creds)]
        needles = self.h.private("needles", "\n".join(lines) + "\n")
        self.h.wrapper = [*self.before, os.path.join(lib.TOOLS, "memsearch"), needles, *self.after]
        try:
            r = self.h.run(*args, stdin=stdin)
        finally:
            self.h.wrapper = []
        if r.code == 77 or "not run" in r.out or (self.before and "unshare" in r.err):
            return "not run: " + (r.out + r.err).strip().splitlines()[-1]
        assert "memsearch: exit: 0" in r.out, r
        assert r.code == 0 and "control found" in r.out, f"{args}\n{r}"
        return None


def memory(refuse):
    if "ASAN_OPTIONS" in os.environ:
        return "not run: the leak checker and the search cannot both trace the program"
    with lib.Home() as h:
        h.init()
        s = Search(h, refuse)
        for name, exchange, creds, request in kit.KINDS:
            args = list(kit.add_args(name, exchange))
            args[args.index("test")] = CONTROL
            why = (s.run(creds, *args, stdin=json.dumps(creds)) or
                   s.run(creds, "sign", name, *request, "-H", "X-Control: " + CONTROL) or
                   s.run(creds, "rename", name, CONTROL))
            if why:
                return why
            h.ok("remove", CONTROL, "--yes")
    return None


def memory_refused():
    """memory at exit of add, sign, rename: no secret of any key type, memfd_secret refused"""
    return memory(True)


def memory_given():
    """memory at exit of add, sign, rename: no secret, memfd_secret as the kernel has it"""
    return memory(False)


def search_finds():
    """the search does find a secret that a program leaves in memory"""
    with lib.Home() as h:
        left = h.private("left", kit.OKX["api_secret"] + "\n")
        needles = h.private("needles", f"control:{left}\n{kit.OKX['api_secret']}\n")
        p = subprocess.run([*([] if os.geteuid() == 0 else ["unshare", "-Ur"]),
                            os.path.join(lib.TOOLS, "memsearch"), needles, "sort", left],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if p.returncode == 77 or "memsearch: searched" not in p.stdout:
            return "not run: " + p.stdout.strip().splitlines()[-1]
        assert p.returncode == 1 and "needle of line 2" in p.stdout, p.stdout
        return None


if __name__ == "__main__":
    lib.main([files_and_output, environment, memory_refused, memory_given, search_finds])
