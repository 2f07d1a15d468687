/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange: a const struct of facts and pure functions. A connector builds bytes and reads
 * replies; it does no I/O, asks no clock, sees no key and no token.
 * How to add one: CONTRIBUTING.md. */
#ifndef CONNECTORS_CONNECTOR_H
#define CONNECTORS_CONNECTOR_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/field.h"
#include "base/secret.h"
#include "base/signer.h"

struct checks;
struct gist;

/* What a request may do, in the order of listings. CLASS_UNKNOWN is whatever no pattern names.
 * account: settings (leverage, margin and position modes, deposit addresses, sub-accounts).
 * transfer: value moves or changes its form (own wallets, convert, dust, loans, earn, vouchers).
 * session: a login, or a reply that hands out a session token. */
enum req_class {
    CLASS_PUBLIC,
    CLASS_READ,
    CLASS_TRADE,
    CLASS_CANCEL,
    CLASS_ACCOUNT,
    CLASS_TRANSFER,
    CLASS_WITHDRAW,
    CLASS_KEYS,
    CLASS_SESSION,
    CLASS_UNKNOWN,
    CLASS_COUNT
};
#define CLASS_BIT(c) (1u << (c))
#define CLASSES_DEFAULT                                                                            \
    (CLASS_BIT(CLASS_PUBLIC) | CLASS_BIT(CLASS_READ) | CLASS_BIT(CLASS_TRADE) |                    \
     CLASS_BIT(CLASS_CANCEL))
#define CLASSES_ALL (CLASS_BIT(CLASS_COUNT) - 1u)

const char *class_name(enum req_class c); /* "public" ... "unknown" */
bool class_by_name(struct bytes name, enum req_class *out) MUST_USE;

enum environment { ENV_LIVE, ENV_TEST, ENV_DEMO, ENV_COUNT };
const char *environment_name(enum environment v);
bool environment_by_name(struct bytes name, enum environment *out) MUST_USE;

struct host {
    const char *name; /* "api.binance.com", or with a port that is not the scheme's own: "x:8443" */
    enum environment env;
    const char *region; /* NULL where the exchange has one key space; else the region's id */
    bool is_ws;         /* wss:// host: only ws_login may name it */
    const char *prefix; /* a url that is only a path and begins so goes here; NULL for most */
};

enum field_codec {
    CODEC_TEXT,
    CODEC_BASE64,
    CODEC_BASE64_LOOSE, /* padding may be missing */
    CODEC_PEM
};

struct field_spec {
    enum field_id id;
    const char *label; /* as the exchange calls it: "Private key" */
    enum field_codec codec;
    uint16_t min, max; /* length of the text as typed */
    bool is_secret;    /* signs, or lets sign; hidden when typed. Else it travels in clear */
    bool is_optional;  /* one of two ways to give a key: api_secret or private_key_pem */
};

/* A pattern over method and path. method: "GET", "*"...; host: NULL for any of the connector's,
 * else a name as in hosts; path: exact, or with * for one whole or partial segment, or ending in
 * ** for any rest. Bytes decide, case included; * and ** match no escaped character (%).
 * First match wins. */
struct endpoint {
    enum req_class cls;
    const char *method, *host, *path;
    uint16_t exact; /* length of a path without a star; 0: it has one */
};
#define ENDPOINT(cls, method, host, path)                                                          \
    {                                                                                              \
        CLASS_##cls, method, host, path, __builtin_strchr(path, '*') ? 0 : sizeof(path) - 1        \
    }

struct header {
    struct bytes name, value;
};

/* A request before signing, already checked by target.h. All borrowed. */
struct call {
    const struct connector *conn;
    enum environment env;
    const char *region;  /* NULL (the first) or the record's region */
    struct bytes method; /* upper case */
    bool is_ws;          /* set by target_parse: the scheme is wss */
    struct bytes origin; /* "https://host" as the caller wrote it; empty when the url was a path */
    struct bytes host;   /* as in hosts: lower case, without a port that is the scheme's own */
    struct bytes path;   /* starts with / (a WebSocket url may have none); byte for byte */
    bool has_query;      /* a ? was there */
    struct bytes query;  /* without the ? */
    struct bytes body;
    const struct header *headers;
    size_t n_headers;
    /* from outside, never invented by a connector */
    uint64_t timestamp_ms;
    struct bytes nonce; /* decimal text for Kraken's kind; may be other text in a test clock */
    uint8_t random[16];
    struct bytes uuid; /* 36 characters */
    uint32_t window_ms; /* a receive window of the caller is cut to it; 0: kept */
    uint32_t token_s;   /* how long a signed token lives; 0: as long as the exchange takes */
};

#define HEADERS_MAX 64u
#define BODY_MAX (1024u * 1024u)
#define URL_MAX 32768u

