/* SPDX-License-Identifier: Apache-2.0 */
/* How to make the least privileged key at Coinbase: texts only. */
#include "connectors/coinbase.h"

#include <stddef.h>

static const char *const before[] = {
    "A Coinbase account whose identity check is done, with 2-step verification on.",
    "Advanced Trade needs no further account; futures need one of their own.",
    "A portfolio that holds only the bot's money: a key serves one portfolio.",
    NULL,
};

static const char *const steps[] = {
    "Sign in at the Coinbase Developer Platform with the Coinbase account.",
    "API Keys > Secret API Keys > 'Create API key'.",
    "Give it a nickname that names the bot and the machine.",
    "Open 'API restrictions': IP allowlist, portfolio, permissions.",
    "Open 'Advanced Settings': signature algorithm ECDSA (Ed25519 is preset).",
    "'Create API key', then pass 2FA.",
    "Copy key name and private key, or press 'Download API key': they are shown once, and nothing "
    "is downloaded by itself.",
    "coffer add NAME coinbase --from-json FILE --remove-source takes the downloaded file and wipes "
    "it.",
    NULL,
};

static const char *const tick[] = {
    "View: balances, orders, fills.",
    "Trade: spot, and futures where the account has them.",
    NULL,
};

static const char *const never[] = {
    "Transfer: moves funds between portfolios and sends crypto out of Coinbase; one box opens "
    "both.",
    NULL,
};

static const char *const you_get[] = {
    "Key name, organizations/UUID/apiKeys/UUID, about 95 characters (some newer Ed25519 keys: a "
    "bare UUID): api_key, the whole text. In the file: name.",
    "Private key, ECDSA: PEM that begins with -----BEGIN EC PRIVATE KEY-----, in the file with \\n "
    "for line ends: private_key_pem, or api_secret. In the file: privateKey.",
    "Private key, Ed25519: 88 characters of base64, or PEM: api_secret.",
    "There is no passphrase.",
    NULL,
};

static const char *const traps[] = {
    "A key that is refused gets the bare word 'Unauthorized', whatever the cause: deleted, clock "
    "off, address not on the list, wrong algorithm, key of another product (unconfirmed).",
    "Keys of Coinbase Exchange, Coinbase Prime and client API keys do not work here.",
    "Old short keys with a shared secret are retired.",
    "Ed25519: Coinbase's own Python library takes it, two of Coinbase's pages say that it does not "
    "work here. ECDSA works everywhere.",
    "A new key may take up to 48 hours to work (unconfirmed).",
    "The API does not tell a key's IP allowlist, its age or its name: look at the portal.",
    "The sandbox answers with made-up data and checks no key.",
    NULL,
};

const struct guide coinbase_guide = {
    .where = "https://portal.cdp.coinbase.com > API Keys > 'Secret API Keys' (the path may differ: "
             "unconfirmed)",
    .before = before,
    .steps = steps,
    .tick = tick,
    .never = never,
    .ip = "Optional and recommended: a stolen key is then useless elsewhere. Enter the public "
          "address of the machine that sends. Without it the key works from everywhere; it does "
          "not change how long the key lives. The most that it takes: not known (unconfirmed).",
    .you_get = you_get,
    .own_key = "Not offered: Coinbase makes the key pair, so the private key exists outside the "
               "vault once. Seal it, then destroy the download.",
    .life = "No expiry by itself. Each key belongs to one portfolio. Most keys per account: not "
            "known (unconfirmed). Each signature is good for at most 120 seconds.",
    .limits = "Signed requests: 30 a second per user, all keys together. Public ones: 10 a second "
              "per IP address. Replies carry x-ratelimit headers. Bots of one account share the "
              "first, bots at one address the second.",
    .hummingbot = "coinbase_advanced_trade. It asks whether to sign public requests too (No is "
                  "fine), then the API key (the whole key name) and the API secret (PEM, also on "
                  "one line). It signs with ECDSA only; a secret that it cannot read it takes for "
                  "an old kind of key without a word.",
    .traps = traps,
    .checked = "2026-11",
};
