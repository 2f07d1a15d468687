#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""The systemd units: how much the system one leaves open, and that they fit the program"""
import os
import re
import shutil
import subprocess

from lib import ROOT, Home, main

UNITS = os.path.join(ROOT, "systemd")
MOST = 1.5
# In a user's service manager these need a user namespace, which many systems refuse: the service
# would not start there, or would be shown safer than it is.
NEED_PRIVILEGES = ("CapabilityBoundingSet", "AmbientCapabilities", "PrivateUsers", "PrivateDevices",
                   "ProtectClock", "ProtectKernelModules", "ProtectKernelLogs", "DevicePolicy",
                   "User", "Group", "DynamicUser", "LoadCredentialEncrypted")


def unit(name):
    """section -> name -> list of values."""
    out, section = {}, None
    with open(os.path.join(UNITS, name), encoding="utf-8") as f:
        for line in map(str.strip, f):
            if line.startswith("["):
                section = out.setdefault(line.strip("[]"), {})
            elif line and line[0] not in "#;":
                key, value = line.split("=", 1)
                section.setdefault(key, []).append(value)
    return out


def all_units():
    return sorted(os.path.join(d, f) for d in ("user", "system")
                  for f in os.listdir(os.path.join(UNITS, d)))


def test_exposure():
    """systemd-analyze security: the system unit is at most 1.5"""
    if not shutil.which("systemd-analyze"):
        return "systemd-analyze is not installed"
    p = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                        os.path.join(UNITS, "system/coffer-agent.service")], capture_output=True,
                       text=True, timeout=60, check=False)
    if p.returncode != 0 and "offline" in p.stderr:
        return "this systemd-analyze judges no files"
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", p.stdout)
    assert found, p
    assert float(found[1]) <= MOST, p.stdout
    return None


def test_calls():
    """the units' filter lets through what coffer's own sandboxes need"""
    if not shutil.which("systemd-analyze"):
        return "systemd-analyze is not installed"

    def named(word):
        if not word.startswith("@"):
            return {word}
        p = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", word],
                           capture_output=True, text=True, timeout=60, check=True)
        found = set()
        for line in p.stdout.splitlines()[1:]:
            x = line.strip()
            if x and x[0] != "#":
                found |= named(x)
        return found

    for name in ("user/coffer-agent.service", "system/coffer-agent.service"):
        allowed = set()
        for line in unit(name)["Service"]["SystemCallFilter"]:
            calls = set().union(*map(named, line.lstrip("~").split()))
            allowed = allowed - calls if line.startswith("~") else allowed | calls
        for call in ("memfd_secret", "landlock_create_ruleset", "landlock_add_rule",
                     "landlock_restrict_self", "seccomp", "prctl", "prlimit64", "mlock", "clone3",
                     "execve", "socketpair", "signalfd4", "flock", "accept4", "close_range"):
            assert call in allowed, f"{name}: {call} is not allowed"
        for call in ("ptrace", "mount", "init_module", "setuid", "chown"):
            assert call not in allowed, f"{name}: {call} is allowed"
    return None


def test_user_unit():
    """the user unit sets nothing that a user's service manager cannot give"""
    service = unit("user/coffer-agent.service")["Service"]
    for key in NEED_PRIVILEGES:
        assert key not in service, key
    assert service["NoNewPrivileges"] == ["yes"]


def test_fit():
    """names, sockets and options are those of the program"""
    with Home() as h:
        options = h.ok("help", "agent", pin=False).out
    for name in all_units():
        u = unit(name)
        if name.endswith(".socket"):
            s = u["Socket"]
            assert s["FileDescriptorName"][0] in ("agent", "proxy"), name
            assert s["Service"] == ["coffer-agent.service"], name
            assert int(s["SocketMode"][0], 8) & 0o007 == 0, name
            folder = os.path.dirname(name)
            assert os.path.basename(name) in unit(f"{folder}/coffer-agent.service")["Unit"][
                "Requires"][0], name
            continue
        s = u["Service"]
        assert s["Type"] == ["notify"] and s["LimitCORE"] == ["0"], name
        words = s["ExecStart"][0].split()
        assert words[:2] == ["/usr/bin/coffer", "agent"], name
        for word in words[2:]:
            assert word.startswith("$") or word in options, (name, word)
        assert set("AF_UNIX AF_INET AF_INET6".split()) <= set(
            s["RestrictAddressFamilies"][0].split()), name


if __name__ == "__main__":
    main([test_exposure, test_calls, test_user_unit, test_fit], needs_softhsm=False)
