/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a reply's objects, read so that another type than the documented one is as good as
 * missing. What they mean is in the exchanges' own files. */
#ifndef CONNECTORS_MEMBER_H
#define CONNECTORS_MEMBER_H

#include "connectors/checks.h"

/* The JSON boolean of that name; missing or of another type: unknown. */
enum fact member_fact(struct json object, const char *name);
/* The string of that name, fit for a terminal, cut where it does not fit. false, and out "", when
 * there is none. */
bool member_text(struct json object, const char *name, char *out, size_t cap);
/* The bytes of the string of that name, still escaped: for decimals and numbers. Empty when there
 * is none. */
struct bytes member_raw(struct json object, const char *name);
/* The integer of that name, up to 2^53. */
bool member_u64(struct json object, const char *name, uint64_t *out) MUST_USE;
/* The first element of the array of that name. */
bool member_first(struct json object, const char *name, struct json *out) MUST_USE;

/* The reply to call number i of t; NULL while there is none. */
const struct reply *talk_reply(const struct talk *t, unsigned i);
/* A member's own name, unescaped; one that does not fit is told apart by a sum. cap: 48 or more. */
void member_name(struct json key, char *out, size_t cap);
/* Appends to a list of names. What does not fit into out[cap] (16 or more) leaves a sum, so that
 * two lists that differ do not read alike. */
void list_add(char *out, size_t cap, const char *name);

#endif
