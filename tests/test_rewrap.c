/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vault/rewrap.c: recipients who come and go, what each change costs and leaves. One
 * taking another's place: test_reseal.c; what is refused or fails: test_rewrap_refused.c. */
#include "tests/rewrap_fixture.h"
#include "vault/internal.h"

#include <stdio.h>
#include <string.h>

static size_t count_with_rid(const struct world *o, const uint8_t rid[RID_LEN])
{
    struct err e;
    struct vault *v = NULL;
    size_t n = 0;
    char name[NAME_MAX_LEN + 1];
    OK_CALL(vault_load(&o->w, &env_real, &v, &e), &e);
    for (size_t i = 0; vault_name(v, i, name); i++)
        for (int is_old = 0; is_old < 2; is_old++) {
            AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
            const struct file_ref *ref = NULL;
            struct record_file file;
            struct wrapped w;
            if (vault_find_file(v, name, is_old, &ref, &e) == OK &&
                OK_CALL(record_read(v, ref, &text, &file, &e), &e))
                n += wraps_find(file.wraps, rid, &w, &e) == OK;
        }
    vault_free(v);
    return n;
}

static unsigned n_progress;

static void progress(void *ctx, size_t n_done, size_t n)
{
    EQ_INT(n_done, ++n_progress);
    EQ_INT(n, 4);
    CHECK(ctx == &n_progress);
}

/* The vault key and the others' wraps stay; nobody else needs to do anything. */
static void adds(const char *kind, enum scheme s)
{
    struct err e;
    struct world o;
    struct softkey spare;
    struct vault *v = NULL;
    char was[FINGERPRINT_TEXT], is[FINGERPRINT_TEXT];
    uint64_t g = 0, h = 0;
    fresh(&o);
    step_fingerprint(&o, was, &g);
    softkey_new(&spare, kind, s, "spare");
    const struct rewrap r = {.from = &o.key.opener,
                             .add = &spare.recipient,
                             .prove = &spare.opener,
                             .progress = progress,
                             .ctx = &n_progress};
    OK_CALL(step_begin(&o, &v, &e), &e);
    n_progress = 0;
    unsigned before = o.key.n_ops;
    OK_CALL(vault_rewrap(v, &r, &e), &e);
    EQ_INT(o.key.n_ops - before, 4);
    EQ_INT(spare.n_ops, 1);
    EQ_INT(n_progress, 4);
    EQ_INT(vault_count_tested(v), 2);
    vault_free(v);
    step_fingerprint(&o, is, &h);
    EQ_STR(is, was);
    EQ_INT(h, g + 1);
    all_there(&o);
    all_there_for(&o, &spare);
    EQ_INT(count_with_rid(&o, spare.recipient.rid), 4);
    softkey_free(&spare);
    softkey_free(&o.key);
}

static void test_add(void)
{
    adds("P-256", SCHEME_ECDH_P256);
    adds("RSA", SCHEME_RSA_OAEP_256);
    adds("RSA", SCHEME_RSA_OAEP_1);
}

/* Every file is a new version with fresh keys: the old one's payload is nowhere. */
static void test_new_versions(void)
{
    struct err e;
    struct world o;
    struct softkey spare;
    struct vault *v = NULL;
    struct record_info now, old;
    fresh(&o);
    add_new(&o, &spare, "P-256", SCHEME_ECDH_P256);
    record_info_init(&now);
    record_info_init(&old);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_peek(v, "b", &now, &e), &e);
    OK_CALL(vault_peek_retiring(v, "b", &old, &e), &e);
    EQ_INT(old.version, 3);
    EQ_INT(now.version, 4);
    vault_free(v);
    record_info_free(&now);
    record_info_free(&old);
    OK_CALL(step_drop(&o, "b", &e), &e); /* life goes on, for both */
    SECRETS(&o, "b", "b2");
    struct world as = seen_by(&o, &spare);
    OK_CALL(step_add(&as, "d", "d1", &e), &e);
    SECRETS(&o, "d", "d1");
    softkey_free(&spare);
    softkey_free(&o.key);
}

/* Without its token: nothing of it is used, and it is not tested. */
static void test_add_absent(void)
{
    struct err e;
    struct world o;
    struct softkey spare;
    struct vault *v = NULL;
    size_t n = 0;
    fresh(&o);
    step_add_recipient(&o, &spare);
    EQ_INT(spare.n_ops, 0);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    CHECK(!vault_recipients(v, &n)[1].tested);
    EQ_INT(n, 2);
    EQ_INT(vault_count_tested(v), 1);
    vault_free(v);
    all_there_for(&o, &spare);
    softkey_free(&spare);
    softkey_free(&o.key);
}

