# SPDX-License-Identifier: Apache-2.0
"""A vault's directory taken aside and put in the place of another, in one step as far as a program
can see that looks at vault.json."""
import os
import shutil


def copy_vault(h, name):
    to = os.path.join(h.top, name)
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(h.vault, to)
    return to


def put_vault(h, copy):
    """The files of the copy; the directory itself stays, as for who restores a backup into it."""
    kept = set()
    for d, _, files in sorted(os.walk(copy), reverse=True):
        to = os.path.normpath(os.path.join(h.vault, os.path.relpath(d, copy)))
        os.makedirs(to, mode=0o700, exist_ok=True)
        for f in sorted(files):
            path = os.path.join(to, f)
            shutil.copyfile(os.path.join(d, f), path + ".new")
            os.chmod(path + ".new", 0o600)
            os.rename(path + ".new", path)
            kept.add(path)
    for d, _, files in os.walk(h.vault):
        for f in files:
            if os.path.join(d, f) not in kept:
                os.unlink(os.path.join(d, f))
