/* SPDX-License-Identifier: Apache-2.0 */
/* coffer proxy: where it listens, and the lines for a bot (proxy_show.c). A lasting bearer is shown
 * once, when it is made; here stands where to put it. */
#include "cli/proxy_show.h"

#include "base/wipe.h"
#include "cli/session.h"

#include <stdio.h>

static int show_addresses(struct cli *c, struct err *e)
{
    AUTO_VIEW a = {0};
    struct out *o = &c->out;

    if (agent_view_open(c, NULL, &a, e))
        return e->code;
    if (!a.proxy_socket[0] && !a.proxy_tcp[0])
        out_line(o, "the agent runs without a proxy");
    if (a.proxy_socket[0])
        out_line(o, "socket       %s", a.proxy_socket);
    if (a.proxy_tcp[0])
        out_line(o, "tcp          http://%s/NAME~BEARER/https://HOST/PATH", a.proxy_tcp);
    if (a.proxy_socket[0])
        out_line(o, "request      curl --unix-socket %s http://coffer/NAME/https://HOST/PATH",
                 a.proxy_socket);
    if (!a.is_proxy_running && (a.proxy_socket[0] || a.proxy_tcp[0]))
        out_warn("coffer-net does not run just now; the agent starts it again");
    if (!a.is_unlocked)
        out_advice(o, "the agent is locked: coffer unlock");
    out_advice(o, "the lines for a bot: coffer proxy --show ccxt NAME");
    cJSON *j = o->is_json ? out_json(o) : NULL;
    json_text(j, "socket", a.proxy_socket);
    json_text(j, "tcp", a.proxy_tcp);
    json_bool_member(j, "running", a.is_proxy_running);
    json_bool_member(j, "unlocked", a.is_unlocked);
    return OK;
}

/* -- for a bot -- */

/* Whether the client that is named can show a bearer; nothing of it is read. */
static int check_client(const struct cli *c, const struct vault *v, const struct record_info *info,
                        struct err *e)
{
    const char *client = c->args->value[OPT_CLIENT];
    struct bearer_list *l;
    bool has = false;

    if (!client)
        return OK;
    if (bearer_check_client(client, e))
        return e->code;
    l = wipe_malloc(sizeof(*l));
    if (!l)
        return err_set(e, ERR_MEMORY, "no memory for the list of bearers");
    int rc = bearers_read(&c->where, vault_id(v), l, e);
    for (size_t i = 0; !rc && i < l->n; i++)
        has = has || (strcmp(l->v[i].client, client) == 0 &&
                      memcmp(l->v[i].rec_id, info->rec_id, REC_ID_LEN) == 0);
    wipe_free(l);
    if (rc || has)
        return rc;
    err_set(e, ERR_NOT_FOUND, "client '%s' has no bearer for '%s'", client, info->name);
    return err_hint(e, "coffer bearer %s add %s", info->name, client);
}

/* Where nothing runs: where it would listen by default. */
static int find_proxy(struct cli *c, const struct vault *v, struct agent_view *a, struct err *e)
{
    int rc = agent_view_open(c, vault_id(v), a, e);

    if (rc != ERR_NOT_FOUND)
        return rc;
    int n = snprintf(a->proxy_socket, sizeof(a->proxy_socket), "%s/proxy.sock", c->where.run);
    if (n < 0 || (size_t)n >= sizeof(a->proxy_socket))
        return err_set(e, ERR_USAGE, "the runtime directory's path is too long");
    out_advice(&c->out, "no agent runs; these lines are for one that listens where it does by "
                        "default: coffer agent");
    return OK;
}

static int show_lines(struct cli *c, struct vault *v, struct record_info *info, struct err *e)
{
    AUTO_VIEW a = {0};
    const char *name = c->args->words[0];
    enum bot_kind kind = BOT_ENV;
    struct bot bot;

    if (bot_kind_parse(c->args->value[OPT_SHOW], OPT_SHOW, &kind, e) ||
        record_check_name(name, e) || vault_peek(v, name, info, e) || check_client(c, v, info, e) ||
        find_proxy(c, v, &a, e) || bot_fill(&bot, name, &a, "BEARER", e))
        return e->code;
    return proxy_lines(c, kind, &bot, info, e);
}

int run_proxy(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    const bool *given = c->args->given;
    struct record_info info;

    if (!given[OPT_SHOW] && c->args->n_words == 0 && !given[OPT_CLIENT])
        return show_addresses(c, e);
    if (!given[OPT_SHOW] || c->args->n_words == 0) {
        err_set(e, ERR_USAGE, "a NAME and --show belong together");
        return err_hint(e, "coffer proxy --show ccxt NAME (or freqtrade, hummingbot, curl)");
    }
    if (vault_load(&c->where, c->env, &v, e))
        return e->code;
    record_info_init(&info);
    int rc = show_lines(c, v, &info, e);
    record_info_free(&info);
    return rc;
}
