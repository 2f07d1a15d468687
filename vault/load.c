/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a vault directory and answering what needs no key. */
#include "vault/internal.h"

#include "base/file.h"
#include "base/text.h"
#include "base/wipe.h"

#include <fcntl.h>
#include <unistd.h>

static int no_vault(const struct vault *v, struct err *e)
{
    err_set(e, ERR_NOT_FOUND, "there is no vault at '%s'", v->where.vault);
    return err_hint(e, "make one with 'coffer init', or name another with --vault");
}

int vault_dirs(struct vault *v, struct err *e)
{
    int rc = dir_open(v->where.vault, FILE_PRIVATE, &v->dir, e);
    if (rc == ERR_NOT_FOUND)
        return no_vault(v, e);
    if (!rc && faccessat(v->dir, VAULT_FILE, F_OK, AT_SYMLINK_NOFOLLOW) &&
        faccessat(v->dir, RECORDS_DIR, F_OK, AT_SYMLINK_NOFOLLOW))
        return no_vault(v, e);
    if (!rc)
        rc = dir_open_at(v->dir, RECORDS_DIR, FILE_PRIVATE, &v->records, e);
    if (rc == ERR_NOT_FOUND)
        err_hint(e, "restore it from a backup; if the vault had no keys yet: mkdir -m 700 '%s/%s'",
                 v->where.vault, RECORDS_DIR);
    return rc;
}

static int damaged(struct err *e)
{
    err_wrap(e, "'" VAULT_FILE "'");
    if (e->n_hints) /* written by a newer coffer, not damaged */
        return e->code;
    return err_hint(e, "the file is damaged: restore the vault from a backup");
}

int vault_take_text(struct vault *v, struct buf *text, struct err *e)
{
    struct bytes lines[2];
    struct body body = {.generation = 0};
    uint8_t sha[SHA256_LEN];
    int rc = lines_split(buf_bytes(text), lines, 2, e);
    if (!rc)
        rc = sha256(buf_bytes(text), sha, e);
    if (!rc)
        rc = body_parse(lines[0], &body, e);
    if (rc)
        return damaged(e);
    body_free(&v->body);
    buf_free(&v->text);
    v->text = *text;
    *text = (struct buf)BUF_INIT(VAULT_JSON_MAX);
    v->body = body;
    v->body_line = lines[0];
    v->mac_line = lines[1];
    memcpy(v->sha, sha, sizeof(sha));
    return OK;
}

int vault_reload(struct vault *v, bool *changed, struct err *e)
{
    AUTO_BUF text = BUF_INIT(VAULT_JSON_MAX);
    int rc = file_read_at(v->dir, VAULT_FILE, VAULT_JSON_MAX, FILE_PRIVATE, &text, e);
    if (rc == ERR_NOT_FOUND) {
        err_set(e, ERR_NOT_FOUND, "the vault at '%s' has lost its file '" VAULT_FILE "'",
                v->where.vault);
        return err_hint(e, "restore it from a backup, or copy it again");
    }
    if (rc)
        return rc;
    *changed = !v->text.n || !bytes_eq(buf_bytes(&text), buf_bytes(&v->text));
    return *changed ? vault_take_text(v, &text, e) : OK;
}

int vault_load(const struct where *w, const struct env *env, struct vault **out, struct err *e)
{
    struct vault *v = wipe_malloc(sizeof(*v));
    if (!v)
        return err_set(e, ERR_MEMORY, "no memory for the vault");
    memset(v, 0, sizeof(*v));
    v->env = env;
    v->where = *w;
    v->dir = v->records = v->lock = -1;
    v->text = (struct buf)BUF_INIT(VAULT_JSON_MAX);
    bool changed = false;
    int rc = vault_dirs(v, e);
    if (!rc)
        rc = vault_reload(v, &changed, e);
    if (rc) {
        vault_free(v);
        return rc;
    }
    *out = v;
    return OK;
}

void vault_free(struct vault *v)
{
    if (!v)
        return;
    secret_free(&v->vk);
    body_free(&v->body);
    buf_free(&v->text);
    fd_closep(&v->records);
    fd_closep(&v->dir);
    fd_closep(&v->lock);
    wipe_free(v);
}

void vault_freep(struct vault **v)
{
    vault_free(*v);
    *v = NULL;
}

const uint8_t *vault_id(const struct vault *v)
{
    return v->body.id;
}

uint64_t vault_generation(const struct vault *v)
{
    return v->body.generation;
}

const struct recipient *vault_recipients(const struct vault *v, size_t *n)
{
    *n = v->body.n_recipients;
    return v->body.recipients;
}

size_t vault_count(const struct vault *v)
{
    return v->body.n_entries;
}

size_t vault_files(const struct vault *v)
{
    size_t n = v->body.n_entries;
    for (size_t i = 0; i < v->body.n_entries; i++)
        n += v->body.entries[i].retiring.file.n > 0;
    return n;
}

