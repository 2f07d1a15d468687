/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the proxy's room one client may take, so that the cancels of the others find some. */
#include "base/text.h"
#include "net/work.h"

#define KEPT 48u     /* jobs: while more are free, anybody may have one */
#define SMALL 16384u /* bytes: an order's are far less */
#define BEARER_HEX 32u

/* Nobody outside knows the seed, so nobody makes two that are the same. */
static uint64_t add(uint64_t hash, struct bytes v)
{
    for (size_t i = 0; i < v.n; i++)
        hash = (hash ^ v.p[i]) * 1099511628211u;
    return (hash ^ 0x100) * 1099511628211u; /* and that it ends here */
}

static uint64_t socket_of(const struct gate *g, const struct wire_ask *a)
{
    return g->share_seed ^ a->uid ^ (uint64_t)a->is_tcp << 32;
}

/* coffer_RECORD_BEARER, as it stands in the exchange's own header. */
static bool is_bearer_of(struct bytes value, struct bytes record, struct bytes *bearer)
{
    static const char start[] = "coffer_";
    size_t at = sizeof(start) - 1 + record.n;

    if (value.n != at + 1 + BEARER_HEX || !text_starts(value, start) || value.p[at] != '_' ||
        memcmp(value.p + sizeof(start) - 1, record.p, record.n) != 0)
        return false;
    *bearer = bytes_of(value.p + at + 1, BEARER_HEX);
    return true;
}

/* The one that it shows, wherever. With two that differ it has none: the agent may not look at the
 * header in which one of them stands, and that one could be made up anew each time. */
static bool has_one_bearer(const struct wire_ask *a, struct bytes *out)
{
    struct bytes other;

    *out = a->bearer;
    for (uint32_t i = 0; i < a->n_headers; i++) {
        if (!is_bearer_of(a->headers[i].value, a->record, &other))
            continue;
        if (out->n > 0 && !bytes_eq(*out, other))
            return false;
        *out = other;
    }
    return true;
}

/* Another process of the same user is no other client: it is had for the asking. */
uint64_t share_asker(const struct gate *g, const struct wire_ask *a)
{
    struct bytes bearer;

    if (!a->is_tcp)
        return add(socket_of(g, a), a->record);
    if (!has_one_bearer(a, &bearer))
        return socket_of(g, a);
    return add(add(socket_of(g, a), a->record), bearer);
}

/* Names and bearers that are made up must not be as many clients. */
uint64_t share_client(const struct gate *g, const struct wire_ask *a, uint64_t asker)
{
    for (size_t i = 0; i < g->n_proven; i++)
        if (g->proven[i] == asker)
            return asker;
    return socket_of(g, a);
}

/* The latest is the first. */
void share_prove(struct gate *g, uint64_t asker)
{
    size_t at = 0;

    while (at < g->n_proven && g->proven[at] != asker)
        at++;
    if (at == PROVEN_MAX)
        at--;
    else if (at == g->n_proven)
        g->n_proven++;
    memmove(&g->proven[1], &g->proven[0], at * sizeof(g->proven[0]));
    g->proven[0] = asker;
}

static uint32_t count(const struct gate *g, uint64_t client)
{
    uint32_t n = 0;

    for (const struct job *j = g->first; j; j = j->after)
        n += j->client == client;
    return n;
}

bool share_is_left(const struct gate *g, uint64_t client, size_t size)
{
    uint32_t n_free = JOBS_MAX - g->n_jobs;
    size_t waiting = g->out.n + (g->agent ? stream_waiting(g->agent) : 0);
    bool is_small = size <= SMALL; /* the last room is theirs */

    if (waiting + size > (is_small ? AGENT_OUT_MAX : AGENT_OUT_MAX / 2) ||
        g->size + size > (is_small ? REQUESTS_MAX : REQUESTS_MAX / 4 * 3))
        return false;
    return n_free > KEPT || count(g, client) < n_free;
}
