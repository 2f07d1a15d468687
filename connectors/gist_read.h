/* SPDX-License-Identifier: Apache-2.0 */
/* How the exchanges' files read an order's words. Each takes what is plainly there, once, and in
 * the characters that such words are made of; everything else counts as missing. */
#ifndef CONNECTORS_GIST_READ_H
#define CONNECTORS_GIST_READ_H

#include "base/json.h"
#include "connectors/gist.h"

/* "buy" in any case; false, and out untouched: no such word. */
bool gist_set_side(struct gist *out, struct bytes text) MUST_USE;
bool gist_set_size(struct gist *out, struct bytes text) MUST_USE;
bool gist_set_market(struct gist *out, struct bytes text) MUST_USE;

#define GIST_VALUE 256u
/* The one pair of that name in both forms, unescaped; empty when there is none, or several, or more
 * than GIST_VALUE bytes. */
struct bytes gist_pair(struct bytes query, struct bytes body, const char *name,
                       uint8_t room[GIST_VALUE]);
/* The string (or with a number, its text) of that name; empty when there is none. */
struct bytes gist_member(struct json object, const char *name, uint8_t room[GIST_VALUE]);
/* The body as a JSON object or array. */
bool gist_json(struct bytes body, struct json *root) MUST_USE;
/* The first element of an array of objects, and how many there are. */
bool gist_first(struct json array, struct json *first, unsigned *n) MUST_USE;

/* The exchanges' own (struct connector). */
void binance_gist(const struct call *c, struct gist *out);
void okx_gist(const struct call *c, struct gist *out);
void kraken_gist(const struct call *c, struct gist *out);
void coinbase_gist(const struct call *c, struct gist *out);
const char *binance_session_token(const struct call *c);
const char *kraken_session_token(const struct call *c);

#endif
