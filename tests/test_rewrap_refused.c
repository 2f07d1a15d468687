/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vault/rewrap.c: changes of the recipients that are refused or fail half way, and the
 * note that one has opened the vault. */
#include "tests/rewrap_fixture.h"
#include "vault/internal.h"

#include <stdio.h>
#include <string.h>

#define REFUSES(want, ...)                                                                         \
    do {                                                                                           \
        const struct rewrap r_ = {__VA_ARGS__};                                                    \
        unsigned n_ = o.key.n_ops;                                                                 \
        EQ_INT(vault_rewrap(v, &r_, &e), (want));                                                  \
        EQ_INT(o.key.n_ops, n_);                                                                   \
    } while (0)

static void test_refuses(void)
{
    struct err e;
    struct world o;
    struct softkey spare, new;
    struct vault *v = NULL;
    uint8_t twice[2 * RID_LEN];
    uint64_t g = 0, h = 0;
    char fp[FINGERPRINT_TEXT];
    fresh(&o);
    step_add_recipient(&o, &spare); /* untested */
    softkey_new(&new, "P-256", SCHEME_ECDH_P256, "new");
    memcpy(twice, spare.recipient.rid, RID_LEN);
    memcpy(twice + RID_LEN, spare.recipient.rid, RID_LEN);
    step_fingerprint(&o, fp, &g);
    const struct opener *from = &o.key.opener;
    struct recipient untested = new.recipient;
    untested.tested = false;
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_open(v, from, &e), &e);
    REFUSES(ERR_FAILED, .from = from, .add = &untested); /* not locked */
    OK_CALL(vault_lock(v, &e), &e);
    REFUSES(ERR_USAGE, .from = from);
    REFUSES(ERR_USAGE, .from = &new.opener, .add = &untested);
    REFUSES(ERR_USAGE, .from = from, .prove = &new.opener);
    REFUSES(ERR_USAGE, .from = from, .add = &new.recipient); /* said to be tested, but not here */
    REFUSES(ERR_USAGE, .from = from, .add = &untested, .prove = &spare.opener);
    REFUSES(ERR_EXISTS, .from = from, .add = &spare.recipient);
    REFUSES(ERR_EXISTS, .from = from, .add = &o.key.recipient, .prove = from);
    REFUSES(ERR_NOT_FOUND, .from = from, .drop = new.recipient.rid, .n_drop = 1);
    REFUSES(ERR_NOT_FOUND, .from = from, .drop = twice, .n_drop = 2);
    REFUSES(ERR_USAGE, .from = from, .drop = o.key.recipient.rid, .n_drop = 1);
    CHECK(strstr(e.msg, "no recipient would be left that has ever opened") != NULL);
    REFUSES(ERR_USAGE, .from = from, .add = &untested, .drop = o.key.recipient.rid, .n_drop = 1);
    struct recipient off_curve = untested;
    off_curve.spki.der[off_curve.spki.n - 1] ^= 1;
    REFUSES(ERR_FORMAT, .from = from, .add = &off_curve);
    untested.scheme = SCHEME_RSA_OAEP_1; /* not what an EC key can do */
    REFUSES(ERR_USAGE, .from = from, .add = &untested);
    vault_free(v);
    all_there(&o);
    step_fingerprint(&o, fp, &h);
    EQ_INT(g, h);
    softkey_free(&new);
    softkey_free(&spare);
    softkey_free(&o.key);
}

static void test_limit(void)
{
    struct err e;
    struct world o;
    struct softkey last;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    for (unsigned i = 1; i < RECIPIENTS_MAX; i++) {
        struct softkey k;
        add_new(&o, &k, "P-256", SCHEME_ECDH_P256);
        softkey_free(&k);
    }
    OK_CALL(step_add(&o, "a", "a1", &e), &e);
    softkey_new(&last, "P-256", SCHEME_ECDH_P256, "last");
    struct rewrap r = {.from = &o.key.opener, .add = &last.recipient, .prove = &last.opener};
    EQ_INT(step_rewrap(&o, &r, &e), ERR_LIMIT);
    r.drop = o.key.recipient.rid; /* but it may take a place */
    r.n_drop = 1;
    OK_CALL(step_rewrap(&o, &r, &e), &e);
    step_take_key(&o, &last);
    SECRETS(&o, "a", "a1");
    softkey_free(&o.key);
}

/* A token pulled at any file: the vault and its files stay as they were. */
static void test_pulled(void)
{
    struct err e;
    struct world o;
    struct softkey spare, new;
    char vj[WHERE_MAX + 16];
    AUTO_BUF was = BUF_INIT(1 << 20), is = BUF_INIT(1 << 20);
    fresh(&o);
    add_new(&o, &spare, "P-256", SCHEME_ECDH_P256);
    softkey_new(&new, "P-256", SCHEME_ECDH_P256, "new");
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    read_all(vj, &was);
    struct opener pulled = o.key.opener;
    pulled.decap = step_failing_decap;
    pulled.ctx = &o.key.opener;
    const struct rewrap add = {.from = &pulled, .add = &new.recipient, .prove = &new.opener};
    const struct rewrap drop = {.from = &pulled, .drop = spare.recipient.rid, .n_drop = 1};
    for (unsigned i = 0; i < 4; i++) {
        step_decaps_left = i;
        EQ_INT(step_rewrap(&o, &add, &e), ERR_TOKEN);
        EQ_INT(world_count_files(&o), 4);
        step_decaps_left = i;
        EQ_INT(step_rewrap(&o, &drop, &e), ERR_TOKEN);
        EQ_INT(world_count_files(&o), 4);
    }
    read_all(vj, &is);
    EQ_MEM(buf_bytes(&is), buf_bytes(&was));
    all_there(&o);
    all_there_for(&o, &spare);
    softkey_free(&new);
    softkey_free(&spare);
    softkey_free(&o.key);
}

