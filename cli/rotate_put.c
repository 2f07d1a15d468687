/* SPDX-License-Identifier: Apache-2.0 */
/* The commit that puts a new exchange key in the old one's place, and what becomes of the new key
 * when that place is gone: the exchange showed it once, so it is not thrown away. */
#include "cli/rotate.h"

#include "base/ask.h"

#include <stdio.h>

/* The old record file may have changed since it was opened: vault_rotate refuses then. */
static int put_once(struct vault *v, const struct record *old, struct candidate *d, struct err *e)
{
    int rc = vault_lock(v, e);

    if (!rc)
        rc = vault_rotate(v, old, &d->info, d->fields, e);
    vault_unlock(v);
    return rc;
}

/* NAME-new, or NAME-new-2 to -9 where that is taken. */
static int free_name(const struct vault *v, const char *base, char name[NAME_MAX_LEN + 1],
                     struct err *e)
{
    static const char *const ends[] = {"-new",   "-new-2", "-new-3", "-new-4", "-new-5",
                                       "-new-6", "-new-7", "-new-8", "-new-9"};
    int rc = ERR_EXISTS;

    for (size_t i = 0; rc == ERR_EXISTS && i < ARRAY_LEN(ends); i++) {
        snprintf(name, NAME_MAX_LEN + 1, "%.*s%s", (int)(NAME_MAX_LEN - strlen(ends[i])), base,
                 ends[i]);
        rc = vault_name_free(v, name, NULL, e);
    }
    return rc;
}

/* Sealed, and the error says where. */
static bool is_kept(const struct err *e)
{
    for (unsigned i = 0; i < e->n_hints; i++)
        if (strstr(e->hints[i], "coffer doctor"))
            return true;
    return false;
}

/* The exchange showed the secret once: a new key that cannot take over is kept beside. */
static int keep_aside(struct vault *v, struct candidate *d, struct err *e)
{
    struct err quiet;
    char name[NAME_MAX_LEN + 1];

    if (e->code == ERR_FAILED)
        err_set(e, ERR_FAILED, "'%s' was changed meanwhile by another process", d->info.name);
    int rc = vault_lock(v, &quiet);
    if (!rc)
        rc = free_name(v, d->info.name, name, &quiet);
    if (!rc) {
        snprintf(d->info.name, sizeof(d->info.name), "%s", name);
        d->info.rotated_ms = 0;
        rc = vault_add(v, &d->info, d->fields, &quiet);
    }
    vault_unlock(v);
    for (unsigned i = 0; rc && is_kept(&quiet) && i < quiet.n_hints; i++)
        err_hint(e, "%s", quiet.hints[i]);
    if (rc)
        return is_kept(&quiet) ? e->code : err_hint(e, "the new key was not stored");
    return err_hint(e, "nothing is lost: the new key is sealed as '%s'", name);
}

/* Another process was quicker: no second try would get any further. */
static bool is_overtaken(struct vault *v, const struct record_info *old, int rc)
{
    AUTO(record_info_free) struct record_info info;
    struct err quiet;

    if (rc == ERR_EXISTS || rc == ERR_NOT_FOUND || rc == ERR_USAGE)
        return true;
    record_info_init(&info);
    return rc == ERR_FAILED && vault_peek(v, old->name, &info, &quiet) == OK &&
           (info.version != old->version || memcmp(info.rec_id, old->rec_id, REC_ID_LEN) != 0);
}

int rotate_put(struct cli *c, struct vault *v, const struct record *old, struct candidate *d,
               struct err *e)
{
    for (;;) {
        bool again = false;
        struct err quiet;
        int rc = put_once(v, old, d, e);
        if (rc == OK)
            return OK;
        if (is_kept(e))
            return rc;
        if (is_overtaken(v, record_info(old), rc))
            return keep_aside(v, d, e);
        if (!candidate_is_typed(c))
            return err_hint(e, "the old key is in place; the new one was not stored");
        out_error(e);
        if (ask_yes("The new key is not stored. Mend that, then try again?", NULL, &again,
                    &quiet) ||
            !again)
            return err_hint(e, "the old key is in place; the new one was not stored");
    }
}
