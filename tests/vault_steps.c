/* SPDX-License-Identifier: Apache-2.0 */
/* The changes of vault_steps.h, and what is in a record afterwards. */
#include "tests/vault_steps.h"

#include "tests/harness.h"
#include "vault/signer.h"

#include <stdio.h>
#include <string.h>

int step_begin(struct world *o, struct vault **v, struct err *e)
{
    int rc = vault_load(&o->w, &env_real, v, e);
    if (!rc)
        rc = vault_open(*v, &o->key.opener, e);
    return rc ? rc : vault_lock(*v, e);
}

int step_fields(struct secret fields[FIELD_COUNT], const char *secret, struct err *e)
{
    char key[64];
    memset(fields, 0, FIELD_COUNT * sizeof(*fields));
    snprintf(key, sizeof(key), "key-%s", secret);
    int rc = secret_copy(&fields[FIELD_API_KEY], bytes_str(key), e);
    return rc ? rc : secret_copy(&fields[FIELD_API_SECRET], bytes_str(secret), e);
}

void step_fields_free(struct secret fields[FIELD_COUNT])
{
    for (int i = 0; i < FIELD_COUNT; i++)
        secret_free(&fields[i]);
}

int step_add(struct world *o, const char *name, const char *secret, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    struct secret fields[FIELD_COUNT] = {{0}};
    struct record_info info;
    record_info_init(&info);
    snprintf(info.name, sizeof(info.name), "%s", name);
    snprintf(info.connector, sizeof(info.connector), "binance");
    snprintf(info.environment, sizeof(info.environment), "live");
    snprintf(info.key_mask, sizeof(info.key_mask), "key-...");
    info.key = KEY_HMAC;
    int rc = step_begin(o, &v, e);
    if (!rc)
        rc = step_fields(fields, secret, e);
    if (!rc)
        rc = vault_add(v, &info, fields, e);
    step_fields_free(fields);
    record_info_free(&info);
    return rc;
}

static int rotate(struct vault *v, const struct record *old, const char *secret, struct err *e)
{
    struct secret fields[FIELD_COUNT] = {{0}};
    struct record_info info;
    record_info_init(&info);
    int rc = record_info_copy(&info, record_info(old), e);
    if (!rc)
        rc = step_fields(fields, secret, e);
    if (!rc)
        rc = vault_rotate(v, old, &info, fields, e);
    step_fields_free(fields);
    record_info_free(&info);
    return rc;
}

int step_rotate(struct world *o, const char *name, const char *secret, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(record_freep) struct record *old = NULL;
    int rc = step_begin(o, &v, e);
    if (!rc)
        rc = vault_open_record(v, &o->key.opener, name, &old, e);
    return rc ? rc : rotate(v, old, secret, e);
}

int step_drop(struct world *o, const char *name, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    int rc = step_begin(o, &v, e);
    return rc ? rc : vault_drop_retiring(v, name, e);
}

int step_rewrite(struct world *o, const char *name, const char *classes, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(record_freep) struct record *r = NULL;
    struct record_info info;
    record_info_init(&info);
    int rc = step_begin(o, &v, e);
    if (!rc)
        rc = vault_open_record(v, &o->key.opener, name, &r, e);
    if (!rc)
        rc = record_info_copy(&info, record_info(r), e);
    snprintf(info.classes, sizeof(info.classes), "%s", classes);
    if (!rc)
        rc = vault_rewrite(v, r, &info, e);
    record_info_free(&info);
    return rc;
}

int step_rename(struct world *o, const char *from, const char *to, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    int rc = step_begin(o, &v, e);
    return rc ? rc : vault_rename(v, &o->key.opener, from, to, e);
}

int step_reseal(struct world *o, struct softkey *to, struct err *e)
{
    const struct rewrap r = {.from = &o->key.opener,
                             .add = &to->recipient,
                             .prove = &to->opener,
                             .drop = o->key.recipient.rid,
                             .n_drop = 1};
    return step_rewrap(o, &r, e);
}

int step_rewrap(struct world *o, const struct rewrap *r, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    int rc = step_begin(o, &v, e);
    return rc ? rc : vault_rewrap(v, r, e);
}

static void secret_of(const struct record *r, char *out, size_t cap)
{
    struct bytes s = r ? r->fields[FIELD_API_SECRET] : BYTES_LIT("-");
    snprintf(out, cap, "%.*s", (int)s.n, (const char *)s.p);
}

void step_secrets(struct world *o, const char *name, char *out, size_t cap)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(record_freep) struct record *now = NULL;
    AUTO(record_freep) struct record *old = NULL;
    struct err e;
    bool is_retiring = false;
    snprintf(out, cap, "-");
    if (vault_load(&o->w, &env_real, &v, &e) || vault_is_retiring(v, name, &is_retiring, &e))
        return;
    if (vault_open_record(v, &o->key.opener, name, &now, &e))
        now = NULL;
    secret_of(now, out, cap);
    if (!is_retiring)
        return;
    if (vault_open_retiring(v, &o->key.opener, name, &old, &e))
        old = NULL;
    size_t n = strlen(out);
    snprintf(out + n, cap - n, " ");
    secret_of(old, out + n + 1, cap - n - 1);
}

void step_take_key(struct world *o, struct softkey *to)
{
    softkey_free(&o->key);
    o->key = *to;
    o->key.opener.ctx = &o->key;
    to->key = NULL;
}

void step_fingerprint(struct world *o, char out[FINGERPRINT_TEXT], uint64_t *generation)
{
    struct err e;
    struct vault *v = NULL;
    OK_CALL(vault_load(&o->w, &env_real, &v, &e), &e);
    OK_CALL(vault_open(v, &o->key.opener, &e), &e);
    OK_CALL(vault_fingerprint(v, out, &e), &e);
    EQ_INT(vault_trust_state(v), TRUST_PINNED);
    *generation = vault_generation(v);
    vault_free(v);
}

void step_add_recipient(struct world *o, struct softkey *spare)
{
    struct err e;
    softkey_new(spare, "RSA", SCHEME_RSA_OAEP_1, "spare");
    spare->recipient.tested = false;
    const struct rewrap r = {.from = &o->key.opener, .add = &spare->recipient};
    OK_CALL(step_rewrap(o, &r, &e), &e);
}

unsigned step_decaps_left;

int step_failing_decap(void *ctx, enum scheme s, struct bytes ct, struct secret *z, struct err *e)
{
    const struct opener *real = ctx;
    if (step_decaps_left-- == 0)
        return err_set(e, ERR_TOKEN, "pulled");
    return real->decap(real->ctx, s, ct, z, e);
}
