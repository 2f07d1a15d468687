/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of coffer proxy --show. What stands in them was tried with the clients themselves. */
#include "cli/proxy_show.h"

#include "connectors/checks.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_TEXT 1024u

struct lines {
    struct cli *c;
    const struct bot *bot;
    const struct record_info *info;
    const struct connector *conn; /* NULL: this version does not know the exchange */
    cJSON *list;                  /* NULL: not --json */
};

static void say(struct lines *l, const char *fmt, ...) PRINTF(2, 3);
static void say(struct lines *l, const char *fmt, ...)
{
    char text[LINE_MAX_TEXT];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    out_line(&l->c->out, "%s", text);
    if (l->list)
        json_list_text(l->list, text);
}

static bool has_field(const struct lines *l, enum field_id id)
{
    for (const struct field_spec *f = l->conn ? l->conn->fields : NULL; f && f->label; f++)
        if (f->id == id)
            return true;
    return false;
}

/* As ccxt calls it. */
static const char *ccxt_id(const struct lines *l)
{
    const char *region = l->info->region;

    if (strcmp(l->info->connector, "coinbase_advanced_trade") == 0)
        return "coinbase";
    if (strcmp(l->info->connector, "okx") == 0 && strcmp(region, "app") == 0)
        return "okxus";
    if (strcmp(l->info->connector, "okx") == 0 && strcmp(region, "my") == 0)
        return "myokx";
    return l->info->connector;
}

static bool is_test(const struct lines *l)
{
    return strcmp(l->info->environment, "live") != 0;
}

/* -- ccxt -- */

/* quote: of the names, which Python needs and JavaScript does not. */
static void ccxt_options(struct lines *l, const char *quote)
{
    const struct bot *b = l->bot;

    say(l, "        %sproxyUrl%s: '%s',", quote, quote, b->url);
    say(l, "        %sapiKey%s: '%s',", quote, quote, b->key);
    say(l, "        %ssecret%s: '%s',", quote, quote, BOT_SECRET);
    if (has_field(l, FIELD_PASSPHRASE))
        say(l, "        %spassword%s: '%s',", quote, quote, BOT_PASSWORD);
    if (has_field(l, FIELD_UID))
        say(l, "        %suid%s: '%s',", quote, quote, BOT_UID);
}

static int show_ccxt(struct lines *l)
{
    const char *id = ccxt_id(l), *path = l->bot->socket;

    say(l, "JavaScript:");
    if (path[0])
        say(l, "    const { Agent } = require('undici');");
    say(l, "    const exchange = new ccxt.%s({", id);
    ccxt_options(l, "");
    say(l, "    });");
    if (path[0]) { /* ccxt sets a dispatcher of its own when it loads its transport */
        say(l, "    await exchange.loadFetchImplementation();");
        say(l, "    exchange.fetchDispatcher = new Agent({ connect: { socketPath: '%s' } });",
            path);
    }
    if (is_test(l))
        say(l, "    exchange.setSandboxMode(true);");
    say(l, "Python%s:", path[0] ? " (ccxt.async_support; the plain one needs a TCP port)" : "");
    say(l, "    exchange = ccxt.%s({", id);
    ccxt_options(l, "'");
    if (path[0])
        say(l,
            "        'session': aiohttp.ClientSession("
            "connector=aiohttp.UnixConnector(path='%s')),",
            path);
    say(l, "    })");
    if (is_test(l))
        say(l, "    exchange.set_sandbox_mode(True)");
    return OK;
}

/* -- freqtrade -- */

static int show_freqtrade(struct lines *l, struct err *e)
{
    const struct bot *b = l->bot;

    if (b->socket[0]) {
        err_set(e, ERR_FAILED,
                "freqtrade reaches the proxy over TCP only, and it listens at a "
                "Unix socket alone");
        err_hint(e, "coffer agent --listen 127.0.0.1:PORT");
        return err_hint(e,
                        "or let coffer do all of it: coffer run %s --as freqtrade -- freqtrade "
                        "trade",
                        b->name);
    }
    say(l, "\"exchange\": {");
    say(l, "    \"name\": \"%s\",", ccxt_id(l));
    say(l, "    \"key\": \"%s\",", b->key);
    say(l, "    \"secret\": \"%s\",", BOT_SECRET);
    if (has_field(l, FIELD_PASSPHRASE))
        say(l, "    \"password\": \"%s\",", BOT_PASSWORD);
    say(l, "    \"ccxt_config\": {\"proxyUrl\": \"%s\"}", b->url);
    say(l, "}");
    return OK;
}

