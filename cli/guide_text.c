/* SPDX-License-Identifier: Apache-2.0 */
/* What a newcomer asks about API keys, answered for any exchange. What is true of one exchange only
 * is in that connector's guide. */
#include "cli/guide_text.h"

#include <stddef.h>

#define TEXT(...) ((const char *const[]){__VA_ARGS__, NULL})

const struct topic guide_topics[] = {
    {"What is an API key?",
     TEXT("A way in for a program. Instead of your password, which can do everything, the program "
          "gets a credential of its own, whose rights you choose, which you can bind to the "
          "addresses that your machine calls from, and which you can delete without touching "
          "anything else. It belongs to one account, or to one sub-account, at one exchange.")},
    {"Which part is public, which is secret?",
     TEXT("* The public part says who is calling: 'API key', 'access key', 'key name'. It travels "
          "with every call.",
          "* The secret part signs the calls: 'secret key', 'private key'. It never travels. Most "
          "exchanges show it once; when it is lost, delete the key and make a new one.",
          "* Some exchanges add more: a passphrase that you choose (OKX, KuCoin, Bitget), a memo "
          "or a user id. coffer asks for what the exchange needs.",
          "With a shared secret the exchange made it and knows it too. With a key pair (Ed25519, "
          "RSA, EC) you make both halves, and the exchange gets the public one only: take that "
          "where it is offered. Keep the public part to yourself as well: at some exchanges it "
          "alone is enough to read balances, and OKX and Bitget send the passphrase in clear.")},
    {"What do I tick, and what never?",
     TEXT("* Tick reading (balances, orders, trades) and spot trading. Futures only if the bot "
          "trades futures. On Kraken also the WebSocket interface; on Gate also 'Wallet: read'.",
          "* Never withdrawal. No trading bot needs it, and it is what a thief needs.",
          "* Never transfer (universal, internal, between sub-accounts), deposit, earn and "
          "staking, loans, convert, P2P, or managing sub-accounts and keys. Two exceptions, "
          "where no box turns it off: OKX's 'Trade' includes transfers among your own wallets and "
          "sub-accounts, and Kraken does not tell whether a key may make them. 'coffer add' then "
          "refuses at first, and takes such a key for a reason that you give.",
          "* Always fill in the IP list, with the public address of the machine that sends the "
          "calls. Where to find it: a server's is on its provider's page; that of a line at home "
          "or in an office on the router's status page; or ask a service on the web that echoes "
          "your address, with curl on that very machine. What 'ip addr' shows is often a private "
          "one (10., 192.168., 172.16. to 172.31.), which no exchange sees.",
          "* A home line changes its address: use a fixed one, a VPN or a server.",
          "* Better still, a sub-account for the bot with only the money it may lose; one key per "
          "bot and per machine.",
          "Boxes are named differently everywhere: 'coffer guide EXCHANGE' names them. 'coffer "
          "add' asks the exchange what the key may do, and refuses one that can move money away.")},
    {"How can I tell that a key works?",
     TEXT("* 'Connected', 'Keys Confirmed' or a balance on the screen prove one thing: the key can "
          "read. A key that is for reading only passes them all, and so does one that can "
          "withdraw.",
          "* 'coffer verify NAME' makes a signed call, and asks the exchange for the rights of "
          "this key: read, trade, withdraw, transfer, the IP list, when it ends. What the exchange "
          "does not say is shown as unknown, never as safe.",
          "* That it can trade is proven by trading: 'coffer verify NAME --trade SYMBOL' places "
          "the smallest order far from the market and cancels it, after asking you.",
          "When it does not work, the usual causes are: a part pasted into the wrong field or with "
          "a blank; a key of another site (testnet, demo, Europe, US); an address that is not on "
          "the IP list; a right that is missing; an expired key; a clock that is off; a wrong "
          "passphrase or memo; an e-mail that was not confirmed yet.")},
    {"How do I connect it to Hummingbot, ccxt or freqtrade?",
     TEXT("In this version, not at all: the key that coffer protects is not the one that such a "
          "bot uses. A bot that you did not write wants the secret in its own settings and signs "
          "by itself, coffer does not give secrets back, and a proxy between the two is not in "
          "this version.",
          "What coffer does protect is a key that a program of your own uses through it: 'coffer "
          "request NAME METHOD PATH' signs a call, sends it and prints the reply; 'coffer sign "
          "NAME METHOD URL' prints the signed call for a program that sends it itself.",
          "So a bot needs a second key, for it alone, which lies where the bot keeps it and is as "
          "safe as that place. Give it reading and trading, an IP list and, best, a sub-account:",
          "* Hummingbot: 'connect EXCHANGE' asks for the parts and keeps them encrypted under its "
          "password. 'You are now connected' means that reading works.",
          "* ccxt: apiKey, secret and, where there is one, password or uid of the exchange "
          "object. Read them from a file of mode 0600, not from the source.",
          "* freqtrade: exchange.key and exchange.secret stand in clear in its configuration: "
          "mode 0600, and never in a repository.")},
    {"What is limited per IP address, and what per account?",
     TEXT("Public calls (prices, order books) are counted per IP address nearly everywhere. Signed "
          "calls are not: most exchanges count them per account, some per key, some both ways. So "
          "'limits are per IP' is only half of it:")},
    {"What does that mean for several bots or servers?",
     TEXT("* Bots on one machine share its IP address, and so one budget wherever calls are "
          "counted by address. One that calls too often gets all of them locked out.",
          "* Several keys of one account share the account's budget. A second key buys nothing "
          "there; a sub-account often does.",
          "* A second server has an address of its own, but not another account budget; and its "
          "address must be on the key's IP list.",
          "* Give each bot and each server its own key. Where calls carry a rising number (Kraken, "
          "Gemini) two programs on one key make each other's calls invalid.",
          "* Hummingbot can be told to use a part of a limit (rate_limits_share_pct). On 429 wait "
          "as long as you are told; calling on regardless gets the address banned.")},
    {"How do I keep a key safe?",
     TEXT("* Share it with nobody: no chat, mail, screenshot or QR code, and never with 'support'.",
          "* Nothing online in clear: no cloud notes, mail drafts, repositories or paste sites. "
          "Clear the clipboard and the shell's history. Delete the file it came in: 'coffer add "
          "--from-json FILE --remove-source' does.",
          "* Keep an offline copy of the vault, and what its token needs ('coffer init' says "
          "what).",
          "* The account: an e-mail address of its own, a long password from a password manager, a "
          "second factor by app or hardware key rather than SMS, an anti-phishing code, a list of "
          "withdrawal addresses. Type the exchange's address yourself.",
          "* Look at all of it once a month: 'coffer review', 'coffer verify'. Delete keys that "
          "nobody uses.",
          "* Replace a key every 90 days: 'coffer rotate NAME'. After a leak, when a machine "
          "is lost or a colleague leaves, at once: delete it at the exchange first, then look at "
          "orders and "
          "balances, then make a new one.")},
    {.question = NULL},
};

const char guide_limits_others[] =
    "Other exchanges differ: some count signed calls per account, some per IP address, some both "
    "ways, and some do not say. Look in their own documentation.";

const struct limit_row guide_limits[] = {
    {"binance", "per IP", "request weight per IP; open orders per account"},
    {"coinbase_advanced_trade", "per IP (10/s)", "per account (30/s)"},
    {"kraken", "per IP", "a counter per key; orders per account and pair"},
    {"okx", "per IP", "per account; each sub-account counts for itself"},
    {.exchange = NULL},
};
