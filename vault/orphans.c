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

static int id_is_new(struct vault *v, const uint8_t rec_id[REC_ID_LEN], struct err *e)
{
    char name[NAME_MAX_LEN + 1];
    struct err quiet;
    for (size_t i = 0; vault_name(v, i, name); i++) {
        struct record_info have;
        record_info_init(&have);
        bool same = vault_peek(v, name, &have, &quiet) == OK &&
                    mem_eq(have.rec_id, rec_id, REC_ID_LEN);
        record_info_free(&have);
        if (!same)
            continue;
        err_set(e, ERR_EXISTS, "that file is an older version of '%s'", name);
        return err_hint(e, "remove '%s' first if the older one is wanted", name);
    }
    return OK;
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
        rc = vault_name_free(v, r->info.name, NULL, e);
    if (!rc)
        rc = id_is_new(v, r->info.rec_id, e);
    return rc ? err_wrap(e, "take back '%s'", file) : commit_put(v, &put, e);
}
