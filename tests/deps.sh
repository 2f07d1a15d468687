#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sees to what a target needs from Debian's or Ubuntu's packages: deps.sh build|demo|check [PROGRAM...] [--show]
# Nothing is missing: says nothing. As root: prints the line and runs it. A user at a terminal is asked.
# Otherwise, and with --show, the line is printed and the exit status is 1.
# What only drives further tokens or clients in the tests is wished for: without it those rows say 'not run', and
# nothing stops.
set -u

missing=
wished=
want() { # want PACKAGE TEST...
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
wish() { # wish PACKAGE TEST...
    package=$1
    shift
    "$@" >/dev/null 2>&1 || wished="$wished $package"
}
have_library() { # have_library FILE, below any of the library folders
    [ "$(ls /usr/lib/*/"$1" /usr/lib/"$1" /usr/lib64/"$1" 2>/dev/null)" ]
}
have_aiohttp() { python3 -c 'import aiohttp' || /usr/bin/python3 -c 'import aiohttp'; }
have_program() { command -v "$1" || PATH="$PATH:/usr/sbin:/sbin" command -v "$1"; }
pkg_at_least() { pkg-config --atleast-version="$2" "$1"; }
have_softhsm() {
    command -v softhsm2-util || ls /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so \
        /usr/lib64/*/libsofthsm2.so
}

level=$1
shift
show=
case ${CC:-cc} in
clang*) want clang command -v "$CC" ;;
*) want gcc command -v "${CC:-cc}" ;;
esac
want libc6-dev test -e /usr/include/stdio.h
want make command -v make
want pkg-config command -v pkg-config
want libp11-kit-dev pkg_at_least p11-kit-1 0.23
want libssl-dev pkg_at_least libcrypto 3.0
want libcjson-dev pkg_at_least libcjson 1.7
want libcurl4-openssl-dev pkg_at_least libcurl 7.80
want libseccomp-dev pkg_at_least libseccomp 2.5
want libevent-dev pkg_at_least libevent_core 2.1
if [ "$level" = demo ] || [ "$level" = check ]; then
    [ "$(ls /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so 2>/dev/null)" ] ||
        want softhsm2 have_softhsm
    want python3 command -v python3
    want openssl command -v openssl
fi
if [ "$level" = check ]; then # the same names in Debian 12 and 13, Ubuntu 22.04 and 24.04
    wish opensc have_program pkcs11-tool
    wish opensc-pkcs11 have_library opensc-pkcs11.so
    wish pcscd have_program pcscd
    wish vsmartcard-vpcd have_library pcsc/drivers/serial/libifdvpcd.so
    wish ykcs11 have_library libykcs11.so
    wish yubico-piv-tool have_program yubico-piv-tool
    wish swtpm have_program swtpm
    wish tpm2-tools have_program tpm2_shutdown
    wish libtpm2-pkcs11-1 have_library pkcs11/libtpm2_pkcs11.so
    wish p11-kit have_program p11-kit
    wish p11-kit-modules have_library pkcs11/p11-kit-client.so
    wish libnss3 have_library libsoftokn3.so
    wish libnss3-tools have_program certutil
    wish pinentry-tty have_program pinentry-tty
    wish pinentry-curses have_program pinentry-curses
    wish curl have_program curl
    wish python3-aiohttp have_aiohttp
    wish systemd have_program systemd-analyze
fi
for arg; do
    if [ "$arg" = --show ]; then
        show=1
    else
        want "$arg" command -v "$arg"
    fi
done
# Root gets what is wished for, as far as this release has it; others are told.
install_wished() {
    export DEBIAN_FRONTEND=noninteractive
    ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt-get update
    known=
    for package in $wished; do
        apt-cache show "$package" >/dev/null 2>&1 && known="$known $package"
    done
    [ "$known" ] || return 0
    echo "apt-get install -y --no-install-recommends$known"
    # shellcheck disable=SC2086 # a list of words
    apt-get install -y --no-install-recommends $known </dev/null && return
    apt-get update
    # shellcheck disable=SC2086
    apt-get install -y --no-install-recommends $known </dev/null || echo "note: these are not installed:$known" >&2
}
if [ "$wished" ] && [ ! "$show" ]; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        install_wished
    else
        echo "note: without these packages some tests are not run:$wished" >&2
    fi
fi
[ "$missing" ] || exit 0

line="apt-get install -y --no-install-recommends$missing"
if ! command -v apt-get >/dev/null; then
    echo "missing, by their Debian names:$missing" >&2
    echo "no apt-get here: please install them your system's way" >&2
    exit 1
fi
if [ "$show" ]; then
    [ "$(id -u)" -eq 0 ] || line="sudo $line"
    echo "$line"
    exit 1
fi

install() { # install [sudo]
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of words
    "$@" apt-get install -y --no-install-recommends $missing && return 0
    echo "apt-get update   # the package lists may be missing or old" >&2
    # shellcheck disable=SC2086
    "$@" apt-get update && "$@" apt-get install -y --no-install-recommends $missing
}

if [ "$(id -u)" -eq 0 ]; then
    echo "$line"
    install env </dev/null
elif [ -t 0 ] && [ -t 1 ] && command -v sudo >/dev/null; then
    echo "missing:$missing"
    printf 'run "sudo %s"? [y/N] ' "$line"
    read -r answer || answer=
    case $answer in
    y | Y | yes) install sudo ;;
    *)
        echo "nothing was installed"
        exit 1
        ;;
    esac
else
    echo "missing:$missing; as root run:" >&2
    echo "  $line" >&2
    exit 1
fi
