#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where a signing secret must never be after add, verify, balance, request, status, list, review,
guide and rotate --seal: in files, in output, at the exchange, in memory at the programs' ends.
While requests are under way: net_secrets.py; sign and rename: no_secret_left.py; rotate:
rotate_secrets.py."""
import json
import os
import time

import lib
import secrets_kit as sk


def every_command(w, both):
    """All of them with keys of each kind; both: as text and as JSON."""
    for i, (exchange, key_type) in enumerate(sk.KINDS):
        sk.adds(w, exchange, key_type, f"k{i}")
        sk.uses(w, exchange, f"k{i}")
        if both and key_type in ("hmac", "p256"):
            sk.adds(w, exchange, key_type, f"j{i}", "--json")
            sk.uses(w, exchange, f"j{i}", "--json")
    for exchange, key_type in (("binance", "hmac"), ("binance", "ed25519"), ("kraken", "hmac")):
        sk.typed(w, exchange, key_type, f"typed-{exchange}-{key_type}")
    sk.review(w, "k0")
    sk.all_keys(w)
    if both:
        sk.all_keys(w, "--json")


def received(w):
    """What came to the exchange holds the public parts, and no secret."""
    entries = [json.dumps([e.method, e.host, e.path, e.query, e.headers, e.body]).encode() +
               repr((e.path, e.query, e.headers, e.body)).encode() for e in w.x.log]
    everything = b"\n".join(entries)
    sk.absent(everything, w.keys, "what the exchange received")
    for key in w.keys:
        assert key.exchange.startswith("coinbase") or key.id.encode() in everything, key
    for secret in sk.passphrases(w.keys):
        assert secret in everything, "headers are not searched"
        assert not [e for e in w.x.log if secret.decode() in f"{e.path}{e.query}{e.body}"]
    for e in w.x.log:                           # a passphrase goes in its header, to OKX
        for name, value in e.headers.items():
            assert value.encode() not in sk.passphrases(w.keys) or \
                (e.exchange == "okx" and name == "ok-access-passphrase"), (e, name)
    assert lib.PIN.encode() not in everything
    assert sk.is_found(lambda more: sk.absent(everything + more, w.keys, "a control"), w.keys[0])


def files_output_and_wire():
    """no secret in a file anywhere, in output as text or JSON, nor in what the exchange received"""
    since = time.time() - 1
    with lib.Home() as h, lib.exchange() as x:
        w = sk.World(x, h)
        every_command(w, both=True)
        key = w.key("coinbase", "p256")
        path = h.private("key.json", json.dumps(key.fields))
        assert sk.is_found(lambda _: sk.search_files(w, since), key), "a file is not searched"
        w.run("add", "filed", "coinbase", *w.net(), "--from-json", path, "--remove-source")
        assert len(w.said) > 100 and len(w.keys) > 35
        for what, text in w.said:
            sk.hidden(text.encode() + what.encode(), w.keys, f"what '{what}' printed")
        assert sk.search_files(w, since) > 20
        received(w)
        for key in w.keys:                      # each is one that the search knows
            assert sk.is_found(lambda more: sk.hidden(more, w.keys, "a control"), key), key
        with open(os.path.join(h.top, "run", "left"), "w", encoding="utf-8") as f:
            f.write(w.keys[-1].secret)
        assert sk.is_found(lambda _: sk.search_files(w, since), w.keys[-1])


class Traced(sk.World):
    """Runs each command below the tracer that searches the memory of each process at its end."""

    def __init__(self, x, h):
        super().__init__(x, h)
        self.before = [] if os.geteuid() == 0 else ["unshare", "-Ur"]
        self.n_nets = 0

    def start(self, args, kw):
        """Controls: what only the stacks of the two programs hold, their arguments."""
        controls = [lib.COFFER + "\0" + args[0] + "\0", "443\0" + str(self.x.port) + "\0"]
        lines = ["control:hex:" + c.encode().hex() for c in controls]
        forms = set().union(*(sk.in_memory(k) for k in self.sought(args)))
        lines += ["hex:" + f.hex() for f in sorted(forms)]
        assert len(forms) > 3
        needles = self.h.private("needles", "\n".join(lines) + "\n")
        self.h.wrapper = [*self.before, os.path.join(lib.TOOLS, "memsearch"), needles]
        try:
            r = super().start(args, kw)
        finally:
            self.h.wrapper = []
        if r.code == 77 or "not run" in r.out or (self.before and "unshare" in r.err):
            raise CannotTrace((r.out + r.err).strip().splitlines()[-1])
        return self.judge(r)

    def sought(self, args):
        """The keys that this command can have had in memory."""
        return self.keys[-3:] if args[0] in ("add", "balance", "request") else self.keys

    def judge(self, r):
        """As a Result of coffer itself."""
        assert r.code == 0, f"{r}"
        told = [x.partition("memsearch: ")[2] for x in r.out.splitlines() if "memsearch: " in x]
        seen = [x.removeprefix("process: ") for x in told if x.startswith("process: ")]
        assert all(x.endswith(": control found") for x in seen), r
        assert sum(x.startswith("coffer: ") for x in seen) == 1, r
        self.n_nets += sum(x.startswith("coffer-net: ") for x in seen)
        assert not [x for x in told if x.startswith("unreadable") and "secretmem" not in x], r
        end = [x for x in told if x.startswith("exit: ")]
        assert end, r
        return lib.Result(r.args, int(end[0].removeprefix("exit: ")), r.out, r.err)


class CannotTrace(Exception):
    pass


def memory_at_the_end():
    """no secret in the memory of coffer and coffer-net at their ends, whatever the command's end"""
    if "ASAN_OPTIONS" in os.environ:
        return "not run: the leak checker and the search cannot both trace the program"
    with lib.Home() as h, lib.exchange() as x:
        w = Traced(x, h)
        try:
            every_command(w, both=False)
        except CannotTrace as why:
            return f"not run: {why}"
        assert w.n_nets >= 80, f"coffer-net ended {w.n_nets} times only"
    return None


if __name__ == "__main__":
    lib.main([files_output_and_wire, memory_at_the_end])
