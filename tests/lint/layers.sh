#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The folders' arrows: which folder may include which. Every include of ours is written from the root.
set -u
cd "$(dirname "$0")/../.." || exit 2
bad=0

may_include() { # the folders that a folder sees
    case $1 in
    base) echo base ;;
    pkcs11) echo base pkcs11 ;;
    vault) echo base pkcs11 vault ;;
    connectors) echo base connectors ;;
    agent) echo base connectors vault agent ;;
    net) echo base connectors net ;;
    helper) echo base pkcs11 helper ;;
    cli) echo base connectors pkcs11 vault agent cli ;;
    esac
}

complain() {
    echo "$1"
    bad=1
}

for folder in base pkcs11 vault connectors agent helper cli net; do
    allowed=" $(may_include "$folder") "
    for file in "$folder"/*.[ch]; do
        [ -e "$file" ] || continue
        # shellcheck disable=SC2013 # an include holds no blank
        for include in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file"); do
            case $allowed in
            *" ${include%%/*} "*) ;;
            *) complain "$file: includes $include: $folder sees only$allowed" ;;
            esac
            [ -e "$include" ] || complain "$file: includes $include, which is not there from the root"
        done
        if [ "$folder" != pkcs11 ] && grep -Hn '#[[:space:]]*include[[:space:]]*<\(p11-kit\|pkcs11\)' "$file"; then
            complain "$file: only pkcs11/ sees p11-kit"
        fi
        # The network is coffer-net's; the courier holds one end of a socketpair to it.
        if [ "$folder" != net ] &&
            [ "$file" != agent/listen.c ] &&
            grep -Hn '#[[:space:]]*include[[:space:]]*<\(curl\|netinet\|arpa\|netdb\)' "$file"; then
            complain "$file: only net/ sees libcurl and addresses (agent/listen.c binds its port)"
        fi
        case $file in
        base/sandbox* | */sandbox*) ;;
        *) ! grep -Hn '#[[:space:]]*include[[:space:]]*<\(seccomp\|linux/landlock\)' "$file" ||
            complain "$file: a sandbox is made in base/sandbox*.c, its profile stands in sandbox*.c" ;;
        esac
        case $file in
        cli/* | vault/* | connectors/* | pkcs11/*) ! grep -Hn '#[[:space:]]*include[[:space:]]*<event2' "$file" ||
            complain "$file: no event loop here" ;;
        esac
        case $file in
        net/* | agent/* | helper/* | base/stream*.c) ;;
        *) ! grep -Hn '#[[:space:]]*include[[:space:]]*<\(sys/socket\|sys/un\)' "$file" || complain "$file: no sockets here" ;;
        esac
        # The kernel's clock and random bytes enter in one place.
        if [ "$file" != base/env.c ] && grep -HnE '\<(clock_gettime|gettimeofday|getrandom|getentropy)[[:space:]]*\(' "$file"; then
            complain "$file: clock and random bytes come in through struct env"
        fi
    done
done
exit $bad
