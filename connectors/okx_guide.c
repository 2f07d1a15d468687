/* SPDX-License-Identifier: Apache-2.0 */
/* OKX: how to make the least privileged key. Texts only. */
#include "connectors/okx.h"

#include <stddef.h>

static const char *const before[] = {
    "The account is verified and two-factor sign-in is on.",
    "Know the site of the account: www.okx.com (most people), app.okx.com (USA, Australia) or "
    "my.okx.com (Europe). 'coffer add' asks for it at the terminal; or say it: coffer add NAME okx "
    "--region www (or app, or my).",
    "For perpetuals: the account mode is at least 'Single-currency margin' ('Futures mode' in "
    "newer pages, unconfirmed); with 'Margin free' ('Spot mode') there are none.",
    "Best: a sub-account that holds only the bot's money, and the key made for it.",
    NULL,
};

static const char *const steps[] = {
    "Profile icon > 'API and connections' (or 'API'; in the app: menu > API) > 'Create API key'.",
    "Name it, choose the account (main or sub-account), and as purpose API trading.",
    "Enter the public addresses of your machines as its IP allow-list.",
    "Choose the permissions below.",
    "Choose a passphrase: 8 to 32 characters with a digit, a capital and a small letter and a "
    "special character. It is not the login password.",
    "Confirm with the sign-in codes, then take API key, secret key and passphrase over into "
    "'coffer add' now.",
    NULL,
};

static const char *const tick[] = {
    "'Read'",
    "'Trade': covers spot and derivatives, and also moving funds between the account's wallets; "
    "there is no smaller right that can trade",
    NULL,
};

static const char *const never[] = {
    "'Withdraw': whoever gets the key takes the money. No bot needs it",
    NULL,
};

static const char *const you_get[] = {
    "API key, 36 characters with hyphens: api_key",
    "Secret key, 32 capital hexadecimal digits, shown once (unconfirmed): api_secret",
    "The passphrase that you chose; nobody can tell it to you again: passphrase",
    NULL,
};

static const char *const traps[] = {
    "Error 50119 'API key doesn't exist' with a fresh key: it belongs to another site (region).",
    "Demo keys are made inside Demo Trading and work only there: 'coffer add --env demo'. Mixed "
    "up, "
    "the answer is 50101.",
    "Error 50105 is the passphrase, 50110 the IP list. Many errors come with HTTP status 200.",
    "The passphrase travels with each request in clear (inside TLS), so it is kept as a secret "
    "too.",
    "Hummingbot sets one-way or hedge mode at each start: close open positions before.",
    NULL,
};

const struct guide okx_guide = {
    .where = "https://www.okx.com/account/my-api (unconfirmed); profile icon > API and connections",
    .before = before,
    .steps = steps,
    .tick = tick,
    .never = never,
    .ip = "Not required, but it is what makes a stolen key useless, and it ends the deletion of "
          "idle keys. Up to 20 addresses, with commas or blanks between them.",
    .you_get = you_get,
    .own_key = "None: OKX makes a secret and knows it (HMAC-SHA256).",
    .then = "A key made as above is refused at first, because OKX's 'Trade' includes moving funds "
            "among the account's own wallets and sub-accounts, and no right is smaller. Look at "
            "the boxes once more: Read and Trade, nothing else. Then answer r and give the reason "
            "(in a script: --accept-risk REASON).",
    .life = "A key that may trade or withdraw and has no IP list is deleted after 14 days without "
            "a private call. Keys for reading, keys with an IP list, and demo keys stay. 50 or 100 "
            "keys an account (unconfirmed)",
    .limits = "Private calls count per account, each sub-account its own; public calls per IP "
              "address. Windows are 1 or 2 seconds, per endpoint: 60 orders in 2 s and market.",
    .hummingbot = "okx asks 'Enter your OKX API key', 'secret key', 'passphrase key', and 'Which "
                  "OKX subdomain did you register the key at?': www, app or my. okx_perpetual asks "
                  "the first three for 'Okx Perpetual'.",
    .traps = traps,
    .checked = "2026-11",
};
