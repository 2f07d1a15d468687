#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Calls that this program does not make, and words that a finished file does not hold.
set -u
cd "$(dirname "$0")/../.." || exit 2
bad=0

# Comments and string literals out, line numbers kept.
code() {
    python3 - "$1" <<'PY'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
token = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*', re.S)
out = token.sub(lambda m: '""' if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]), text)
for n, line in enumerate(out.split("\n"), 1):
    print(f"{sys.argv[1]}:{n}:{line}")
PY
}

# ban FOLDERS CALLS WHY [EXEMPT-FILE...]
ban() {
    folders=$1 calls=$2 why=$3
    shift 3
    for folder in $folders; do
        for file in "$folder"/*.[ch]; do
            [ -e "$file" ] || continue
            case " $* " in *" $file "*) continue ;; esac
            if grep -E "^[^:]*:[0-9]+:(.*[^A-Za-z0-9_>.])?($calls)[[:space:]]*\(" "$tmp/$folder"_"${file##*/}"; then
                echo "  ^ $why"
                bad=1
            fi
        done
    done
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
library="base pkcs11 vault connectors agent"
program="$library cli"
for folder in $program; do
    for file in "$folder"/*.[ch]; do
        [ -e "$file" ] && code "$file" >"$tmp/${folder}_${file##*/}"
    done
done

ban "$program" 'strcpy|strcat|stpcpy|strncpy|strncat|sprintf|vsprintf|gets' 'no bound, or a bound that cuts silently: base/text.h, base/buf.h'
ban "$program" 'strtok|strtol|strtoll|strtoul|strtoull|strtod|atoi|atol|atoll|atof|sscanf|scanf|fscanf' 'base/text.h has parsers with limits'
ban "$program" 'system|popen|fork|vfork|execl|execlp|execv|execvp|execve|posix_spawn|posix_spawnp' 'this process starts no other'
ban "$program" 'alloca|setjmp|longjmp' 'not here'
ban "$program" 'rand|srand|random|srandom|drand48|time|localtime|mktime' 'clock and random bytes come in through struct env'
ban "$library" 'printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror|err|errx|warn|warnx' 'library code never prints'
ban "$library" 'exit|_exit|abort|quick_exit' 'library code returns errors' base/ask.c base/wipe.c
ban "$program" 'getenv|secure_getenv|setenv|putenv|unsetenv|clearenv' 'the environment is read in few places' \
    base/env.c vault/where.c vault/state.c pkcs11/module.c pkcs11/softhsm.c cli/pin.c cli/main.c cli/term.c
ban "$program" 'bzero|memset_s' 'mem_wipe (base/crypto.h)'

words='\<(TODO|FIXME|XXX|HACK)\>|\.\./shared|/work/|DESIGN\.md|STYLE\.md'
# shellcheck disable=SC2046 # a list of files
if grep -nE "$words" $(find . -path ./build -prune -o -path ./.git -prune -o -type f \
    \( -name '*.[ch]' -o -name '*.md' -o -name '*.sh' -o -name '*.py' -o -name '*.mjs' -o -name '*.1' -o -name Makefile \
    -o -path './.ci/*' \) ! -path ./tests/lint/banned.sh -print); then
    echo '  ^ left-over words'
    bad=1
fi
exit $bad
