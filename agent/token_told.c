/* SPDX-License-Identifier: Apache-2.0 */
/* What a coffer-token tells the core: how its token is, that it waits, what became of what it was
 * asked. */
#include "agent/token_place.h"

#include "agent/keyring.h"
#include "agent/notice.h"

static void told_state(struct place *p, const struct tokenwire_state *s)
{
    struct agent *a = p->all->agent;
    bool was_known = p->is_known, was_present = p->state.is_present;
    p->state = *s;
    p->is_known = true;
    p->is_unlocked = s->is_logged_in;
    if (was_known && was_present != s->is_present)
        notice(a, NOTICE_TOKEN, place_label(p), "token '%s' is %s", place_label(p),
               s->is_present ? "there again" : "gone: put it back");
    for (struct tokens_op **at = &p->first; *at;) {
        struct tokens_op *op = *at;
        static const struct err none = {.code = OK};
        if (op->kind != OP_LOOK) {
            at = &op->next;
            continue;
        }
        *at = op->next;
        op_finish_later(op, &none);
    }
}

/* It is said by a thread of its own, and may come after the answer. */
static void told_waiting(struct place *p, uint32_t id)
{
    struct tokens_op *op = place_in_flight(p);
    struct agent *a = p->all->agent;
    if (!op || op->id != id || op->is_waiting)
        return;
    op->is_waiting = true;
    if (op->kind == OP_DECAP)
        notice(a, NOTICE_TOUCH, op->subject, "%s on %s waits for a touch of token '%s'",
               op->why[0] ? op->why : "a signature", op->subject, place_label(p));
    else
        notice(a, NOTICE_TOUCH, op->subject,
               "token '%s' waits: for its PIN on the device, or for a touch", place_label(p));
}

static void judge(struct place *p, const struct tokens_op *op, const struct tokenwire_done *d)
{
    struct agent *a = p->all->agent;
    enum err_code c = d->err.code;
    if (op->kind == OP_UNLOCK && c == OK) {
        p->is_unlocked = true;
        notice(a, NOTICE_UNLOCKED, place_label(p), "token '%s' is unlocked", place_label(p));
    }
    if (op->kind == OP_DECAP && (c == ERR_PIN || c == ERR_PIN_LOCKED) && p->is_unlocked) {
        p->is_unlocked = false;
        notice(a, NOTICE_TOKEN, place_label(p), "token '%s' is locked: %s", place_label(p),
               d->err.msg);
    }
    if (op->kind == OP_DECAP)
        p->has_failed = c == ERR_TOKEN;
    if (d->recoveries > p->recoveries)
        notice(a, NOTICE_TOKEN, place_label(p), "token '%s' was gone, and works again",
               place_label(p));
    p->recoveries = d->recoveries;
}

/* An answer without what was asked for is none. */
static void check_answer(const struct tokens_op *op, struct tokenwire_done *d)
{
    if (op->kind == OP_DECAP && d->err.code == OK && d->z.n != TOKENWIRE_Z)
        err_set(&d->err, ERR_TOKEN, "the driver's process gave no shared value");
}

static bool told_done(struct place *p, struct tokenwire_done *d)
{
    struct tokens_op *op = place_in_flight(p);
    if (!op || op->kind == OP_LOOK || op->id != d->id)
        return false;
    check_answer(op, d);
    p->first = op->next;
    op_touched(p, op);
    judge(p, op, d);
    tokens_done *done = op->done;
    void *ctx = op->ctx;
    op_free(op);
    place_limit(p, true);
    place_run(p);
    if (done)
        done(ctx, d);
    return true;
}

static bool take_done(struct place *p, struct bytes frame)
{
    struct tokenwire_done d;
    struct err e;
    int rc = tokenwire_get_done(frame, &d, &e);
    if (rc == ERR_LIMIT && keyring_make_room(p->all->agent, TOKENWIRE_Z))
        rc = tokenwire_get_done(frame, &d, &e);
    if (rc)
        return false;
    bool ok = told_done(p, &d);
    secret_free(&d.z);
    return ok;
}

bool place_told(void *ctx, enum tokenwire_kind kind, struct bytes frame)
{
    struct place *p = ctx;
    struct tokenwire_state s;
    struct err quiet;
    uint32_t id = 0;
    switch (kind) {
    case TOKENWIRE_STATE:
        if (tokenwire_get_state(frame, &s, &quiet))
            return false;
        told_state(p, &s);
        place_limit(p, false);
        place_run(p);
        return true;
    case TOKENWIRE_WAITING:
        if (tokenwire_get_waiting(frame, &id, &quiet))
            return false;
        told_waiting(p, id);
        return true;
    case TOKENWIRE_DONE:
        return take_done(p, frame);
    case TOKENWIRE_UNLOCK:
    case TOKENWIRE_DECAP:
    case TOKENWIRE_RELEASE:
    case TOKENWIRE_LOOK:
        break;
    }
    return false;
}
