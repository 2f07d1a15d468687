/* SPDX-License-Identifier: Apache-2.0 */
/* Binance: how to make the least privileged key. Texts only. */
#include "connectors/binance.h"

#include <stddef.h>

static const char *const before[] = {
    "The identity check is finished: without it there are no API keys.",
    "Two-factor sign-in by app or passkey is on.",
    "One deposit was made, to activate the account (unconfirmed)",
    "For futures: open the futures account FIRST. A key that is older than it never gets the "
    "right.",
    NULL,
};

static const char *const steps[] = {
    "Profile icon > Account > API Management > 'Create API'.",
    "'System generated': Binance makes API key and secret. 'Self-generated': you paste a public "
    "key of your own, and no secret exists anywhere else (see below).",
    "Give it a name, one for each bot and machine, and pass the sign-in check.",
    "Leave the page with the API key and the secret open: the secret is shown once.",
    "On it 'Edit restrictions': first choose 'Restrict access to trusted IPs only (Recommended)' "
    "and enter the addresses, then tick the rights below, save, and pass the check again.",
    "Only now run 'coffer add', which tries the key with these rights, and take API key and "
    "secret over from the page.",
    NULL,
};

static const char *const tick[] = {
    "'Enable Reading': is on and cannot be taken away",
    "'Enable Spot & Margin Trading': for a bot on spot markets",
    "'Enable Futures': for a bot on USD-M futures (binance_perpetual)",
    "'Enable Symbol Whitelist', if you like: the key then trades only the pairs that you choose",
    NULL,
};

static const char *const never[] = {
    "'Enable Withdrawals': whoever gets the key takes the money. No bot needs it",
    "'Permits Universal Transfer': moves funds between wallets",
    "'Enable Margin Loan, Repay & Transfer': takes loans, moves funds to and from margin",
    NULL,
};

static const char *const you_get[] = {
    "API Key, 64 letters and digits: api_key",
    "Secret Key, 64 letters and digits, shown once: api_secret",
    "With a public key of your own only the API Key is shown; the private key stays with you: "
    "private_key_pem",
    NULL,
};

static const char *const own_steps[] = {
    "The private half: umask 077; openssl genpkey -algorithm ed25519 -out k.pem",
    "The public half, to the screen: openssl pkey -in k.pem -pubout",
    "At Binance: 'Self-generated', paste it with its BEGIN and END lines (the one between starts "
    "with MCowBQYDK2VwAyEA), then the steps above; only an API Key is shown.",
    "coffer add NAME binance --field-file private_key_pem=k.pem asks for the API Key and seals "
    "both.",
    "Once it is sealed: shred -u k.pem. That does not reach copies, snapshots and backups, the "
    "spare blocks of flash memory, nor file systems that write elsewhere (btrfs, zfs). Make it in "
    "a directory in memory, such as $XDG_RUNTIME_DIR, and it reaches no disk but by swap.",
    NULL,
};

static const char *const traps[] = {
    "The testnet (testnet.binance.vision), the demo and the futures testnet have keys of their "
    "own: 'coffer add --env test' or demo. A live key does not work there, nor the other way "
    "round.",
    "Error -2015 has three causes: wrong or deleted key, this address not on the list, right "
    "missing. 'coffer verify' helps to tell them apart.",
    "'canWithdraw' in account replies is about the account, not the key: true is normal there.",
    "The page shows a ticked consent to 'Default Security Controls'; what each of them does is not "
    "documented (unconfirmed)",
    "Binance.US is another company with other keys; keys of binance.com never work there.",
    NULL,
};

const struct guide binance_guide = {
    .where = "https://www.binance.com/en/my/settings/api-management "
             "(profile icon > Account > API Management)",
    .before = before,
    .steps = steps,
    .tick = tick,
    .never = never,
    .ip = "As good as required: Binance warns that it deletes a key without an IP list that may do "
          "more than read; after how long is not documented. Up to 30 addresses a key, with commas "
          "between them. Enter the public address of the machine that sends the requests.",
    .you_get = you_get,
    .own_key = "Ed25519 (which Binance recommends) or RSA of 2048 or 4096 bits; Binance then never "
               "has the private half. Binance calls HMAC keys, those with a secret, deprecated. A "
               "WebSocket login (session.logon) takes Ed25519 only.",
    .own_steps = own_steps,
    .life = "With an IP list a key has no end. Without one Binance deletes a key that may do more "
            "than read; after how long is not documented. 30 keys an account; sub-accounts have "
            "keys of their own.",
    .limits = "Requests count per IP address, by weight: 6000 a minute on spot, 2400 on futures; "
              "all bots at one address share it. Orders count per account. Going on after the "
              "warning (429) locks the address out (418) for 2 minutes to 3 days.",
    .hummingbot = "binance asks 'Enter your Binance API key' and 'Enter your Binance API secret'; "
                  "binance_perpetual the same for 'Binance Perpetual', binance_perpetual_testnet "
                  "for its testnet. One key serves both when both boxes are ticked. Hummingbot "
                  "signs with a secret only: a key pair of your own is of no use to it.",
    .traps = traps,
    .checked = "2026-11",
};
