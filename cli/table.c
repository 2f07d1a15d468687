/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of options and commands: names, usage and help text. What the commands do is in their
 * own files. */
#include "cli/command.h"

const struct option_spec options[OPT_COUNT] = {
    [OPT_VAULT] = {"vault", 0, "DIR", .is_global = true,
                   .gist = "the vault (default: $COFFER_HOME, else ~/.local/share/coffer)"},
    [OPT_JSON] = {"json", 0, NULL, .is_global = true, .gist = "print one JSON object on stdout"},
    [OPT_QUIET] = {"quiet", 'q', NULL, .is_global = true,
                   .gist = "on success print results only, no advice"},
    [OPT_HELP] = {"help", 'h', NULL, .is_global = true, .gist = "show help and do nothing else"},
    [OPT_VERSION] = {"version", 0, NULL, .is_global = true, .gist = "print the version"},
    [OPT_PIN_FD] = {"pin-fd", 0, "N", .gist = "read the PIN from descriptor N"},
    [OPT_PIN_FILE] = {"pin-file", 0, "FILE", .gist = "read the PIN from a file of mode 0600"},
    [OPT_SOFTHSM] = {"softhsm", 0, NULL, .gist = "an embedded software token (SoftHSM)"},
    [OPT_TOKEN] = {"token", 0, "URI", .gist = "the token, as a PKCS#11 URI with module-path"},
    [OPT_GENERATE] = {"generate", 0, "KIND", .is_optional = true,
                      .gist = "make a new sealing key: p256 (default), rsa2048, rsa3072, rsa4096"},
    [OPT_LABEL] = {"label", 0, "TEXT", .gist = "name of the token in listings"},
    [OPT_KEEP_PIN_FILE] = {"keep-pin-file", 0, NULL,
                           .gist = "remember the path of --pin-file as this token's PIN source"},
    [OPT_MODULE] = {"module", 0, "PATH", .gist = "also look into this PKCS#11 module"},
    [OPT_ENV] = {"env", 0, "ENV", .gist = "live (default), test or demo"},
    [OPT_REGION] = {"region", 0, "R",
                    .gist = "where an exchange's regions are different key spaces"},
    [OPT_ALLOW] = {"allow", 0, "CLASS,...",
                   .gist = "open more than public, read, trade and cancel; or 'all'"},
    [OPT_ACCEPT_RISK] = {"accept-risk", 0, "REASON",
                         .gist = "why the risk is taken; it is recorded"},
    [OPT_NO_VERIFY] = {"no-verify", 0, NULL, .gist = "store the key without trying it"},
    [OPT_FROM_JSON] = {"from-json", 0, "FILE", .gist = "read the fields from JSON; - is stdin"},
    [OPT_FROM_FD] = {"from-fd", 0, "N", .gist = "read that JSON from descriptor N"},
    [OPT_FIELD_FILE] = {"field-file", 0, "FIELD=PATH", .is_repeated = true,
                        .gist = "read one field from a file"},
    [OPT_YES] = {"yes", 'y', NULL, .gist = "do not ask"},
    [OPT_NEW_PIN_FD] = {"new-pin-fd", 0, "N", .gist = "read the new PIN from descriptor N"},
    [OPT_NEW_PIN_FILE] = {"new-pin-file", 0, "FILE",
                          .gist = "read the new PIN from a file of mode 0600"},
    [OPT_REQUEST] = {"request", 0, "FILE", .gist = "read the request from JSON; - is stdin"},
    [OPT_DATA] = {"data", 'd', "BODY",
                  .gist = "the body; @FILE reads it from a file, @- from stdin"},
    [OPT_HEADER] = {"header", 'H', "'NAME: VALUE'", .is_repeated = true,
                    .gist = "a header to send along"},
    [OPT_TAKE_BACK] = {"take-back", 0, "FILE", .gist = "put an unreferenced record file back"},
};

#define OPTIONS(...) ((const enum opt_id[]){__VA_ARGS__ __VA_OPT__(, ) OPT_COUNT})
#define LOGIN OPT_PIN_FD, OPT_PIN_FILE

static const char help_init[] =
    "Makes a vault and its sealing key. Exchange keys are sealed by a key that never leaves its\n"
    "token, so the token is needed to sign and the vault alone opens nothing.\n"
    "\n"
    "--softhsm makes a software token in a directory of its own (no root, no system settings). It\n"
    "protects the vault's copies and backups; it does not protect against whoever copies that\n"
    "directory as well and guesses the PIN.\n"
    "--token takes the token that matches the URI: exactly one. id= or object= picks the key;\n"
    "without them exactly one key must pass the test; --generate makes a new one.\n";

