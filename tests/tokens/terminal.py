# SPDX-License-Identifier: Apache-2.0
"""Shell commands typed at a terminal of their own; whoever asks for a PIN there is answered."""
import os
import pty
import re
import select
import signal
import time

from world import SO_PIN

ASKS = re.compile(r"(PIN|password)[^\n]*: ?$", re.I)


def type_in(commands, cwd, env, pin, timeout=60):
    """Runs the commands, until one fails. (exit status, what was seen)."""
    assert commands, "no commands"
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execvpe("sh", ["sh", "-eu", "-c", commands], env)
    seen, answered, end, status = "", 0, time.monotonic() + timeout, None
    while time.monotonic() < end:
        done, how = os.waitpid(pid, os.WNOHANG)    # a daemon that it leaves keeps the terminal
        if done:
            status = how
            break
        if select.select([fd], [], [], 0.05)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                data = b""
            if not data:
                break
            seen += data.decode(errors="replace").replace("\r\n", "\n")
        asks = ASKS.search(seen[answered:])
        if asks:
            answered = len(seen)
            time.sleep(0.05)
            line = seen.rpartition("\n")[2]
            os.write(fd, (SO_PIN if "SO PIN" in line else pin).encode() + b"\n")
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(fd)
    if status is None:
        status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status), seen
