/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses and the credentials that are none. */
#include "cli/bot.h"

#include "agent/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int bot_kind_parse(const char *text, enum opt_id what, enum bot_kind *out, struct err *e)
{
    static const char *const names[] = {[BOT_ENV] = "env",
                                        [BOT_CCXT] = "ccxt",
                                        [BOT_FREQTRADE] = "freqtrade",
                                        [BOT_HUMMINGBOT] = "hummingbot",
                                        [BOT_CURL] = "curl"};
    enum bot_kind other = what == OPT_AS ? BOT_CURL : BOT_ENV;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if ((enum bot_kind)i != other && strcmp(text, names[i]) == 0) {
            *out = (enum bot_kind)i;
            return OK;
        }
    return err_set(e, ERR_USAGE, "option '--%s' takes ccxt, freqtrade, hummingbot or %s",
                   options[what].name, names[what == OPT_AS ? BOT_ENV : BOT_CURL]);
}

static int no_proxy(struct err *e)
{
    err_set(e, ERR_FAILED, "the agent runs without a proxy");
    return err_hint(e, "start it without --no-proxy: coffer agent --stop, then coffer agent");
}

int bot_fill(struct bot *b, const char *name, const struct agent_view *a, const char *bearer,
             struct err *e)
{
    bool is_tcp = a->proxy_tcp[0] != 0;

    if (!is_tcp && !a->proxy_socket[0])
        return no_proxy(e);
    b->name = name;
    b->socket[0] = 0;
    if (is_tcp) {
        snprintf(b->url, sizeof(b->url), "http://%s/%s~%s/", a->proxy_tcp, name, bearer);
        snprintf(b->key, sizeof(b->key), BEARER_KEY_PREFIX "%s_%s", name, bearer);
    } else {
        snprintf(b->url, sizeof(b->url), "http://coffer/%s/", name);
        snprintf(b->key, sizeof(b->key), BEARER_KEY_PREFIX "%s", name);
        snprintf(b->socket, sizeof(b->socket), "%s", a->proxy_socket);
    }
    return OK;
}

/* Installed, and where coffer was built. */
int bot_plugin(char out[PATH_MAX], struct err *e)
{
    static const char *const places[] = {"../share/coffer/clients/hummingbot",
                                         "../clients/hummingbot", "../../clients/hummingbot"};
    char self[PATH_MAX], path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n > 0 ? n : 0] = 0;
    const char *slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < ARRAY_LEN(places); i++) {
        int len = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - self), self, places[i]);
        if (len > 0 && len < PATH_MAX && realpath(path, out))
            return OK;
    }
    err_set(e, ERR_NOT_FOUND, "the plug-in for Hummingbot is missing: '%s/%s'", "PREFIX",
            "share/coffer/clients/hummingbot");
    return err_hint(e, "it is installed together with coffer: install coffer again");
}
