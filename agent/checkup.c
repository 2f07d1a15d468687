/* SPDX-License-Identifier: Apache-2.0 */
/* What came of asking whether a key works, in one piece. How to read a reply is the connector's;
 * the words for a person's screen are cli's. */
#include "agent/errand.h"

#include <inttypes.h>
#include <stdio.h>

#define SKEW_WARN_MS 1000u
#define SKEW_MAX_MS ((int64_t)1 << 53)

/* -- the clock -- */

static int64_t less(uint64_t a, uint64_t b)
{
    uint64_t d = a > b ? a - b : b - a;
    int64_t v = d > (uint64_t)SKEW_MAX_MS ? SKEW_MAX_MS : (int64_t)d;

    return a > b ? v : -v;
}

static void find_skew(const struct errand *r, struct checkup *out)
{
    const struct checks *checks = r->talk.conn->checks;
    const struct reply *clock = &r->talk.replies[0];
    uint64_t server_ms;
    struct err e;

    if (r->talk.n_asked == 0 || clock->status == 0 || clock->sent_us == 0 ||
        clock->answered_us < clock->sent_us || checks->server_time(clock, &server_ms, &e))
        return;
    uint64_t there_us = (clock->answered_us - clock->sent_us) / 2;
    out->has_skew = true;
    out->skew_ms = less((clock->sent_us + there_us) / 1000, server_ms);
    out->skew_error_ms = (there_us + 999) / 1000 + checks->time_unit_ms;
}

static uint64_t size_of(int64_t ms)
{
    return ms < 0 ? (uint64_t)-ms : (uint64_t)ms;
}

static bool is_clock_off(const struct checkup *k)
{
    uint64_t ms = size_of(k->skew_ms);

    return k->has_skew && ms > k->skew_error_ms && ms - k->skew_error_ms > SKEW_WARN_MS;
}

static void skew_words(const struct checkup *k, char *out, size_t cap)
{
    uint64_t ms = size_of(k->skew_ms), tenths = ms / 100 + (ms % 100 >= 50);
    const char *side = k->skew_ms < 0 ? "behind" : "ahead of";

    if (ms < 1000)
        snprintf(out, cap, "this machine's clock is %" PRIu64 " ms %s the exchange's", ms, side);
    else
        snprintf(out, cap, "this machine's clock is %" PRIu64 ".%" PRIu64 " s %s the exchange's",
                 tenths / 10, tenths % 10, side);
}

static void add_clock(struct checkup *k)
{
    char words[96];

    if (!is_clock_off(k))
        return;
    skew_words(k, words, sizeof(words));
    verdict_add(&k->verdict, PROBLEM_CLOCK,
                "set it by network time: timedatectl set-ntp true, or chrony", "%s", words);
}

/* The exchange only says that a time stamp was wrong. */
static void explain_clock(struct checkup *k)
{
    char words[96];
    size_t n = strlen(k->failure.message);

    if (k->failure.kind != FAILURE_CLOCK || !k->has_skew)
        return;
    skew_words(k, words, sizeof(words));
    snprintf(k->failure.message + n, sizeof(k->failure.message) - n, "%s(%s)", n ? " " : "", words);
}

/* -- the replies -- */

/* Else the refusal would have come to any other key too, or to none tomorrow. */
static bool is_about_key(const struct failure *f)
{
    switch (f->kind) {
    case FAILURE_RATE:
    case FAILURE_BANNED:
    case FAILURE_BUSY:
    case FAILURE_UNKNOWN_STATE:
    case FAILURE_GARBAGE:
    case FAILURE_REQUEST: /* coffer's own mistake, or another exchange by now */
    case FAILURE_PLACE:
        return false;
    default:
        return true;
    }
}

struct tally {
    unsigned n_private, n_good;
    bool is_about_key; /* of the failure that was kept */
};

static uint64_t latency_of(const struct reply *r)
{
    if (r->sent_us == 0 || r->answered_us < r->sent_us)
        return 0;
    uint64_t ms = (r->answered_us - r->sent_us + 999) / 1000;
    return ms > 0 ? ms : 1;
}

static void take_private(const struct errand *r, const struct reply *reply, struct checkup *out,
                         struct tally *t)
{
    struct failure f = {0};

    t->n_private++;
    r->talk.conn->checks->explain(reply, &f);
    if (out->latency_ms == 0)
        out->latency_ms = latency_of(reply);
    if (f.kind == FAILURE_NONE) {
        t->n_good++;
        return;
    }
    /* That a key is gone stands only while no other answer knows it. */
    bool is_weaker = out->failure.kind == FAILURE_KEY_GONE && f.kind != FAILURE_KEY_GONE;
    bool is_first = out->failure.kind == FAILURE_NONE;
    if (is_first || (is_about_key(&f) && (!t->is_about_key || is_weaker))) {
        out->failure = f;
        t->is_about_key = is_about_key(&f);
    }
}

