#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""Moving, backup and restore, by the commands of README.md: backup and restore, another path, another
machine with the same token, with a spare one, with paper."""
import os
import re
import shlex
import subprocess

import lib
from recipients_kit import NEW_PIN, add_paper, add_spare, fresh, listed, signs, talk

RAN = set()


class Machine(lib.Home):
    """A home that reaches the tokens and the backups of another, and no more."""

    def __init__(self, h):
        super().__init__()
        self.of = h
        self.extra_env = dict(h.extra_env)

    def shell(self, command, code=0, **names):
        return shell(self, self.of, command, code, **names)


def shell(h, top, command, code=0, **names):
    """A command as README.md has it, but for the names in it, the places of the backups and where the
    PIN comes from."""
    RAN.add(command)
    words = shlex.split(command)
    for place in ("backup", "elsewhere"):
        os.makedirs(os.path.join(top.top, place), mode=0o700, exist_ok=True)
    words = [names.get(w, w.replace("~", h.home).replace("/media", top.top)) for w in words]
    if words[0] == "coffer":
        pin = () if words[1] == "list" else ("--pin-file", h.pin_file)
        r = h.run(*words[1:], *pin, pin=False)
        assert r.code == code, r
        return r
    if words[0] == "cp":                # a new user's machine has none of these yet
        subprocess.run(["mkdir", "-p", "-m", "700", os.path.dirname(words[-1])], check=True)
    subprocess.run(words, check=True)
    return None


def backup_vault(h):
    lib.remove_tree(os.path.join(h.top, "backup"))
    shell(h, h, "cp -a ~/.local/share/coffer /media/backup/coffer-DATE")


def backup_and_restore():
    """an older backup is refused until trust, and everything works then"""
    h = fresh()
    fp = h.fingerprint()
    backup_vault(h)
    h.add("later")
    shell(h, h, "rm -r ~/.local/share/coffer")
    shell(h, h, "cp -a /media/backup/coffer-DATE ~/.local/share/coffer")
    h.refuses("sign", "main", "GET", "/api/v3/account", code=3, says="older", hint="coffer trust")
    h.refuses("remove", "main", "--yes", code=3, says="older")
    shell(h, h, "coffer trust FINGERPRINT", FINGERPRINT=fp)
    signs(h)
    h.add("again")
    assert "later" not in h.ok("list", pin=False).out


def backup_of_today():
    """a backup of the newest state goes on at once"""
    h = fresh()
    backup_vault(h)
    shell(h, h, "rm -r ~/.local/share/coffer")
    shell(h, h, "cp -a /media/backup/coffer-DATE ~/.local/share/coffer")
    signs(h)
    h.add("later")


def another_path():
    """another path on the same machine: nothing but its name"""
    h = fresh()
    shell(h, h, "mv ~/.local/share/coffer ~/vault")
    r = shell(h, h, "coffer list --vault ~/vault")
    assert "main" in r.out and "okx" in r.out, r
    there = ("--vault", os.path.join(h.home, "vault"))
    h.ok("sign", "main", "GET", "/api/v3/account", *there)
    h.ok("rename", "main", "moved", *there)
    h.ok("sign", "moved", "GET", "/api/v3/account", env=h.environ(COFFER_HOME=there[1]))
    h.refuses("sign", "moved", "GET", "/api/v3/account", code=1, says="there is no vault")


def same_token():
    """another machine and the same token, by its URI"""
    h = fresh()
    add_spare(h)
    fp = h.fingerprint()
    backup_vault(h)
    with Machine(h) as far:
        far.pin_file = far.private("pin", NEW_PIN + "\n")
        far.shell("cp -a /media/backup/coffer-DATE ~/.local/share/coffer")
        far.refuses("sign", "main", "GET", "/api/v3/account", code=3, says="knows no token",
                    hint="coffer trust FINGERPRINT --token URI")
        far.shell("coffer trust FINGERPRINT --token URI", 3, FINGERPRINT="0" * 32,
                  URI=h.uris["spare"])
        far.shell("coffer trust FINGERPRINT --token URI", FINGERPRINT=fp, URI=h.uris["spare"])
        signs(far)
        far.add("later")


def embedded_token():
    """another machine and the embedded token, whose directory is copied too"""
    h = fresh()
    fp = h.fingerprint()
    backup_vault(h)
    shell(h, h, "cp -a ~/.local/share/coffer-softhsm /media/elsewhere/coffer-softhsm-DATE")
    with Machine(h) as far:
        far.shell("cp -a /media/backup/coffer-DATE ~/.local/share/coffer")
        far.shell("coffer trust FINGERPRINT --softhsm", 1, FINGERPRINT=fp)
        far.shell("cp -a /media/elsewhere/coffer-softhsm-DATE ~/.local/share/coffer-softhsm")
        far.shell("coffer trust FINGERPRINT --softhsm", FINGERPRINT=fp)
        lib.remove_tree(h.softhsm)
        signs(far)
        far.add("later")


def spare_token():
    """another machine and a spare: tested there; newer copies go on, a new vault key needs trust"""
    h = fresh()
    add_spare(h)
    fp = h.fingerprint()
    backup_vault(h)
    with Machine(h) as far:
        far.pin_file = far.private("pin", NEW_PIN + "\n")
        far.shell("cp -a /media/backup/coffer-DATE ~/.local/share/coffer")
        far.shell("coffer trust FINGERPRINT --token URI", FINGERPRINT=fp, URI=h.uris["spare"])
        far.shell("coffer recipients test")
        signs(far)
        h.add("later")                              # a newer copy needs nothing
        again(h, far)
        far.ok("sign", "later", "GET", "/api/v3/account")
        h.ok("recipients", "add", h.uris["third"], "--generate", "--new-pin-file", h.new_pin,
             "--yes")
        again(h, far)
        signs(far)
        h.ok("recipients", "remove", "third", "--yes")
        again(h, far)
        far.refuses("sign", "main", "GET", "/api/v3/account", code=3, says="",
                    hint="coffer trust")
        new = h.fingerprint()
        far.shell("coffer trust FINGERPRINT --token URI", FINGERPRINT=new, URI=h.uris["spare"])
        signs(far)


def again(h, far):
    backup_vault(h)
    lib.remove_tree(far.vault)
    far.shell("cp -a /media/backup/coffer-DATE ~/.local/share/coffer")


def paper():
    """another machine with a copy and the paper: the words, the fingerprint, a new token"""
    h = fresh()
    fp = h.fingerprint()
    p = add_paper(h)
    backup_vault(h)
    with Machine(h) as far:
        far.shell("cp -a /media/backup/coffer-DATE ~/.local/share/coffer")
        RAN.add("coffer recover FINGERPRINT")
        r = talk(far, "recover", fp, answers=[
            ("Which one is lost", "coffer"), ("What happened", "l"), ("What opens", "p"),
            ("The new token's URI", h.uris["third"]), ("Make a sealing key on it?", "p"),
            ("PIN of token 'third'", NEW_PIN), ("Word 1 of", p.text), ("Go on?", "y")])
        assert r.code == 0, r
        far.pin_file = far.private("pin", NEW_PIN + "\n")
        signs(far)
        far.add("later")
        assert sorted(listed(far)) == ["paper", "third"], listed(far)


def documented():
    """README.md has the commands that were run, and no others"""
    with open(os.path.join(lib.ROOT, "README.md"), encoding="utf-8") as f:
        parts = re.split(r"^#+ ", f.read(), flags=re.M)
    part = [x for x in parts if x.startswith("Moving, backup and restore")]
    assert len(part) == 1, "README.md has no section 'Moving, backup and restore'"
    shown = set(re.findall(r"^    (\S.*)$", part[0], re.M))
    assert shown == RAN, (shown - RAN, RAN - shown)


if __name__ == "__main__":
    lib.main([backup_and_restore, backup_of_today, another_path, same_token, embedded_token,
              spare_token, paper, documented])
