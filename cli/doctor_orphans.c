/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of `coffer doctor` for record files that the index does not name. What such a file says of
 * itself decides the advice only; taking one back is where it is checked. */
#include "base/codec.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/doctor.h"

#include <stdio.h>

#define ORPHANS_SHOWN 64u
#define ORPHAN_MAX 262144u

/* The header's rec_id as it stands there. */
static bool header_rec_id(const struct doctor *d, const char *file, char *out, size_t cap)
{
    AUTO_BUF text = BUF_INIT(ORPHAN_MAX);
    char path[WHERE_MAX + 160];
    struct bytes head, rest;
    struct err quiet;

    snprintf(path, sizeof(path), "%s/records/%s", d->c->where.vault, file);
    if (file_read_user(path, ORPHAN_MAX, &text, &quiet) ||
        !text_cut(buf_bytes(&text), '\n', &head, &rest))
        return false;
    cJSON *j = cJSON_ParseWithLength((const char *)head.p, head.n);
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "rec_id"));
    bool ok = id && id[0] && text_copy(out, cap, bytes_str(id));
    cJSON_Delete(j);
    return ok;
}

/* The record in the vault that the file is a version of. */
static bool has_record(struct vault *v, const char *rec_id, char name[NAME_MAX_LEN + 1])
{
    for (size_t i = 0; vault_name(v, i, name); i++) {
        AUTO_BUF text = BUF_INIT(64);
        struct record_info have;
        struct err quiet;
        record_info_init(&have);
        bool same = vault_peek(v, name, &have, &quiet) == OK;
        b64url_encode(&text, bytes_of(have.rec_id, REC_ID_LEN));
        record_info_free(&have);
        if (same && bytes_eq_str(buf_bytes(&text), rec_id))
            return true;
    }
    return false;
}

static void orphan_row(struct doctor *d, struct vault *v, const char *file)
{
    char name[NAME_MAX_LEN + 1], rec_id[64], fix[192];

    if (header_rec_id(d, file, rec_id, sizeof(rec_id)) && has_record(v, rec_id, name)) {
        doctor_row(d, FINDING_WARN, "files", "it may be deleted",
                   "the record file '%s' is an older version of '%s'", file, name);
        return;
    }
    snprintf(fix, sizeof(fix), "coffer doctor --take-back %s", file);
    doctor_row(d, FINDING_WARN, "files", fix, "nothing refers to the record file '%s'", file);
}

void doctor_orphans(struct doctor *d, struct vault *v)
{
    char files[ORPHANS_SHOWN][128];
    struct err e = {.code = OK};
    size_t n = 0;

    if (vault_orphans(v, files, ORPHANS_SHOWN, &n, &e)) {
        doctor_error(d, FINDING_FAIL, "files", &e);
        return;
    }
    for (size_t i = 0; i < n && i < ORPHANS_SHOWN; i++)
        orphan_row(d, v, files[i]);
    if (n > ORPHANS_SHOWN)
        doctor_row(d, FINDING_WARN, "files", NULL, "and %zu more", n - ORPHANS_SHOWN);
    if (n == 0)
        doctor_row(d, FINDING_OK, "files", NULL, "every record file is referred to");
}
