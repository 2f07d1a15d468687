/* SPDX-License-Identifier: Apache-2.0 */
/* What an error reply means, as far as it is alike at every exchange: the lookup in their tables,
 * the HTTP status where no row knows, and replies in no documented form. */
#include "connectors/checks.h"

#include "base/text.h"

#include <stdio.h>

#define RETRY_MAX_S (366u * 86400u)

static const char *const names[] = {
    [FAILURE_NONE] = "none",       [FAILURE_KEY_GONE] = "key_gone",
    [FAILURE_KEY] = "key",         [FAILURE_SIGNATURE] = "signature",
    [FAILURE_CLOCK] = "clock",     [FAILURE_NONCE] = "nonce",
    [FAILURE_IP] = "ip",           [FAILURE_RIGHT] = "right",
    [FAILURE_EXPIRED] = "expired", [FAILURE_OTHER_ENVIRONMENT] = "other_environment",
    [FAILURE_RATE] = "rate",       [FAILURE_BANNED] = "banned",
    [FAILURE_BUSY] = "busy",       [FAILURE_UNKNOWN_STATE] = "unknown_state",
    [FAILURE_FUNDS] = "funds",     [FAILURE_REQUEST] = "request",
    [FAILURE_GARBAGE] = "garbage", [FAILURE_OTHER] = "other",
    [FAILURE_PLACE] = "place",
};

const char *failure_name(enum failure_kind k)
{
    return (unsigned)k < ARRAY_LEN(names) ? names[k] : "other";
}

void failure_say(struct failure *f, struct bytes code, struct bytes message)
{
    text_clean(f->code, sizeof(f->code), code);
    text_clean(f->message, sizeof(f->message), text_trim(message));
}

/* What a status says by itself. Status 0 in a row: any. */
static const struct failure_row by_status[] = {
    {NULL,
     401,
     FAILURE_KEY,
     {{"the key is not valid at this exchange", "compare its first and last characters with the "
                                                "exchange's list of API keys"},
      {"its secret was mistyped", "add it again; the exchange shows a secret only once"},
      {"it is bound to other IP addresses", "look at its IP list at the exchange"}}},
    {NULL,
     403,
     FAILURE_KEY,
     {{"the key lacks a right that the request needs", "look at its rights at the exchange"},
      {"it is bound to other IP addresses", "look at its IP list at the exchange"},
      {"the exchange's firewall blocks this address or country",
       "try from another address: the same answer to every key points to it"}}},
    {NULL,
     418,
     FAILURE_BANNED,
     {{"this address asked too often, and went on after it was told to wait",
       "stop all programs at this address that use the exchange, and wait"}}},
    {NULL, 429, FAILURE_RATE, {{"too many requests from this address or account", "wait"}}},
    {NULL,
     451,
     FAILURE_PLACE,
     {{"the exchange does not serve the place that this address is in",
       "nothing is known about the key; try from a server at an address that it serves"}}},
    {NULL, 0, FAILURE_NONE, {{0}}},
};

static const struct failure_row overload = {NULL,
                                            500,
                                            FAILURE_BUSY,
                                            {{"the exchange is overloaded or under maintenance",
                                              "try again later; its status page says more"}}};
static const struct failure_row nothing = {NULL, 0, FAILURE_OTHER, {{0}}};
static const struct failure_row no_answer = {NULL,
                                             0,
                                             FAILURE_UNKNOWN_STATE,
                                             {{"the request may have arrived, but no reply came",
                                               "look at the exchange what became of it"}}};

static const struct failure_row *row_of_status(const struct reply *r)
{
    for (const struct failure_row *row = by_status; row->kind != FAILURE_NONE; row++)
        if (row->status == r->status)
            return row;
    if (r->status >= 500 && r->status <= 599)
        return &overload;
    return r->status == 0 && r->is_unknown ? &no_answer : NULL;
}

static bool row_matches(const struct failure_row *row, const struct reply *r,
                        const struct failure *f)
{
    return (!row->code || strcmp(row->code, f->code) == 0) &&
           (row->status == 0 || row->status == r->status);
}

/* A row for whatever is left says less than the HTTP status does. */
static bool is_rest(const struct failure_row *row)
{
    return !row->code && row->status == 0 && row->kind == FAILURE_OTHER;
}

