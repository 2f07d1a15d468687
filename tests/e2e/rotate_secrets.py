#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the old and the new secret of a rotation must never be: in files, in output, among the
arguments and in the environment of coffer and coffer-net, in coffer-net's memory while it sends,
and in the memory of either at its end."""
import base64
import functools
import os
import subprocess
import time

import lib
import no_secret_left as left
import rotate_kit

home = lib.shared(lambda h: h.init())
desk = rotate_kit.desk(home)
CONTROL = "planted-control-77ab01c9"
KINDS = (("binance", "hmac"), ("binance", "ed25519"), ("binance", "rsa"), ("okx", "hmac"),
         ("kraken", "hmac"), ("coinbase", "p256"), ("coinbase", "ed25519"))


@functools.lru_cache(None)
def raw(key):
    """The secret as bytes, as it is stored and as it signs."""
    out = left.raw_secrets(key.credentials)
    if key.exchange == "kraken":
        out.append(base64.b64decode(key.secret))
    if key.exchange == "coinbase_advanced_trade" and key.key_type == "ed25519":
        seed = base64.b64decode(key.secret)[:32]
        out += [seed, left.ed25519_scalar(seed)]
    return out


@functools.lru_cache(None)
def forms(key):
    """As it would show in a file or in output."""
    out = left.texts(key.credentials)
    for one in raw(key):
        b64 = base64.b64encode(one)
        out |= {one, b64.rstrip(b"="), base64.urlsafe_b64encode(one).rstrip(b"="),
                one.hex().encode(), one.hex().upper().encode()}
    return out | ({key.fields["passphrase"].encode()} if "passphrase" in key.fields else set())


def in_memory(key):
    """Big numbers also in little-endian words, HMAC keys also padded; of a long PEM some lines."""
    lines = [x.encode() for x in left.kit.secrets_of(key.credentials) if 15 < len(x) < 100]
    out = set(lines[::max(1, len(lines) // 3)])
    for one in raw(key):
        out |= {one, one[::-1]}
        if "api_secret" in key.credentials and key.exchange != "coinbase_advanced_trade":
            out |= {bytes(b ^ x for b in one) for x in (0x36, 0x5c)}
    return out


def search(data, keys, where):
    for key in keys:
        for form in forms(key):
            assert form not in data, f"a secret of {key!r} is in {where}"


@desk
def files_and_output(d):
    """no secret in a file below HOME and TMPDIR, nor in output, of rotate and --finish"""
    tmp = os.path.join(d.h.top, "tmp")
    os.makedirs(tmp, exist_ok=True)
    d.h.extra_env["TMPDIR"] = tmp
    keys, said = [], len(rotate_kit.SAID)
    for i, (e, kind) in enumerate(KINDS):
        name = f"k{i}"
        keys += [d.start(e, name=name, key_type=kind)]
        new, bad = d.x.key(e, key_type=kind), d.x.key(e, key_type=kind, withdraw=True)
        keys += [new, bad]
        assert d.rotate(bad, name=name).code == 5
        assert d.rotate(bad, "--json", name=name).code == 5
        bad.delete()
        assert d.rotate(bad, name=name).code == 4
        assert d.rotate(new, *(("--json",) if i % 2 else ()), name=name).code == 0
        assert d.rotate(bad, name=name).code == 1
        d.finish(name=name)
        d.finish("--json", name=name)
        keys[-3].delete()
        d.finish("--accept-risk", "seen", name=name)
        assert not d.is_retiring(name)
    os.unlink(os.path.join(d.h.top, "key.json"))
    for text in rotate_kit.SAID[said:]:
        search(text.encode(), keys, "what was printed")
    n = 0
    for top, _, files in os.walk(d.h.top):
        for f in files:
            with open(os.path.join(top, f), "rb") as h:
                search(h.read() + f.encode(), keys, os.path.join(top, f))
            n += 1
    assert n > 10
    try:
        search(b"x" + keys[0].secret.encode() + b"x", keys, "the control")
    except AssertionError:
        return
    raise AssertionError("the search finds nothing")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(x) for x in f.read().split()]


def memory_of(pid):
    """All that a process has in memory; only root may look at a hardened one."""
    out = []
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, \
            open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            low, high = (int(x, 16) for x in span.split("-"))
            if "r" in mode and "[v" not in line:
                try:
                    mem.seek(low)
                    out.append(mem.read(high - low))
                except (OSError, ValueError):
                    pass
    return b"".join(out)


def look_at(coffer, keys):
    """At coffer and coffer-net while an answer is waited for. Whether memory could be read."""
    net = children(coffer.pid)
    assert len(net) == 1, net
    for pid in (coffer.pid, *net):
        for name in ("environ", "cmdline", "comm"):
            search(left.read_proc(pid, name), keys, f"/proc/{pid}/{name}")
    with open(f"/proc/{net[0]}/cmdline", "rb") as f:
        assert b"coffer-net" in f.read()
    if "ASAN_OPTIONS" in os.environ:    # its shadow is terabytes
        return False
    try:
        data = memory_of(net[0])
    except PermissionError:
        return False
    sent = [k.id.encode() for k in keys] + [b"Authorization: Bearer "]
    assert any(x in data for x in sent), "what is sent is not found either"
    for key in keys:
        for form in in_memory(key):
            assert form not in data, f"a secret of {key!r} is in coffer-net's memory"
    return True


@desk
def while_it_runs(d):
    """no secret in the arguments and the environment of either, nor in coffer-net's memory"""
    could_look = True
    for i, (e, kind) in enumerate((("binance", "hmac"), ("kraken", "hmac"), ("coinbase", "p256"))):
        keys = [d.start(e, name=f"k{i}", key_type=kind), d.x.key(e, key_type=kind)]
        for more in (("--from-json", d.file(keys[1])), ("--finish",)):
            d.x.delay_s, n = 0.5, len(d.x.log)
            p = subprocess.Popen([lib.COFFER, "rotate", f"k{i}", *more, "--pin-file", d.h.pin_file],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, env=d.h.environ())
            looks, end = 0, time.time() + 20
            while p.poll() is None and time.time() < end:
                if len(d.x.log) > n:            # a request has come, its answer waits
                    n = len(d.x.log)
                    time.sleep(0.1)
                    could_look &= look_at(p, keys)
                    looks += 1
                time.sleep(0.01)
            d.x.delay_s = 0
            out = p.communicate()[0]
            assert looks >= 1 and p.returncode == (3 if "--finish" in more else 0), (looks, out)
            rotate_kit.SAID.append(out.decode())
    return None if could_look else "coffer-net's memory: for root only, and without a sanitizer"


