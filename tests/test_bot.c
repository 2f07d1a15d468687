/* SPDX-License-Identifier: Apache-2.0 */
/* What a bot is told: addresses, credentials that are none, and its environment. That it trades
 * with them is tried in tests/e2e/run_bot.py. */
#include "cli/bot.h"
#include "tests/harness.h"

#include <stdio.h>

#define TCP "127.0.0.1:8765"
#define BEARER "00112233445566778899aabbccddeeff"

static struct agent_view view(const char *socket, const char *tcp)
{
    struct agent_view a = {.client = NULL};

    snprintf(a.proxy_socket, sizeof(a.proxy_socket), "%s", socket);
    snprintf(a.proxy_tcp, sizeof(a.proxy_tcp), "%s", tcp);
    return a;
}

static void addresses(void)
{
    struct agent_view both = view("/run/p.sock", TCP), one = view("/run/p.sock", ""),
                      none = view("", "");
    struct bot b;
    struct err e;

    OK_CALL(bot_fill(&b, "a-b_1", &both, BEARER, &e), &e);
    EQ_STR(b.url, "http://" TCP "/a-b_1~" BEARER "/");
    EQ_STR(b.key, "coffer_a-b_1_" BEARER);
    EQ_STR(b.socket, "");
    OK_CALL(bot_fill(&b, "a-b_1", &one, BEARER, &e), &e);
    EQ_STR(b.url, "http://coffer/a-b_1/");
    EQ_STR(b.key, "coffer_a-b_1");
    EQ_STR(b.socket, "/run/p.sock");
    EQ_INT(bot_fill(&b, "a", &none, BEARER, &e), ERR_FAILED);
}

/* The longest name and bearer fit, and come apart again as the agent takes them apart. */
static void longest_key(void)
{
    struct agent_view a = view("", "[0000:0000:0000:0000:0000:0000:0000:0001]:65535");
    char name[NAME_MAX_LEN + 1];
    struct bytes got_name, got_bearer;
    struct bot b;
    struct err e;

    memset(name, '_', sizeof(name) - 1);
    name[0] = 'n';
    name[sizeof(name) - 1] = 0;
    OK_CALL(bot_fill(&b, name, &a, BEARER, &e), &e);
    CHECK(bearer_from_key(bytes_str(b.key), &got_name, &got_bearer));
    EQ_MEM(got_name, bytes_str(name));
    EQ_MEM(got_bearer, BYTES_LIT(BEARER));
    CHECK(strcmp(b.url + strlen(b.url) - 2, "f/") == 0);
}

static void kinds(void)
{
    enum bot_kind k;
    struct err e;

    OK_CALL(bot_kind_parse("ccxt", OPT_AS, &k, &e), &e);
    EQ_INT(k, BOT_CCXT);
    OK_CALL(bot_kind_parse("env", OPT_AS, &k, &e), &e);
    OK_CALL(bot_kind_parse("curl", OPT_SHOW, &k, &e), &e);
    EQ_INT(k, BOT_CURL);
    EQ_INT(bot_kind_parse("curl", OPT_AS, &k, &e), ERR_USAGE);
    EQ_INT(bot_kind_parse("env", OPT_SHOW, &k, &e), ERR_USAGE);
    EQ_INT(bot_kind_parse("", OPT_AS, &k, &e), ERR_USAGE);
}

/* Clients decode it, cut it, and look for these words in it. */
static void secret_that_is_none(void)
{
    CHECK(sizeof(BOT_SECRET) % 4 == 1 && !strchr(BOT_SECRET, '='));
    CHECK(!strstr(BOT_SECRET, "PRIVATE KEY"));
}

static const char *find(const struct bot_env *b, const char *name)
{
    size_t n = strlen(name);
    const char *found = NULL;

    for (size_t i = 0; i < b->n; i++)
        if (strncmp(b->v[i], name, n) == 0 && b->v[i][n] == '=') {
            CHECK(!found); /* none is there twice */
            found = b->v[i] + n + 1;
        }
    return found;
}

static void environment(void)
{
    static char a[] = "PATH=/bin", b[] = "COFFER_HOME=/v", c[] = "SOFTHSM2_CONF=/c",
                d[] = "NO_PROXY=a.b", f[] = "broken", g[] = "COFFER_API_SECRET=old",
                h[] = "FREQTRADE__EXCHANGE__KEY=old", i[] = "EMPTY=", j[] = "TSS2_LOG=x";
    char *const callers[] = {a, b, c, d, f, g, h, i, j, NULL};
    struct bot bot = {.name = "n", .url = "http://x/n/", .key = "coffer_n", .socket = "/s"};
    struct bot_env got = {0};
    struct err e;

    OK_CALL(bot_env_make(&got, BOT_FREQTRADE, &bot, callers, &e), &e);
    EQ_STR(find(&got, "PATH"), "/bin");
    EQ_STR(find(&got, "EMPTY"), "");
    CHECK(!find(&got, "COFFER_HOME") && !find(&got, "SOFTHSM2_CONF") && !find(&got, "TSS2_LOG"));
    EQ_STR(find(&got, "COFFER_PROXY_URL"), "http://x/n/");
    EQ_STR(find(&got, "COFFER_PROXY_SOCKET"), "/s");
    EQ_STR(find(&got, "COFFER_API_SECRET"), BOT_SECRET);
    EQ_STR(find(&got, "FREQTRADE__EXCHANGE__KEY"), "coffer_n");
    EQ_STR(find(&got, "FREQTRADE__EXCHANGE__CCXT_CONFIG__proxyUrl"), "http://x/n/");
    EQ_STR(find(&got, "NO_PROXY"), "a.b,127.0.0.1,::1,coffer");
    EQ_STR(find(&got, "no_proxy"), "127.0.0.1,::1,coffer");
    CHECK(got.v[got.n] == NULL);
    bot_env_free(&got);

    bot.socket[0] = 0;
    OK_CALL(bot_env_make(&got, BOT_ENV, &bot, callers, &e), &e);
    CHECK(!find(&got, "COFFER_PROXY_SOCKET"));
    EQ_STR(find(&got, "FREQTRADE__EXCHANGE__KEY"), "old");
    bot_env_free(&got);
}

static void suspicious(void)
{
    static char a[] = "PATH=/bin", b[] = "OKX_PASSPHRASE=x",
                c[] = "X_API_SECRET=", d[] = "COFFER_API_SECRET=x", e[] = "TELEGRAM_TOKEN=x";
    char *const one[] = {a, c, d, e, b, NULL}, *const none[] = {a, c, d, e, NULL};
    char name[BOT_NAME_MAX];

    CHECK(bot_env_suspicious(one, name));
    EQ_STR(name, "OKX_PASSPHRASE");
    CHECK(!bot_env_suspicious(none, name));
}

int main(void)
{
    RUN(addresses);
    RUN(longest_key);
    RUN(kinds);
    RUN(secret_that_is_none);
    RUN(environment);
    RUN(suspicious);
    return harness_end();
}
