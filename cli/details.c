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
    "Asks for the parts of an exchange key, tries it at the exchange, judges what it may do, and\n"
    "seals it. Nothing is written before the vault has been opened, so a forged vault is refused\n"
    "before a secret is typed.\n"
    "\n"
    "A key that may withdraw or move funds, or of which nobody can tell, is not sealed (exit 5);\n"
    "--accept-risk REASON seals it all the same, and every listing shows the reason. Of a key\n"
    "that may withdraw the reason must say 'withdraw': at some exchanges every key needs a reason\n"
    "for transfers, and that one does not cover a box ticked by mistake.\n"
    "\n"
    "A key that the exchange refuses is never sealed (exit 4). When it is not reached, a key can\n"
    "be sealed as unverified, since its secret is shown only once: at a terminal coffer asks,\n"
    "without one --accept-risk REASON does it; such a key signs only reads until 'coffer verify\n"
    "NAME' has tried it. --no-verify seals without trying and needs --accept-risk too.\n"
    "\n"
    "--connect-to and --ca-file are for testnets and simulators: they stay with the key, and\n"
    "every listing shows them. --remove-source overwrites and removes the file of --from-json\n"
    "once the key is sealed; copies of it elsewhere stay.\n"
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
    "Looks at what coffer needs, coffer-net included, and says how to mend what is wrong: of the\n"
    "vault's tokens also the state of their PIN, with the command that unlocks it, and what is\n"
    "known against the device, its driver and every recipient's public key (ROCA, EUCLEAK, old\n"
    "drivers, the maker's PIN where the driver tells). It warns of a vault that one token opens,\n"
    "and of recipients that have never opened it.\n"
    "\n"
    "With a PIN it opens each record; the PIN comes from --pin-fd, --pin-file,\n"
    "$CREDENTIALS_DIRECTORY/coffer-pin, the remembered PIN file or the terminal, in this order.\n"
    "Without a terminal and a PIN it checks what can be checked without the token, and says so.\n"
    "--take-back puts a record file that nothing references back under its name; where no token\n"
    "is there, the 24 words on paper open the vault for it (--words-fd N).\n";

const char help_verify[] =
    "Asks the exchange whether the key works and what it may do, and says under each bad line\n"
    "what to do about it: latency, clock, read, trade spot and futures, withdraw, transfer, IP\n"
    "list, dates. What the exchange does not say is unknown, and unknown is never taken for safe.\n"
    "Without NAME all keys are tried, side by side, after one login: a table with a row for\n"
    "each, then all of those with which something is wrong. A ! marks it.\n"
    "\n"
    "Exit 0: the key works, whatever is listed; 5 with --strict when a problem is listed that was\n"
    "not accepted; 4: the exchange refuses it; 1: it was not reached. Of several keys 4 counts\n"
    "before 1 before 5. For scheduled runs: coffer verify --strict, whose status alone tells\n"
    "whether anybody must look. --accept-risk REASON accepts the dangers that are found now, of\n"
    "a right that coffer does not know that one only; of a key that may withdraw the reason must\n"
    "say 'withdraw'. A key marked as not verified loses that mark when it works and no danger\n"
    "stands open.\n"
    "\n"
    "What the exchange says of the right to trade is its word. NAME --trade SYMBOL proves it: the\n"
    "smallest order at about half the price, as one that only rests, cancelled at once. It asks\n"
    "first, or --yes answers. SYMBOL is written as the exchange does: BTCUSDT, BTC-USDT, XBTUSD.\n";

const char help_status[] =
    "Everything at a glance, from the files on this machine: no PIN, no token, no network.\n"
    "First what needs attention, the most urgent first, each with the command that mends it:\n"
    "before all else keys that may withdraw, accepted or not; also a vault that one token opens,\n"
    "and tokens or papers that have never opened it (UNTESTED). Then the vault and its tokens;\n"
    "then a row for each key (a ! marks what is due) and the reasons of accepted risks.\n"
    "\n"
    "Since nothing is opened, nothing is authenticated: whoever can write the vault's files\n"
    "could have changed what is shown. When a key was verified and reviewed, and what came\n"
    "out, is this machine's own note; another machine has its own.\n"
    "\n"
    "Due: a key after 90 days, a verification and a review after 30, an expiry within 14, the\n"
    "first review a day after a key was added.\n"
    "Exit 1 when a record cannot be read; what needs attention does not change the exit\n"
    "status.\n";

