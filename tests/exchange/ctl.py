#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tells a running simulated exchange (run.py) something, and prints what it answers.

Usage: ctl.py DIR delete NAME | set NAME withdraw true | fail html | heal | clock 5000 | orders ...
A word alone that it does not know, such as help, prints all of them. Exit 1 on an error."""
import os
import shlex
import socket
import sys


def main(argv):
    if len(argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        os.chdir(argv[1])                    # the path of a socket is short
        with socket.socket(socket.AF_UNIX) as conn:
            conn.settimeout(10)
            conn.connect("control")
            conn.sendall((shlex.join(argv[2:]) + "\n").encode())
            with conn.makefile(encoding="utf-8") as f:
                answer = f.read()
    except OSError as e:
        print(f"error: no exchange answers at {argv[1]}: {e}", file=sys.stderr)
        return 1
    print(answer, end="")
    return 1 if answer.startswith("error:") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
