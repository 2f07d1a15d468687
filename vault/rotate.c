/* SPDX-License-Identifier: Apache-2.0 */
/* A record's new versions under its own name: another credential beside the old one, the old one
 * forgotten, another header. Each is one commit. */
#include "vault/commit.h"

#include "base/text.h"

int vault_is_retiring(struct vault *v, const char *name, bool *is_retiring, struct err *e)
{
    const struct index_entry *n = vault_find(v, name);
    if (!n)
        return vault_not_found(v, name, e);
    *is_retiring = n->retiring.file.n > 0;
    return OK;
}

/* The entry whose current file r was opened from. Version numbers alone would not tell it from a
 * key that was removed and added again meanwhile. */
static int entry_for(const struct vault *v, const struct record *r, struct index_entry **out,
                     struct err *e)
{
    struct index_entry *n = vault_find(v, r->info.name);
    if (!n)
        return vault_not_found(v, r->info.name, e);
    if (!bytes_eq_str(n->current.sha64, r->sha64)) {
        err_set(e, ERR_FAILED, "'%s' was changed meanwhile by another process", r->info.name);
        return err_hint(e, "nothing was written; run the command again");
    }
    *out = n;
    return OK;
}

/* What a new version never changes. */
static void keep_identity(struct record_info *info, const struct record_info *old, uint64_t version)
{
    memcpy(info->name, old->name, sizeof(info->name));
    memcpy(info->rec_id, old->rec_id, REC_ID_LEN);
    memcpy(info->vault_id, old->vault_id, VAULT_ID_LEN);
    info->created_ms = old->created_ms;
    info->version = version;
}

int rotation_allowed(const struct index_entry *n, const char *name, struct err *e)
{
    if (!n->retiring.file.n)
        return OK;
    err_set(e, ERR_EXISTS, "the last rotation of '%s' is not finished: its old key is still there",
            name);
    return err_hint(e, "finish it first: coffer rotate %s --finish", name);
}

int vault_rotate(struct vault *v, const struct record *old, struct record_info *info,
                 const struct secret fields[FIELD_COUNT], struct err *e)
{
    struct new_file f;
    struct index_entry *n = NULL;
    uint64_t now_us = 0;
    AUTO_SECRET payload = {0};
    int rc = commit_allowed(v, e);
    if (!rc)
        rc = entry_for(v, old, &n, e);
    if (!rc)
        rc = rotation_allowed(n, old->info.name, e);
    if (!rc)
        rc = v->env->now_us(v->env, &now_us, e);
    if (!rc)
        rc = payload_pack(fields, &payload, e);
    if (rc)
        return rc;
    keep_identity(info, &old->info, commit_next_version(n));
    /* later than the last time even if the clock is not: take_back tells by it which one is newer
     */
    info->rotated_ms = now_us / 1000;
    if (info->rotated_ms <= old->info.rotated_ms)
        info->rotated_ms = old->info.rotated_ms + 1;
    rc = record_write(v, info, &payload, &f, e);
    if (rc)
        return err_wrap(e, "seal the new key of '%s'", info->name);
    struct index_entry put = entry_of(info->name, &f);
    put.retiring = n->current;
    rc = commit_put(v, &put, e);
    return rc ? commit_kept(v, &f, e) : OK;
}

int vault_drop_retiring(struct vault *v, const char *name, struct err *e)
{
    struct old_files old;
    const struct file_ref *ref = NULL;
    int rc = commit_allowed(v, e);
    if (!rc)
        rc = vault_find_file(v, name, true, &ref, e);
    if (rc)
        return rc;
    struct index_entry put = *vault_find(v, name);
    rc = old_files(&put, &old, e);
    put.retiring = (struct file_ref){.file = {NULL, 0}};
    if (!rc)
        rc = commit_put(v, &put, e);
    if (!rc)
        record_remove(v, old.retiring);
    return rc;
}

int vault_rewrite(struct vault *v, const struct record *r, struct record_info *info, struct err *e)
{
    struct new_file f = {.name = ""};
    struct old_files old;
    struct index_entry *n = NULL;
    int rc = commit_allowed(v, e);
    if (!rc)
        rc = entry_for(v, r, &n, e);
    if (!rc)
        rc = old_files(n, &old, e);
    if (rc)
        return rc;
    keep_identity(info, &r->info, commit_next_version(n));
    info->rotated_ms = r->info.rotated_ms;
    rc = record_write(v, info, &r->payload, &f, e);
    struct index_entry put = entry_of(info->name, &f);
    put.retiring = n->retiring;
    if (!rc)
        rc = commit_put(v, &put, e);
    if (!rc) {
        record_remove(v, old.current);
        return OK;
    }
    /* the old file still holds the key */
    commit_discard(v, f.name);
    return err_wrap(e, "write '%s' anew", info->name);
}
