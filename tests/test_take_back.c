/* SPDX-License-Identifier: Apache-2.0 */
/* A new key whose rotation could not be committed: an exchange shows it once, so it is kept, named,
 * and taken back as the rotation that it was. */
#include "tests/harness.h"
#include "tests/vault_steps.h"

#include <stdio.h>
#include <string.h>

static void fresh(struct world *o)
{
    struct err e;
    world_new(o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(step_add(o, "a", "first", &e), &e);
    OK_CALL(step_add(o, "other", "others", &e), &e);
}

/* Something that knows no lock spoils vault.json before the commit; then it is put right again. */
static int rotate_uncommitted(struct world *o, const char *name, const char *secret, struct err *e)
{
    char vj[WHERE_MAX + 16];
    AUTO_BUF was = BUF_INIT(1 << 20);
    struct vault *v = NULL;
    struct record *old = NULL;
    struct record_info info;
    struct secret fields[FIELD_COUNT];
    record_info_init(&info);
    OK_CALL(step_begin(o, &v, e), e);
    OK_CALL(vault_open_record(v, &o->key.opener, name, &old, e), e);
    OK_CALL(record_info_copy(&info, record_info(old), e), e);
    OK_CALL(step_fields(fields, secret, e), e);
    snprintf(vj, sizeof(vj), "%s/vault.json", o->w.vault);
    read_all(vj, &was);
    write_all(vj, BYTES_LIT("{}\n"));
    int rc = vault_rotate(v, old, &info, fields, e);
    write_all(vj, buf_bytes(&was));
    step_fields_free(fields);
    record_info_free(&info);
    record_free(old);
    vault_free(v);
    return rc;
}

/* The file that the error names. */
static void kept_file(const struct err *e, char out[128])
{
    static const char cmd[] = "coffer doctor --take-back ";
    out[0] = 0;
    for (unsigned i = 0; i < e->n_hints; i++) {
        const char *at = strstr(e->hints[i], cmd);
        if (at)
            snprintf(out, 128, "%s", at + sizeof(cmd) - 1);
    }
    CHECK(out[0] != 0);
}

static int take_back(struct world *o, const char *file, struct err *e)
{
    struct vault *v = NULL;
    int rc = step_begin(o, &v, e);
    if (!rc)
        rc = vault_take_back(v, &o->key.opener, file, e);
    vault_free(v);
    return rc;
}

static void look(struct world *o, const char *file, enum orphan_kind want, const char *name)
{
    struct err e;
    struct vault *v = NULL;
    enum orphan_kind kind = ORPHAN_RECORD;
    char got[NAME_MAX_LEN + 1] = "";
    OK_CALL(vault_load(&o->w, &env_real, &v, &e), &e);
    if (OK_CALL(vault_orphan_look(v, file, &kind, got, &e), &e)) {
        EQ_INT(kind, want);
        EQ_STR(got, name);
    }
    vault_free(v);
}

/* A new key that was sealed but not committed is named, and can be taken back: as the rotation that
 * it was, also when the record has changed since. */
static void test_kept(void)
{
    struct err e;
    struct world o;
    char file[128], old[WHERE_MAX + 160], path[WHERE_MAX + 160];
    for (int how = 0; how < 3; how++) {
        const char *name = how == 2 ? "b" : "a";
        fresh(&o);
        EQ_INT(rotate_uncommitted(&o, "a", "second", &e), ERR_FAILED);
        kept_file(&e, file);
        SECRETS(&o, "a", "first");
        EQ_INT(world_count_files(&o), 3);
        if (how == 1)
            OK_CALL(step_rewrite(&o, "a", "account", &e), &e);
        if (how == 2)
            OK_CALL(step_rename(&o, "a", "b", &e), &e);
        look(&o, file, ORPHAN_NEW_KEY, name);
        OK_CALL(take_back(&o, file, &e), &e);
        SECRETS(&o, name, "second first");
        EQ_INT(world_count_files(&o), 3);
        EQ_INT(take_back(&o, file, &e), ERR_NOT_FOUND);
        softkey_free(&o.key);
    }
    /* another rotation came first: it waits for that one's end */
    fresh(&o);
    EQ_INT(rotate_uncommitted(&o, "a", "second", &e), ERR_FAILED);
    kept_file(&e, file);
    world_record_path(&o, "a", old, sizeof(old));
    snprintf(path, sizeof(path), "%s/../saved", o.w.vault);
    copy_file(old, path);
    OK_CALL(step_rotate(&o, "a", "third", &e), &e);
    look(&o, file, ORPHAN_VERSION, "a");
    EQ_INT(take_back(&o, file, &e), ERR_EXISTS);
    OK_CALL(step_drop(&o, "a", &e), &e);
    copy_file(path, old); /* what a kill before the removal leaves */
    look(&o, strrchr(old, '/') + 1, ORPHAN_VERSION, "a");
    EQ_INT(take_back(&o, strrchr(old, '/') + 1, &e), ERR_EXISTS);
    SECRETS(&o, "a", "third");
    softkey_free(&o.key);
}

int main(void)
{
    RUN(test_kept);
    return harness_end();
}
