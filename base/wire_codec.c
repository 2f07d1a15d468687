/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, byte strings, headers and the ends of frames, both ways. Which members a frame has is
 * said in wire.c and wire_ask.c. */
#include "base/wire_codec.h"

#define HEAD 5u /* length and kind */

/* -- writing: a failure sticks in r -- */

void wire_add_uint(struct wire_writer *w, uint64_t v, unsigned n)
{
    uint8_t at[8];

    for (unsigned i = 0; i < n; i++)
        at[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    buf_add(w->out, bytes_of(at, n));
}

void wire_add_range(struct wire_writer *w, uint64_t v, uint64_t min, uint64_t max, unsigned n,
                    const char *what)
{
    if (!w->r && (v < min || v > max))
        w->r = err_set(w->e, ERR_LIMIT, "%s is out of range", what);
    wire_add_uint(w, v, n);
}

void wire_add_bytes(struct wire_writer *w, struct bytes v, size_t max, const char *what)
{
    if (!w->r && v.n > max)
        w->r = err_set(w->e, ERR_LIMIT, "%s is over %zu bytes", what, max);
    if (w->r)
        return;
    wire_add_uint(w, v.n, 4);
    buf_add(w->out, v);
}

void wire_add_headers(struct wire_writer *w, const struct wire_header *h, uint32_t n)
{
    wire_add_range(w, n, 0, WIRE_HEADERS_MAX, 4, "the number of headers");
    for (uint32_t i = 0; !w->r && i < n; i++) {
        wire_add_bytes(w, h[i].name, NAME_MAX_HERE, "a header's name");
        wire_add_bytes(w, h[i].value, VALUE_MAX, "a header");
    }
}

size_t wire_start(struct wire_writer *w, uint8_t kind)
{
    size_t start = w->out->n;

    wire_add_uint(w, 0, 4);
    wire_add_uint(w, kind, 1);
    return start;
}

int wire_end(struct wire_writer *w, size_t start)
{
    if (!w->r)
        w->r = buf_check(w->out, "the frame", w->e);
    if (!w->r && w->out->n - start > WIRE_FRAME_MAX)
        w->r = err_set(w->e, ERR_LIMIT, "the frame is over %u bytes", WIRE_FRAME_MAX);
    if (w->r) {
        buf_cut(w->out, start);
        return w->r;
    }
    size_t n = w->out->n - start - 4;
    for (unsigned i = 0; i < 4; i++)
        w->out->p[start + i] = (uint8_t)(n >> (8 * (3 - i)));
    return OK;
}

/* -- reading: a failure sticks in bad, and then every value is empty -- */

uint64_t wire_take_uint(struct wire_reader *r, unsigned n)
{
    uint64_t v = 0;

    if (r->bad || r->rest.n < n) {
        r->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | r->rest.p[i];
    r->rest.p += n;
    r->rest.n -= n;
    return v;
}

uint32_t wire_take_count(struct wire_reader *r, uint32_t max)
{
    uint32_t n = (uint32_t)wire_take_uint(r, 4);

    if (n > max)
        r->bad = true;
    return r->bad ? 0 : n;
}

bool wire_take_bool(struct wire_reader *r)
{
    uint64_t v = wire_take_uint(r, 1);

    if (v > 1)
        r->bad = true;
    return v == 1;
}

struct bytes wire_take_bytes(struct wire_reader *r, size_t max)
{
    size_t n = (size_t)wire_take_uint(r, 4);

    if (r->bad || n > max || n > r->rest.n) {
        r->bad = true;
        return bytes_of(NULL, 0);
    }
    struct bytes v = bytes_of(r->rest.p, n);
    r->rest.p += n;
    r->rest.n -= n;
    return v;
}

uint32_t wire_take_headers(struct wire_reader *r, struct wire_header *h)
{
    uint32_t n = wire_take_count(r, WIRE_HEADERS_MAX);

    for (uint32_t i = 0; i < n; i++) {
        h[i].name = wire_take_bytes(r, NAME_MAX_HERE);
        h[i].value = wire_take_bytes(r, VALUE_MAX);
    }
    return n;
}

void wire_open(struct wire_reader *r, struct bytes frame, uint8_t kind)
{
    *r = (struct wire_reader){.rest = frame};
    if (frame.n > WIRE_FRAME_MAX || wire_take_uint(r, 4) != frame.n - 4 ||
        wire_take_uint(r, 1) != kind)
        r->bad = true;
}

int wire_close(const struct wire_reader *r, const char *what, struct err *e)
{
    if (r->bad || r->rest.n > 0)
        return err_set(e, ERR_FORMAT, "the frame is no well-formed %s", what);
    return OK;
}

int wire_frame(struct bytes in, size_t *n, struct err *e)
{
    struct wire_reader r = {.rest = in};

    if (in.n < 4) {
        *n = 0;
        return OK;
    }
    size_t len = (size_t)wire_take_uint(&r, 4);
    if (len < HEAD - 4)
        return err_set(e, ERR_FORMAT, "a frame without a kind");
    if (len > WIRE_FRAME_MAX - 4)
        return err_set(e, ERR_LIMIT, "a frame of over %u bytes", WIRE_FRAME_MAX);
    *n = len + 4 <= in.n ? len + 4 : 0;
    return OK;
}

unsigned wire_kind(struct bytes frame)
{
    unsigned kind = frame.n >= HEAD ? frame.p[HEAD - 1] : 0;

    return kind >= WIRE_REQUEST && kind <= WIRE_DONE ? kind : 0;
}
