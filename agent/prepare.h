/* SPDX-License-Identifier: Apache-2.0 */
/* One request from a client's words to a signed request: parse, check, classify, ask policy, give
 * it clock and nonce, sign. The only way to a signature; the command line uses it. */
#ifndef AGENT_PREPARE_H
#define AGENT_PREPARE_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/env.h"
#include "base/err.h"
#include "base/json.h"
#include "connectors/connector.h"
#include "vault/nonces.h"
#include "vault/vault.h"
#include "vault/where.h"

#define REQUEST_FILE_MAX (2u * 1024u * 1024u + 65536u) /* a 1 MiB body escaped in JSON, with room  \
                                                        */
#define NONCE_TEXT_MAX 20u                             /* digits of a nonce that rises */

struct clock_fixed { /* the client's own clock: only for the owner's `coffer sign` */
    bool has_time, has_random;
    uint64_t timestamp_ms;
    uint8_t random[16];
    struct bytes nonce, uuid; /* empty when absent */
};

/* A client's request in words. Borrowed from the text it was read from, or from scratch. */
struct wish {
    bool is_ws;
    struct bytes method, url, body, message;
    struct header headers[HEADERS_MAX];
    size_t n_headers;
    struct clock_fixed clock;
    struct buf scratch; /* owned: unescaped strings live here */
};
void wish_init(struct wish *w);
void wish_free(struct wish *w);
/* Reads {"method","url","headers"?,"body"?,"clock"?} or
 * {"kind":"ws_login","url"?,"message"?,"clock"?}; body and message may be null, which is "".
 * Errors: ERR_USAGE for whatever is not of that form, duplicates and unknown members too; the text
 * is never quoted. text outlives w; w is fresh from wish_init, and is freed by the caller on
 * failure too. */
int wish_parse(struct bytes text, struct wish *w, struct err *e) MUST_USE;
/* The same of a value in text that json_check has passed. */
int wish_from_json(struct json v, struct wish *w, struct err *e) MUST_USE;
/* A header from "Name: value" as typed; ERR_USAGE. Borrows line. */
int wish_header(struct wish *w, struct bytes line, struct err *e) MUST_USE;

/* What a request is held to, by who asks. */
struct sign_limits {
    enum {
        SIGN_CLOCK_OWN,  /* whatever the request says: its owner typed the PIN */
        SIGN_CLOCK_NEAR, /* a timestamp, at most 1 s ahead and 5 s behind; nonces are ours */
        SIGN_CLOCK_NONE  /* ours */
    } clock;
    uint32_t window_ms; /* the longest receive window; 0: as the request says */
};
extern const struct sign_limits sign_by_owner, sign_to_send, sign_to_release;

/* A wish checked against its record's connector and hosts, classified, and passed by policy.
 * Nothing is signed and no key is needed yet, so that refusals come before a PIN is asked. Borrows
 * from the wish and points into itself: never copied or moved. */
struct prepared {
    const struct connector *conn;
    struct ws_call call;
    enum req_class cls;
    bool is_ws;
    const struct sign_limits *limits;
    struct header headers[HEADERS_MAX]; /* the caller's, less those that coffer owns */
    char nonce[NONCE_TEXT_MAX + 1], uuid[37];
};
/* Errors: ERR_USAGE (the request), ERR_POLICY, ERR_FAILED (a record that this version cannot use).
 */
int prepare_check(const struct wish *w, const struct record_info *rec, struct prepared *out,
                  struct err *e) MUST_USE;
/* As prepare_check, with other limits than the owner's: limits lives as long as out. */
int prepare_check_limited(const struct wish *w, const struct record_info *rec,
                          const struct sign_limits *limits, struct prepared *out,
                          struct err *e) MUST_USE;
/* For CLASS_PUBLIC: the request as it came, less the headers that coffer owns. No key, no clock.
 * out: fresh from request_init; the caller frees it. */
int prepare_unsigned(const struct prepared *p, struct request *out, struct err *e) MUST_USE;
/* Gives the call its clock and nonce (a nonce's mark is on disk before this returns) and signs.
 * info, signer: of the opened, authenticated record; prepare_check must have passed with that info.
 * out: fresh from request_init; the caller frees it. */
int prepare_sign(struct prepared *p, const struct wish *w, const struct record_info *info,
                 struct signer *signer, const struct where *where, const struct env *env,
                 struct request *out, struct err *e) MUST_USE;
/* The same with nonces that are reserved ahead (vault/nonces.h); NULL: as prepare_sign. */
int prepare_sign_with(struct prepared *p, const struct wish *w, const struct record_info *info,
                      struct signer *signer, const struct where *where, const struct env *env,
                      struct nonces *nonces, struct request *out, struct err *e) MUST_USE;
/* {"method","url","headers","body"} or {"url","headers","message"}, one line with its LF. */
int request_json(const struct request *r, bool is_ws, struct buf *out, struct err *e) MUST_USE;

#endif
