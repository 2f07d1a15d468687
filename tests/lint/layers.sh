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
    cli) echo base connectors pkcs11 vault agent cli ;;
    esac
}

complain() {
    echo "$1"
    bad=1
}

for folder in base pkcs11 vault connectors agent cli net; do
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
            grep -Hn '#[[:space:]]*include[[:space:]]*<\(curl\|netinet\|arpa\|netdb\|seccomp\|linux/landlock\)' "$file"; then
            complain "$file: only net/ sees libcurl, libseccomp, landlock and addresses"
        fi
        case $file in
        net/* | agent/courier*.c) ;;
        *) ! grep -Hn '#[[:space:]]*include[[:space:]]*<\(sys/socket\|sys/un\)' "$file" || complain "$file: no sockets here" ;;
        esac
        # The kernel's clock and random bytes enter in one place.
        if [ "$file" != base/env.c ] && grep -HnE '\<(clock_gettime|gettimeofday|getrandom|getentropy)[[:space:]]*\(' "$file"; then
            complain "$file: clock and random bytes come in through struct env"
        fi
    done
done
exit $bad
