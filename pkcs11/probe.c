/* SPDX-License-Identifier: Apache-2.0 */
/* Which scheme a token can really do: a trial of each, because the lists of mechanisms and the
 * usage flags of drivers are wrong too often. */
#include "pkcs11/internal.h"

/* ct must not open to z: it may fail, or give something else (ECDH gives a value for any point). */
static int must_differ(struct token *t, enum scheme s, struct bytes ct, const struct secret *z,
                       struct err *e)
{
    AUTO_SECRET other = {0};
    int saved = hush_begin(t->mod->is_noisy); /* of the failure that is wanted */
    int r = token_decap(t, s, ct, &other, e);
    hush_end(saved);
    if (r == ERR_TAMPERED)
        return OK;
    if (r)
        return r;
    if (secret_eq(&other, z))
        return err_set(e, ERR_TOKEN, "token '%s' opens a wrap that was tampered with",
                       token_info(t)->label);
    return OK;
}

static int must_open(struct token *t, enum scheme s, struct bytes ct, const struct secret *z,
                     struct err *e)
{
    AUTO_SECRET back = {0};
    int r = token_decap(t, s, ct, &back, e);
    if (r == OK && !secret_eq(&back, z))
        return err_set(e, ERR_TOKEN, "token '%s' does not open what was sealed to its public key",
                       token_info(t)->label);
    return r;
}

static int trial(struct token *t, const struct token_key *key, enum scheme s, struct err *e)
{
    uint8_t ct[KEM_CT_MAX], ct2[KEM_CT_MAX];
    size_t n, n2;
    AUTO_SECRET z = {0};
    AUTO_SECRET z2 = {0};
    int r = kem_encap(s, &key->spki, ct, &n, &z, e);
    if (r || (r = must_open(t, s, bytes_of(ct, n), &z, e)) != OK)
        return r;
    if (s == SCHEME_ECDH_P256) { /* another good point: a token that ignores it would pass else */
        r = kem_encap(s, &key->spki, ct2, &n2, &z2, e);
        if (r || (r = must_differ(t, s, bytes_of(ct2, n2), &z, e)) != OK)
            return r;
    }
    ct[n - 1] ^= 1;
    return must_differ(t, s, bytes_of(ct, n), &z, e);
}

int token_probe(struct token *t, const struct token_key *key, enum scheme *out, struct err *e)
{
    struct err last = {.code = ERR_TOKEN};
    if (key->spki.n == 0) {
        err_set(e, ERR_TOKEN, "token '%s' does not show the public key", token_info(t)->label);
        return err_hint(e, "put the public key or its certificate on the token under the same id");
    }
    for (enum scheme s = SCHEME_NONE + 1; s < SCHEME_COUNT; s++) {
        if (!spki_fits(&key->spki, s))
            continue;
        int r = trial(t, key, s, &last);
        if (r == OK) {
            *out = s;
            return OK;
        }
        if (r != ERR_TOKEN && r != ERR_TAMPERED) {
            *e = last;
            return r;
        }
    }
    err_set(e, ERR_TOKEN, "the key on token '%s' cannot open wraps (%s): %s", token_info(t)->label,
            spki_kind(&key->spki), last.msg);
    return err_hint(e, "use an EC P-256 or RSA key that may derive or decrypt on this token");
}
