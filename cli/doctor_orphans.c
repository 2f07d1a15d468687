/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of `coffer doctor` for record files that the index does not name. What such a file says of
 * itself decides the advice only; taking one back is where it is checked. */
#include "cli/doctor.h"

#include <stdio.h>

#define ORPHANS_SHOWN 64u

static void orphan_row(struct doctor *d, struct vault *v, const char *file)
{
    char name[NAME_MAX_LEN + 1], fix[192];
    enum orphan_kind kind = ORPHAN_RECORD;
    struct err quiet;

    int rc = vault_orphan_look(v, file, &kind, name, &quiet);
    if (!rc && kind == ORPHAN_VERSION) {
        doctor_row(d, FINDING_WARN, "files", "it may be deleted",
                   "the record file '%s' is an older version of '%s'", file, name);
        return;
    }
    snprintf(fix, sizeof(fix), "coffer doctor --take-back %s", file);
    if (!rc && kind == ORPHAN_NEW_KEY)
        doctor_row(d, FINDING_WARN, "files", fix,
                   "the record file '%s' holds a new key for '%s' whose rotation did not end", file,
                   name);
    else
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