/* A request as it goes out. Owned buffers. */
struct request {
    struct buf method, url, body;
    struct buf names[HEADERS_MAX], values[HEADERS_MAX];
    size_t n_headers;
};
void request_init(struct request *r);
void request_free(struct request *r);
/* Appends a header; past HEADERS_MAX the url buffer fails, so that one check is enough. */
void request_header(struct request *r, struct bytes name, struct bytes value);
/* The value's buffer to write into; never NULL. */
struct buf *request_header_new(struct request *r, const char *name);
/* Says that the body is of that media type: a Content-Type of the caller that names another is
 * replaced. */
void request_content_type(struct request *r, const char *type);
/* Writes scheme, host and path of c, byte for byte as the caller gave them; nothing when a
 * WebSocket message came without a url. */
void request_origin_path(struct request *r, const struct call *c);
/* The whole url as the caller gave it, with its query. */
void request_url(struct request *r, const struct call *c);
/* Method, url and body of c as they came: for a public request, which goes unsigned. */
void request_unsigned(struct request *r, const struct call *c);
/* OK, or the first failure among all the buffers of r. */
int request_check(const struct request *r, struct err *e) MUST_USE;

/* A WebSocket login or signed message before signing. */
struct ws_call {
    struct call base;     /* clock and record; host, path, query from url if given; method "WS" */
    struct bytes message; /* JSON text of the client, or empty: the connector makes its login */
};

struct connector {
    const char *name, *title;        /* "binance", "Binance" */
    const char *const *aliases;      /* ccxt ids and product names; ends with NULL */
    const char *docs;                /* the page on signing: source of every rule in the file */
    const char *covers;              /* what a signature covers and what not, one sentence */
    const struct host *hosts;        /* ends with {0} */
    const char *const *regions;      /* region ids, first is the default, ends with NULL; or NULL */
    const char *const *region_sites; /* for people, in that order: "app.okx.com, USA"; or NULL */
    const struct field_spec *fields; /* what `add` asks for, in order; ends with label NULL */
    unsigned key_types;              /* bit per enum key_type */
    const struct endpoint *endpoints; /* ends with method NULL */
    const struct endpoint *ws_ops;    /* method = operation ("order.place"); or NULL */
    const char *const *auth_headers;  /* the caller's of these names are dropped; ends with NULL */
    bool needs_nonce;                 /* strictly rising nonce per key */
    bool needs_random;                /* sign reads random or uuid; sign_ws always may */
    /* Checks fields after decoding (key type, size, form) and says what is wrong; may be NULL.
     * Values of absent fields are NULL. */
    int (*check)(const struct secret *const fields[FIELD_COUNT], enum key_type key, struct err *);
    /* Writes the signed request. Required; pure. Caller's headers (less authentication, hop-by-hop,
     * Content-Length) are already in *out. Not called for CLASS_PUBLIC, which goes unsigned. */
    int (*sign)(const struct call *, struct signer *, struct request *out, struct err *);
    /* Writes the signed message (into out->body; empty where login is by headers), url and headers.
     * NULL where WebSocket login needs no signature. */
    int (*sign_ws)(const struct ws_call *, struct signer *, struct request *out, struct err *);
    /* Class of the operation of a WebSocket message. NULL with sign_ws NULL. */
    enum req_class (*classify_ws)(const struct ws_call *);
    /* The class that a request of class cls has with its parameters, where the signature covers no
     * path and would be good elsewhere too. NULL: the path alone tells. Never lowers. */
    enum req_class (*raise_class)(const struct call *, enum req_class cls);
    /* What an order is about, of a request of CLASS_TRADE (connectors/gist.h): fills *out, which is
     * empty. NULL: this version reads none. */
    void (*gist)(const struct call *, struct gist *out);
    /* The member of the reply that holds a session token, of a request of CLASS_SESSION; NULL, or
     * the result NULL: none. */
    const char *(*session_token)(const struct call *);
    /* Verify, balance, errors, guide (connectors/checks.h). NULL: this version has none for it. */
    const struct checks *checks;
};

/* The one list of exchanges: declares, lists, and in the tests demands a vector file. */
#define CONNECTORS(X) X(binance) X(coinbase_advanced_trade) X(kraken) X(okx)
#define X(c) extern const struct connector connector_##c;
CONNECTORS(X)
#undef X

extern const struct connector *const connectors[]; /* sorted by name; ends with NULL */
/* By name or alias, any case and - for _ allowed. NULL when unknown. */
const struct connector *connector_find(const char *name);
/* All names, with commas between them. */
void connector_names(char *out, size_t cap);
/* ERR_USAGE that names the nearest, where one is near, and all. */
int connector_unknown(const char *name, struct err *e);
/* Class of a checked request by the connector's table, raised by its parameters where a signature
 * over them is good elsewhere too. */
enum req_class connector_classify(const struct call *c);
/* By the table alone: another class than connector_classify's says that parameters raised it. */
enum req_class connector_path_class(const struct call *c);

#endif
