/* SPDX-License-Identifier: Apache-2.0 */
/* A strict JSON reader that copies nothing: json_check walks the whole text once, then values are
 * spans of it. So secrets stay where they were read, bodies can be edited as text, and a large
 * index costs one pass. Strict means RFC 8259 and: UTF-8, no duplicate members (compared after
 * unescaping), no lone surrogates, limits on size, depth and members, nothing after the value but
 * blanks. Writing is buf.h or cJSON. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json { /* a value inside checked text; borrowed from it */
    const uint8_t *p;
    size_t n;
    enum json_type type;
};

struct json_limits {
    size_t max_bytes;
    unsigned max_depth;   /* 1 = a scalar or an empty container */
    unsigned max_members; /* per object */
};

/* Checks all of text and points *root at its value. Errors: ERR_FORMAT with the offset, ERR_LIMIT.
 * The text is never quoted in the error. */
int json_check(struct bytes text, const struct json_limits *lim, struct json *root,
               struct err *e) MUST_USE;

struct json_iter {
    const uint8_t *p, *end;
    bool is_object;
};
/* Iterates an array or object that json_check passed; another type yields nothing. key is {0} for
 * arrays. */
void json_iter(struct json_iter *it, struct json container);
bool json_next(struct json_iter *it, struct json *key, struct json *value);
/* The member of that name; false when v is no object or has none. */
bool json_get(struct json v, const char *name, struct json *out) MUST_USE;
size_t json_count(struct json v);

/* A string with exactly these bytes after unescaping. */
bool json_str_eq(struct json v, const char *s) MUST_USE;
/* Unescapes a string into out[cap]; *n = length. false when no string, or too long. No NUL is
 * added. */
bool json_str(struct json v, uint8_t *out, size_t cap, size_t *n) MUST_USE;
/* As json_str for a C string: adds the NUL, refuses U+0000 inside. */
bool json_cstr(struct json v, char *out, size_t cap) MUST_USE;
/* A plain non-negative integer: no fraction or exponent, at most max. */
bool json_u64(struct json v, uint64_t max, uint64_t *out) MUST_USE;
bool json_bool(struct json v, bool *out) MUST_USE;
/* Text of a number or string without its quotes and still escaped. */
struct bytes json_raw(struct json v);

#define JSON_INT_MAX 9007199254740992u /* 2^53 */

#endif