/* -- Hummingbot -- */

static int show_hummingbot(struct lines *l, struct err *e)
{
    const struct bot *b = l->bot;
    char plugin[PATH_MAX];

    if (bot_plugin(plugin, e))
        return e->code;
    say(l, "Before Hummingbot is started, in its shell or start script:");
    say(l, "    export PYTHONPATH=%s${PYTHONPATH:+:$PYTHONPATH}", plugin);
    say(l, "    export COFFER_PROXY_URL=%s", b->url);
    if (b->socket[0])
        say(l, "    export COFFER_PROXY_SOCKET=%s", b->socket);
    say(l, "In Hummingbot, once: connect %s", l->info->connector);
    say(l, "    API key:    coffer_%s", b->name);
    say(l, "    secret:     %s", BOT_SECRET);
    if (has_field(l, FIELD_PASSPHRASE))
        say(l, "    passphrase: %s", BOT_PASSWORD);
    if (!l->conn || strcmp(l->conn->name, "coinbase_advanced_trade") == 0)
        out_warn("Hummingbot makes Coinbase's tokens by itself and takes no such secret: this "
                 "connector does not work this way");
    return OK;
}

/* -- curl -- */

/* "GET /api/v3/openOrders": a request that every key may make. */
static int show_curl(struct lines *l)
{
    const struct bot *b = l->bot;
    const struct checks *k = l->conn ? l->conn->checks : NULL;
    const char *what = k && k->open_orders ? k->open_orders[0] : "GET /";
    const char *path = strchr(what, '/'), *host = "HOST";
    bool is_post = strncmp(what, "POST ", 5) == 0;

    for (const struct host *h = l->conn ? l->conn->hosts : NULL; h && h->name; h++) {
        bool is_region =
            !h->region ||
            strcmp(h->region, l->info->region[0] ? l->info->region : l->conn->regions[0]) == 0;
        if (strcmp(environment_name(h->env), l->info->environment) == 0 && !h->is_ws && is_region) {
            host = h->name;
            break;
        }
    }
    if (b->socket[0]) {
        say(l, "curl --unix-socket %s%s '%shttps://%s%s'", b->socket, is_post ? " -d ''" : "",
            b->url, host, path ? path : "/");
        return OK;
    }
    say(l, "In a file of mode 0600, since a command line is seen by every user:");
    say(l, "    url = \"%shttps://%s%s\"", b->url, host, path ? path : "/");
    if (is_post)
        say(l, "    data = \"\"");
    say(l, "Then: curl --config FILE");
    return OK;
}

/* -- all of them -- */

static int show_kind(struct lines *l, enum bot_kind kind, struct err *e)
{
    switch (kind) {
    case BOT_FREQTRADE:
        return show_freqtrade(l, e);
    case BOT_HUMMINGBOT:
        return show_hummingbot(l, e);
    case BOT_CURL:
        return show_curl(l);
    default:
        return show_ccxt(l);
    }
}

static void show_rest(struct lines *l)
{
    struct out *o = &l->c->out;
    const char *client = l->c->args->value[OPT_CLIENT];

    if (!l->bot->socket[0])
        out_advice(o,
                   "BEARER is what 'coffer bearer %s add %s' printed, once: write it in its place",
                   l->bot->name, client ? client : "CLIENT");
    out_advice(o, "the secret is none, and the key no key: the agent signs what this key may do");
}

int proxy_lines(struct cli *c, enum bot_kind kind, const struct bot *bot,
                const struct record_info *info, struct err *e)
{
    struct lines l = {.c = c, .bot = bot, .info = info, .conn = connector_find(info->connector)};
    cJSON *j = c->out.is_json ? out_json(&c->out) : NULL;

    json_text(j, "url", bot->url);
    json_text(j, "socket", bot->socket);
    json_text(j, "key", bot->key);
    json_text(j, "secret", BOT_SECRET);
    json_text(j, "password", BOT_PASSWORD);
    json_text(j, "uid", BOT_UID);
    l.list = j ? json_array(j, "lines") : NULL;
    if (show_kind(&l, kind, e))
        return e->code;
    show_rest(&l);
    return OK;
}
