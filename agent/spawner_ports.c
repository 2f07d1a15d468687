/* SPDX-License-Identifier: Apache-2.0 */
/* The ports that coffer-net is given when it is started, and so can reach: those of all records. */
#include "agent/courier_start.h"
#include "agent/spawner.h"
#include "vault/vault.h"

static void merge(struct ports *all, const struct ports *more)
{
    for (size_t i = 0; i < more->n; i++) {
        bool is_there = false;
        for (size_t k = 0; k < all->n; k++)
            is_there = is_there || all->v[k] == more->v[i];
        if (!is_there && all->n < COURIER_PORTS_MAX)
            all->v[all->n++] = more->v[i];
    }
}

/* Of a record that cannot be read nothing is allowed: its own requests say why. */
int spawner_ports(const struct where *w, const struct env *env, struct ports *out, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    struct ports all, one;
    char name[NAME_MAX_LEN + 1];
    struct err ignored;

    if (courier_ports(NULL, 0, &all, e) || vault_load(w, env, &v, e))
        return e->code;
    for (size_t i = 0; i < vault_count(v); i++) {
        struct record_info info;
        const struct record_info *p = &info;
        record_info_init(&info);
        if (vault_name(v, i, name) && !vault_peek(v, name, &info, &ignored) &&
            !courier_ports(&p, 1, &one, &ignored))
            merge(&all, &one);
        record_info_free(&info);
    }
    *out = all;
    return OK;
}

bool spawner_ports_cover(const struct ports *given, const struct ports *wanted)
{
    for (size_t i = 0; i < wanted->n; i++) {
        bool is_there = false;
        for (size_t k = 0; k < given->n; k++)
            is_there = is_there || given->v[k] == wanted->v[i];
        if (!is_there)
            return false;
    }
    return true;
}
