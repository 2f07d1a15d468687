/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. Options are option_table.c's, the long help details.c's; what the commands
 * do is in their own files. */
#include "cli/command.h"

#define OPTIONS(...) ((const enum opt_id[]){__VA_ARGS__ __VA_OPT__(, ) OPT_COUNT})
/* Of commands that go through the agent where one is unlocked. */
#define LOGIN_OR_AGENT LOGIN, OPT_NO_AGENT
#define LOGIN OPT_PIN_FD, OPT_PIN_FILE, OPT_PINENTRY, OPT_USE_LAST_TRY

const struct command commands[] = {
    {
        .name = "init",
        .synopsis =
            "(--softhsm | --token URI) [--generate[=KIND]] [--label TEXT] [--keep-pin-file]",
        .gist = "make a vault and its sealing key",
        .options =
            OPTIONS(LOGIN, OPT_SOFTHSM, OPT_TOKEN, OPT_GENERATE, OPT_LABEL, OPT_KEEP_PIN_FILE),
        .details = help_init,
        .run = run_init,
    },
    {
        .name = "tokens",
        .synopsis = "[--module PATH]",
        .gist = "tokens present and what each is",
        .options = OPTIONS(OPT_MODULE),
        .details =
            "Looks into the modules that this machine's vaults use, into known drivers where\n"
            "they are installed, and into --module. Asks for no PIN. For each token: software\n"
            "or hardware, serial, firmware, driver, the state of the PIN, the vaults that it\n"
            "opens, what is known against it, and its public keys: the scheme that such keys\n"
            "usually do (init tries it), whether a touch is asked, where the driver tells, and\n"
            "the URI that --token takes. What a driver does not tell is shown as not told. One\n"
            "device can be listed by two drivers. Exit 1 when the module of --module does not\n"
            "work.\n",
        .run = run_tokens,
    },
    {
        .name = "connectors",
        .synopsis = "",
        .gist = "exchanges, key types, what a signature covers",
        .options = OPTIONS(),
        .details = "",
        .run = run_connectors,
    },
    {
        .name = "add",
        .synopsis =
            "NAME EXCHANGE [--env ENV] [--region R] [--allow CLASS,...] [--accept-risk REASON] "
            "[--unseal TIME] [--release YES|NO] [--no-verify] [--from-json FILE "
            "[--remove-source] | --from-fd N] [--field-file FIELD=PATH] "
            "[--connect-to H:P:ADDR:PORT] [--ca-file FILE]",
        .gist = "try an exchange key, judge it, seal it",
        .words = {"NAME", "EXCHANGE"},
        .min_words = 2,
        .options = OPTIONS(LOGIN, OPT_ENV, OPT_REGION, OPT_ALLOW, OPT_ACCEPT_RISK, OPT_NO_VERIFY,
                           OPT_FROM_JSON, OPT_REMOVE_SOURCE, OPT_FROM_FD, OPT_FIELD_FILE,
                           OPT_CONNECT_TO, OPT_CA_FILE, OPT_UNSEAL, OPT_RELEASE),
        .details = help_add,
        .run = run_add,
    },
    {
        .name = "list",
        .synopsis = "",
        .gist = "the keys in the vault (no PIN)",
        .options = OPTIONS(),
        .details = "Read without a PIN, so it is not authenticated: whoever can write the vault's "
                   "files could\n"
                   "have changed what is shown. Signing always checks.\n",
        .run = run_list,
    },
    {
        .name = "show",
        .synopsis = "NAME",
        .gist = "all about one key, never its secret (no PIN)",
        .words = {"NAME"},
        .min_words = 1,
        .options = OPTIONS(),
        .details = help_show,
        .run = run_show,
    },
    {
        .name = "verify",
        .synopsis = "[NAME] [--strict] [--accept-risk REASON] | NAME --trade SYMBOL [--yes]",
        .gist = "does a key work, what may it do (no NAME: all)",
        .words = {"NAME"},
        .options = OPTIONS(LOGIN_OR_AGENT, OPT_STRICT, OPT_TRADE, OPT_YES, OPT_ACCEPT_RISK),
        .details = help_verify,
        .run = run_verify,
    },
    {
        .name = "status",
        .synopsis = "",
        .gist = "everything at a glance (no PIN)",
        .options = OPTIONS(),
        .details = help_status,
        .run = run_status,
    },
    {
        .name = "balance",
        .synopsis = "NAME",
        .gist = "what the key's account holds",
        .words = {"NAME"},
        .min_words = 1,
        .options = OPTIONS(LOGIN_OR_AGENT),
        .details = help_balance,
        .run = run_balance,
    },
    {
        .name = "rotate",
        .synopsis = "NAME [--accept-risk REASON] [--from-json FILE [--remove-source] | --from-fd "
                    "N] [--field-file FIELD=PATH] | NAME --finish [--accept-risk REASON] | --seal "
                    "[--to URI] [--generate[=KIND]] [--yes]",
        .gist = "replace a key, or the sealing key, and lose nothing",
        .words = {"NAME"},
        .options = OPTIONS(LOGIN, OPT_FINISH, OPT_ACCEPT_RISK, OPT_FROM_JSON, OPT_REMOVE_SOURCE,
                           OPT_FROM_FD, OPT_FIELD_FILE, OPT_SEAL, OPT_TO, OPT_GENERATE, OPT_LABEL,
                           OPT_NEW_PIN_FD, OPT_NEW_PIN_FILE, OPT_YES),
        .details = help_rotate,
        .run = run_rotate,
    },
    {
        .name = "rename",
        .synopsis = "OLD NEW",
        .gist = "give a key another name",
        .words = {"OLD", "NEW"},
        .min_words = 2,
        .options = OPTIONS(LOGIN),
        .details = "",
        .run = run_rename,
    },
    {
        .name = "remove",
        .synopsis = "NAME [--yes]",
        .gist = "take a key out of the vault",
        .words = {"NAME"},
        .min_words = 1,
        .options = OPTIONS(LOGIN, OPT_YES),
        .details = "The key still lives at the exchange: delete it there too; the command says "
                   "where. While a\n"
                   "rotation is unfinished the old key is forgotten as well.\n",
        .run = run_remove,
    },
    {
        .name = "sign",
        .synopsis = "NAME (METHOD URL [-d BODY] [-H 'NAME: VALUE']... | --request FILE)",
        .gist = "print a signed request",
        .words = {"NAME", "METHOD", "URL"},
        .min_words = 1,
        .options = OPTIONS(LOGIN, OPT_REQUEST, OPT_DATA, OPT_HEADER),
        .details = help_sign,
        .run = run_sign,
    },
    {
        .name = "request",
        .synopsis = "NAME METHOD PATH|URL [-d BODY] [-H 'NAME: VALUE']... [-i]",
        .gist = "sign a request, send it, print the reply",
        .words = {"NAME", "METHOD", "URL"},
        .min_words = 3,
        .options = OPTIONS(LOGIN_OR_AGENT, OPT_DATA, OPT_HEADER, OPT_INCLUDE),
        .details = help_request,
        .run = run_request,
    },
    {
        .name = "recipients",
        .synopsis = "[list] | add (URI [--generate[=KIND]] | --public-key FILE [--scheme SCHEME] | "
                    "--paper) [--label TEXT] [--yes] | test [URI | --paper] | remove RECIPIENT "
                    "[--yes]",
        .gist = "the tokens and papers that open the vault",
        .words = {"ACTION", "URI|RECIPIENT"},
        .options = OPTIONS(LOGIN, OPT_GENERATE, OPT_LABEL, OPT_PUBLIC_KEY, OPT_SCHEME, OPT_PAPER,
                           OPT_WORDS_FD, OPT_NEW_PIN_FD, OPT_NEW_PIN_FILE, OPT_YES),
        .details = help_recipients,
        .run = run_recipients,
    },
    {
        .name = "recover",
        .synopsis = "[FINGERPRINT] [--lost RECIPIENT] [--token URI | --paper] "
                    "[--to URI [--generate[=KIND]]] [--label TEXT] [--yes]",
        .gist = "a token is lost, broken or locked: from a spare or paper to a new one",
        .words = {"FINGERPRINT"},
        .options = OPTIONS(LOGIN, OPT_LOST, OPT_TOKEN, OPT_PAPER, OPT_WORDS_FD, OPT_TO,
                           OPT_GENERATE, OPT_LABEL, OPT_NEW_PIN_FD, OPT_NEW_PIN_FILE, OPT_YES),
        .details = help_recover,
        .run = run_recover,
    },
    {
        .name = "trust",
        .synopsis = "FINGERPRINT [--token URI | --softhsm] [--keep-pin-file]",
        .gist = "accept a vault on this machine",
        .words = {"FINGERPRINT"},
        .options = OPTIONS(LOGIN, OPT_TOKEN, OPT_SOFTHSM, OPT_KEEP_PIN_FILE),
        .details = help_trust,
        .run = run_trust,
    },
    {
        .name = "pin",
        .synopsis = "[--new-pin-fd N | --new-pin-file FILE]",
        .gist = "change the token's PIN",
        .options = OPTIONS(LOGIN, OPT_NEW_PIN_FD, OPT_NEW_PIN_FILE),
        .details = "Changes the user PIN of the token that opens this vault. The vault itself "
                   "stays as it is.\n"
                   "--pin-fd and --new-pin-fd need two descriptors: each is read to its end, and "
                   "its first line\n"
                   "counts.\n",
        .run = run_pin,
    },
    {
        .name = "policy",
        .synopsis = "NAME [--unseal TIME] [--release YES|NO]",
        .gist = "how long the agent holds a key, and whether signatures leave it",
        .words = {"NAME"},
        .min_words = 1,
        .options = OPTIONS(LOGIN, OPT_UNSEAL, OPT_RELEASE),
        .details = help_policy,
        .run = run_policy,
    },
    {
        .name = "agent",
        .synopsis = "[--foreground] [--listen ADDR:PORT] [--no-proxy] [--proxy-socket PATH] "
                    "[--proxy-uid UID]... [--token-port PORT]... [--lock-after TIME] | --reload | "
                    "--stop",
        .gist = "sign for bots: start the agent and its proxy",
        .options = OPTIONS(LOGIN, OPT_FOREGROUND, OPT_LISTEN, OPT_NO_PROXY, OPT_PROXY_SOCKET,
                           OPT_PROXY_UID, OPT_TOKEN_PORT, OPT_LOCK_AFTER, OPT_RELOAD, OPT_STOP),
        .details = help_agent,
        .run = run_agent,
    },
    {
        .name = "unlock",
        .synopsis = "",
        .gist = "give the agent the token's PIN",
        .options = OPTIONS(LOGIN),
        .details = help_unlock,
        .run = run_unlock,
    },
    {
        .name = "lock",
        .synopsis = "",
        .gist = "have the agent forget the PIN and every key",
        .options = OPTIONS(),
        .details = help_lock,
        .run = run_lock,
    },
    {
        .name = "run",
        .synopsis = "NAME [--as CLIENT] -- CMD [ARG]...",
        .gist = "start a bot that trades with a key it never sees",
        .words = {"NAME"},
        .min_words = 1,
        .has_rest = true,
        .options = OPTIONS(LOGIN, OPT_AS),
        .details = help_run,
        .run = run_bot,
    },
    {
        .name = "proxy",
        .synopsis = "[--show CLIENT NAME [--client NAME]]",
        .gist = "where the proxy listens, and what to write into a bot",
        .words = {"NAME"},
        .options = OPTIONS(OPT_SHOW, OPT_CLIENT),
        .details = help_proxy,
        .run = run_proxy,
    },
    {
        .name = "bearer",
        .synopsis = "NAME [list] | NAME add CLIENT | NAME revoke CLIENT",
        .gist = "who may use a key over TCP",
        .words = {"NAME", "ACTION", "CLIENT"},
        .min_words = 1,
        .options = OPTIONS(),
        .details = help_bearer,
        .run = run_bearer,
    },
    {
        .name = "guide",
        .synopsis = "[EXCHANGE]",
        .gist = "what an API key is, how to make and keep a safe one",
        .words = {"EXCHANGE"},
        .options = OPTIONS(),
        .details = help_guide,
        .run = run_guide,
    },
    {
        .name = "review",
        .synopsis = "[NAME]",
        .gist = "walk the checklist of each key",
        .words = {"NAME"},
        .options = OPTIONS(),
        .details = help_review,
        .run = run_review,
    },
    {
        .name = "doctor",
        .synopsis = "[--take-back FILE [--words-fd N]]",
        .gist = "check everything, say how to mend it",
        .options = OPTIONS(LOGIN, OPT_TAKE_BACK, OPT_WORDS_FD),
        .details = help_doctor,
        .run = run_doctor,
    },
    {
        .name = "help",
        .synopsis = "[COMMAND]",
        .gist = "help for one command",
        .words = {"COMMAND", "PART"},
        .options = OPTIONS(),
        .details = "",
        .run = run_help,
    },
    {.name = NULL},
};