static int mark(struct world *o, const struct softkey *k, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    int rc = vault_load(&o->w, &env_real, &v, e);
    struct recipient seen = {.serial = "12345", .key_id = {7, 8}, .key_id_len = 2};
    return rc ? rc : vault_mark_tested(v, &k->opener, &seen, e);
}

static void expect_noted(const struct world *o, const struct softkey *k, const char *serial,
                         size_t id_len)
{
    AUTO(vault_freep) struct vault *v = NULL;
    struct err e;
    size_t n, i = 0;
    OK_CALL(vault_load(&o->w, &env_real, &v, &e), &e);
    const struct recipient *r = vault_recipients(v, &n);
    while (i + 1 < n && memcmp(r[i].rid, k->recipient.rid, RID_LEN) != 0)
        i++;
    CHECK(r[i].tested);
    EQ_STR(r[i].serial, serial);
    EQ_INT(r[i].key_id_len, id_len);
}

/* What only its token knows of a recipient that was added by its public key. */
static void test_fills_in(void)
{
    struct err e;
    struct world o;
    struct softkey spare, third;
    fresh(&o);
    step_add_recipient(&o, &third);
    OK_CALL(mark(&o, &third, &e), &e);
    expect_noted(&o, &third, third.recipient.serial, third.recipient.key_id_len);
    softkey_new(&spare, "RSA", SCHEME_RSA_OAEP_1, "by its key");
    spare.recipient.tested = false;
    spare.recipient.serial[0] = 0;
    spare.recipient.key_id_len = 0;
    const struct rewrap r = {.from = &o.key.opener, .add = &spare.recipient};
    OK_CALL(step_rewrap(&o, &r, &e), &e);
    OK_CALL(mark(&o, &spare, &e), &e);
    expect_noted(&o, &spare, "12345", 2);
    all_there(&o);
    softkey_free(&third);
    softkey_free(&spare);
    softkey_free(&o.key);
}

static void test_mark_tested(void)
{
    struct err e;
    struct world o;
    struct softkey spare, wrong;
    struct vault *v = NULL;
    char fp[FINGERPRINT_TEXT];
    uint64_t g = 0, h = 0;
    fresh(&o);
    step_add_recipient(&o, &spare);
    softkey_new(&wrong, "RSA", SCHEME_RSA_OAEP_1, "wrong");
    EQ_INT(mark(&o, &wrong, &e), ERR_NOT_FOUND);
    struct softkey fake = wrong; /* says that it is the spare */
    memcpy(fake.opener.rid, spare.recipient.rid, RID_LEN);
    EQ_INT(mark(&o, &fake, &e), ERR_TAMPERED);
    step_fingerprint(&o, fp, &g);
    OK_CALL(mark(&o, &spare, &e), &e);
    EQ_INT(spare.n_ops, 1);
    step_fingerprint(&o, fp, &h);
    EQ_INT(h, g + 1);
    OK_CALL(mark(&o, &spare, &e), &e);
    OK_CALL(mark(&o, &o.key, &e), &e);
    step_fingerprint(&o, fp, &h);
    EQ_INT(h, g + 1); /* noted before: no commit */
    all_there(&o);
    const struct rewrap r = {.from = &o.key.opener, .drop = o.key.recipient.rid, .n_drop = 1};
    OK_CALL(step_rewrap(&o, &r, &e), &e); /* now that there is another one */
    step_take_key(&o, &spare);
    all_there(&o);
    snprintf(o.w.state, sizeof(o.w.state), "%s/strange", harness_dir());
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_mark_tested(v, &o.key.opener, NULL, &e), &e); /* was noted */
    EQ_INT(vault_count_tested(v), 1);
    vault_free(v);
    softkey_free(&wrong);
    softkey_free(&o.key);
}

/* A machine without a pin may not write that either. */
static void test_mark_untrusted(void)
{
    struct err e;
    struct world o;
    struct softkey spare;
    fresh(&o);
    step_add_recipient(&o, &spare);
    snprintf(o.w.state, sizeof(o.w.state), "%s/strange-too", harness_dir());
    EQ_INT(mark(&o, &spare, &e), ERR_TRUST);
    softkey_free(&spare);
    softkey_free(&o.key);
}

/* Who seals all of it anew has opened it. */
static void test_from_is_tested(void)
{
    struct err e;
    struct world o;
    struct softkey spare;
    struct vault *v = NULL;
    size_t n = 0;
    fresh(&o);
    step_add_recipient(&o, &spare);
    const struct rewrap r = {.from = &spare.opener, .drop = o.key.recipient.rid, .n_drop = 1};
    OK_CALL(step_rewrap(&o, &r, &e), &e);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    CHECK(vault_recipients(v, &n)[0].tested);
    EQ_INT(n, 1);
    vault_free(v);
    all_there_for(&o, &spare);
    softkey_free(&spare);
    softkey_free(&o.key);
}

int main(void)
{
    RUN(test_refuses);
    RUN(test_limit);
    RUN(test_pulled);
    RUN(test_mark_tested);
    RUN(test_fills_in);
    RUN(test_mark_untrusted);
    RUN(test_from_is_tested);
    return harness_end();
}