static void read_replies(const struct errand *r, struct checkup *out, struct tally *t)
{
    for (unsigned i = 0; i < r->talk.n_asked; i++) {
        const struct reply *reply = &r->talk.replies[i];
        if (r->talk.is_answered[i] && reply->status != 0 && r->classes[i] != CLASS_PUBLIC)
            take_private(r, reply, out, t);
    }
    if (t->n_good > 0 && out->failure.kind == FAILURE_KEY_GONE)
        out->failure.kind = FAILURE_KEY;
}

/* -- why not -- */

static const char *say_kind(enum failure_kind k)
{
    switch (k) {
    case FAILURE_RATE:
        return "too many requests";
    case FAILURE_BANNED:
        return "this address or key is locked out for a while";
    case FAILURE_BUSY:
        return "maintenance or overload";
    case FAILURE_UNKNOWN_STATE:
        return "it does not know what became of the request";
    case FAILURE_GARBAGE:
        return "a reply that is not in the documented form";
    case FAILURE_PLACE:
        return "it does not serve the place that this address is in";
    case FAILURE_REQUEST:
        return "it does not take the request as it is";
    default:
        return "something that is not about the key";
    }
}

static void not_now(const struct failure *f, const char *title, struct err *e)
{
    bool has_code = f->code[0] && strcmp(f->code, f->message) != 0;

    err_set(e, ERR_FAILED, "%s answered: %s%s%s%s%s%s", title, say_kind(f->kind),
            f->code[0] || f->message[0] ? " (" : "", has_code ? f->code : "",
            has_code && f->message[0] ? ": " : "", f->message,
            f->code[0] || f->message[0] ? ")" : "");
    if (f->retry_after_s > 0)
        err_hint(e, "it asks to wait %" PRIu64 " s before the next request", f->retry_after_s);
    else if (f->kind == FAILURE_BANNED)
        err_hint(e, "ask nothing for at least 15 minutes: each request may make it longer");
    for (size_t i = 0; i < f->n_causes; i++)
        err_hint(e, "%s%s%s", f->causes[i].what, f->causes[i].tell ? ": " : "",
                 f->causes[i].tell ? f->causes[i].tell : "");
    if (e->n_hints == 0)
        err_hint(e, "wait, then try again; this says nothing about the key");
}

static void say_not_reached(const struct errand *r, const struct tally *t, struct checkup *out)
{
    const char *title = r->talk.conn->title;
    struct failure f = out->failure;

    if (r->failed.code != OK) {
        out->not_reached = r->failed;
        return;
    }
    /* The clock's refusal, where it kept the connector from asking for more. */
    if (t->n_private == 0 && r->talk.n_asked > 0 && r->talk.replies[0].status != 0)
        r->talk.conn->checks->explain(&r->talk.replies[0], &f);
    if (f.kind != FAILURE_NONE) {
        not_now(&f, title, &out->not_reached);
        return;
    }
    err_set(&out->not_reached, ERR_FAILED, "%s",
            t->n_private > 0 ? "the reply to the key is not in the documented form"
                             : "the exchange was not asked about the key");
    err_wrap(&out->not_reached, "%s", title);
    if (t->n_private > 0)
        err_hint(&out->not_reached, "something before the exchange may answer in its place, or its "
                                    "replies have changed: try again later");
}

static enum reach reach_of(const struct tally *t, const struct checkup *k)
{
    if (t->n_good > 0 && k->verdict.is_judged)
        return REACH_WORKS;
    return t->is_about_key ? REACH_REFUSED : REACH_NOT;
}

/* Of a key that was not shown to work no right is known, whatever was read on the way. */
static void know_nothing(const struct errand *r, uint64_t now_ms, struct verdict *v)
{
    *v = (struct verdict){0};
    verdict_conclude(v, r->talk.conn ? r->talk.conn->checks : NULL, now_ms);
}

void errand_checkup(const struct errand *r, uint64_t now_ms, struct checkup *out)
{
    struct tally t = {0};

    memset(out, 0, sizeof(*out));
    out->reach = REACH_NOT;
    if (!r->talk.conn || !r->talk.conn->checks) {
        out->not_reached = r->failed;
        know_nothing(r, now_ms, &out->verdict);
        return;
    }
    find_skew(r, out);
    read_replies(r, out, &t);
    explain_clock(out);
    r->talk.conn->checks->judge(&r->talk, now_ms, &out->verdict);
    out->reach = reach_of(&t, out);
    if (out->reach != REACH_WORKS)
        know_nothing(r, now_ms, &out->verdict);
    add_clock(out);
    if (out->reach == REACH_NOT)
        say_not_reached(r, &t, out);
}
