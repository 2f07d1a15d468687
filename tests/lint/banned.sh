#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Calls that this program does not make, and words that a finished file does not hold.
set -u
cd "$(dirname "$0")/../.." || exit 2
exec python3 - <<'PY'
import glob
import os
import re
import sys

LIBRARY = ("base", "pkcs11", "vault", "connectors", "agent")
PROGRAM = LIBRARY + ("cli", "net", "helper")
# (folders, calls, why not, files that may)
BANNED = (
    (PROGRAM, "strcpy strcat stpcpy strncpy strncat sprintf vsprintf gets",
     "no bound, or one that cuts silently: base/text.h, base/buf.h", ()),
    (PROGRAM, "strtok strtol strtoll strtoul strtoull strtod atoi atol atoll atof scanf sscanf fscanf",
     "base/text.h has parsers with limits", ()),
    (PROGRAM, "system popen fork vfork execl execlp execv execvp execve posix_spawn posix_spawnp",
     "this process starts no other", ("agent/courier_start.c", "agent/spawner.c", "agent/spawner_start.c", "cli/child.c",
      "cli/pinentry_talk.c")),
    (PROGRAM, "alloca setjmp longjmp", "not here", ()),
    (PROGRAM, "rand srand random srandom drand48 time localtime mktime",
     "clock and random bytes come in through struct env", ()),
    (PROGRAM, "bzero memset_s", "mem_wipe (base/crypto.h)", ()),
    (LIBRARY, "printf fprintf vprintf vfprintf puts fputs putchar perror err errx warn warnx",
     "library code never prints", ()),
    (LIBRARY, "exit _exit abort quick_exit", "library code returns errors", ("base/ask.c", "base/wipe.c")),
    (PROGRAM, "getenv secure_getenv setenv putenv unsetenv clearenv",
     "the environment is read in few places",
     ("agent/service.c", "base/env.c", "helper/places.c", "pkcs11/driver.c", "vault/where.c", "vault/state.c", "pkcs11/hush.c", "pkcs11/module.c", "pkcs11/softhsm.c",
      "cli/main.c", "cli/output.c", "cli/pin_source.c", "cli/pinentry_talk.c", "cli/tokens.c",
      "net/proxy.c")),
)
WORDS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
TOKEN = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*', re.S)
bad = 0


def complain(text):
    global bad
    print(text)
    bad = 1


def code_of(text):
    """Comments and literals out, line numbers kept."""
    return TOKEN.sub(lambda m: '""' if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]), text)


for folder in PROGRAM:
    for name in sorted(glob.glob(folder + "/*.[ch]")):
        lines = code_of(open(name, encoding="utf-8").read()).split("\n")
        for folders, calls, why, exempt in BANNED:
            if folder not in folders or name in exempt:
                continue
            call = re.compile(r"(?<![\w>.])(" + calls.replace(" ", "|") + r")\s*\(")
            for n, line in enumerate(lines, 1):
                m = call.search(line)
                if m:
                    complain(f"{name}:{n}: {m[1]}: {why}")

for top, dirs, files in os.walk("."):
    dirs[:] = [d for d in dirs if not (top == "." and d in ("build", ".git"))]
    for f in files:
        name = os.path.join(top, f)[2:]
        if not (f.endswith((".c", ".h", ".md", ".sh", ".py", ".mjs", ".1")) or f == "Makefile" or name.startswith(".ci/")):
            continue
        if name == "tests/lint/banned.sh":
            continue
        for n, line in enumerate(open(name, encoding="utf-8", errors="replace"), 1):
            m = WORDS.search(line)
            if m:
                complain(f"{name}:{n}: the word '{m[0]}' is left over")
sys.exit(bad)
PY
