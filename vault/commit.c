/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: vault.json is the commit point, record files come before it and go after it. */
#include "vault/commit.h"

#include "base/codec.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/wipe.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define LOCK_MS 30000u

/* What a process that died while replacing vault.json left behind. Only under the lock. */
static void remove_leftovers(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *f;
    if (!d) {
        fd_closep(&fd);
        return;
    }
    while ((f = readdir(d)))
        if (text_starts(bytes_str(f->d_name), "." VAULT_FILE ".tmp."))
            unlinkat(dir, f->d_name, 0);
    closedir(d);
}

void vault_unlock(struct vault *v)
{
    fd_closep(&v->lock);
    v->lock = -1;
}

int vault_lock(struct vault *v, struct err *e)
{
    int fd = -1;
    int rc = file_lock_at(v->dir, LOCK_FILE, LOCK_MS, &fd, e);
    if (rc)
        return rc == ERR_FAILED ? err_wrap(e, "wait for another change of the vault") : rc;
    fd_closep(&v->lock);
    v->lock = fd;
    remove_leftovers(v->dir);
    return vault_refresh(v, e);
}

int commit_allowed(const struct vault *v, struct err *e)
{
    if (v->lock < 0)
        return err_set(e, ERR_FAILED, "the vault is not locked for writing");
    return vault_may_write(v, e);
}

static int fresh_key(const struct vault *v, struct bytes vk, struct secret *vk_dek, struct err *e)
{
    int rc = secret_new(vk_dek, VK_LEN + DEK_LEN, e);
    if (!rc)
        rc = secret_append(vk_dek, vk, e);
    if (!rc)
        rc = v->env->random(v->env, vk_dek->p + VK_LEN, DEK_LEN, e);
    if (!rc)
        vk_dek->n = VK_LEN + DEK_LEN;
    return rc;
}

static int print_wraps(const struct sealing *under, const struct record_info *info,
                       struct bytes key, struct buf *text, struct err *e)
{
    const struct wrap_for f = {"record-key", info->vault_id, info->rec_id, info->version};
    struct wrapped *w = wipe_malloc(under->n * sizeof(*w));
    if (!w)
        return err_set(e, ERR_MEMORY, "no memory for the wraps");
    int rc = OK;
    for (size_t i = 0; i < under->n && !rc; i++)
        rc = wrap_make(&f, &under->recipients[i], key, &w[i], e);
    if (!rc)
        wraps_print(under->recipients, w, under->n, text);
    wipe_free(w);
    return rc;
}

static int record_text(struct vault *v, const struct sealing *under,
                       const struct record_info *info, const struct secret *payload,
                       struct buf *text, struct err *e)
{
    AUTO_SECRET vk_dek = {0};
    AUTO_BUF header = BUF_INIT(RECORD_FILE_MAX);
    header_print(info, &header);
    int rc = buf_check(&header, "record header", e);
    if (!rc)
        rc = fresh_key(v, under->vk, &vk_dek, e);
    if (rc)
        return rc;
    buf_add(text, buf_bytes(&header));
    buf_addc(text, '\n');
    rc = payload_seal(info, buf_bytes(&header), payload, secret_bytes(&vk_dek), v->env, text, e);
    buf_addc(text, '\n');
    if (!rc)
        rc = print_wraps(under, info, secret_bytes(&vk_dek), text, e);
    buf_addc(text, '\n');
    return rc ? rc : buf_check(text, "record", e);
}

int record_begin(struct vault *v, const struct sealing *under, const struct record_info *info,
                 const struct secret *payload, struct new_file *out, int *fd, struct err *e)
{
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    uint8_t sha[SHA256_LEN];
    if (info->version > JSON_INT_MAX)
        return err_set(e, ERR_LIMIT, "'%s' has had too many versions", info->name);
    int rc = record_text(v, under, info, payload, &text, e);
    if (!rc)
        rc = sha256(buf_bytes(&text), sha, e);
    if (rc)
        return rc;
    sha64_text(sha, out->sha64);
    record_file_name(info->name, info->version, sha, out->name);
    return file_begin_at(v->records, out->name, buf_bytes(&text), fd, e);
}

