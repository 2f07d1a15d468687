/* SPDX-License-Identifier: Apache-2.0 */
/* What a bot is told so that it trades through the proxy: where, and credentials that are none.
 * Shared by run, which starts it, and proxy --show, which prints the lines for it. */
#ifndef CLI_BOT_H
#define CLI_BOT_H

#include "agent/bearers.h"
#include "base/attr.h"
#include "cli/agent_view.h"

#include <limits.h>

enum bot_kind { BOT_ENV, BOT_CCXT, BOT_FREQTRADE, BOT_HUMMINGBOT, BOT_CURL };
/* ERR_USAGE. what: the option. curl is no program that --as takes. */
int bot_kind_parse(const char *text, enum opt_id what, enum bot_kind *out, struct err *e) MUST_USE;

/* Valid base64 with neither padding nor "PRIVATE KEY", so that each client's own signing takes it.
 */
#define BOT_SECRET "Y29mZmVyLWR1bW15LWtl"
#define BOT_PASSWORD "coffer"
#define BOT_UID "1"

struct bot {
    const char *name;       /* of the record */
    char url[512];          /* of the proxy, with "/NAME/" or "/NAME~BEARER/" at its end */
    char key[160];          /* the dummy API key */
    char socket[WHERE_MAX]; /* the proxy's; "": it is reached over TCP */
};
/* From where the agent's proxy listens. bearer: what stands for it; used with TCP only. */
int bot_fill(struct bot *b, const char *name, const struct agent_view *a, const char *bearer,
             struct err *e) MUST_USE;

/* The directory of the plug-in for Hummingbot; ERR_NOT_FOUND. */
int bot_plugin(char out[PATH_MAX], struct err *e) MUST_USE;

/* The environment of a bot: the caller's, less what concerns coffer and its tokens, and what kind
 * needs. Owned; wiped when freed. */
struct bot_env {
    char **v; /* ends with NULL */
    size_t n, cap;
    bool has_failed;
};
void bot_env_free(struct bot_env *b);
int bot_env_make(struct bot_env *out, enum bot_kind kind, const struct bot *bot,
                 char *const *callers, struct err *e) MUST_USE;
/* The name of a variable that looks like an exchange's secret, in out; false: there is none. */
#define BOT_NAME_MAX 64u
bool bot_env_suspicious(char *const *callers, char out[BOT_NAME_MAX]);

#endif