/* Whoever is overloaded, or counts requests, has no last word on a key, whatever code stands in
 * its reply. */
static bool is_overruled(const struct failure_row *row, const struct reply *r)
{
    bool is_trouble = r->status == 418 || r->status == 429 || (r->status >= 500 && r->status < 600);

    return is_trouble && row->kind != FAILURE_RATE && row->kind != FAILURE_BANNED &&
           row->kind != FAILURE_BUSY && row->kind != FAILURE_UNKNOWN_STATE;
}

static const struct failure_row *row_of(const struct failure_row *rows, const struct reply *r,
                                        const struct failure *f)
{
    for (; rows->kind != FAILURE_NONE; rows++)
        if (row_matches(rows, r, f))
            break;
    if (rows->kind != FAILURE_NONE && !is_rest(rows) && !is_overruled(rows, r))
        return rows;
    const struct failure_row *other = row_of_status(r);
    if (other)
        return other;
    return rows->kind != FAILURE_NONE ? rows : &nothing;
}

static void take_row(const struct failure_row *row, struct failure *f)
{
    f->kind = row->kind;
    f->n_causes = 0;
    while (f->n_causes < CAUSES_MAX && row->causes[f->n_causes].what) {
        f->causes[f->n_causes] = row->causes[f->n_causes];
        f->n_causes++;
    }
}

/* Seconds only: nobody here knows the time that a date would be counted from. */
static void take_retry_after(const struct reply *r, struct failure *f)
{
    struct bytes v;
    uint64_t s;

    f->retry_after_s = 0;
    if (reply_header(r, "Retry-After", &v) && text_u64(text_trim(v), RETRY_MAX_S, &s))
        f->retry_after_s = s;
}

void failure_from_table(const struct failure_row *rows, const struct reply *r, struct failure *f)
{
    take_row(row_of(rows, r, f), f);
    take_retry_after(r, f);
}

static const struct failure_row blocked = {
    NULL,
    403,
    FAILURE_GARBAGE,
    {{"a firewall before the exchange blocks this address or country",
      "try from another address; nothing is known about the key"},
     {"too many requests from this address", "wait some minutes, then try again"}}};
static const struct failure_row moved = {
    NULL,
    300,
    FAILURE_GARBAGE,
    {{"a redirect, which coffer never follows: a portal of this network, or a host that has moved",
      "open the exchange's site in a browser on this machine"}}};
static const struct failure_row strange = {
    NULL,
    200,
    FAILURE_GARBAGE,
    {{"something before the exchange answered in its place: a proxy, a portal of this network, its "
      "firewall",
      "try from another network"},
     {"the exchange has trouble, or changed its replies",
      "try again later; its status page says more"}}};

static const struct failure_row *row_of_garbage(const struct reply *r)
{
    const struct failure_row *row = row_of_status(r);

    if (r->status == 403)
        return &blocked;
    if (r->status >= 300 && r->status <= 399)
        return &moved;
    /* Whoever writes a page with 401 need not be the exchange: no word about the key. */
    return row && row->kind != FAILURE_KEY ? row : &strange;
}

/* Form and size only; a page's own text would tell a person less. */
static void describe(const struct reply *r, struct failure *f)
{
    struct bytes type;
    char room[64] = "no stated type";

    if (reply_header(r, "Content-Type", &type))
        text_clean(room, sizeof(room), text_trim(type));
    snprintf(f->code, sizeof(f->code), "HTTP %u", r->status);
    if (r->body.n == 0)
        snprintf(f->message, sizeof(f->message), "an empty reply");
    else
        snprintf(f->message, sizeof(f->message), "%zu bytes of %s that are not a documented reply",
                 r->body.n, room);
}

void failure_garbage(const struct reply *r, struct failure *f)
{
    *f = (struct failure){0};
    describe(r, f);
    if (r->status == 0) {
        f->code[0] = 0;
        snprintf(f->message, sizeof(f->message), "no reply");
        take_row(r->is_unknown ? &no_answer : &nothing, f);
        return;
    }
    take_row(row_of_garbage(r), f);
    take_retry_after(r, f);
}
