/* SPDX-License-Identifier: Apache-2.0 */
/* The buffer of buf.h. Grows by doubling; never past its ceiling. */
#include "base/buf.h"

#include "base/json_text.h"
#include "base/text.h"
#include "base/wipe.h"

#include <stdarg.h>
#include <stdio.h>

#define CAP_MIN 256u

void buf_free(struct buf *b)
{
    wipe_free(b->p);
    *b = (struct buf)BUF_INIT(b->max);
}

void buf_reset(struct buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->n);
    b->n = 0;
    b->failed = OK;
}

static bool grow(struct buf *b, size_t n)
{
    if (b->failed)
        return false;
    if (b->n > b->max || n > b->max - b->n || b->max == SIZE_MAX) {
        b->failed = ERR_LIMIT;
        return false;
    }
    size_t need = b->n + n + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap > SIZE_MAX / 2 ? need : b->cap * 2;
    if (cap < CAP_MIN)
        cap = CAP_MIN;
    if (cap > b->max + 1)
        cap = b->max + 1;
    if (cap < need)
        cap = need;
    uint8_t *p = wipe_realloc(b->p, cap);
    if (!p) {
        b->failed = ERR_MEMORY;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

/* Room for n more bytes and the NUL. What is there already is below the ceiling. */
static inline bool reserve(struct buf *b, size_t n)
{
    return (!b->failed && n < b->cap - b->n) || grow(b, n);
}

void buf_reserve(struct buf *b, size_t n)
{
    (void)reserve(b, n);
}

uint8_t *buf_extend(struct buf *b, size_t n)
{
    if (!reserve(b, n))
        return NULL;
    uint8_t *at = b->p + b->n;
    memset(at, 0, n + 1);
    b->n += n;
    return at;
}

void buf_cut(struct buf *b, size_t n)
{
    if (n >= b->n)
        return;
    explicit_bzero(b->p + n, b->n - n);
    b->n = n;
}

void buf_add(struct buf *b, struct bytes v)
{
    if (!reserve(b, v.n))
        return;
    if (v.n > 0)
        memcpy(b->p + b->n, v.p, v.n);
    b->n += v.n;
    b->p[b->n] = 0;
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, bytes_str(s));
}

void buf_addc(struct buf *b, char c)
{
    if (!reserve(b, 1))
        return;
    b->p[b->n++] = (uint8_t)c;
    b->p[b->n] = 0;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;

    if (!reserve(b, 0))
        return;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf((char *)b->p + b->n, b->cap - b->n, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = ERR_FORMAT;
    } else if ((size_t)n >= b->cap - b->n) {
        bool ok = reserve(b, (size_t)n);
        if (ok)
            vsnprintf((char *)b->p + b->n, b->cap - b->n, fmt, again);
        else
            explicit_bzero(b->p + b->n, b->cap - b->n);
        n = ok ? n : 0;
    }
    va_end(again);
    b->n += n > 0 ? (size_t)n : 0;
}

static void add_escaped(struct buf *b, uint8_t c)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (size_t i = 0; i + 1 < sizeof(letters); i += 2)
        if (c == (uint8_t)letters[i]) {
            buf_addc(b, '\\');
            buf_addc(b, letters[i + 1]);
            return;
        }
    buf_addf(b, "\\u%04x", c);
}

void buf_add_json(struct buf *b, struct bytes v)
{
    if (b->failed)
        return;
    if (!text_is_utf8(v)) {
        b->failed = ERR_FORMAT;
        return;
    }
    buf_addc(b, '"');
    size_t from = 0;
    for (size_t i = 0; i < v.n; i++) {
        i += json_plain_run(v.p + i, v.p + v.n);
        if (i == v.n)
            break;
        if (v.p[i] >= 0x80)
            continue;
        buf_add(b, bytes_of(v.p + from, i - from));
        add_escaped(b, v.p[i]);
        from = i + 1;
    }
    if (v.n > from)
        buf_add(b, bytes_of(v.p + from, v.n - from));
    buf_addc(b, '"');
}

struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){b->p, b->n};
}

const char *buf_str(const struct buf *b)
{
    return b->p ? (const char *)b->p : "";
}

int buf_check(const struct buf *b, const char *what, struct err *e)
{
    switch (b->failed) {
    case OK:
        return OK;
    case ERR_LIMIT:
        return err_set(e, ERR_LIMIT, "%s is over %zu bytes", what, b->max);
    case ERR_FORMAT:
        return err_set(e, ERR_FORMAT, "%s is not UTF-8 text", what);
    default:
        return err_set(e, ERR_MEMORY, "out of memory for %s", what);
    }
}
