/* SPDX-License-Identifier: Apache-2.0 */
/* One vector case on its way: credentials typed in, request placed as its client had it, signed by
 * a signer in memory. Comparing is test_vectors.c. */
#ifndef TESTS_VECTOR_CASE_H
#define TESTS_VECTOR_CASE_H

#include "tests/vector_file.h"

struct vector_case {
    const struct vector_file *file;
    struct json c;
    struct secret fields[FIELD_COUNT];
    enum key_type key;
    struct header headers[HEADERS_MAX];
    struct ws_call call;
    struct request out;
};

extern struct vector_case now; /* the one in work */

struct json member(struct json v, const char *name);
bool text_is(struct json v, const char *name, const char *value);

/* Steps, in this order; a failure of any is what expect_error is held against. */
int case_credentials(struct err *e) MUST_USE;
int case_rest(struct err *e) MUST_USE;
int case_sign_rest(struct err *e) MUST_USE;
int case_sign_ws(struct err *e) MUST_USE;
/* The message that the client sent, whole. */
struct bytes case_message(void);

#endif
