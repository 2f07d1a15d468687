/* SPDX-License-Identifier: Apache-2.0 */
/* Two questions of coffer add that few keys give cause for: which site the account is of, and
 * whether a key that is there already is meant. */
#include "cli/add.h"

#include "base/ask.h"
#include "base/text.h"

#include <stdio.h>

#define TRIES 3

/* "Site of the account: www (www.okx.com), app (app.okx.com, USA)? [www] " */
static void region_prompt(const struct connector *k, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "Site of the account: ");

    for (size_t i = 0; k->regions[i] && n < cap; i++) {
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? ", " : "", k->regions[i]);
        if (k->region_sites && n < cap)
            n += (size_t)snprintf(out + n, cap - n, " (%s)", k->region_sites[i]);
    }
    if (n < cap)
        snprintf(out + n, cap - n, "? [%s] ", k->regions[0]);
}

/* "" is the first. NULL: there is no such region. */
static const char *find_region(const struct connector *k, struct bytes typed)
{
    if (typed.n == 0)
        return k->regions[0];
    for (size_t i = 0; k->regions[i]; i++)
        if (text_eq_nocase(typed, bytes_str(k->regions[i])))
            return k->regions[i];
    return NULL;
}

int add_ask_region(struct cli *c, struct adding *a, struct err *e)
{
    const struct connector *k = a->d.k;
    struct record_info *r = &a->d.info;
    char prompt[256], answer[32];
    const char *found = NULL;

    if (!k->regions || c->args->given[OPT_REGION] || !candidate_is_typed(c))
        return OK;
    region_prompt(k, prompt, sizeof(prompt));
    for (int i = 0; i < TRIES && !found; i++) {
        int rc = ask_line(prompt, "--region answers it", answer, sizeof(answer), e);
        if (rc && rc != ERR_LIMIT)
            return rc;
        found = rc ? NULL : find_region(k, text_trim(bytes_str(answer)));
    }
    if (!found)
        return err_set(e, ERR_PERSON, "none of the sites was answered");
    if (add_check_host(k, r->environment, found, e))
        return e->code;
    snprintf(r->region, sizeof(r->region), "%s", found);
    return OK;
}

/* By what a listing shows of a key: its ends. A mask without any tells nothing. */
static bool looks_alike(const struct record_info *x, const struct record_info *y)
{
    return strcmp(x->connector, y->connector) == 0 && strcmp(x->environment, y->environment) == 0 &&
           (uint8_t)x->key_mask[0] < 0x80 && x->key_mask[0] &&
           strcmp(x->key_mask, y->key_mask) == 0;
}

static bool find_alike(struct vault *v, const struct record_info *info, char name[NAME_MAX_LEN + 1])
{
    struct record_info other;
    bool is_alike = false;
    struct err quiet;

    for (size_t i = 0; !is_alike && vault_name(v, i, name); i++) {
        record_info_init(&other);
        is_alike = vault_peek(v, name, &other, &quiet) == OK && looks_alike(info, &other);
        record_info_free(&other);
    }
    return is_alike;
}

int add_ask_known(struct cli *c, struct adding *a, struct err *e)
{
    char name[NAME_MAX_LEN + 1], prompt[160];
    bool yes = true;

    if (!a->v || !find_alike(a->v, &a->d.info, name))
        return OK;
    out_warn("this looks like the key of '%s', which is in the vault already", name);
    if (!candidate_is_typed(c))
        return OK;
    snprintf(prompt, sizeof(prompt), "Seal it as '%s' all the same?", a->d.info.name);
    if (ask_yes(prompt, NULL, &yes, e))
        return e->code;
    if (yes)
        return OK;
    err_set(e, ERR_EXISTS, "'%s' is not stored", a->d.info.name);
    return err_hint(e, "a new key in the place of '%s': coffer rotate %s", name, name);
}
