/* SPDX-License-Identifier: Apache-2.0 */
/* How to make the least privileged key at Kraken: texts only. */
#include "connectors/kraken.h"

#include <stddef.h>

static const char *const before[] = {
    "A verified account with 2FA for signing in.",
    "Keys are managed in Kraken Pro; the classic page leads there.",
    "Know the account's tier, Starter, Intermediate or Pro: it sets the call limits.",
    "Futures are another world: own activation, own wallet, own keys, which coffer does not take.",
    NULL,
};

static const char *const steps[] = {
    "Kraken Pro > Settings > 'Connections & API' > Spot trading API > 'Create API key'.",
    "Give it a name of its own that says bot and machine.",
    "Tick the rights below and nothing else.",
    "'WebSocket interface': on, if the bot listens to its orders that way; Hummingbot does.",
    "'IP address restriction': on, with the public address of the machine that sends.",
    "'Custom nonce window': on, 10, for Hummingbot; larger protects less against a request that "
    "somebody repeats. For coffer alone it may stay off.",
    "'Key expiration': off, or a date that suits you; coffer warns before it.",
    "'Generate key', then copy both values: the private key is shown once.",
    NULL,
};

static const char *const tick[] = {
    "Funds: 'Query'.",
    "Orders and trades: 'Query open orders & trades', 'Query closed orders & trades'.",
    "Orders and trades: 'Create & modify orders', 'Cancel & close orders'.",
    "'WebSocket interface': without it there is no private stream.",
    "Data: 'Query ledger entries', only if reports need it.",
    NULL,
};

static const char *const never[] = {
    "Funds 'Withdraw': sends money out, and moves it between accounts.",
    "Funds 'Earn': moves money into staking.",
    "Funds 'Deposit': makes deposit addresses; a bot needs none.",
    "Adding and updating withdrawal addresses: prepares a withdrawal.",
    "Data 'Export data': carries the whole history out.",
    NULL,
};

static const char *const you_get[] = {
    "API key, 56 characters (unconfirmed): api_key. It is public, and goes along with each "
    "request.",
    "Private key, 88 characters of base64 that end in ==: api_secret.",
    "No passphrase. Do not give the key a second factor of its own: a bot cannot type it.",
    NULL,
};

static const char *const traps[] = {
    "Nonces must rise per key, for ever: one key for one program on one machine. A key that was "
    "once used with finer nonces (milliseconds, microseconds, as coffer does) refuses a program "
    "with coarser ones (Hummingbot counts seconds): EAPI:Invalid nonce.",
    "Nothing resets the nonce of a key; only a new key does.",
    "EAPI:Invalid key again and again locks the account out for about 15 minutes: stop and look.",
    "EGeneral:Permission denied is a missing box.",
    "By Kraken's documentation a key with Funds 'Query' may move money from the spot to the own "
    "futures wallet (unconfirmed); no box turns that off alone.",
    "A screenshot on Hummingbot's site has 'Withdraw' and 'Earn' ticked: do not copy that.",
    "There is no test environment for spot.",
    NULL,
};

const struct guide kraken_guide = {
    .where = "https://pro.kraken.com/app/settings/api: Kraken Pro > Settings > 'Connections & API' "
             "(address unconfirmed; https://www.kraken.com/u/security/api is also named)",
    .before = before,
    .steps = steps,
    .tick = tick,
    .never = never,
    .ip = "Optional. Single addresses and ranges (CIDR), IPv4 and IPv6. Without it the key works "
          "from everywhere; it does not change how long the key lives.",
    .you_get = you_get,
    .own_key = "Not offered: Kraken makes both parts, and the private key is a shared secret.",
    .then = "A key made as above is refused at first, because Kraken does not tell whether a key "
            "may move funds between the account's own wallets. Look at the boxes once more: as "
            "under Tick, and 'Withdraw' and 'Earn' off. Then answer r and give the reason (in a "
            "script: --accept-risk REASON).",
    .life = "No expiry unless you set a date. A range of dates that may be queried can be set too. "
            "Most keys per account: an old note says 16 (unconfirmed).",
    .limits = "Public requests: about one a second per IP address. Signed ones: a counter per key, "
              "15 to 20 calls that come back at 0.33 to 1 a second by tier. Orders: counted per "
              "account and pair. So more keys give more calls, but no more orders.",
    .hummingbot = "kraken (spot). It first says that the nonce window must be at least 10, then "
                  "asks the API key, the secret key and the API tier (Starter, Intermediate or "
                  "Pro; Starter is preset).",
    .traps = traps,
    .checked = "2026-11",
};
