/* SPDX-License-Identifier: Apache-2.0 */
/* The public halves on a token: for listings, which log in nowhere. */
#include "pkcs11/internal.h"

struct listing {
    struct token_key *out;
    size_t cap, n;
};

static int list_work(struct token *t, void *arg, struct err *e)
{
    struct listing *l = arg;
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_ATTRIBUTE match = attr_of(CKA_CLASS, &class, sizeof(class));
    CK_OBJECT_HANDLE found[KEYS_MAX];
    size_t n_found = 0;
    int r = objects_find(t, &match, 1, found, KEYS_MAX, &n_found, e);
    l->n = 0;
    for (size_t i = 0; r == OK && i < n_found; i++) {
        struct token_key key = {0};
        r = key_read(t, found[i], true, &key, e);
        key.is_extractable = false; /* of a private half; a public one is */
        if (r == OK && l->n < l->cap)
            l->out[l->n] = key;
        l->n += r == OK;
        /* One that another process has destroyed since is passed over. */
        if (r && t->rv == CKR_OBJECT_HANDLE_INVALID) {
            r = OK;
            t->rv = CKR_OK;
        }
    }
    return r;
}

int token_public_keys(struct token *t, struct token_key *out, size_t cap, size_t *n, struct err *e)
{
    TOKEN_LOCKED(t);
    struct listing l = {.out = out, .cap = cap};
    int r = token_twice(t, list_work, &l, e);
    if (r == OK)
        *n = l.n;
    return r;
}