bool vault_name(const struct vault *v, size_t i, char name[NAME_MAX_LEN + 1])
{
    return i < v->body.n_entries &&
           text_copy(name, NAME_MAX_LEN + 1, v->body.entries[i].name);
}

static int order(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

size_t vault_position(const struct vault *v, struct bytes name, bool *found)
{
    size_t lo = 0, hi = v->body.n_entries;
    *found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = order(name, v->body.entries[mid].name);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

struct index_entry *vault_find(const struct vault *v, const char *name)
{
    bool found;
    size_t i = vault_position(v, bytes_str(name), &found);
    return found ? &v->body.entries[i] : NULL;
}

bool vault_has(const struct vault *v, const char *name)
{
    return vault_find(v, name) != NULL;
}

bool vault_references(const struct vault *v, struct bytes file)
{
    struct bytes name;
    uint64_t version;
    bool found = false;
    if (!record_file_name_ok(file, &name, &version))
        return false;
    size_t i = vault_position(v, name, &found);
    return found && (bytes_eq(v->body.entries[i].current.file, file) ||
                     bytes_eq(v->body.entries[i].retiring.file, file));
}

int vault_not_found(const struct vault *v, const char *name, struct err *e)
{
    char this[NAME_MAX_LEN + 1], best[NAME_MAX_LEN + 1] = "";
    unsigned least = 4;
    err_set(e, ERR_NOT_FOUND, "there is no key named '%s'", name);
    for (size_t i = 0; i < v->body.n_entries && i < 1000; i++) {
        unsigned d = vault_name(v, i, this) ? text_distance(name, this, 3) : 4;
        if (d < least) {
            least = d;
            memcpy(best, this, sizeof(best));
        }
    }
    if (best[0])
        return err_hint(e, "did you mean '%s'?", best);
    return err_hint(e, "'coffer list' shows all names");
}

static int tampered(const struct file_ref *ref, struct err *e)
{
    err_set(e, ERR_TAMPERED, "the record file '%.*s' is not what the vault's index says",
            (int)ref->file.n, (const char *)ref->file.p);
    return err_hint(e, "it was damaged or changed: restore the vault from a backup");
}

int record_read(struct vault *v, const struct file_ref *ref, struct buf *text,
                struct record_file *file, struct err *e)
{
    char name[RECORD_NAME_MAX];
    uint8_t sha[SHA256_LEN];
    if (!text_copy(name, sizeof(name), ref->file))
        return tampered(ref, e);
    buf_reset(text);
    int rc = file_read_at(v->records, name, RECORD_FILE_MAX, FILE_PRIVATE, text, e);
    if (rc == ERR_NOT_FOUND) {
        err_set(e, ERR_NOT_FOUND, "the record file '%s' is missing", name);
        return err_hint(e, "restore it from a backup of the vault");
    }
    if (rc == ERR_LIMIT)
        return tampered(ref, e);
    if (!rc)
        rc = sha256(buf_bytes(text), sha, e);
    if (rc)
        return rc;
    if (!file_ref_is(ref, sha))
        return tampered(ref, e);
    rc = record_file_split(buf_bytes(text), file, e);
    return rc ? err_wrap(e, "'%s'", name) : OK;
}

int vault_find_file(const struct vault *v, const char *name, bool retiring,
                    const struct file_ref **out, struct err *e)
{
    const struct index_entry *n = vault_find(v, name);
    if (!n)
        return vault_not_found(v, name, e);
    *out = retiring ? &n->retiring : &n->current;
    if ((*out)->file.n)
        return OK;
    err_set(e, ERR_NOT_FOUND, "'%s' has no retiring key", name);
    return err_hint(e, "no rotation of it is unfinished");
}

static int peek(struct vault *v, const char *name, bool retiring, struct record_info *out,
                struct err *e)
{
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    struct record_file file;
    const struct file_ref *ref = NULL;
    int rc = vault_find_file(v, name, retiring, &ref, e);
    if (!rc)
        rc = record_read(v, ref, &text, &file, e);
    if (rc)
        return rc;
    rc = header_parse(file.header, out, e);
    if (rc)
        return err_wrap(e, "the record of '%s'", name);
    if (strcmp(out->name, name) != 0 || !mem_eq(out->vault_id, v->body.id, VAULT_ID_LEN)) {
        record_info_free(out);
        record_info_init(out);
        return tampered(ref, e);
    }
    return OK;
}

static int peek_fresh(struct vault *v, const char *name, bool retiring, struct record_info *out,
                      struct err *e)
{
    int rc = peek(v, name, retiring, out, e);
    bool is_stale = rc == ERR_NOT_FOUND || rc == ERR_TAMPERED;
    return is_stale && vault_moved_on(v) ? peek(v, name, retiring, out, e) : rc;
}

int vault_peek(struct vault *v, const char *name, struct record_info *out, struct err *e)
{
    return peek_fresh(v, name, false, out, e);
}

int vault_peek_retiring(struct vault *v, const char *name, struct record_info *out, struct err *e)
{
    return peek_fresh(v, name, true, out, e);
}
