/* SPDX-License-Identifier: Apache-2.0 */
/* A record's rotation with keys in memory: the old credential stays beside the new one until it is
 * dropped, whatever else happens to the record, and none is ever lost. */
#include "tests/harness.h"
#include "tests/vault_steps.h"

#include "base/json.h"
#include "vault/commit.h"

#include <stdio.h>
#include <string.h>

static void fresh(struct world *o)
{
    struct err e;
    world_new(o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(step_add(o, "a", "first", &e), &e);
    OK_CALL(step_add(o, "other", "others", &e), &e);
}

static void peek(const struct world *o, const char *name, bool retiring, struct record_info *out)
{
    struct err e;
    struct vault *v = NULL;
    record_info_init(out);
    OK_CALL(vault_load(&o->w, &env_real, &v, &e), &e);
    OK_CALL(retiring ? vault_peek_retiring(v, name, out, &e) : vault_peek(v, name, out, &e), &e);
    vault_free(v);
}

static void test_rotate(void)
{
    struct err e;
    struct world o;
    struct record_info before, now, old;
    struct vault *v = NULL;
    struct record *r = NULL;
    char path[WHERE_MAX + 160];
    AUTO_BUF was = BUF_INIT(1 << 20), is = BUF_INIT(1 << 20);
    fresh(&o);
    peek(&o, "a", false, &before);
    world_record_path(&o, "a", path, sizeof(path));
    read_all(path, &was);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    EQ_INT(vault_peek_retiring(v, "a", &old, &e), ERR_NOT_FOUND);
    EQ_INT(vault_open_retiring(v, &o.key.opener, "a", &r, &e), ERR_NOT_FOUND);
    EQ_INT(vault_peek_retiring(v, "b", &old, &e), ERR_NOT_FOUND);
    EQ_INT(vault_files(v), 2);
    vault_freep(&v);
    OK_CALL(step_rotate(&o, "a", "second", &e), &e);
    SECRETS(&o, "a", "second first");
    SECRETS(&o, "other", "others");
    peek(&o, "a", false, &now);
    peek(&o, "a", true, &old);
    EQ_INT(now.version, 2);
    EQ_INT(old.version, 1);
    EQ_MEM(BYTES_ARR(now.rec_id), BYTES_ARR(before.rec_id));
    EQ_INT(now.created_ms, before.created_ms);
    CHECK(now.rotated_ms >= before.created_ms);
    EQ_INT(old.rotated_ms, 0);
    read_all(path, &is);
    EQ_MEM(buf_bytes(&is), buf_bytes(&was)); /* byte for byte */
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    EQ_INT(vault_files(v), 3);
    vault_freep(&v);
    EQ_INT(step_rotate(&o, "a", "third", &e), ERR_EXISTS);
    CHECK(strstr(e.hints[0], "--finish") != NULL);
    SECRETS(&o, "a", "second first");
    EQ_INT(world_count_files(&o), 3);
    OK_CALL(step_drop(&o, "a", &e), &e);
    SECRETS(&o, "a", "second");
    EQ_INT(world_count_files(&o), 2);
    EQ_INT(step_drop(&o, "a", &e), ERR_NOT_FOUND);
    EQ_INT(step_drop(&o, "b", &e), ERR_NOT_FOUND);
    OK_CALL(step_rotate(&o, "a", "third", &e), &e);
    SECRETS(&o, "a", "third second");
    record_info_free(&before);
    record_info_free(&now);
    record_info_free(&old);
    softkey_free(&o.key);
}

/* What happens to a record between its opening and the lock is seen. */
static void test_changed_meanwhile(void)
{
    struct err e;
    struct world o;
    for (int how = 0; how < 5; how++) {
        struct vault *v = NULL;
        struct record *r = NULL;
        struct record_info info;
        struct secret fields[FIELD_COUNT];
        fresh(&o);
        OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
        OK_CALL(vault_open_record(v, &o.key.opener, "a", &r, &e), &e);
        if (how == 0)
            OK_CALL(step_rotate(&o, "a", "theirs", &e), &e);
        else if (how == 1)
            OK_CALL(step_rename(&o, "a", "b", &e), &e);
        else if (how == 2)
            OK_CALL(step_rewrite(&o, "a", "account", &e), &e);
        if (how == 3 || how == 4) { /* removed; and added again, with the same version number */
            struct vault *w = NULL;
            OK_CALL(step_begin(&o, &w, &e), &e);
            OK_CALL(vault_remove(w, "a", &e), &e);
            vault_freep(&w);
        }
        if (how == 4)
            OK_CALL(step_add(&o, "a", "again", &e), &e);
        size_t n = world_count_files(&o);
        record_info_init(&info);
        OK_CALL(record_info_copy(&info, record_info(r), &e), &e);
        OK_CALL(step_fields(fields, "ours", &e), &e);
        OK_CALL(vault_lock(v, &e), &e);
        EQ_INT(vault_rotate(v, r, &info, fields, &e),
               how == 1 || how == 3 ? ERR_NOT_FOUND : ERR_FAILED);
        EQ_INT(vault_rewrite(v, r, &info, &e), how == 1 || how == 3 ? ERR_NOT_FOUND : ERR_FAILED);
        EQ_INT(world_count_files(&o), n);
        step_fields_free(fields);
        record_info_free(&info);
        record_free(r);
        vault_free(v);
        static const char *const want[] = {"theirs first", "-", "first", "-", "again"};
        SECRETS(&o, "a", want[how]);
        softkey_free(&o.key);
    }
}

static void test_refused(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    struct record *r = NULL, *draft = NULL;
    struct record_info info;
    struct secret fields[FIELD_COUNT];
    fresh(&o);
    OK_CALL(step_fields(fields, "x", &e), &e);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_open_record(v, &o.key.opener, "a", &r, &e), &e);
    record_info_init(&info);
    OK_CALL(record_info_copy(&info, record_info(r), &e), &e);
    EQ_INT(vault_rotate(v, r, &info, fields, &e), ERR_FAILED); /* not locked */
    EQ_INT(vault_rewrite(v, r, &info, &e), ERR_FAILED);
    EQ_INT(vault_drop_retiring(v, "a", &e), ERR_FAILED);
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(record_draft(record_info(r), fields, &draft, &e), &e);
    EQ_INT(vault_rotate(v, draft, &info, fields, &e), ERR_FAILED); /* it is not in the index */
    step_fields_free(fields);
    EQ_INT(vault_rotate(v, r, &info, fields, &e), ERR_LIMIT); /* no field at all */
    SECRETS(&o, "a", "first");
    EQ_INT(world_count_files(&o), 2);
    record_info_free(&info);
    record_free(draft);
    record_free(r);
    vault_free(v);
    softkey_free(&o.key);
}