int record_write(struct vault *v, const struct record_info *info, const struct secret *payload,
                 struct new_file *out, struct err *e)
{
    const struct sealing own = {v->body.recipients, v->body.n_recipients, secret_bytes(&v->vk)};
    AUTO(fd_closep) int fd = -1;
    int rc = record_begin(v, &own, info, payload, out, &fd, e);
    if (rc)
        return rc;
    rc = file_finish(&fd, out->name, e);
    if (rc)
        record_remove(v, out->name);
    return rc ? rc : dir_sync(v->records, v->where.vault, e);
}

/* Who copies a vault in from elsewhere does not know our lock. */
static int still_there(const struct vault *v, struct err *e)
{
    AUTO_BUF now = BUF_INIT(VAULT_JSON_MAX);
    int rc = file_read_at(v->dir, VAULT_FILE, VAULT_JSON_MAX, FILE_PRIVATE, &now, e);
    if (rc || bytes_eq(buf_bytes(&now), buf_bytes(&v->text)))
        return rc;
    err_set(e, ERR_FAILED, "the vault was changed meanwhile by something that does not lock it");
    return err_hint(e, "let no copying run into the vault at the same time, then try again");
}

static int body_text(const struct body *b, struct bytes vk, struct buf *text, struct err *e)
{
    uint8_t mac[SHA256_LEN];
    body_print(b, text);
    int rc = buf_check(text, "the vault's index", e);
    if (!rc)
        rc = vault_mac(b->id, vk, buf_bytes(text), mac, e);
    if (rc)
        return rc;
    buf_addc(text, '\n');
    b64url_encode(text, BYTES_ARR(mac));
    buf_addc(text, '\n');
    return buf_check(text, "the vault's index", e);
}

/* What v becomes with the commit, complete before it: afterwards nothing may fail. */
struct coming {
    struct buf text;
    struct bytes lines[2];
    uint8_t sha[SHA256_LEN], fingerprint[FINGERPRINT_LEN];
    struct index_entry *entries;
};

static void coming_free(struct coming *n)
{
    buf_free(&n->text);
    wipe_free(n->entries);
}

static int prepare(const struct vault *v, const struct body *next, struct bytes vk,
                   struct coming *out, struct err *e)
{
    if (next->generation >= JSON_INT_MAX)
        return err_set(e, ERR_LIMIT, "the vault was changed too often");
    int rc = body_text(next, vk, &out->text, e);
    if (!rc)
        rc = lines_split(buf_bytes(&out->text), out->lines, 2, e);
    if (!rc)
        rc = sha256(buf_bytes(&out->text), out->sha, e);
    if (!rc)
        rc = vault_fp(v->body.id, vk, out->fingerprint, e);
    if (rc)
        return rc;
    out->entries = wipe_malloc((next->n_entries + 1) * sizeof(*out->entries));
    if (!out->entries)
        return err_set(e, ERR_MEMORY, "no memory for the changed vault");
    if (next->n_entries)
        memcpy(out->entries, next->entries, next->n_entries * sizeof(*out->entries));
    return OK;
}

static void adopt(struct vault *v, const struct body *next, struct coming *n)
{
    body_free(&v->body);
    buf_free(&v->text);
    v->text = n->text;
    n->text = (struct buf)BUF_INIT(VAULT_JSON_MAX);
    v->body = *next;
    v->body.entries = n->entries;
    n->entries = NULL;
    v->body_line = n->lines[0];
    v->mac_line = n->lines[1];
    memcpy(v->sha, n->sha, sizeof(v->sha));
    memcpy(v->fingerprint, n->fingerprint, sizeof(v->fingerprint));
    body_moved(&v->body, v->body_line);
    /* the change stands; a pin that lags is moved by the next opening */
    struct err quiet;
    struct sighting s = vault_sighting(v);
    if (trust_set(&s, &quiet))
        v->trust = TRUST_PIN_UNWRITABLE;
}

static int replace(struct vault *v, const struct body *next, const struct coming *n, bool new_key,
                   bool *in_doubt, struct err *e)
{
    struct sighting now = vault_sighting(v);
    struct sighting later = {&v->where, v->body.id, n->fingerprint, next->generation, n->sha};
    struct err quiet;
    int rc = still_there(v, e);
    if (!rc && new_key)
        rc = trust_announce(&now, &later, e);
    if (rc)
        return rc;
    rc = file_replace_at(v->dir, VAULT_FILE, buf_bytes(&n->text), e);
    *in_doubt = rc && still_there(v, &quiet) != OK;
    if (rc && !*in_doubt && new_key)
        trust_withdraw(&now);
    return rc;
}