const char help_balance[] =
    "Asks the exchange what the account holds: each wallet's assets with what is free,\n"
    "locked, and both together. Amounts are printed as the exchange writes them, with --json\n"
    "as strings. Rows of zero are left out. A wallet that is not open to the key is named on\n"
    "stderr, unless --quiet is given.\n"
    "\n"
    "Exit 4: the exchange refuses the key; 1: it was not reached, or asks to wait. A balance\n"
    "proves that the key can read, and nothing else: 'coffer verify NAME' says what more it\n"
    "may do.\n";

const char help_rotate[] =
    "coffer rotate NAME asks for a new key of the same account, tries it at the exchange, and\n"
    "lets it take the old one's place in one step when it has the old one's rights and no more.\n"
    "Refused (exit 5): fewer rights, more rights, another account, the same key, a key that may\n"
    "withdraw or transfer; --accept-risk REASON accepts all of these but another account and the\n"
    "same key, withdrawal only when the reason says 'withdraw'. Nothing changes before; killed at\n"
    "any moment, one of the two is in place and neither is lost.\n"
    "\n"
    "The old key stays sealed until it is proven dead: delete it at the exchange, then\n"
    "coffer rotate NAME --finish makes a call with it that must fail, and forgets it. Some\n"
    "exchanges answer for a deleted key as they do for a forbidden address, and a key that was\n"
    "sealed without being tried may have been mistyped: that proves nothing, is called unproven,\n"
    "and needs your word: --finish --accept-risk 'seen deleted on the site'.\n"
    "\n"
    "coffer rotate --seal makes a new sealing key (on the same token, or with --to on another)\n"
    "and a new vault key, and seals all records anew in one step. It says first how many token\n"
    "operations it takes. Other machines need 'coffer trust' once afterwards. Backups made before\n"
    "still open with the old sealing key.\n";

const char help_request[] =
    "Signs a request as 'coffer sign' does, has it sent once, and prints the reply's body as\n"
    "it came; on a terminal its control characters are made visible. -i prints status and\n"
    "headers first. --json prints {\"status\",\"headers\",\"body\"}, or body_base64 when the\n"
    "body is not text. What is not allowed is refused before a PIN is asked for; public\n"
    "requests go unsigned and without a PIN.\n"
    "\n"
    "PATH goes to the exchange's first host (on Binance, /fapi/ to that of the futures). -d\n"
    "sends a body; put parameters where the exchange wants them: Binance and OKX in the query\n"
    "of a GET, OKX and Coinbase as JSON in the body of a POST, Kraken as a form.\n"
    "\n"
    "Exit 0: done; 4: the exchange says no (by HTTP status, or by its own code in a reply\n"
    "that looks well): the body is printed all the same, and stderr tells what it means; 1:\n"
    "there is no reply. Nothing is sent twice. When no reply came to an order, it may have\n"
    "been carried out: coffer says so, with the command that lists the open orders; look at\n"
    "them before doing it again.\n";

const char help_guide[] =
    "With an exchange: where its API keys are made, what to tick and what to leave off, the\n"
    "IP list, what the page shows and what coffer calls it, how long keys live, limits,\n"
    "traps. Without one: what an API key is, how to tell that it works, how to use it, what\n"
    "is limited per address and what per account, and how to keep it safe. Needs no vault.\n"
    "Facts that nobody could confirm are marked as such.\n";

