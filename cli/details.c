/* SPDX-License-Identifier: Apache-2.0 */
/* The long texts of `coffer help COMMAND`. */
#include "cli/command.h"

const char help_init[] =
    "Makes a vault and its sealing key. Exchange keys are sealed by a key that never leaves its\n"
    "token, so the token is needed to sign and the vault alone opens nothing.\n"
    "\n"
    "--softhsm makes a software token in a directory of its own (no root, no system settings). It\n"
    "protects the vault's copies and backups; it does not protect against whoever copies that\n"
    "directory as well and guesses the PIN.\n"
    "--token takes the token that matches the URI: exactly one. id= or object= picks the key;\n"
    "without them exactly one key must pass the test; --generate makes a new one.\n";

const char help_add[] =
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

const char help_show[] =
    "Shows what the record says of itself, without a PIN; so it is not authenticated.\n"
    "\n"
    "No command prints a stored secret: coffer signs; it does not hand secrets back. What can be\n"
    "printed ends up in scroll-back, logs and screenshots, and malware would only have to ask.\n";

const char help_sign[] =
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

const char help_trust[] =
    "Tells this machine that the vault with this fingerprint is yours, and which token opens it.\n"
    "That is how a second machine joins and how a restored backup is accepted. Read the\n"
    "fingerprint on the machine that made the vault ('coffer doctor', or the paper written at\n"
    "'coffer init'), not from the copy that you are about to trust.\n"
    "\n"
    "--keep-pin-file remembers the path of --pin-file for this token; without it a path that was\n"
    "remembered before is forgotten.\n";

const char help_doctor[] =
    "Looks at what coffer needs and says how to mend what is wrong. With a PIN it opens each\n"
    "record; the PIN comes from --pin-fd, --pin-file, $CREDENTIALS_DIRECTORY/coffer-pin, the\n"
    "remembered PIN file or the terminal, in this order. Without a terminal and a PIN it checks\n"
    "what can be checked without the token, and says so.\n"
    "--take-back puts a record file that nothing references back under its name.\n";

const char help_verify[] = "";

const char help_status[] = "";

const char help_balance[] = "";

const char help_rotate[] = "";

const char help_request[] = "";

const char help_guide[] = "";

const char help_review[] = "";
