/* SPDX-License-Identifier: Apache-2.0 */
/* The decision on one request: first on the record's header as it lies there, so that no key is
 * opened for what is refused anyway, then again on the record that its key has proven. */
#include "agent/desk_inside.h"

#include "agent/policy.h"

#include <stdio.h>

static const struct sign_limits *limits_of(const struct entry *n)
{
    return n->d.way == DESK_SEND ? &sign_to_send : &sign_to_release;
}

static struct audit_line line_of(const struct entry *n, const char *outcome)
{
    const struct call *c = &n->p.call.base;

    return (struct audit_line){
        .who = &n->d.who,
        .record = n->d.record,
        .op = n->d.way == DESK_SEND ? "request"
              : n->w.is_ws          ? "sign_ws"
                                    : "sign",
        .cls = n->p.conn ? class_name(n->p.cls) : "",
        .method = c->method,
        .path = c->path,
        .gist = n->gist.n ? &n->gist : NULL,
        .outcome = outcome,
    };
}

void desk_log(struct entry *n, const char *outcome)
{
    struct audit_line l = line_of(n, outcome);
    struct err quiet;

    (void)!audit_add(n->a, &l, &quiet);
}

void desk_log_refusal(struct entry *n, const char *outcome)
{
    struct desk *k = n->a->desk;
    uint64_t now_s = ticks_ms() / 1000;
    char text[64];

    if (now_s != k->refused_s) {
        k->refused_s = now_s;
        k->n_refused = 0;
    }
    if (++k->n_refused > REFUSALS_MAX) {
        k->n_unwritten++;
        return;
    }
    desk_log(n, outcome);
    if (k->n_unwritten == 0)
        return;
    snprintf(text, sizeof(text), "%u refusals before this one not written", k->n_unwritten);
    k->n_unwritten = 0;
    desk_log(n, text);
}

/* Checks it by a header, whether proven or not. */
static int judge(struct entry *n, const struct record_info *rec, struct err *e)
{
    struct policy_case c = {
        .rec = rec,
        .request = &n->p,
        .who = &n->d.who,
        .gist = &n->gist,
        .is_released = n->d.way == DESK_RELEASE,
    };

    if (prepare_check_limited(&n->w, rec, limits_of(n), &n->p, e))
        return e->code;
    memset(&n->gist, 0, sizeof(n->gist));
    if (n->p.cls == CLASS_TRADE && !n->p.is_ws)
        gist_of(&n->p.call.base, &n->gist);
    n->d.is_order = n->p.cls != CLASS_PUBLIC && n->p.cls != CLASS_READ;
    return policy_evaluate(&c, e);
}

static bool needs_lane(const struct entry *n)
{
    return n->d.way == DESK_SEND && n->p.conn->needs_nonce && n->p.cls != CLASS_PUBLIC && !n->lane;
}

/* The line is made before the signature is: where it cannot be, nothing is signed. */
static int sign(struct entry *n, const struct record_info *info, struct signer *signer,
                struct err *e)
{
    struct desk *k = n->a->desk;
    struct audit_line l = line_of(n, "allowed");

    if (n->p.cls == CLASS_PUBLIC)
        return prepare_unsigned(&n->p, &n->request, e);
    if (audit_add(n->a, &l, e))
        return e->code;
    k->last_ms = ticks_ms();
    return prepare_sign_with(&n->p, &n->w, info, signer, &n->a->where, n->a->env, k->nonces,
                             &n->request, e);
}

static void finish(struct entry *n, const struct record_info *info, struct signer *signer)
{
    UNSET struct err e;

    n->d.info = info;
    if (sign(n, info, signer, &e) == OK)
        e.code = OK;
    desk_decide(n, &e);
}

/* Than the one that was asked for, by its bearer or by the header as it lay there then. */
static bool is_another(const struct entry *n, const uint8_t rec_id[REC_ID_LEN])
{
    return (n->d.who.is_bound && memcmp(n->d.who.rec_id, rec_id, REC_ID_LEN) != 0) ||
           (n->lane && memcmp(n->lane->rec_id, rec_id, REC_ID_LEN) != 0);
}

/* A public request needs no key, but a proven header where that says more than which of the
 * exchange's own hosts it goes to; and after a forged vault it always does. */
static bool needs_proof(const struct entry *n)
{
    return !keyring_is_proven(n->a) &&
           (n->info.connect_to[0] || n->info.ca.n > 0 || keyring_is_doubted(n->a));
}

/* The record is open, and what its header says is proven. */
static void opened(void *ctx, struct held *h, const struct err *why)
{
    struct entry *n = ctx;
    UNSET struct err e;

    n->wait = NULL;
    if (!h) {
        desk_decide(n, why);
        return;
    }
    if (judge(n, held_info(h), &e)) {
        held_release(h);
        desk_decide(n, &e);
        return;
    }
    if (is_another(n, held_info(h)->rec_id)) {
        held_release(h);
        err_set(&e, ERR_FAILED, "'%s' was replaced meanwhile", n->d.record);
        err_hint(&e, "ask again");
        desk_decide(n, &e);
        return;
    }
    if ((needs_lane(n) && !lane_enter(n, held_info(h)->rec_id)) || lane_gives_way(n)) {
        held_release(h);
        return;
    }
    n->held = h;
    finish(n, held_info(h), held_signer(h));
}

/* "bot 'mm1': BUY 0.5 ETHUSDT": for the person who is asked for a touch. */
static void say_why(const struct entry *n, char out[512])
{
    const struct call *c = &n->p.call.base;
    char who[ASKER_TEXT], what[GIST_TEXT];

    asker_text(&n->d.who, who);
    gist_text(&n->gist, what);
    if (what[0])
        snprintf(out, 512, "%s: %s", who, what);
    else if (n->p.is_ws)
        snprintf(out, 512, "%s: a WebSocket message (%s)", who, class_name(n->p.cls));
    else
        snprintf(out, 512, "%s: %.*s %.*s", who, (int)c->method.n, (const char *)c->method.p,
                 (int)(c->path.n < 128 ? c->path.n : 128), (const char *)c->path.p);
}

void desk_open_key(struct entry *n)
{
    struct keyring_wait *w = NULL;
    char why[512] = "";

    if (n->p.conn) /* else it is held, and nobody is asked */
        say_why(n, why);
    n->stage = STAGE_OPENING;
    keyring_open(n->a, n->d.record, why, opened, n, &w);
    if (w) /* else it is decided by now, or waits in a lane */
        n->wait = w;
}

/* A record that is held is proven already: one look is enough. */
void desk_start(struct entry *n)
{
    UNSET struct err e;

    if (keyring_is_held(n->a, n->d.record)) {
        desk_open_key(n);
        return;
    }
    record_info_init(&n->info);
    n->has_info = true;
    if (keyring_refresh(n->a, &e) || keyring_peek(n->a, n->d.record, &n->info, &e) ||
        judge(n, &n->info, &e)) {
        desk_decide(n, &e);
        return;
    }
    if (n->p.cls == CLASS_PUBLIC && !needs_proof(n)) {
        finish(n, &n->info, NULL);
        return;
    }
    if (needs_lane(n) && !lane_enter(n, n->info.rec_id))
        return;
    desk_open_key(n);
}