static const char help_add[] =
    "Asks for the parts of an exchange key, checks their form, and seals them. Nothing is written\n"
    "before the vault has been opened, so a forged vault is refused before a secret is typed.\n"
    "\n"
    "This version does not try keys at the exchange: --no-verify and --accept-risk REASON must be\n"
    "given, and the reason is kept with the record.\n"
    "\n"
    "Secrets are never taken from the command line or the environment. They are asked on the\n"
    "terminal, or read from one JSON object: {\"api_key\":\"...\",\"api_secret\":\"...\"}.\n"
    "Fields: api_key, api_secret, passphrase, uid, private_key_pem, wallet, login. Names that\n"
    "exchanges and clients use are understood: apiKey, secret, password, privateKey, name, id,\n"
    "memo; so a key file as Coinbase lets you download it can be given as it is.\n";

static const char help_show[] =
    "Shows what the record says of itself, without a PIN; so it is not authenticated.\n"
    "\n"
    "No command prints a stored secret: coffer signs; it does not hand secrets back. What can be\n"
    "printed ends up in scroll-back, logs and screenshots, and malware would only have to ask.\n";

static const char help_sign[] =
    "Prints a signed request as one line of JSON, {\"method\",\"url\",\"headers\",\"body\"}.\n"
    "Nothing is sent. Whoever holds that line can use it until the exchange's time window closes.\n"
    "\n"
    "--request reads {\"method\",\"url\",\"headers\"?,\"body\"?,\"clock\"?}; or for a WebSocket\n"
    "{\"kind\":\"ws_login\",\"url\"?,\"message\"?,\"clock\"?}, which prints\n"
    "{\"url\",\"headers\",\"message\"}. url is absolute, or a path on the exchange's first host\n"
    "(on Binance, one that begins with /fapi/ on that of the futures).\n"
    "clock fixes timestamp_ms, nonce, uuid or random_hex16, to make a signature again.\n"
    "\n"
    "Requests of class read, trade and cancel are signed; public ones are printed unsigned; all\n"
    "others are refused (exit 5) unless the key was added with --allow CLASS.\n";

static const char help_trust[] =
    "Tells this machine that the vault with this fingerprint is yours, and which token opens it.\n"
    "That is how a second machine joins and how a restored backup is accepted. Read the\n"
    "fingerprint on the machine that made the vault ('coffer doctor', or the paper written at\n"
    "'coffer init'), not from the copy that you are about to trust.\n"
    "\n"
    "--keep-pin-file remembers the path of --pin-file for this token; without it a path that was\n"
    "remembered before is forgotten.\n";

static const char help_doctor[] =
    "Looks at what coffer needs and says how to mend what is wrong. With a PIN it opens each\n"
    "record; the PIN comes from --pin-fd, --pin-file, $CREDENTIALS_DIRECTORY/coffer-pin, the\n"
    "remembered PIN file or the terminal, in this order. Without a terminal and a PIN it checks\n"
    "what can be checked without the token, and says so.\n"
    "--take-back puts a record file that nothing references back under its name.\n";

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
        .details = "Looks into the modules that this machine's vaults use, into known drivers "
                   "where they are\n"
                   "installed, and into --module. Asks for no PIN. The URI shown is what --token "
                   "takes. Exit 1\n"
                   "when the module of --module does not work.\n",
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
        .synopsis = "NAME EXCHANGE --no-verify --accept-risk REASON [--env ENV] [--region R] "
                    "[--allow CLASS,...]"
                    " [--from-json FILE | --from-fd N] [--field-file FIELD=PATH]",
        .gist = "seal an exchange key",
        .words = {"NAME", "EXCHANGE"},
        .min_words = 2,
        .options = OPTIONS(LOGIN, OPT_ENV, OPT_REGION, OPT_ALLOW, OPT_ACCEPT_RISK, OPT_NO_VERIFY,
                           OPT_FROM_JSON, OPT_FROM_FD, OPT_FIELD_FILE),
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
        .details = "The key still lives at the exchange: delete it there too.\n",
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
        .name = "doctor",
        .synopsis = "[--take-back FILE]",
        .gist = "check everything, say how to mend it",
        .options = OPTIONS(LOGIN, OPT_TAKE_BACK),
        .details = help_doctor,
        .run = run_doctor,
    },
    {
        .name = "help",
        .synopsis = "[COMMAND]",
        .gist = "help for one command",
        .words = {"COMMAND"},
        .options = OPTIONS(),
        .details = "",
        .run = run_help,
    },
    {.name = NULL},
};
