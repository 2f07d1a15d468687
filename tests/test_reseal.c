/* SPDX-License-Identifier: Apache-2.0 */
/* A vault sealed anew with keys in memory: all records under a new vault key in one commit, or the
 * old vault as it was; and a pin that trusts what this machine itself did, whenever it is killed.
 */
#include "tests/harness.h"
#include "tests/vault_steps.h"

#include "vault/commit.h"

#include <stdio.h>
#include <string.h>

/* Keys a, b (with a retiring one) and c. */
static void fresh(struct world *o)
{
    struct err e;
    world_new(o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(step_add(o, "a", "a1", &e), &e);
    OK_CALL(step_add(o, "b", "b1", &e), &e);
    OK_CALL(step_rotate(o, "b", "b2", &e), &e);
    OK_CALL(step_add(o, "c", "c1", &e), &e);
}

static void all_there(struct world *o)
{
    SECRETS(o, "a", "a1");
    SECRETS(o, "b", "b2 b1");
    SECRETS(o, "c", "c1");
    EQ_INT(world_count_files(o), 4);
}

static void audit_key(struct world *o, struct secret *key)
{
    struct err e;
    struct vault *v = NULL;
    OK_CALL(step_begin(o, &v, &e), &e);
    OK_CALL(audit_key_open(v->body.id, secret_bytes(&v->vk), v->body.audit_key, key, &e), &e);
    vault_free(v);
}

/* As `rotate --seal`: to takes the place of o's key. */
static struct rewrap reseal(const struct world *o, const struct softkey *to,
                            void (*progress)(void *ctx, size_t n_done, size_t n), void *ctx)
{
    return (struct rewrap){.from = &o->key.opener,
                           .add = &to->recipient,
                           .prove = &to->opener,
                           .drop = o->key.recipient.rid,
                           .n_drop = 1,
                           .progress = progress,
                           .ctx = ctx};
}

static unsigned n_progress;

static void progress(void *ctx, size_t n_done, size_t n)
{
    n_progress++;
    EQ_INT(n_done, n_progress);
    EQ_INT(n, 4);
    CHECK(ctx == &n_progress);
}

static void reseal_to(const char *kind, enum scheme s)
{
    struct err e;
    struct world o, before;
    struct softkey to;
    struct vault *v = NULL;
    char was[FINGERPRINT_TEXT], is[FINGERPRINT_TEXT];
    uint64_t g = 0, h = 0;
    AUTO_SECRET audit = {0};
    AUTO_SECRET audit_after = {0};
    fresh(&o);
    step_fingerprint(&o, was, &g);
    audit_key(&o, &audit);
    softkey_new(&to, kind, s, "new token");
    OK_CALL(step_begin(&o, &v, &e), &e);
    const struct rewrap r = reseal(&o, &to, progress, &n_progress);
    n_progress = 0;
    unsigned from_before = o.key.n_ops;
    OK_CALL(vault_rewrap(v, &r, &e), &e);
    EQ_INT(o.key.n_ops - from_before, 4); /* one for each file, and one to prove the new key */
    EQ_INT(to.n_ops, 1);
    EQ_INT(n_progress, 4);
    EQ_INT(vault_files(v), 4);
    EQ_INT(vault_trust_state(v), TRUST_PINNED);
    OK_CALL(vault_remove(v, "c", &e), &e); /* it is open under the new key, and goes on */
    vault_freep(&v);
    before = o;
    SECRETS(&before, "a", "-"); /* the old key opens nothing of it */
    step_take_key(&o, &to);
    OK_CALL(step_add(&o, "c", "c1", &e), &e);
    all_there(&o);
    step_fingerprint(&o, is, &h);
    CHECK(strcmp(was, is) != 0);
    EQ_INT(h, g + 3);
    audit_key(&o, &audit_after);
    CHECK(secret_eq(&audit, &audit_after));
    softkey_free(&o.key);
}

static void test_reseal(void)
{
    reseal_to("P-256", SCHEME_ECDH_P256);
    reseal_to("RSA", SCHEME_RSA_OAEP_256);
}

static void test_versions(void)
{
    struct err e;
    struct world o;
    struct softkey to;
    struct vault *v = NULL;
    struct record_info now, old;
    fresh(&o);
    softkey_new(&to, "P-256", SCHEME_ECDH_P256, "new");
    OK_CALL(step_reseal(&o, &to, &e), &e);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    record_info_init(&now);
    record_info_init(&old);
    OK_CALL(vault_peek(v, "b", &now, &e), &e);
    OK_CALL(vault_peek_retiring(v, "b", &old, &e), &e);
    EQ_INT(old.version, 3); /* after 1 and 2; the retiring one first */
    EQ_INT(now.version, 4);
    CHECK(now.rotated_ms > 0);
    record_info_free(&now);
    record_info_free(&old);
    vault_free(v);
    step_take_key(&o, &to);
    OK_CALL(step_drop(&o, "b", &e), &e);
    OK_CALL(step_rename(&o, "b", "d", &e), &e);
    SECRETS(&o, "d", "b2");
    softkey_free(&o.key);
}

/* The other recipients stay and open it as before. */
static void test_others_stay(void)
{
    struct err e;
    struct world o;
    struct softkey to, spare;
    struct vault *v = NULL;
    size_t n = 0;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    step_add_recipient(&o, &spare);
    OK_CALL(step_add(&o, "a", "a1", &e), &e);
    softkey_new(&to, "P-256", SCHEME_ECDH_P256, "new");
    const struct rewrap taken = reseal(&o, &spare, NULL, NULL);
    OK_CALL(step_begin(&o, &v, &e), &e);
    EQ_INT(vault_rewrap(v, &taken, &e), ERR_EXISTS);
    vault_freep(&v);
    OK_CALL(step_reseal(&o, &to, &e), &e);
    step_take_key(&o, &to);
    SECRETS(&o, "a", "a1");
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    const struct recipient *r = vault_recipients(v, &n);
    EQ_INT(n, 2);
    EQ_STR(r[0].label, "new");
    CHECK(!r[1].tested);
    vault_freep(&v);
    step_take_key(&o, &spare);
    SECRETS(&o, "a", "a1");
    softkey_free(&o.key);
}

/* Whatever fails before the commit leaves the vault, its files and the pin as they were. */
static void test_fails(void)
{
    struct err e;
    struct world o;
    struct softkey to, wrong;
    struct vault *v = NULL;
    char vj[WHERE_MAX + 16], path[WHERE_MAX + 160];
    AUTO_BUF was = BUF_INIT(1 << 20), is = BUF_INIT(1 << 20);
    fresh(&o);
    softkey_new(&to, "P-256", SCHEME_ECDH_P256, "new");
    softkey_new(&wrong, "P-256", SCHEME_ECDH_P256, "wrong");
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    read_all(vj, &was);
    struct opener pulled = o.key.opener, no_proof = to.opener;
    pulled.decap = step_failing_decap;
    pulled.ctx = &o.key.opener;
    no_proof.decap = wrong.opener.decap;
    no_proof.ctx = wrong.opener.ctx;
    struct rewrap r = reseal(&o, &to, NULL, NULL);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    EQ_INT(vault_rewrap(v, &r, &e), ERR_FAILED); /* not locked */
    OK_CALL(vault_lock(v, &e), &e);
    r.prove = &wrong.opener;
    EQ_INT(vault_rewrap(v, &r, &e), ERR_USAGE);
    r.prove = &no_proof; /* the new token has lost its key */
    unsigned before = o.key.n_ops;
    EQ_INT(vault_rewrap(v, &r, &e), ERR_TAMPERED);
    CHECK(strstr(e.msg, "new sealing key") != NULL);
    EQ_INT(o.key.n_ops, before); /* seen first */
    r.prove = &to.opener;
    r.from = &wrong.opener;
    EQ_INT(vault_rewrap(v, &r, &e), ERR_USAGE);
    r.from = &pulled;
    for (unsigned i = 0; i < 4; i++) {
        step_decaps_left = i;
        EQ_INT(vault_rewrap(v, &r, &e), ERR_TOKEN);
        EQ_INT(world_count_files(&o), 4);
    }
    r.from = &o.key.opener;
    world_record_path(&o, "c", path, sizeof(path)); /* the last one is damaged */
    AUTO_BUF c = BUF_INIT(1 << 20);
    read_all(path, &c);
    write_all(path, BYTES_LIT("x"));
    EQ_INT(vault_rewrap(v, &r, &e), ERR_TAMPERED);
    CHECK(strstr(e.msg, "'c'") != NULL);
    write_all(path, buf_bytes(&c));
    read_all(vj, &is);
    EQ_MEM(buf_bytes(&is), buf_bytes(&was));
    vault_freep(&v);
    all_there(&o);
    OK_CALL(step_reseal(&o, &to, &e), &e);
    step_take_key(&o, &to);
    all_there(&o);
    softkey_free(&wrong);
    softkey_free(&o.key);
}

/* vault.json is changed by a copying program before the commit: nothing of ours stays. */
static void spoil(void *ctx, size_t n_done, size_t n)
{
    if (n_done == n)
        write_all(ctx, BYTES_LIT("{}\n"));
}

static void test_copied_in(void)
{
    struct err e;
    struct world o;
    struct softkey to;
    struct vault *v = NULL;
    char vj[WHERE_MAX + 16];
    AUTO_BUF was = BUF_INIT(1 << 20);
    fresh(&o);
    softkey_new(&to, "P-256", SCHEME_ECDH_P256, "new");
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    read_all(vj, &was);
    OK_CALL(step_begin(&o, &v, &e), &e);
    const struct rewrap r = reseal(&o, &to, spoil, vj);
    EQ_INT(vault_rewrap(v, &r, &e), ERR_FAILED);
    vault_free(v);
    write_all(vj, buf_bytes(&was));
    all_there(&o);
    softkey_free(&to);
    softkey_free(&o.key);
}

int main(void)
{
    RUN(test_reseal);
    RUN(test_versions);
    RUN(test_others_stay);
    RUN(test_fails);
    RUN(test_copied_in);
    return harness_end();
}
