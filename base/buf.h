/* SPDX-License-Identifier: Apache-2.0 */
/* A growing buffer with a ceiling and a sticky failure: append ten times, test once with buf_check.
 * Its memory comes from wipe.h, so nothing that passed through it stays behind. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"

struct buf {
    uint8_t *p; /* NUL kept at p[n] once anything was added */
    size_t n, cap;
    size_t max; /* ceiling for n, set at birth */
    int failed; /* OK, ERR_LIMIT or ERR_MEMORY; once set, further appends do nothing */
};

#define BUF_INIT(limit)                                                                            \
    {                                                                                              \
        .max = (limit)                                                                             \
    }
#define AUTO_BUF AUTO(buf_free) struct buf

void buf_free(struct buf *b);                /* wipes; leaves it empty with the same ceiling */
void buf_reset(struct buf *b);               /* wipes the contents, keeps the memory */
void buf_add(struct buf *b, struct bytes v); /* v may not lie in b */
/* Room for n bytes more, so that those that come next do not move it. */
void buf_reserve(struct buf *b, size_t n);
/* Appends n bytes for the caller to fill, zeroed; NULL when the buffer has failed. */
uint8_t *buf_extend(struct buf *b, size_t n);
/* Wipes what is beyond n, which becomes the length; more than the length changes nothing. */
void buf_cut(struct buf *b, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* JSON string with its quotes; v must be UTF-8 (else the buffer fails with ERR_FORMAT). */
void buf_add_json(struct buf *b, struct bytes v);
/* The contents; valid until the next append. */
struct bytes buf_bytes(const struct buf *b);
/* The contents as a C string ("" when empty). The caller knows that no NUL is inside. */
const char *buf_str(const struct buf *b);
/* OK, or the sticky failure as an error that names what ("request body"). */
int buf_check(const struct buf *b, const char *what, struct err *e) MUST_USE;

#endif