/* Whatever else is done to a record, its old key goes with it. */
static void test_carried(void)
{
    struct err e;
    struct world o;
    struct record_info now, old;
    fresh(&o);
    OK_CALL(step_rotate(&o, "a", "second", &e), &e);
    OK_CALL(step_rewrite(&o, "a", "account", &e), &e);
    SECRETS(&o, "a", "second first");
    peek(&o, "a", false, &now);
    peek(&o, "a", true, &old);
    EQ_STR(now.classes, "account");
    EQ_INT(now.version, 3);
    EQ_INT(old.version, 1);
    uint64_t rotated_ms = now.rotated_ms;
    record_info_free(&now);
    record_info_free(&old);
    OK_CALL(step_rename(&o, "a", "b", &e), &e);
    SECRETS(&o, "a", "-");
    SECRETS(&o, "b", "second first");
    peek(&o, "b", false, &now);
    peek(&o, "b", true, &old);
    EQ_INT(old.version, 4); /* the retiring one is written first */
    EQ_INT(now.version, 5);
    EQ_INT(now.rotated_ms, rotated_ms);
    EQ_INT(world_count_files(&o), 3);
    record_info_free(&now);
    record_info_free(&old);
    OK_CALL(world_add(&o, "new", &e), &e); /* a change of another record */
    SECRETS(&o, "b", "second first");
    OK_CALL(step_drop(&o, "b", &e), &e);
    OK_CALL(step_rotate(&o, "b", "third", &e), &e);
    SECRETS(&o, "b", "third second");
    struct vault *v = NULL;
    OK_CALL(step_begin(&o, &v, &e), &e);
    OK_CALL(vault_remove(v, "b", &e), &e); /* both go */
    vault_free(v);
    EQ_INT(world_count_files(&o), 2);
    softkey_free(&o.key);
}

