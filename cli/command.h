/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of the command line: one table of options, one of commands. The parser, the help and
 * the man page's check walk these tables; nothing about a command is written down twice. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/attr.h"
#include "base/err.h"
#include "connectors/connector.h"

#include <stdbool.h>
#include <stddef.h>

enum opt_id {
    /* every command */
    OPT_VAULT,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP,
    OPT_VERSION,
    /* commands that log in */
    OPT_PIN_FD,
    OPT_PIN_FILE,
    OPT_PINENTRY,
    OPT_USE_LAST_TRY,
    /* single commands */
    OPT_SOFTHSM,
    OPT_TOKEN,
    OPT_GENERATE,
    OPT_LABEL,
    OPT_KEEP_PIN_FILE,
    OPT_MODULE,
    OPT_ENV,
    OPT_REGION,
    OPT_ALLOW,
    OPT_ACCEPT_RISK,
    OPT_NO_VERIFY,
    OPT_FROM_JSON,
    OPT_FROM_FD,
    OPT_FIELD_FILE,
    OPT_YES,
    OPT_NEW_PIN_FD,
    OPT_NEW_PIN_FILE,
    OPT_REQUEST,
    OPT_DATA,
    OPT_HEADER,
    OPT_REMOVE_SOURCE,
    OPT_CONNECT_TO,
    OPT_CA_FILE,
    OPT_STRICT,
    OPT_TRADE,
    OPT_INCLUDE,
    OPT_FINISH,
    OPT_SEAL,
    OPT_TO,
    OPT_TAKE_BACK,
    OPT_PUBLIC_KEY,
    OPT_SCHEME,
    OPT_PAPER,
    OPT_WORDS_FD,
    OPT_LOST,
    /* the agent's */
    OPT_NO_AGENT,
    OPT_FOREGROUND,
    OPT_LISTEN,
    OPT_NO_PROXY,
    OPT_PROXY_SOCKET,
    OPT_PROXY_UID,
    OPT_TOKEN_PORT,
    OPT_LOCK_AFTER,
    OPT_RELOAD,
    OPT_STOP,
    OPT_SHOW,
    OPT_CLIENT,
    OPT_AS,
    OPT_UNSEAL,
    OPT_RELEASE,
    OPT_COUNT
};

struct option_spec {
    const char *name; /* without the dashes */
    char letter;      /* short form, or 0 */
    const char *arg;  /* what the value is called; NULL: takes none */
    bool is_optional; /* the value may be missing; given only as --name=value */
    bool is_repeated;
    bool is_global; /* every command takes it */
    const char *gist;
};
extern const struct option_spec options[OPT_COUNT];

#define WORDS_MAX 4u
#define REPEATED_MAX HEADERS_MAX

/* The command line after parsing. Everything is borrowed from argv. */
struct args {
    const struct command *command; /* NULL: none was given */
    bool given[OPT_COUNT];
    const char *value[OPT_COUNT]; /* NULL where the option has no value or was not given */
    const char *repeated[REPEATED_MAX];
    enum opt_id repeated_id[REPEATED_MAX];
    size_t n_repeated;
    const char *words[WORDS_MAX]; /* after the command's name */
    size_t n_words;
    char *const *rest; /* what follows "--", for commands that start a program; or NULL */
    size_t n_rest;
};

struct cli;

struct command {
    const char *name;
    const char *synopsis;         /* what follows the name, options of its own included */
    const char *gist;             /* one line, for the overview */
    const char *words[WORDS_MAX]; /* "NAME", ... ; NULL ends */
    size_t min_words;             /* that must be there; the command itself may demand more */
    bool has_rest;                /* what follows "--" is a program with its own arguments */
    const enum opt_id *options;   /* beyond the global ones; ends with OPT_COUNT */
    const char *details;          /* paragraphs for `coffer help COMMAND` */
    int (*run)(struct cli *c, struct err *e);
};
extern const struct command commands[]; /* ends with name NULL */

/* details.c */
extern const char help_init[], help_add[], help_show[], help_sign[], help_trust[], help_doctor[],
    help_verify[], help_status[], help_balance[], help_rotate[], help_request[], help_guide[],
    help_review[], help_recipients[], help_recover[];
/* details_agent.c */
extern const char help_agent[], help_unlock[], help_lock[], help_proxy[], help_bearer[], help_run[],
    help_policy[];

const struct command *command_find(const char *name);
/* ERR_USAGE "unknown command", naming the nearest. */
int command_unknown(const char *name, struct err *e);

/* Reads argv[1..]. Errors: ERR_USAGE; a surplus argument or an option's value is never quoted,
 * since it may be a secret. out->given[OPT_JSON] is right on failure too. */
int args_parse(int argc, char *const *argv, struct args *out, struct err *e) MUST_USE;
/* Number of words and the options that belong together: for a command about to run. */
int args_check(const struct args *a, struct err *e) MUST_USE;

/* One per file. */
int run_init(struct cli *c, struct err *e);
int run_tokens(struct cli *c, struct err *e);
int run_connectors(struct cli *c, struct err *e);
int run_add(struct cli *c, struct err *e);
int run_verify(struct cli *c, struct err *e);
int run_status(struct cli *c, struct err *e);
int run_balance(struct cli *c, struct err *e);
int run_rotate(struct cli *c, struct err *e);
int run_request(struct cli *c, struct err *e);
int run_guide(struct cli *c, struct err *e);
int run_review(struct cli *c, struct err *e);
int run_list(struct cli *c, struct err *e);
int run_show(struct cli *c, struct err *e);
int run_rename(struct cli *c, struct err *e);
int run_remove(struct cli *c, struct err *e);
int run_trust(struct cli *c, struct err *e);
int run_recipients(struct cli *c, struct err *e);
int run_recover(struct cli *c, struct err *e);
int run_pin(struct cli *c, struct err *e);
int run_sign(struct cli *c, struct err *e);
int run_doctor(struct cli *c, struct err *e);
int run_policy(struct cli *c, struct err *e);
int run_agent(struct cli *c, struct err *e);
int run_unlock(struct cli *c, struct err *e);
int run_lock(struct cli *c, struct err *e);
int run_proxy(struct cli *c, struct err *e);
int run_bearer(struct cli *c, struct err *e);
int run_bot(struct cli *c, struct err *e);
int run_help(struct cli *c, struct err *e);

#endif
