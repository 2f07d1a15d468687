/* SPDX-License-Identifier: Apache-2.0 */
/* The changes of one record: add, rename, remove. Each is one commit. */
#include "vault/commit.h"

#include "base/text.h"

#include <unistd.h>

int vault_name_free(const struct vault *v, const char *name, const char *not_this, struct err *e)
{
    int rc = record_check_name(name, e);
    if (rc)
        return rc;
    if (not_this && strcmp(not_this, name) == 0)
        return err_set(e, ERR_USAGE, "'%s' has that name already", name);
    for (size_t i = 0; i < v->body.n_entries; i++) {
        struct bytes have = v->body.entries[i].name;
        if (!text_eq_nocase(have, bytes_str(name)) || (not_this && bytes_eq_str(have, not_this)))
            continue;
        if (bytes_eq_str(have, name))
            err_set(e, ERR_EXISTS, "there is a key named '%s' already", name);
        else
            err_set(e, ERR_EXISTS, "'%s' differs from '%.*s' only in case", name, (int)have.n,
                    (const char *)have.p);
        return err_hint(e, "choose another name");
    }
    return OK;
}

int vault_add(struct vault *v, struct record_info *info, const struct secret fields[FIELD_COUNT],
              struct err *e)
{
    struct new_file f;
    uint64_t now_us = 0;
    AUTO_SECRET payload = {0};
    int rc = commit_allowed(v, e);
    if (!rc)
        rc = vault_name_free(v, info->name, NULL, e);
    if (!rc)
        rc = v->env->now_us(v->env, &now_us, e);
    if (!rc)
        rc = v->env->random(v->env, info->rec_id, REC_ID_LEN, e);
    if (!rc)
        rc = payload_pack(fields, &payload, e);
    if (rc)
        return rc;
    info->version = 1;
    info->created_ms = now_us / 1000;
    memcpy(info->vault_id, v->body.id, VAULT_ID_LEN);
    rc = record_write(v, info, &payload, &f, e);
    if (rc)
        return err_wrap(e, "seal '%s'", info->name);
    struct index_entry n = entry_of(info->name, &f);
    rc = commit_put(v, &n, e);
    return rc ? commit_kept(v, &f, e) : OK;
}

static int commit_without(struct vault *v, size_t at, const struct index_entry *also,
                          struct err *e)
{
    struct index_entry *all = v->body.entries;
    size_t n = v->body.n_entries - 1;
    /* v's own array may be edited: on failure it is put back */
    struct index_entry gone = all[at];
    memmove(all + at, all + at + 1, (n - at) * sizeof(*all));
    v->body.n_entries = n;
    int rc = also ? commit_put(v, also, e) : commit_entries(v, all, n, e);
    if (!rc)
        return OK;
    memmove(all + at + 1, all + at, (n - at) * sizeof(*all));
    all[at] = gone;
    v->body.n_entries = n + 1;
    return rc;
}

static void remove_old(struct vault *v, const struct old_files *old)
{
    record_remove(v, old->current);
    record_remove(v, old->retiring);
}

int vault_remove(struct vault *v, const char *name, struct err *e)
{
    struct old_files old;
    struct index_entry *n = vault_find(v, name);
    if (!n)
        return vault_not_found(v, name, e);
    int rc = commit_allowed(v, e);
    if (!rc)
        rc = old_files(n, &old, e);
    if (rc)
        return rc;
    rc = commit_without(v, (size_t)(n - v->body.entries), NULL, e);
    if (!rc)
        remove_old(v, &old);
    return rc;
}

/* One file of a record written anew under another name, as this version. */
static int rewrite(struct vault *v, const struct opener *o, const struct file_ref *ref,
                   const char *to, uint64_t version, struct new_file *out, struct err *e)
{
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    AUTO(record_freep) struct record *r = NULL;
    struct record_file file;
    int rc = record_read(v, ref, &text, &file, e);
    if (!rc)
        rc = record_open_file(v, o, ref, &file, &r, e);
    if (!rc)
        rc = commit_allowed(v, e);
    if (rc)
        return rc;
    if (!text_copy(r->info.name, sizeof(r->info.name), bytes_str(to)))
        return err_set(e, ERR_USAGE, "the name is too long");
    r->info.version = version;
    return record_write(v, &r->info, &r->payload, out, e);
}

int vault_rename(struct vault *v, const struct opener *o, const char *from, const char *to,
                 struct err *e)
{
    struct old_files old;
    struct new_file current = {.name = ""}, retiring = {.name = ""};
    struct index_entry *n = vault_find(v, from);
    if (!n)
        return vault_not_found(v, from, e);
    int rc = vault_name_free(v, to, from, e);
    if (!rc)
        rc = old_files(n, &old, e);
    if (rc)
        return rc;
    uint64_t version = commit_next_version(n);
    if (n->retiring.file.n)
        rc = rewrite(v, o, &n->retiring, to, version++, &retiring, e);
    if (!rc)
        rc = rewrite(v, o, &n->current, to, version, &current, e);
    struct index_entry put = entry_of(to, &current);
    if (retiring.name[0])
        put.retiring = (struct file_ref){bytes_str(retiring.name), bytes_str(retiring.sha64)};
    if (!rc)
        rc = commit_without(v, (size_t)(n - v->body.entries), &put, e);
    if (!rc) {
        remove_old(v, &old);
        return OK;
    }
    /* the old files still hold the key */
    commit_discard(v, retiring.name);
    commit_discard(v, current.name);
    return err_wrap(e, "rename '%s'", from);
}
