# SPDX-License-Identifier: Apache-2.0
"""One command of a home that is killed, or fails, at each of its system calls."""
import os

import lib

PRELOAD = os.path.join(lib.TOOLS, "faults_preload.so")


def is_in_login(h):
    """The login did not end, which counts as failed: what follows is tested with the PINs."""
    return any(p.endswith(".pin-guard") and data for p, data in h.snapshot().items())


class Faults:
    """h as it is now is what h.restore() comes back to."""

    def __init__(self, h, *args):
        self.h, self.args = h, args
        h.save()

    def run(self, fault=None, log=None):
        settings = {"LD_PRELOAD": PRELOAD, "FAULT": fault, "FAULT_LOG": log,
                    "FAULT_UNDER": self.h.home}
        self.h.wrapper = ["env", *(f"{k}={v}" for k, v in settings.items() if v)]
        try:
            return self.h.run(*self.args)
        finally:
            self.h.wrapper = []

    def calls(self):
        """Number, name and path of each call on the vault, its state and configuration."""
        log = os.path.join(self.h.top, "log")
        r = self.run(log=log)
        assert r.code == 0, r
        self.h.restore()
        with open(log, encoding="utf-8") as f:
            lines = [x.split(" ", 2) for x in f.read().splitlines()]
        os.unlink(log)
        ours = (self.h.vault, self.h.config, self.h.state)
        return [(n, call, path) for n, call, path in lines
                if any((path + "/").startswith(top + "/") for top in ours)]
