/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer asks an exchange by itself, and how the answers are read: does a key work, what may
 * it do, what does it hold. Pure, like all of a connector: replies come in, requests and findings
 * go out. A reply is hostile bytes: size, depth and form are checked here. Source of every rule:
 * the page in the connector's .docs and the comments beside the tables. */
#ifndef CONNECTORS_CHECKS_H
#define CONNECTORS_CHECKS_H

#include "base/decimal.h"
#include "base/json.h"
#include "connectors/connector.h"

/* Unknown is 0, so that whatever nobody set is unknown. */
enum fact { FACT_UNKNOWN, FACT_NO, FACT_YES };
const char *fact_name(enum fact f); /* "unknown", "no", "yes" */

/* -- what is asked -- */
enum purpose {
    PURPOSE_VERIFY,  /* clock, one call that works, rights */
    PURPOSE_BALANCE, /* assets */
    PURPOSE_TRADE    /* places the smallest order far from the market, and cancels it */
};

struct reply {
    unsigned status;    /* HTTP; 0: there is no reply */
    bool is_unknown;    /* status 0, and the request may have arrived all the same */
    const struct header *headers;
    size_t n_headers;
    struct bytes body;
    uint64_t sent_us, answered_us; /* this machine's clock, unix time */
};
bool reply_header(const struct reply *r, const char *name, struct bytes *value) MUST_USE;
extern const struct json_limits reply_limits;
/* The body as one JSON value; ERR_FORMAT with no byte of it in the message. */
int reply_json(const struct reply *r, struct json *root, struct err *e) MUST_USE;

#define CALLS_MAX 16u /* of one talk */
/* Everything asked so far about one key. Calls are numbered from 0. */
struct talk {
    const struct connector *conn;
    enum purpose purpose;
    enum environment env;
    const char *region;    /* NULL: one key space */
    const char *symbol;    /* PURPOSE_TRADE: as the exchange writes it */
    const char *tag;       /* PURPOSE_TRADE: 16 hex digits, the client's own id of the order */
    bool wants_account;    /* PURPOSE_VERIFY: find out whose account it is too */
    struct reply replies[CALLS_MAX];
    bool is_answered[CALLS_MAX]; /* replied or failed for good: replies[i] stands */
    unsigned n_asked;
};

struct inquiry {
    const char *method;
    char url[1024];  /* a path, or absolute where the first host is not meant */
    char body[1024]; /* empty: none */
};
enum ask {
    ASK_NOW,  /* *out is call number n_asked; it may go at once, beside those under way */
    ASK_WAIT, /* a reply that is under way decides */
    ASK_DONE  /* no more calls */
};

/* -- what is found -- */
enum weight {
    WEIGHT_NOTE,   /* worth knowing */
    WEIGHT_WARN,   /* something to do */
    WEIGHT_DANGER  /* the key may move money away, or nobody can tell: add and rotate refuse */
};

/* Problems, by what they are; one table (connectors/verdict.c) has name, line and advice. The name
 * is what a record's risk stores. */
enum problem {
    PROBLEM_WITHDRAW,          /* danger: may withdraw */
    PROBLEM_WITHDRAW_UNKNOWN,  /* danger */
    PROBLEM_TRANSFER,          /* danger: may move funds between accounts */
    PROBLEM_TRANSFER_UNKNOWN,  /* danger */
    PROBLEM_UNKNOWN_RIGHT,     /* danger: a right that coffer does not know is on; text names it */
    PROBLEM_ADDRESSES,         /* danger: may add or change withdrawal addresses */
    PROBLEM_NO_IP_LIST,        /* warn */
    PROBLEM_IP_LIST_UNKNOWN,   /* note */
    PROBLEM_EXPIRED,           /* warn */
    PROBLEM_EXPIRES_SOON,      /* warn: within 14 days */
    PROBLEM_DELETED_WHEN_IDLE, /* warn: goes away unused or unbound; text says the rule */
    PROBLEM_CANNOT_READ,       /* warn */
    PROBLEM_CANNOT_TRADE,      /* note */
    PROBLEM_CLOCK,             /* warn: this machine's clock is over a second off */
    PROBLEM_OLD,               /* warn: over 90 days */
    PROBLEM_MOCKED,            /* note: the environment answers with made-up data */
    PROBLEM_COUNT
};
const char *problem_name(enum problem p);      /* "may-withdraw" ...: stored, in JSON */
/* What follows a ':' is not looked at. */
bool problem_by_name(struct bytes name, enum problem *out) MUST_USE;
const char *problem_line(enum problem p);      /* "may withdraw" */
enum weight problem_weight(enum problem p);

