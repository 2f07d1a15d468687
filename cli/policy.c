/* SPDX-License-Identifier: Apache-2.0 */
/* coffer policy: shows how the agent treats a key, and changes it, which is its owner's act: the
 * vault is opened here, with the PIN. */
#include "cli/session.h"
#include "cli/unseal_text.h"
#include "cli/waiting.h"

static void show(struct cli *c, const struct record_info *r, bool is_authenticated)
{
    struct out *o = &c->out;
    char words[UNSEAL_WORDS], classes[CLASSES_TEXT];

    unseal_words(r, words);
    classes_words(r, classes);
    out_line(o, "name         %s", r->name);
    out_line(o, "signs        %s", classes);
    out_line(o, "unseal       %s", words);
    out_line(o, "release      %s", release_words(r));
    if (!is_authenticated) {
        out_note(o, "%s", "");
        out_note(o, "Read without a PIN: not authenticated.");
    }
    cJSON *j = o->is_json ? out_json(o) : NULL;
    json_bool_member(j, "authenticated", is_authenticated);
    json_text(j, "name", r->name);
    json_text(j, "signs", classes);
    json_text(j, "unseal", r->unseal[0] ? r->unseal : "default");
    json_bool_member(j, "release", r->release);
}

static bool is_same(const struct record_info *a, const struct record_info *b)
{
    return a->release == b->release && strcmp(a->unseal, b->unseal) == 0;
}

/* What a client that has a signature can do with it. */
static void warn_release(const struct record_info *before, const struct record_info *to)
{
    if (before->release || !to->release)
        return;
    out_warn("'%s' hands out signatures from now on: whoever has one can send it, or keep it until "
             "its time is over, and coffer does not see what becomes of it",
             to->name);
}

static int change(struct cli *c, struct vault *v, struct err *e)
{
    AUTO_SESSION s = {0};
    AUTO(record_freep) struct record *r = NULL;
    AUTO(record_info_free) struct record_info to;
    const char *name = c->args->words[0];

    record_info_init(&to);
    waiting_why("to change the policy of '%s'", name);
    /* One operation of the token: the record's opening opens the vault too. */
    if (session_begin(c, v, &s, e) ||
        session_explain(&s, vault_open_record(v, &s.opener, name, &r, e), e) ||
        record_info_copy(&to, record_info(r), e) || unseal_take(c->args, &to, e) ||
        vault_may_write(v, e))
        return e->code;
    if (!is_same(record_info(r), &to)) {
        warn_release(record_info(r), &to);
        if (vault_lock(v, e) || vault_rewrite(v, r, &to, e))
            return e->code;
    }
    show(c, &to, true);
    return OK;
}

static int look(struct cli *c, struct vault *v, struct record_info *info, struct err *e)
{
    bool wants_change = c->args->given[OPT_UNSEAL] || c->args->given[OPT_RELEASE];
    const char *name = c->args->words[0];

    /* What can be refused without a PIN is. */
    if (record_check_name(name, e) || vault_peek(v, name, info, e) || unseal_take(c->args, info, e))
        return e->code;
    if (wants_change)
        return change(c, v, e);
    show(c, info, false);
    return OK;
}

int run_policy(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    struct record_info info;

    if (vault_load(&c->where, c->env, &v, e))
        return e->code;
    record_info_init(&info);
    int rc = look(c, v, &info, e);
    record_info_free(&info);
    return rc;
}
