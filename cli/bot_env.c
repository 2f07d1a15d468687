/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of a bot. It needs its own PATH, virtual environment and settings, so it gets the
 * caller's; what would lead it to the vault or to a token it does not get. */
#include "base/text.h"
#include "base/wipe.h"
#include "cli/bot.h"

#include <stdio.h>

#define MORE_MAX 16u /* variables that are added */

void bot_env_free(struct bot_env *b)
{
    for (size_t i = 0; i < b->n; i++)
        wipe_free(b->v[i]);
    wipe_free(b->v);
    *b = (struct bot_env){0};
}

static bool is_named(const char *var, const char *name)
{
    size_t n = strlen(name);

    return strncmp(var, name, n) == 0 && var[n] == '=';
}

static size_t find(const struct bot_env *b, const char *name)
{
    size_t i = 0;

    while (i < b->n && !is_named(b->v[i], name))
        i++;
    return i;
}

static const char *value_of(const struct bot_env *b, const char *name)
{
    size_t i = find(b, name);

    return i < b->n ? b->v[i] + strlen(name) + 1 : "";
}

static void put(struct bot_env *b, const char *name, const char *value)
{
    size_t at = find(b, name), size = strlen(name) + strlen(value) + 2;
    char *text = wipe_malloc(size);

    if (!text || at >= b->cap) {
        wipe_free(text);
        b->has_failed = true;
        return;
    }
    snprintf(text, size, "%s=%s", name, value);
    if (at < b->n)
        wipe_free(b->v[at]);
    else
        b->n++;
    b->v[at] = text;
}

/* A star at the end stands for any rest. Of coffer, of the tokens' drivers, and what a service
 * manager gave to coffer alone. */
static bool is_ours(const char *var)
{
    static const char *const ours[] = {"COFFER_*",      "CREDENTIALS_DIRECTORY", "LISTEN_*",
                                       "NOTIFY_SOCKET", "SOFTHSM2_CONF",         "TPM2_PKCS11_*",
                                       "TSS2_*",        "PCSCLITE_CSOCK_NAME",   "P11_KIT_*"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        size_t n = strlen(ours[i]) - 1;
        if (ours[i][n] == '*' ? strncmp(var, ours[i], n) == 0 : is_named(var, ours[i]))
            return true;
    }
    return false;
}

static void take_callers(struct bot_env *b, char *const *callers)
{
    for (char *const *v = callers; *v; v++) {
        size_t size = strlen(*v) + 1;
        if (is_ours(*v) || !strchr(*v, '='))
            continue;
        char *text = wipe_malloc(size);
        if (!text) {
            b->has_failed = true;
            return;
        }
        memcpy(text, *v, size);
        b->v[b->n++] = text;
    }
}

/* An HTTP proxy of the caller's is for the way out; ours is on this machine. */
static void put_no_proxy(struct bot_env *b, const char *name, const char *host)
{
    const char *old = value_of(b, name);
    size_t size = strlen(old) + strlen(host) + 2;
    char *text = wipe_malloc(size);

    if (!text) {
        b->has_failed = true;
        return;
    }
    snprintf(text, size, "%s%s%s", old, old[0] ? "," : "", host);
    put(b, name, text);
    wipe_free(text);
}

static void put_generic(struct bot_env *b, const struct bot *bot)
{
    put(b, "COFFER_PROXY_URL", bot->url);
    if (bot->socket[0])
        put(b, "COFFER_PROXY_SOCKET", bot->socket);
    put(b, "COFFER_API_KEY", bot->key);
    put(b, "COFFER_API_SECRET", BOT_SECRET);
    put(b, "COFFER_PASSWORD", BOT_PASSWORD);
    put(b, "COFFER_UID", BOT_UID);
}

static void put_freqtrade(struct bot_env *b, const struct bot *bot)
{
    put(b, "FREQTRADE__EXCHANGE__KEY", bot->key);
    put(b, "FREQTRADE__EXCHANGE__SECRET", BOT_SECRET);
    put(b, "FREQTRADE__EXCHANGE__PASSWORD", BOT_PASSWORD);
    put(b, "FREQTRADE__EXCHANGE__CCXT_CONFIG__proxyUrl", bot->url);
}

static int put_hummingbot(struct bot_env *b, struct err *e)
{
    const char *old = value_of(b, "PYTHONPATH");
    char plugin[PATH_MAX];

    if (bot_plugin(plugin, e))
        return e->code;
    size_t size = strlen(plugin) + strlen(old) + 2;
    char *text = wipe_malloc(size);
    if (!text) {
        b->has_failed = true;
        return OK;
    }
    snprintf(text, size, "%s%s%s", plugin, old[0] ? ":" : "", old);
    put(b, "PYTHONPATH", text);
    wipe_free(text);
    return OK;
}

int bot_env_make(struct bot_env *out, enum bot_kind kind, const struct bot *bot,
                 char *const *callers, struct err *e)
{
    struct bot_env b = {.cap = MORE_MAX};
    int rc = OK;

    for (char *const *v = callers; *v; v++)
        b.cap++;
    b.v = wipe_malloc((b.cap + 1) * sizeof(*b.v));
    if (!b.v)
        return err_set(e, ERR_MEMORY, "no memory for the program's environment");
    take_callers(&b, callers);
    put_generic(&b, bot);
    put_no_proxy(&b, "no_proxy", "127.0.0.1,::1,coffer");
    put_no_proxy(&b, "NO_PROXY", "127.0.0.1,::1,coffer");
    if (kind == BOT_FREQTRADE)
        put_freqtrade(&b, bot);
    if (kind == BOT_HUMMINGBOT)
        rc = put_hummingbot(&b, e);
    if (!rc && b.has_failed)
        rc = err_set(e, ERR_MEMORY, "no memory for the program's environment");
    if (rc) {
        bot_env_free(&b);
        return rc;
    }
    b.v[b.n] = NULL;
    *out = b;
    return OK;
}

bool bot_env_suspicious(char *const *callers, char out[BOT_NAME_MAX])
{
    static const char *const parts[] = {"API_SECRET", "APISECRET", "SECRET_KEY", "PASSPHRASE",
                                        "PRIVATE_KEY"};

    for (char *const *v = callers; *v; v++) {
        struct bytes name, value;
        if (!text_cut(bytes_str(*v), '=', &name, &value) || value.n == 0 ||
            !text_copy(out, BOT_NAME_MAX, name) || is_ours(*v))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
            if (strstr(out, parts[i]))
                return true;
    }
    return false;
}
