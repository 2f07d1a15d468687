/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of bytes: never owned, never NUL-terminated by promise. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *p;
    size_t n;
};

/* A string literal without its NUL. */
#define BYTES_LIT(s) ((struct bytes){(const uint8_t *)("" s ""), sizeof(s) - 1})
/* A whole array of uint8_t. */
#define BYTES_ARR(a) ((struct bytes){(a), sizeof(a)})

static inline struct bytes bytes_of(const void *p, size_t n)
{
    return (struct bytes){p, n};
}

static inline struct bytes bytes_str(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

/* Not constant time: for public data only. */
static inline bool bytes_eq(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool bytes_eq_str(struct bytes a, const char *s)
{
    return bytes_eq(a, bytes_str(s));
}

#endif
