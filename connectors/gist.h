/* SPDX-License-Identifier: Apache-2.0 */
/* What an order is about, in a few words, as the request says it: for the person who is asked for a
 * touch, and for the audit log. It decides nothing: what cannot be read stays empty. */
#ifndef CONNECTORS_GIST_H
#define CONNECTORS_GIST_H

#include "base/attr.h"
#include "connectors/connector.h"

struct gist {
    char side[8];    /* "BUY", "SELL", or empty */
    char size[40];   /* "0.5", as written; of the base, or of the quote with is_quote */
    char market[40]; /* "ETHUSDT", as written */
    bool is_quote;
    unsigned n; /* orders in the request; the words are the first one's */
};

/* c: a checked REST call. All empty with n 0 when it is no order that this version can read. */
void gist_of(const struct call *c, struct gist *out);
/* "BUY 0.5 ETHUSDT", "BUY ETHUSDT for 100" (of the quote), "BUY 0.5 ETHUSDT and 2 more", or "" */
#define GIST_TEXT 128u
void gist_text(const struct gist *g, char out[GIST_TEXT]);
/* Of a checked REST call of class session whose reply hands out a token: the member of the reply's
 * JSON that holds it, "listenKey", "token" or "result.token"; NULL: none. */
const char *session_token_member(const struct call *c);

#endif
