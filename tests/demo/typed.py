#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""typed.py HOME PIN-FILE PROGRAM WORD...: runs the program on a terminal of its own and types the
PIN when it is asked for, as a person would. Prints what the terminal showed."""
import os
import pty
import sys


def main():
    home, pin_file, argv = sys.argv[1], sys.argv[2], sys.argv[3:]
    with open(pin_file, encoding="utf-8") as f:
        pin = f.readline().rstrip("\n")
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(argv[0], argv, {"HOME": home, "PATH": os.environ["PATH"], "TERM": "dumb"})
    seen, typed = "", False
    while True:
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data.decode(errors="replace")
        if not typed and "PIN" in seen and seen.rstrip(" ").endswith(":"):
            os.write(fd, pin.encode() + b"\n")
            typed = True
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.stdout.write(seen.replace("\r\n", "\n"))
    sys.exit(status)


main()
