/* SPDX-License-Identifier: Apache-2.0 */
/* Which token this process is for. All of it comes from tokens.json, by the spawner: nothing that a
 * client or the agent's core says chooses what code is loaded here. */
#ifndef HELPER_OPTIONS_H
#define HELPER_OPTIONS_H

#include "base/attr.h"
#include "base/err.h"
#include "pkcs11/driver.h"
#include "pkcs11/token.h"

struct options {
    struct token_where where;
    uint8_t rid[RID_LEN];
    enum scheme scheme;
    uint8_t id[TOKEN_ID_MAX]; /* CKA_ID of the sealing key; id_len 0: it has none */
    size_t id_len;
    struct driver_needs needs;
};

/* coffer-token VERSION module=PATH [conf=PATH] [label=] [serial=] [manufacturer=] [model=] rid=HEX
 * scheme=NAME [id=HEX] [port=N]... */
int options_read(int argc, char **argv, struct options *out, struct err *e) MUST_USE;

#endif