static void test_draft(void)
{
    struct err e;
    struct record_info info;
    struct record *a = NULL, *b = NULL;
    struct secret fields[FIELD_COUNT], same[FIELD_COUNT] = {{0}};
    struct sig sig;
    AUTO_BUF key = BUF_INIT(64);
    record_info_init(&info);
    info.key = KEY_HMAC;
    snprintf(info.name, sizeof(info.name), "draft");
    EQ_INT(record_draft(&info, same, &a, &e), ERR_LIMIT);
    CHECK(a == NULL);
    OK_CALL(step_fields(fields, "secret", &e), &e);
    OK_CALL(record_draft(&info, fields, &a, &e), &e);
    struct signer *s = record_signer(a);
    OK_CALL(s->sign(s, SIG_HMAC_SHA256, FIELD_API_SECRET, BYTES_LIT("x"), &sig, &e), &e);
    EQ_INT(sig.n, 32);
    OK_CALL(s->place(s, FIELD_API_KEY, &key, &e), &e);
    EQ_STR(buf_str(&key), "key-secret");
    OK_CALL(secret_copy(&same[FIELD_API_KEY], BYTES_LIT("key-secret"), &e), &e);
    OK_CALL(secret_copy(&same[FIELD_API_SECRET], BYTES_LIT("Secret"), &e), &e);
    OK_CALL(record_draft(&info, same, &b, &e), &e);
    CHECK(record_same_field(a, b, FIELD_API_KEY));
    CHECK(!record_same_field(a, b, FIELD_API_SECRET));
    CHECK(!record_same_field(a, b, FIELD_PASSPHRASE)); /* neither has one */
    step_fields_free(fields);
    step_fields_free(same);
    record_free(a);
    record_free(b);
    record_info_free(&info);
}

/* Numbers at their end are refused, not written as what no reader takes. */
static void test_numbers_end(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    fresh(&o);
    OK_CALL(step_begin(&o, &v, &e), &e);
    v->body.generation = JSON_INT_MAX - 1;
    EQ_INT(vault_remove(v, "a", &e), ERR_LIMIT);
    vault_freep(&v);
    SECRETS(&o, "a", "first");
    struct record_info info;
    struct new_file f = {.name = ""};
    struct secret fields[FIELD_COUNT];
    AUTO_SECRET payload = {0};
    OK_CALL(step_fields(fields, "x", &e), &e);
    OK_CALL(payload_pack(fields, &payload, &e), &e);
    step_fields_free(fields);
    record_info_init(&info);
    info.version = JSON_INT_MAX + 1;
    OK_CALL(step_begin(&o, &v, &e), &e);
    EQ_INT(record_write(v, &info, &payload, &f, &e), ERR_LIMIT);
    EQ_STR(f.name, "");
    vault_free(v);
    softkey_free(&o.key);
}

static void test_header_strings(void)
{
    struct err e;
    struct record_info info, back;
    AUTO_BUF text = BUF_INIT(1 << 20);
    record_info_init(&info);
    record_info_init(&back);
    snprintf(info.name, sizeof(info.name), "a");
    snprintf(info.connector, sizeof(info.connector), "kraken");
    snprintf(info.environment, sizeof(info.environment), "test");
    snprintf(info.connect_to, sizeof(info.connect_to), "api.kraken.com:443:127.0.0.1:9");
    buf_adds(&info.ca, "-----BEGIN CERTIFICATE-----\n\001\n");
    info.version = 1;
    info.unverified = true;
    info.key = KEY_HMAC;
    header_print(&info, &text);
    OK_CALL(header_parse(buf_bytes(&text), &back, &e), &e);
    EQ_STR(back.connect_to, info.connect_to);
    EQ_MEM(buf_bytes(&back.ca), buf_bytes(&info.ca));
    CHECK(back.unverified);
    record_info_free(&back);
    record_info_init(&back);
    char *x = memmem(text.p, text.n, "\\u0001", 6);
    CHECK(x != NULL);
    if (x)
        x[5] = '0'; /* strings hold no NUL */
    EQ_INT(header_parse(buf_bytes(&text), &back, &e), ERR_FORMAT);
    record_info_free(&info);
    record_info_free(&back);
}

int main(void)
{
    RUN(test_rotate);
    RUN(test_changed_meanwhile);
    RUN(test_refused);
    RUN(test_carried);
    RUN(test_draft);
    RUN(test_numbers_end);
    RUN(test_header_strings);
    return harness_end();
}