int commit_body(struct vault *v, const struct body *next, struct secret *vk, bool *in_doubt,
                struct err *e)
{
    AUTO(coming_free) struct coming n = {.text = BUF_INIT(VAULT_JSON_MAX)};
    *in_doubt = false;
    int rc = commit_allowed(v, e);
    if (!rc)
        rc = prepare(v, next, secret_bytes(vk ? vk : &v->vk), &n, e);
    if (!rc)
        rc = replace(v, next, &n, vk != NULL, in_doubt, e);
    if (rc)
        return rc;
    if (vk) {
        secret_free(&v->vk);
        v->vk = *vk;
        *vk = (struct secret){0};
    }
    adopt(v, next, &n);
    return OK;
}

int commit_entries(struct vault *v, struct index_entry *entries, size_t n, struct err *e)
{
    bool in_doubt;
    struct body *next = wipe_malloc(sizeof(*next));
    if (!next)
        return err_set(e, ERR_MEMORY, "no memory to change the vault");
    *next = v->body;
    next->entries = entries;
    next->n_entries = n;
    next->generation++;
    int rc = commit_body(v, next, NULL, &in_doubt, e);
    wipe_free(next);
    return rc;
}

int commit_put(struct vault *v, const struct index_entry *put, struct err *e)
{
    bool found;
    size_t at = vault_position(v, put->name, &found), n = v->body.n_entries;
    struct index_entry *all = wipe_malloc((n + 1) * sizeof(*all));
    if (!all)
        return err_set(e, ERR_MEMORY, "no memory to change the vault");
    memcpy(all, v->body.entries, at * sizeof(*all));
    all[at] = *put;
    memcpy(all + at + 1, v->body.entries + at + found, (n - at - found) * sizeof(*all));
    int rc = commit_entries(v, all, n + 1 - found, e);
    wipe_free(all);
    return rc;
}

void commit_discard(struct vault *v, const char *file)
{
    struct err quiet;
    if (file[0] && vault_refresh(v, &quiet) == OK && !vault_references(v, bytes_str(file)))
        unlinkat(v->records, file, 0);
}

int commit_kept(struct vault *v, const struct new_file *f, struct err *e)
{
    struct err quiet;
    if (vault_refresh(v, &quiet) == OK && vault_references(v, bytes_str(f->name))) {
        err_wrap(e, "the key is in the vault, but the disk may not have it yet");
        return err_hint(e, "check the disk, then see with 'coffer doctor' that the key is there");
    }
    err_wrap(e, "the key is sealed but not in the vault's index");
    err_hint(e, "nothing is lost: it is kept in '%s/" RECORDS_DIR "/%s'", v->where.vault, f->name);
    return err_hint(e, "when the cause is gone: coffer doctor --take-back %s", f->name);
}

uint64_t commit_next_version(const struct index_entry *n)
{
    struct bytes name;
    uint64_t a = 0, b = 0;
    if (!record_file_name_ok(n->current.file, &name, &a))
        a = 0;
    if (n->retiring.file.n && !record_file_name_ok(n->retiring.file, &name, &b))
        b = 0;
    return 1 + (a > b ? a : b);
}

int old_files(const struct index_entry *n, struct old_files *out, struct err *e)
{
    out->retiring[0] = 0;
    if (text_copy(out->current, sizeof(out->current), n->current.file) &&
        (!n->retiring.file.n ||
         text_copy(out->retiring, sizeof(out->retiring), n->retiring.file)))
        return OK;
    return err_set(e, ERR_FORMAT, "an index entry is too long");
}

void record_remove(struct vault *v, const char *file)
{
    if (file[0])
        unlinkat(v->records, file, 0);   /* one that stays is harmless, doctor shows it */
}

struct index_entry entry_of(const char *name, const struct new_file *f)
{
    struct index_entry n = {.name = bytes_str(name),
                            .current = {bytes_str(f->name), bytes_str(f->sha64)}};
    return n;
}
