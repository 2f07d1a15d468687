/* SPDX-License-Identifier: Apache-2.0 */
/* coffer recipients: which action with which options; and the one commit of those that change the
 * vault. */
#include "cli/recipients.h"

#include "cli/waiting.h"

#define ALLOWED(...) ((const enum opt_id[]){__VA_ARGS__ __VA_OPT__(, ) OPT_COUNT})
#define LOGIN OPT_PIN_FD, OPT_PIN_FILE, OPT_PINENTRY, OPT_USE_LAST_TRY

struct action {
    const char *name;
    bool takes_word, wants_word;
    const enum opt_id *options; /* beside the global ones; ends with OPT_COUNT */
    int (*run)(struct cli *c, struct err *e);
};

static const struct action actions[] = {
    {.name = "list", .options = ALLOWED(), .run = recipients_list},
    {.name = "add",
     .takes_word = true,
     .options = ALLOWED(LOGIN, OPT_GENERATE, OPT_LABEL, OPT_PUBLIC_KEY, OPT_SCHEME, OPT_PAPER,
                        OPT_WORDS_FD, OPT_NEW_PIN_FD, OPT_NEW_PIN_FILE, OPT_YES),
     .run = recipients_add},
    {.name = "test",
     .takes_word = true,
     .options = ALLOWED(LOGIN, OPT_PAPER, OPT_WORDS_FD),
     .run = recipients_test},
    {.name = "remove",
     .takes_word = true,
     .wants_word = true,
     .options = ALLOWED(LOGIN, OPT_PAPER, OPT_WORDS_FD, OPT_YES),
     .run = recipients_remove},
};

static bool is_allowed(const struct action *a, enum opt_id id)
{
    for (const enum opt_id *o = a->options; *o != OPT_COUNT; o++)
        if (*o == id)
            return true;
    return options[id].is_global;
}

static int check(const struct args *a, const struct action *w, struct err *e)
{
    for (enum opt_id id = 0; id < OPT_COUNT; id++)
        if (a->given[id] && !is_allowed(w, id))
            return err_set(e, ERR_USAGE, "'coffer recipients %s' does not take --%s", w->name,
                           options[id].name);
    if (!w->takes_word && a->n_words > 1)
        return err_set(e, ERR_USAGE, "'coffer recipients %s' takes no argument", w->name);
    if (!w->wants_word || a->n_words > 1)
        return OK;
    err_set(e, ERR_USAGE, "'coffer recipients %s' needs a recipient", w->name);
    return err_hint(e, "'coffer recipients' lists them: take the label, the serial or the id");
}

int run_recipients(struct cli *c, struct err *e)
{
    const struct args *a = c->args;
    const char *name = a->n_words ? a->words[0] : "list";

    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        return check(a, &actions[i], e) ? e->code : actions[i].run(c, e);
    }
    err_set(e, ERR_USAGE, "'coffer recipients' has no such action");
    return err_hint(e, "actions: list, add, test, remove");
}

struct told {
    const struct out *o;
};

static void progress(void *ctx, size_t n_done, size_t n)
{
    out_progress(((const struct told *)ctx)->o, "sealed anew:", n_done, n);
}

void recipients_note(struct recipients_shown *s, const struct vault *v)
{
    const struct recipient *r = vault_recipients(v, &s->n);

    for (size_t i = 0; i < s->n; i++)
        s->v[i] = r[i];
}

static bool is_as_shown(const struct recipient *a, const struct recipient *b)
{
    return memcmp(a->rid, b->rid, RID_LEN) == 0 && strcmp(a->label, b->label) == 0 &&
           strcmp(a->serial, b->serial) == 0 && a->kind == b->kind && a->scheme == b->scheme &&
           a->tested == b->tested;
}

static int check_shown(const struct recipients_shown *s, const struct vault *v, struct err *e)
{
    size_t n, i = 0;
    const struct recipient *r = vault_recipients(v, &n);

    while (i < n && i < s->n && is_as_shown(&r[i], &s->v[i]))
        i++;
    if (i == n && i == s->n)
        return OK;
    err_set(e, ERR_FAILED,
            "the vault's recipients are not those that were shown: nothing was "
            "changed");
    return err_hint(e,
                    "another command has changed them meanwhile, or somebody who can write to "
                    "the vault; look again with 'coffer recipients', then run the command again");
}

int recipients_commit(struct cli *c, struct vault *v, const struct rewrap *r,
                      const struct recipients_shown *shown, struct err *e)
{
    struct told told = {&c->out};
    struct rewrap with = *r;

    with.progress = progress;
    with.ctx = &told;
    waiting_why("to seal the vault anew");
    int rc = vault_lock(v, e);
    if (!rc && shown)
        rc = check_shown(shown, v, e);
    if (!rc)
        rc = vault_rewrap(v, &with, e);
    vault_unlock(v);
    return rc;
}