/* One goes: a new vault key, which those who stay get without being there. */
static void test_remove(void)
{
    struct err e;
    struct world o;
    struct softkey one, two;
    char was[FINGERPRINT_TEXT], is[FINGERPRINT_TEXT];
    uint64_t g = 0, h = 0;
    fresh(&o);
    add_new(&o, &one, "P-256", SCHEME_ECDH_P256);
    add_new(&o, &two, "RSA", SCHEME_RSA_OAEP_256);
    step_fingerprint(&o, was, &g);
    const struct rewrap r = {.from = &o.key.opener, .drop = one.recipient.rid, .n_drop = 1};
    unsigned before = two.n_ops;
    OK_CALL(step_rewrap(&o, &r, &e), &e);
    EQ_INT(two.n_ops, before);
    step_fingerprint(&o, is, &h);
    CHECK(strcmp(was, is) != 0);
    EQ_INT(h, g + 1);
    all_there(&o);
    all_there_for(&o, &two);
    EQ_INT(count_with_rid(&o, one.recipient.rid), 0);
    EQ_INT(count_with_rid(&o, two.recipient.rid), 4);
    struct world gone = seen_by(&o, &one);
    SECRETS(&gone, "a", "-");
    softkey_free(&one);
    softkey_free(&two);
    softkey_free(&o.key);
}

/* from itself may go when another tested one stays; and several may, with one coming. */
static void test_remove_several(void)
{
    struct err e;
    struct world o;
    struct softkey one, two, to;
    struct vault *v = NULL;
    uint8_t both[2 * RID_LEN];
    size_t n = 0;
    fresh(&o);
    add_new(&o, &one, "P-256", SCHEME_ECDH_P256);
    add_new(&o, &two, "P-256", SCHEME_ECDH_P256);
    softkey_new(&to, "P-256", SCHEME_ECDH_P256, "to");
    memcpy(both, one.recipient.rid, RID_LEN);
    memcpy(both + RID_LEN, o.key.recipient.rid, RID_LEN);
    const struct rewrap r = {.from = &o.key.opener,
                             .add = &to.recipient,
                             .prove = &to.opener,
                             .drop = both,
                             .n_drop = 2};
    OK_CALL(step_rewrap(&o, &r, &e), &e);
    step_take_key(&o, &two);
    all_there(&o);
    all_there_for(&o, &to);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    const struct recipient *list = vault_recipients(v, &n);
    EQ_INT(n, 2);
    EQ_MEM(bytes_of(list[0].rid, RID_LEN), bytes_of(two.recipient.rid, RID_LEN));
    EQ_MEM(bytes_of(list[1].rid, RID_LEN), bytes_of(to.recipient.rid, RID_LEN));
    vault_free(v);
    EQ_INT(count_with_rid(&o, one.recipient.rid), 0);
    softkey_free(&one);
    softkey_free(&to);
    softkey_free(&o.key);
}

static void test_new_key_only(void)
{
    struct err e;
    struct world o;
    struct softkey spare;
    char was[FINGERPRINT_TEXT], is[FINGERPRINT_TEXT];
    uint64_t g = 0, h = 0;
    fresh(&o);
    add_new(&o, &spare, "P-256", SCHEME_ECDH_P256);
    step_fingerprint(&o, was, &g);
    const struct rewrap r = {.from = &o.key.opener, .has_new_key = true};
    OK_CALL(step_rewrap(&o, &r, &e), &e);
    step_fingerprint(&o, is, &h);
    CHECK(strcmp(was, is) != 0);
    all_there(&o);
    all_there_for(&o, &spare);
    softkey_free(&spare);
    softkey_free(&o.key);
}

/* Another machine follows an addition by itself, and needs trust after a removal. */
static void test_other_machine(void)
{
    struct err e;
    struct world o, far;
    struct softkey spare;
    struct vault *v = NULL;
    char fp[FINGERPRINT_TEXT];
    uint64_t g = 0;
    fresh(&o);
    far = o;
    snprintf(far.w.state, sizeof(far.w.state), "%s/far-state", harness_dir());
    step_fingerprint(&o, fp, &g);
    OK_CALL(vault_load(&far.w, &env_real, &v, &e), &e);
    OK_CALL(vault_trust(v, &o.key.opener, fp, &e), &e);
    vault_freep(&v);
    add_new(&o, &spare, "P-256", SCHEME_ECDH_P256);
    all_there(&far);
    const struct rewrap r = {.from = &o.key.opener, .drop = spare.recipient.rid, .n_drop = 1};
    OK_CALL(step_rewrap(&o, &r, &e), &e);
    OK_CALL(vault_load(&far.w, &env_real, &v, &e), &e);
    EQ_INT(vault_open(v, &o.key.opener, &e), ERR_TRUST);
    vault_free(v);
    softkey_free(&spare);
    softkey_free(&o.key);
}

int main(void)
{
    RUN(test_add);
    RUN(test_new_versions);
    RUN(test_add_absent);
    RUN(test_remove);
    RUN(test_remove_several);
    RUN(test_new_key_only);
    RUN(test_other_machine);
    return harness_end();
}