def memory(d, refuse):
    """Runs rotate and --finish below the tracer that searches each process when it ends."""
    if "ASAN_OPTIONS" in os.environ:
        return "not run: the leak checker and the search cannot both trace the program"
    before = [] if os.geteuid() == 0 else ["unshare", "-Ur"]
    after = [os.path.join(lib.TOOLS, "no_memfd_secret")] if refuse else []
    for i, (e, kind) in enumerate(KINDS):
        old, new = d.start(e, name=f"k{i}", key_type=kind), d.x.key(e, key_type=kind)
        forms_now = sorted({b.hex() for k in (old, new) for b in in_memory(k)})
        needles = d.h.private("needles", "\n".join(["control:" + CONTROL] +
                                                   ["hex:" + f for f in forms_now]) + "\n")
        for more, code in ((("--from-json", d.file(new)), 0), (("--finish",), 3)):
            d.h.wrapper = [*before, os.path.join(lib.TOOLS, "memsearch"), needles, *after]
            r = d.h.run("rotate", f"k{i}", *more, "--accept-risk", CONTROL)
            d.h.wrapper = []
            if r.code == 77 or "not run" in r.out or (before and "unshare" in r.err):
                return "not run: " + (r.out + r.err).strip().splitlines()[-1]
            assert f"memsearch: exit: {code}" in r.out and r.code == 0, (e, kind, more, r)
            assert "control found" in r.out and "searched: 2 processes" in r.out, r
    return None


@desk
def memory_given(d):
    """memory at the end of coffer and coffer-net: no secret, memfd_secret as the kernel has it"""
    return memory(d, False)


@desk
def memory_refused(d):
    """memory at the end of coffer and coffer-net: no secret, memfd_secret refused"""
    return memory(d, True)


if __name__ == "__main__":
    lib.main([files_and_output, while_it_runs, memory_given, memory_refused])