struct finding {
    enum problem problem;
    char text[200]; /* what was seen, in words; may be "" */
    char todo[240]; /* what to do about it at this exchange */
};
#define FINDINGS_MAX 16u

struct verdict {
    bool is_judged;               /* some private call was answered well */
    enum fact read, trade_spot, trade_futures, withdraw, transfer, ip_bound;
    char ips[256];                /* the list where the exchange tells it, else "" */
    uint64_t created_ms;          /* 0: the exchange does not say */
    uint64_t expires_ms;          /* 0: see expires */
    enum fact expires;            /* NO: known not to; UNKNOWN: the exchange does not say */
    char account[80];             /* whose account, as the exchange names it; "" unknown */
    char label[80];               /* the key's name at the exchange, or "" */
    struct finding findings[FINDINGS_MAX];
    size_t n_findings;
};
/* Adds one, once per problem: the first stays. findings[] stays in order, danger first. Text and
 * todo are made fit for a terminal; todo may be NULL. */
void verdict_add(struct verdict *v, enum problem p, const char *todo, const char *text_fmt, ...)
    PRINTF(4, 5);
/* Adds what follows from the facts: withdraw and transfer not known to be off, no read, no trade,
 * no IP list, expired or within 14 days of now_ms, age over 90 days. Where the connector has added
 * the same before, its words stay, and only a missing todo is filled in. Each connector calls it
 * last. advice: see struct checks. */
void verdict_conclude(struct verdict *v, const struct checks *advice, uint64_t now_ms);
bool verdict_has(const struct verdict *v, enum problem p);

/* -- what an error reply means -- */
enum failure_kind {
    FAILURE_NONE,      /* the reply is a success */
    FAILURE_KEY_GONE,  /* the exchange says: there is no such key. Nothing else answers so */
    FAILURE_KEY,       /* the key is refused; several causes answer so, and causes[] lists them */
    FAILURE_SIGNATURE, FAILURE_CLOCK, FAILURE_NONCE,
    FAILURE_IP,        /* this address is not on the key's list, said so */
    FAILURE_RIGHT,     /* the key lacks the right, said so */
    FAILURE_EXPIRED,
    FAILURE_OTHER_ENVIRONMENT, /* key of the live, test or demo side used on another */
    FAILURE_RATE,      /* wait; retry_after_s when told */
    FAILURE_BANNED,    /* this address or key is locked out for a while */
    FAILURE_BUSY,      /* maintenance or overload: not about the key */
    FAILURE_UNKNOWN_STATE, /* the exchange does not know whether it was done */
    FAILURE_FUNDS,     /* an order was refused for lack of funds */
    FAILURE_REQUEST,   /* the request is wrong: parameter, symbol, path */
    FAILURE_GARBAGE,   /* a reply that is not in the documented form (an HTML page, ...) */
    FAILURE_OTHER,
    FAILURE_PLACE      /* the exchange does not serve the place of this address, whatever the key */
};
const char *failure_name(enum failure_kind k); /* for JSON: "key_gone" ... */

#define CAUSES_MAX 4u
struct cause {
    const char *what; /* "the key was deleted or mistyped" */
    const char *tell; /* how to tell it from the others and what to do */
};
struct failure {
    enum failure_kind kind;
    char code[40];    /* as the exchange gives it: "-2015", "50119", "EAPI:Invalid key", or "" */
    char message[200];/* the exchange's words, made fit for a terminal */
    struct cause causes[CAUSES_MAX];
    size_t n_causes;
    uint64_t retry_after_s; /* 0: not told */
};
/* Rows of an exchange's error table. code NULL: any; status 0: any. First match wins. */
struct failure_row {
    const char *code;
    unsigned status;
    enum failure_kind kind;
    struct cause causes[CAUSES_MAX];
};
/* Sets code and message, made fit for a terminal; both borrowed only for the call. Before
 * failure_from_table. */
