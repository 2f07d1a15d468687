/* SPDX-License-Identifier: Apache-2.0 */
/* The only type that holds a secret. Its bytes live in one arena of locked memory: memfd_secret
 * where the kernel gives it, otherwise private pages that are locked; never in a core dump, not
 * inherited by fork, wiped on free. The arena is the one deliberate piece of process-wide state:
 * locked memory is a process-wide budget. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"

struct secret {
    uint8_t *p; /* in the arena; NULL when empty */
    size_t n;   /* bytes used */
    size_t cap; /* bytes that may be used */
};

enum arena_kind { ARENA_CLOSED, ARENA_MEMFD_SECRET, ARENA_LOCKED };

#define SECRET_MAX 16384u /* largest single secret: an RSA-4096 key in PEM with room */

/* Opens the arena before the first secret; again does nothing. ERR_MEMORY: no pages to lock. */
int secret_arena_open(struct err *e) MUST_USE;
enum arena_kind secret_arena_kind(void);
/* Wipes and unmaps everything; secrets still held become invalid. For the end of main and for
 * tests. */
void secret_arena_close(void);

/* An empty secret with room for cap bytes (1 to SECRET_MAX). s must not hold one already. */
int secret_new(struct secret *s, size_t cap, struct err *e) MUST_USE;
/* Whether secret_new would find that much room now. */
bool secret_room(size_t cap);
/* A fresh copy of v. s must not hold one already. */
int secret_copy(struct secret *s, struct bytes v, struct err *e) MUST_USE;
/* Appends within cap; ERR_LIMIT beyond it. */
int secret_append(struct secret *s, struct bytes v, struct err *e) MUST_USE;
/* Wipes and gives back; takes an empty one. Leaves {0}. */
void secret_free(struct secret *s);
/* Constant time in the contents (not in the lengths). */
bool secret_eq(const struct secret *a, const struct secret *b);

static inline struct bytes secret_bytes(const struct secret *s)
{
    return (struct bytes){s->p, s->n};
}

#define AUTO_SECRET AUTO(secret_free) struct secret

#endif
