/* SPDX-License-Identifier: Apache-2.0 */
/* Record files that the index does not name: listing them, and taking one back. */
#include "vault/commit.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int vault_orphans(struct vault *v, char (*out)[128], size_t cap, size_t *n, struct err *e)
{
    int fd = openat(v->records, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *f;
    if (!d) {
        int err_no = errno;
        fd_closep(&fd);
        return err_sys(e, err_no, "look into '%s/" RECORDS_DIR "'", v->where.vault);
    }
    *n = 0;
    while ((f = readdir(d))) {
        struct bytes file = bytes_str(f->d_name);
        if (f->d_name[0] == '.' || vault_references(v, file))
            continue;
        if (file.n < 128 && (*n >= cap || text_copy(out[*n], 128, file)))
            ++*n;
    }
    closedir(d);
    return OK;
}

static bool has_id(struct vault *v, const char *name, const uint8_t rec_id[REC_ID_LEN],
                   uint64_t *rotated_ms)
{
    struct record_info have;
    struct err quiet;
    record_info_init(&have);
    bool same = vault_peek(v, name, &have, &quiet) == OK && mem_eq(have.rec_id, rec_id, REC_ID_LEN);
    if (same)
        *rotated_ms = have.rotated_ms;
    record_info_free(&have);
    return same;
}

/* What the index has under the same id. A credential newer than its own is one whose rotation was
 * not committed: nothing else holds it. */
static enum orphan_kind kin(struct vault *v, const struct record_info *r,
                            char name[NAME_MAX_LEN + 1])
{
    uint64_t rotated_ms = 0;
    memcpy(name, r->name, NAME_MAX_LEN + 1); /* under its own name, unless it was renamed since */
    bool found = vault_has(v, name) && has_id(v, name, r->rec_id, &rotated_ms);
    for (size_t i = 0; !found && vault_name(v, i, name); i++)
        found = has_id(v, name, r->rec_id, &rotated_ms);
    if (!found)
        return ORPHAN_RECORD;
    return r->rotated_ms > rotated_ms ? ORPHAN_NEW_KEY : ORPHAN_VERSION;
}

/* sha64: room for the hash that ref then points to. */
static int read_orphan(struct vault *v, const char *file, char sha64[SHA64_LEN + 1],
                       struct file_ref *ref, struct bytes *name, struct err *e)
{
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    uint64_t version;
    uint8_t sha[SHA256_LEN];
    ref->file = bytes_str(file);
    if (!record_file_name_ok(ref->file, name, &version)) {
        err_set(e, ERR_USAGE, "'%s' is no name of a record file", file);
        return err_hint(e, "'coffer doctor' lists the files that can be taken back");
    }
    int rc = file_read_at(v->records, file, RECORD_FILE_MAX, FILE_PRIVATE, &text, e);
    if (!rc)
        rc = sha256(buf_bytes(&text), sha, e);
    if (rc)
        return rc;
    sha64_text(sha, sha64);
    ref->sha64 = bytes_str(sha64);
    if (!file_ref_is(ref, sha))
        return err_set(e, ERR_TAMPERED, "'%s' is damaged: its contents are not what its name says",
                       file);
    return OK;
}

int vault_orphan_look(struct vault *v, const char *file, enum orphan_kind *kind,
                      char name[NAME_MAX_LEN + 1], struct err *e)
{
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    struct file_ref ref;
    struct record_file parts;
    struct record_info r;
    struct bytes said;
    char sha64[SHA64_LEN + 1];
    int rc = read_orphan(v, file, sha64, &ref, &said, e);
    if (!rc)
        rc = record_read(v, &ref, &text, &parts, e);
    if (rc)
        return rc;
    record_info_init(&r);
    rc = header_parse(parts.header, &r, e);
    if (!rc)
        *kind = kin(v, &r, name);
    record_info_free(&r);
    return rc;
}

/* As a version of its own: others may have been made since the file was. */
static int take_rotation(struct vault *v, struct record *new, const char *name, const char *file,
                         struct err *e)
{
    struct new_file f = {.name = ""};
    const struct index_entry *n = vault_find(v, name);
    int rc = n ? rotation_allowed(n, name, e) : vault_not_found(v, name, e);
    if (rc)
        return rc;
    memcpy(new->info.name, name, sizeof(new->info.name));
    new->info.version = commit_next_version(n);
    rc = record_write(v, &new->info, &new->payload, &f, e);
    struct index_entry put = entry_of(name, &f);
    put.retiring = n->current;
    if (!rc)
        rc = commit_put(v, &put, e);
    if (rc)
        commit_discard(v, f.name); /* the orphan still holds the key */
    else
        record_remove(v, file);
    return rc;
}

static int take(struct vault *v, struct record *r, const struct index_entry *put, const char *file,
                struct err *e)
{
    char name[NAME_MAX_LEN + 1];
    enum orphan_kind kind = kin(v, &r->info, name);
    if (kind == ORPHAN_NEW_KEY)
        return take_rotation(v, r, name, file, e);
    if (kind == ORPHAN_VERSION) {
        err_set(e, ERR_EXISTS, "that file is an older version of '%s'", name);
        return err_hint(e, "remove '%s' first if the older one is wanted", name);
    }
    int rc = vault_name_free(v, r->info.name, NULL, e);
    return rc ? rc : commit_put(v, put, e);
}

int vault_take_back(struct vault *v, const struct opener *o, const char *file, struct err *e)
{
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    AUTO(record_freep) struct record *r = NULL;
    struct index_entry put = {0};
    struct record_file parts;
    char sha64[SHA64_LEN + 1];
    int rc = commit_allowed(v, e);
    if (!rc)
        rc = read_orphan(v, file, sha64, &put.current, &put.name, e);
    if (!rc)
        rc = record_read(v, &put.current, &text, &parts, e);
    if (!rc)
        rc = record_open_file(v, o, &put.current, &parts, &r, e);
    if (!rc)
        rc = take(v, r, &put, file, e);
    return rc ? err_wrap(e, "take back '%s'", file) : OK;
}
