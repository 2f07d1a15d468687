/* SPDX-License-Identifier: Apache-2.0 */
/* The only part of coffer where a stored secret is ever plaintext: opens a payload into locked
 * memory, signs with it, and seals it again for a new version. */
#ifndef VAULT_SIGNER_H
#define VAULT_SIGNER_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"
#include "base/signer.h"
#include "vault/seal.h"

struct record {
    struct record_info info;
    char sha64[SHA64_LEN + 1];                /* of the file that it was opened from; empty: none */
    struct signer signer;
    struct secret payload;                    /* LP(name) LP(value) ... */
    struct bytes fields[FIELD_COUNT];         /* inside payload; n == 0: absent */
};

/* Opens the payload line of a record whose header line is authenticated by it. info is copied. */
int record_open(const struct record_info *info, struct bytes header_line, struct bytes payload_line,
                struct bytes vk_dek, struct record **out, struct err *e) MUST_USE;
/* Packs fields into a payload. out must not hold a secret. */
int payload_pack(const struct secret fields[FIELD_COUNT], struct secret *out,
                 struct err *e) MUST_USE;
/* Appends the payload line (without LF) for info, whose header_line is given. */
int payload_seal(const struct record_info *info, struct bytes header_line,
                 const struct secret *payload, struct bytes vk_dek, const struct env *env,
                 struct buf *out, struct err *e) MUST_USE;

#endif
