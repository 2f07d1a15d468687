/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys can share one question for an exchange's clock, and their copies of its answer. */
#include "agent/clock.h"

bool clock_is(const struct errand *r, unsigned call)
{
    return call == 0 && r->talk.purpose == PURPOSE_VERIFY && r->classes[0] == CLASS_PUBLIC;
}

/* Whether both reach the exchange by the same way. */
static bool is_same_way(const struct errand *a, const struct errand *b)
{
    const struct record_info *x = a->info, *y = b->info;

    return a->talk.conn == b->talk.conn && a->talk.env == b->talk.env &&
           strcmp(x->region, y->region) == 0 && strcmp(x->connect_to, y->connect_to) == 0 &&
           strcmp(x->egress, y->egress) == 0 && bytes_eq(buf_bytes(&x->ca), buf_bytes(&y->ca)) &&
           bytes_eq(a->hosts[0], b->hosts[0]);
}

const struct errand *clock_find(struct errand *const *list, size_t n, const struct errand *r)
{
    for (size_t i = 0; i < n; i++) {
        const struct errand *o = list[i];
        if (o != r && o->talk.n_asked > 0 && !o->clock_of && clock_is(o, 0) && is_same_way(o, r))
            return o;
    }
    return NULL;
}

static size_t answer_size(const struct answer *a)
{
    size_t n = a->body.n;

    for (size_t i = 0; i < a->n_headers; i++)
        n += a->headers[i].name.n + a->headers[i].value.n;
    return n;
}

static struct bytes put(uint8_t **at, struct bytes v)
{
    uint8_t *p = *at;

    if (v.n > 0)
        memcpy(p, v.p, v.n);
    *at += v.n;
    return bytes_of(p, v.n);
}

int clock_copy(struct answer *to, const struct answer *from, struct err *e)
{
    size_t n = answer_size(from);
    struct buf frame = BUF_INIT(n + 1);
    uint8_t *at = buf_extend(&frame, n + 1);

    if (!at)
        return buf_check(&frame, "copy of a reply", e);
    *to = *from;
    to->frame = frame;
    for (size_t i = 0; i < from->n_headers; i++) {
        to->headers[i].name = put(&at, from->headers[i].name);
        to->headers[i].value = put(&at, from->headers[i].value);
    }
    to->body = put(&at, from->body);
    return OK;
}
