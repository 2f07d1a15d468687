/* SPDX-License-Identifier: Apache-2.0 */
/* coffer bearer: who may use a key over TCP. The file is this machine's; an agent that runs sees
 * the change by itself. */
#include "agent/bearers.h"

#include "base/crypto.h"
#include "base/wipe.h"
#include "cli/agent_view.h"

#include <stdio.h>

struct acting {
    struct cli *c;
    struct vault *v;
    struct record_info info;
    const char *client; /* NULL: none was given */
};

static int needs_client(const struct acting *a, const char *action, struct err *e)
{
    if (a->client)
        return bearer_check_client(a->client, e);
    err_set(e, ERR_USAGE, "'coffer bearer NAME %s' needs the name of a client", action);
    return err_hint(e, "any name, one for each bot: coffer bearer %s %s mm1", a->info.name, action);
}

static bool is_of(const struct acting *a, const struct bearer *b)
{
    return memcmp(b->rec_id, a->info.rec_id, REC_ID_LEN) == 0;
}

/* The bearer alone on stdout, so that it can be written into a file. */
static int add(struct acting *a, struct err *e)
{
    struct cli *c = a->c;
    char text[BEARER_TEXT];

    if (needs_client(a, "add", e) ||
        bearer_add(&c->where, vault_id(a->v), a->info.rec_id, a->client, c->env, text, e))
        return e->code;
    if (c->out.is_json) {
        json_text(out_json(&c->out), "name", a->info.name);
        json_text(out_json(&c->out), "client", a->client);
        json_text(out_json(&c->out), "bearer", text);
    }
    out_line(&c->out, "%s", text);
    mem_wipe(text, sizeof(text));
    out_advice(&c->out,
               "shown once, and kept here only as a hash; whoever has it can use '%s' as far as "
               "its policy goes",
               a->info.name);
    out_advice(&c->out, "where to write it: coffer proxy --show ccxt %s --client %s", a->info.name,
               a->client);
    return OK;
}

static int revoke(struct acting *a, struct err *e)
{
    struct out *o = &a->c->out;

    if (needs_client(a, "revoke", e) ||
        bearer_revoke(&a->c->where, vault_id(a->v), a->info.rec_id, a->client, e))
        return e->code;
    out_note(o, "client '%s' can no longer use '%s'", a->client, a->info.name);
    if (o->is_json)
        json_text(out_json(o), "revoked", a->client);
    return OK;
}

static void show(struct acting *a, const struct bearer_list *l)
{
    struct out *o = &a->c->out;
    struct table t = {.n_columns = 0};
    cJSON *list = o->is_json ? json_array(out_json(o), "bearers") : NULL;
    char date[DATE_TEXT];
    size_t n = 0;

    table_row(&t, (const char *const[]){"CLIENT", "SINCE (UTC)"}, 2);
    for (size_t i = 0; i < l->n; i++) {
        if (!is_of(a, &l->v[i]))
            continue;
        n++;
        date_text(l->v[i].created_ms, date);
        table_row(&t, (const char *const[]){l->v[i].client, date}, 2);
        cJSON *j = list ? json_object(list, NULL) : NULL;
        json_text(j, "client", l->v[i].client);
        json_number(j, "created_ms", l->v[i].created_ms);
    }
    if (n > 0)
        table_print(o, &t);
    else
        out_line(o, "no client has a bearer for '%s'", a->info.name);
    table_free(&t);
}

static int list(struct acting *a, struct err *e)
{
    struct bearer_list *l = wipe_malloc(sizeof(*l));

    if (!l)
        return err_set(e, ERR_MEMORY, "no memory for the list of bearers");
    int rc = bearers_read(&a->c->where, vault_id(a->v), l, e);
    if (!rc)
        show(a, l);
    wipe_free(l);
    return rc;
}

/* Not for safety: the agent looks at the file before it lets anybody in. */
static void tell_agent(const struct acting *a)
{
    AUTO(agent_client_freep) struct agent_client *client = NULL;
    struct err quiet;

    if (agent_find(a->c, vault_id(a->v), &client, &quiet) == OK &&
        agent_tell(client, "reload", &quiet))
        out_warn("the agent was not told: %s", quiet.msg);
}

static int act(struct acting *a, const char *what, struct err *e)
{
    int rc;

    if (strcmp(what, "list") == 0)
        return a->client ? err_set(e, ERR_USAGE, "'coffer bearer NAME list' takes no client")
                         : list(a, e);
    if (strcmp(what, "add") == 0)
        rc = add(a, e);
    else if (strcmp(what, "revoke") == 0)
        rc = revoke(a, e);
    else
        return err_set(e, ERR_USAGE, "'coffer bearer NAME' takes add, list or revoke");
    if (!rc)
        tell_agent(a);
    return rc;
}

int run_bearer(struct cli *c, struct err *e)
{
    const struct args *args = c->args;
    struct acting a = {.c = c, .client = args->n_words > 2 ? args->words[2] : NULL};

    record_info_init(&a.info);
    int rc = record_check_name(args->words[0], e);
    if (!rc)
        rc = vault_load(&c->where, c->env, &a.v, e);
    if (!rc)
        rc = vault_peek(a.v, args->words[0], &a.info, e);
    if (!rc)
        rc = act(&a, args->n_words > 1 ? args->words[1] : "list", e);
    record_info_free(&a.info);
    vault_free(a.v);
    return rc;
}
