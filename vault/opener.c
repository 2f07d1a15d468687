/* SPDX-License-Identifier: Apache-2.0 */
/* The opener of a real token, apart from all else: a program whose private-key operations are done
 * by another process does not link the drivers' loader. */
#include "vault/vault.h"

static int token_decap_of(void *ctx, enum scheme s, struct bytes ct, struct secret *z,
                          struct err *e)
{
    return token_decap(ctx, s, ct, z, e);
}

void opener_token(struct opener *o, struct token *t, const uint8_t rid[RID_LEN], enum scheme s)
{
    memcpy(o->rid, rid, RID_LEN);
    o->scheme = s;
    o->decap = token_decap_of;
    o->ctx = t;
}