const char help_review[] =
    "Walks the checklist of each key, or of one: withdrawal off, IP list, age, and for its\n"
    "account an e-mail address of its own, the second factor, the anti-phishing code, the\n"
    "list of withdrawal addresses; and no copies of the secret elsewhere. What the last\n"
    "verification has shown is not asked; what is true of the whole account is asked once.\n"
    "Each 'no' gets advice.\n"
    "\n"
    "The date and the open points are noted on this machine, a key's when its last question\n"
    "is answered; 'coffer status' shows when the next review is due, after 30 days. Without a\n"
    "terminal the checklist is printed, and exit is 3; --json prints how it stands and asks\n"
    "nothing.\n";

const char help_recipients[] =
    "A recipient is a sealing key that can open the vault. With one recipient, losing or breaking\n"
    "one token loses every secret in the vault; so add a second as soon as there are keys in it.\n"
    "\n"
    "list shows them without a PIN. UNTESTED: it has never opened the vault, so nobody knows\n"
    "whether it can; do not rely on it before 'test'.\n"
    "add seals all records anew for one more recipient, in one step:\n"
    "  add URI [--generate]       a token that is plugged in; its PIN is typed, or comes from\n"
    "                             --new-pin-fd or --new-pin-file. It is tried at once\n"
    "  add --public-key FILE      the public key (PEM, DER or a certificate) of a token that is\n"
    "                             elsewhere; --label names it. An RSA key needs --scheme. Compare\n"
    "                             the SHA-256 that is shown with the machine that made the file\n"
    "  add --paper                24 words, shown once on this terminal and never again. They are\n"
    "                             not a token: whoever reads them opens the vault, with no PIN\n"
    "test opens the vault through the token that is plugged in, or through the words on paper,\n"
    "and notes that it worked. With a URI this machine gets to know the token too.\n"
    "remove gives the vault a new key and seals all records anew without that recipient, which is\n"
    "named by label, serial or id. The vault is opened by another one, never by it. Every other\n"
    "machine needs 'coffer trust' once afterwards. Copies and backups from before still open with\n"
    "what was removed: the end says which keys to make anew.\n"
    "\n"
    "Each record costs one operation of the token that opens the vault, and perhaps a touch; how\n"
    "many is said first. Where no token is there, --words-fd N opens the vault by a paper\n"
    "(remove: or --paper). Killed at any moment, the vault is as before or as after.\n"
    "\n"
    "  coffer recipients add 'pkcs11:token=spare?module-path=/usr/lib/x86_64-linux-gnu/"
    "libykcs11.so'\n"
    "  coffer recipients add --public-key spare.pem --label 'YubiKey in the safe'\n"
    "  coffer recipients test --paper\n"
    "  coffer recipients remove 'old key'\n";

const char help_recover[] =
    "For a token that is lost, stolen, broken or locked. At a terminal it asks step by step:\n"
    "which recipient it is, whether it is only locked (then it shows how to unlock it, which\n"
    "changes nothing), what opens the vault instead (another token, or the words on paper), and\n"
    "which token comes in its place (or none for now). Then it says what it will cost, asks a\n"
    "last time, and does all of it in one step: the vault gets a new key, the lost recipient is\n"
    "gone, the new one is there. Every other machine needs 'coffer trust' once afterwards.\n"
    "\n"
    "The options answer the questions: --lost RECIPIENT (label, serial or id), --token URI or\n"
    "--paper, --to URI [--generate]. --pin-fd and --pin-file are for the token that opens the\n"
    "vault, --new-pin-fd and --new-pin-file for the new one; --words-fd N gives the 24 words.\n"
    "\n"
    "On a machine that has only a copy of the vault, FINGERPRINT is needed too: it stands on the\n"
    "paper, and 'coffer doctor' shows it on a machine that trusts the vault.\n"
    "\n"
    "Copies and backups from before still open with the lost token and its PIN. Unless it is in\n"
    "your own hands, make the keys anew at the exchanges: coffer rotate NAME, for each.\n"
    "\n"
    "  coffer recover\n"
    "  coffer recover --lost 'old key' --to 'pkcs11:token=new?module-path=/path/to/driver.so' "
    "--generate\n"
    "  coffer recover FINGERPRINT --lost 'old key' --paper --to URI\n";
