/* SPDX-License-Identifier: Apache-2.0 */
/* A vault's life on disk with keys in memory: made, filled, renamed, emptied, and changed by
 * another process meanwhile. Trust and damage are in test_vault_trust.c and test_vault_damage.c. */
#include "tests/harness.h"
#include "tests/vault_world.h"

#include "vault/commit.h"
#include "vault/format.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void roundtrip(const char *kind, enum scheme s)
{
    struct err e;
    struct world o;
    world_new(&o, kind, s);
    OK_CALL(world_add(&o, "main", &e), &e);
    OK_CALL(world_add(&o, "alpha", &e), &e);
    unsigned before = o.key.n_ops;
    world_signs(&o, "main");
    EQ_INT(o.key.n_ops - before, 1);
    world_signs(&o, "alpha");
    softkey_free(&o.key);
}

static void test_roundtrip_p256(void)
{
    roundtrip("P-256", SCHEME_ECDH_P256);
}

static void test_roundtrip_rsa(void)
{
    roundtrip("RSA", SCHEME_RSA_OAEP_256);
    roundtrip("RSA", SCHEME_RSA_OAEP_1);
}

static void test_names(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(world_add(&o, "Main", &e), &e);
    EQ_INT(world_add(&o, "Main", &e), ERR_EXISTS);
    EQ_INT(world_add(&o, "main", &e), ERR_EXISTS);
    CHECK(strstr(e.msg, "only in case") != NULL);
    static const char *const bad[] = {"", "-a", "_a", "a b", "a/b", "a.b", "\xc3\xa4", "a\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        EQ_INT(world_add(&o, bad[i], &e), ERR_USAGE);
    char name[80];
    memset(name, 'x', sizeof(name));
    name[64] = 0;
    OK_CALL(record_check_name(name, &e), &e);
    name[64] = 'x', name[65] = 0;
    EQ_INT(record_check_name(name, &e), ERR_USAGE);
    struct record *r = NULL;
    EQ_INT(world_open(&o, "Mian", &r, &e), ERR_NOT_FOUND);
    CHECK(strstr(e.hints[0], "'Main'") != NULL);
    softkey_free(&o.key);
}

static void test_rename_remove(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    struct vault *v = NULL;
    OK_CALL(world_add(&o, "a", &e), &e);
    OK_CALL(world_add(&o, "c", &e), &e);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    EQ_INT(vault_remove(v, "a", &e), ERR_FAILED); /* not locked, not open */
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(vault_rename(v, &o.key.opener, "a", "z", &e), &e);
    EQ_INT(vault_rename(v, &o.key.opener, "z", "C", &e), ERR_EXISTS);
    OK_CALL(vault_rename(v, &o.key.opener, "z", "Z", &e), &e);
    vault_freep(&v);
    world_signs(&o, "Z");
    EQ_INT(world_count_files(&o), 2);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    OK_CALL(vault_remove(v, "Z", &e), &e);
    EQ_INT(vault_remove(v, "Z", &e), ERR_NOT_FOUND);
    vault_freep(&v);
    world_signs(&o, "c");
    EQ_INT(world_count_files(&o), 1);
    softkey_free(&o.key);
}

/* Two recipients from the start of the format on: either opens, each with its own scheme. */
static void test_two_recipients(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    struct softkey spare;
    struct vault *v = NULL;
    softkey_new(&spare, "RSA", SCHEME_RSA_OAEP_256, "spare");
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    const struct wrap_for f = {"vault-key", v->body.id, v->body.id, 0};
    v->body.recipients[1] = spare.recipient;
    OK_CALL(wrap_make(&f, &spare.recipient, secret_bytes(&v->vk), &v->body.wraps[1], &e), &e);
    v->body.n_recipients = 2;
    OK_CALL(commit_entries(v, v->body.entries, v->body.n_entries, &e), &e);
    vault_freep(&v);
    OK_CALL(world_add(&o, "both", &e), &e);
    world_signs(&o, "both");
    struct softkey first = o.key;
    o.key = spare;
    world_signs(&o, "both");
    softkey_free(&first);
    softkey_free(&o.key);
}

static struct world *busy;

/* A token that takes its time: meanwhile another process commits. */
static int busy_decap(void *ctx, enum scheme s, struct bytes ct, struct secret *z, struct err *e)
{
    const struct opener *real = ctx;
    struct world *o = busy;
    busy = NULL;
    if (o)
        OK_CALL(world_add(o, "meanwhile", e), e);
    return real->decap(real->ctx, s, ct, z, e);
}

static void test_commit_under_reader(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    struct record *r = NULL;
    for (int by_record = 0; by_record < 2; by_record++) {
        world_new(&o, "P-256", SCHEME_ECDH_P256);
        struct opener slow = o.key.opener;
        slow.decap = busy_decap;
        slow.ctx = &o.key.opener;
        OK_CALL(world_add(&o, "a", &e), &e);
        OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
        busy = &o;
        if (by_record)
            OK_CALL(vault_open_record(v, &slow, "a", &r, &e), &e);
        else
            OK_CALL(vault_open(v, &slow, &e), &e);
        CHECK(vault_has(v, "meanwhile"));
        EQ_INT(vault_trust_state(v), TRUST_PINNED);
        record_freep(&r);
        vault_freep(&v);
        softkey_free(&o.key);
    }
}

static void renamed(struct world *o, const char *from, const char *to)
{
    struct err e;
    struct vault *v = NULL;
    OK_CALL(vault_load(&o->w, &env_real, &v, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(vault_rename(v, &o->key.opener, from, to, &e), &e);
    vault_free(v);
}

static void test_peek_after_commit(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    struct record_info info;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(world_add(&o, "a", &e), &e);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    renamed(&o, "a", "b");
    renamed(&o, "b", "a");
    record_info_init(&info);
    if (OK_CALL(vault_peek(v, "a", &info, &e), &e))
        EQ_INT(info.version, 3);
    record_info_free(&info);
    vault_free(v);
    softkey_free(&o.key);
}

/* Copying programs know no lock: what they put there is not overwritten, what they are writing
 * stays. */
static void test_copied_in(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    char vj[WHERE_MAX + 16], path[WHERE_MAX + 64];
    AUTO_BUF other = BUF_INIT(1 << 20);
    AUTO_BUF mine = BUF_INIT(1 << 20);
    AUTO_BUF now = BUF_INIT(1 << 20);
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    OK_CALL(world_add(&o, "a", &e), &e);
    read_all(vj, &mine);
    OK_CALL(world_add(&o, "b", &e), &e);
    read_all(vj, &other);
    static const char *const names[] = {".vault.json.AbCdEf", ".vault.json.tmp.1.0"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", o.w.vault, names[i]);
        write_all(path, BYTES_LIT("x"));
    }
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    EQ_INT(access(path, F_OK), -1);
    snprintf(path, sizeof(path), "%s/%s", o.w.vault, names[0]);
    EQ_INT(access(path, F_OK), 0);
    EQ_INT(commit_entries(v, v->body.entries, v->body.n_entries, &e), ERR_FAILED); /* no key */
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    write_all(vj, buf_bytes(&mine));
    EQ_INT(vault_remove(v, "b", &e), ERR_FAILED);
    CHECK(strstr(e.msg, "meanwhile") != NULL);
    read_all(vj, &now);
    EQ_MEM(buf_bytes(&now), buf_bytes(&mine));
    vault_free(v);
    softkey_free(&o.key);
}

static int refuse_decap(void *ctx, enum scheme s, struct bytes ct, struct secret *z, struct err *e)
{
    (void)ctx, (void)s, (void)ct, (void)z;
    return err_set(e, ERR_TOKEN, "gone");
}

/* A making that fails takes away only what it made; one that was killed is no obstacle. */
static void test_create_again(void)
{
    struct err e;
    struct world o, p;
    struct vault *v = NULL;
    char path[WHERE_MAX + 64];
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    p = o;
    snprintf(p.w.vault, sizeof(p.w.vault), "%.490s-again", o.w.vault);
    EQ_INT(mkdir(p.w.vault, 0700), 0);
    snprintf(path, sizeof(path), "%s/records", p.w.vault);
    EQ_INT(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/.vault.json.tmp.7.0", p.w.vault);
    write_all(path, BYTES_LIT("x"));
    struct opener bad = p.key.opener;
    bad.decap = refuse_decap;
    p.id[0] ^= 1;
    EQ_INT(vault_create(&p.w, p.id, &p.key.recipient, &bad, &env_real, &v, &e), ERR_TOKEN);
    EQ_INT(access(p.w.vault, F_OK), 0);
    OK_CALL(vault_create(&p.w, p.id, &p.key.recipient, &p.key.opener, &env_real, &v, &e), &e);
    vault_freep(&v);
    EQ_INT(vault_create(&p.w, p.id, &p.key.recipient, &p.key.opener, &env_real, &v, &e),
           ERR_EXISTS);
    OK_CALL(world_add(&p, "a", &e), &e);
    snprintf(path, sizeof(path), "%s/vault.json", p.w.vault);
    EQ_INT(unlink(path), 0);
    EQ_INT(vault_create(&p.w, p.id, &p.key.recipient, &p.key.opener, &env_real, &v, &e),
           ERR_EXISTS); /* records of a vault whose index is gone */
    EQ_INT(world_count_files(&p), 1);
    softkey_free(&o.key);
}

/* What is printed is what is parsed, and body_moved finds each entry in it without parsing. */
static void test_printed_is_parsed(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    static struct body again;
    AUTO_BUF text = BUF_INIT(1 << 20);
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(world_add(&o, "a", &e), &e);
    OK_CALL(world_add(&o, "bb", &e), &e);
    OK_CALL(world_add(&o, "c", &e), &e);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    v->body.entries[1].retiring = v->body.entries[1].current;
    body_print(&v->body, &text);
    OK_CALL(body_parse(buf_bytes(&text), &again, &e), &e);
    body_moved(&v->body, buf_bytes(&text));
    EQ_INT(again.n_entries, v->body.n_entries);
    for (size_t i = 0; i < again.n_entries; i++) {
        const struct index_entry *a = &again.entries[i], *b = &v->body.entries[i];
        CHECK(a->name.p == b->name.p && a->current.file.p == b->current.file.p);
        CHECK(a->current.sha64.p == b->current.sha64.p);
        CHECK(a->retiring.file.p == b->retiring.file.p);
        CHECK(a->retiring.sha64.p == b->retiring.sha64.p);
        EQ_MEM(b->name, a->name);
        EQ_MEM(b->retiring.sha64, a->retiring.sha64);
    }
    body_free(&again);
    vault_free(v);
    softkey_free(&o.key);
}

int main(void)
{
    RUN(test_roundtrip_p256);
    RUN(test_roundtrip_rsa);
    RUN(test_names);
    RUN(test_rename_remove);
    RUN(test_two_recipients);
    RUN(test_commit_under_reader);
    RUN(test_peek_after_commit);
    RUN(test_copied_in);
    RUN(test_create_again);
    RUN(test_printed_is_parsed);
    return harness_end();
}
