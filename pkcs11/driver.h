/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver needs of the system, judged from its file name: the table that coffer-token's
 * sandbox is made from, and that `coffer doctor` shows. Loads nothing and asks no driver. */
#ifndef PKCS11_DRIVER_H
#define PKCS11_DRIVER_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

enum driver_kind {
    DRIVER_UNKNOWN, /* local sockets, no network; its own folder, where that is not the system's */
    DRIVER_FILES,   /* its tokens are files: SoftHSM, NSS */
    DRIVER_CARD,    /* a card or key by pcscd */
    DRIVER_TPM,     /* tpm2-pkcs11 */
    DRIVER_SERVER,  /* a program on this machine that it reaches by a local socket */
    DRIVER_NETWORK, /* an HSM by TCP */
    DRIVER_KINDS
};

#define DRIVER_PORTS_MAX 16u

struct driver_needs {
    enum driver_kind kind;
    const char *name;                 /* "OpenSC"; "unknown driver" */
    bool has_local_sockets;           /* sockets of this machine (Unix) */
    bool has_names;                   /* may ask name servers */
    unsigned ports[DRIVER_PORTS_MAX]; /* of TCP; n_ports 0: no network at all */
    size_t n_ports;
};

/* module: its path. tcti: how a TPM is reached, as TPM2_PKCS11_TCTI has it; NULL: by its device. */
void driver_needs(const char *module, const char *tcti, struct driver_needs *out);
/* Whether a port that the owner names for the tokens is any business of this driver: not of one
 * whose tokens are files or cards. */
bool driver_takes_ports(const struct driver_needs *n);
/* That port; name servers may then be asked too. False when there are
 * DRIVER_PORTS_MAX already. */
bool driver_add_port(struct driver_needs *n, unsigned port) MUST_USE;
/* TPM2_PKCS11_TCTI or TSS2_TCTI of this process; NULL: neither. */
const char *driver_tcti(void);

#define DRIVER_TEXT 200u
/* One line: "local sockets (pcscd), no network"; "TCP ports 1792, 5656". */
void driver_text(const struct driver_needs *n, char out[DRIVER_TEXT]);

#endif