void failure_say(struct failure *f, struct bytes code, struct bytes message);
/* Fills kind, causes and retry_after_s from the table (which ends with kind FAILURE_NONE) by code
 * and status; code and message are set by the caller before. Without a row, or by a row that
 * matches all with FAILURE_OTHER: by HTTP status (401 and 403 KEY, 418, 429, 451, 5xx), where that
 * says more. With 418, 429 and 5xx no row says anything but RATE, BANNED, BUSY and UNKNOWN_STATE.
 * Retry-After counts in seconds only. */
void failure_from_table(const struct failure_row *rows, const struct reply *r, struct failure *f);
/* A reply that is no JSON of the documented form: HTML, empty, cut, too deep. Fills all of f.
 * Status 418, 429, 451 and 5xx say what they are; all else is FAILURE_GARBAGE, 401 and 403 too:
 * whoever writes a page need not be the exchange. */
void failure_garbage(const struct reply *r, struct failure *f);

/* -- what the key holds -- */
#define WALLET_MAX 16u
#define ASSET_MAX 40u
struct balance {
    char wallet[WALLET_MAX]; /* "spot", "futures", "funding" ... */
    char asset[ASSET_MAX];
    char free[DECIMAL_TEXT], locked[DECIMAL_TEXT], total[DECIMAL_TEXT]; /* "" where not told */
};
struct balances {
    struct balance *v; /* owned */
    size_t n, cap;
    char missing[160]; /* wallets that could not be read and why, or "" */
    char closed[160];  /* wallets that are not open to this key, which is no fault, or "" */
};
#define BALANCES_MAX 5000u
void balances_free(struct balances *b);
/* Adds one row unless all of its amounts are zero. total "" is computed from the other two. Text
 * that is no decimal: ERR_FORMAT. */
int balances_add(struct balances *b, const char *wallet, struct bytes asset, struct bytes free,
                 struct bytes locked, struct bytes total, struct err *e) MUST_USE;

/* -- what came of placing and cancelling -- */
struct trade_test {
    bool is_placed, is_cancelled;
    char order[128];  /* the exchange's id of the order, or "" */
    char line[200];   /* "buy 0.0001 BTCUSDT at 31000.00 (market 62012.40)" */
};

/* The part of a connector that reads replies. Every function is required but where said. */
struct checks {
    /* The next call of a talk. Errors (a symbol that the exchange does not list): ERR_USAGE,
     * ERR_EXCHANGE. PURPOSE_VERIFY: call 0 is the public clock. A nonce exchange is asked one
     * private call at a time. */
    int (*next)(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e);
    /* Of call 0 of PURPOSE_VERIFY. */
    int (*server_time)(const struct reply *r, uint64_t *unix_ms, struct err *e);
    unsigned time_unit_ms; /* resolution of that clock: 1 or 1000 */
    /* PURPOSE_VERIFY, with whatever was answered; a failed introspection leaves facts unknown.
     * Never fails: what cannot be read is unknown. now_ms: this machine's clock. */
    void (*judge)(const struct talk *t, uint64_t now_ms, struct verdict *out);
    /* Appends to out (empty before). */
    int (*balance)(const struct talk *t, struct balances *out, struct err *e);
    /* PURPOSE_TRADE, at any point of the talk. */
    void (*trade)(const struct talk *t, struct trade_test *out);
    /* What a reply means; kind FAILURE_NONE for a success. */
    void (*explain)(const struct reply *r, struct failure *out);
    const char *no_withdraw, *no_transfer; /* where on the site these rights are taken away */
    const char *bind_ip;
    const char *symbol;        /* an example for --trade: "BTCUSDT" */
    const char *proves;        /* what verify learns from the exchange's own words, and what not */
    const char *delete_at;     /* where a key is deleted: for rotate */
    /* "METHOD PATH" that lists the open orders, for each first segment of a path that places some;
     * ends with NULL. */
    const char *const *open_orders;
    const struct guide *guide; /* connectors/guide.h */
};

#endif
