/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a test order, alike for several exchanges. No reply is read here. */
#include "connectors/placing.h"

#include "connectors/member.h"

#include <stdio.h>

#define CALL_CANCEL (CALL_ORDER + 1u)
#define CALLS_END (CALL_CANCEL + 6u) /* three times cancel and look */

_Static_assert(CALLS_END <= CALLS_MAX, "room for the steps");

static bool is_cancel(unsigned n)
{
    return (n - CALL_CANCEL) % 2 == 0;
}

/* Nothing of a request that was not sent has been done. */
static enum standing placed(const struct placing *p, const struct talk *t, char *id, size_t cap)
{
    const struct reply *r = talk_reply(t, CALL_ORDER);

    id[0] = 0;
    if (!r)
        return t->n_asked > CALL_ORDER ? STANDING_UNCLEAR : STANDING_REFUSED;
    if (r->status == 0)
        return r->is_unknown ? STANDING_UNCLEAR : STANDING_REFUSED;
    return p->placed(r, id, cap);
}

static enum standing standing_at(const struct placing *p, const struct talk *t, unsigned n)
{
    const struct reply *r = talk_reply(t, n);

    if (!r || r->status == 0)
        return STANDING_UNCLEAR;
    return is_cancel(n) ? p->cancelled(r) : p->looked(r);
}

static enum step step_after(const struct placing *p, const struct talk *t)
{
    unsigned last = t->n_asked - 1;
    enum standing s = standing_at(p, t, last);
    char id[128];

    if (t->n_asked >= CALLS_END || s == STANDING_OVER || s == STANDING_FILLED)
        return STEP_DONE;
    /* That it cannot be cancelled is not yet that it is gone. */
    if (is_cancel(last))
        return STEP_LOOK;
    if (s != STANDING_ABSENT)
        return STEP_CANCEL;
    /* One of which nothing was heard may still be on its way: it is looked for to the end. */
    return placed(p, t, id, sizeof(id)) == STANDING_UNCLEAR ? STEP_CANCEL : STEP_DONE;
}

enum step placing_step(const struct placing *p, const struct talk *t)
{
    char id[128];

    if (t->n_asked <= CALL_PRICE)
        return t->n_asked == CALL_MARKET ? STEP_MARKET : STEP_PRICE;
    for (unsigned i = 0; i < t->n_asked; i++)
        if (!talk_reply(t, i))
            return STEP_WAIT;
    if (t->n_asked == CALL_ORDER)
        return STEP_ORDER;
    if (t->n_asked == CALL_CANCEL)
        return placed(p, t, id, sizeof(id)) == STANDING_REFUSED ? STEP_DONE : STEP_CANCEL;
    return step_after(p, t);
}

/* That a cancelling was taken is not yet that it was done: only a look that finds the order over,
 * or gone, says so. */
void placing_result(const struct placing *p, const struct talk *t, struct trade_test *out)
{
    bool is_taken = false;

    *out = (struct trade_test){0};
    enum standing first = placed(p, t, out->order, sizeof(out->order));

    out->is_placed = first != STANDING_REFUSED;
    for (unsigned i = CALL_CANCEL; out->is_placed && i < t->n_asked && i < CALLS_END; i++) {
        enum standing s = standing_at(p, t, i);
        is_taken = is_taken || (s == STANDING_ACCEPTED && is_cancel(i));
        if (s == STANDING_OVER || (s == STANDING_ABSENT && !is_cancel(i) && is_taken))
            out->is_cancelled = true;
        else if (s == STANDING_OPEN || s == STANDING_FILLED)
            out->is_cancelled = false;
        else if (s == STANDING_ABSENT && !is_cancel(i) && first == STANDING_UNCLEAR &&
                 i + 1 == t->n_asked)
            out->is_placed = false;
        if (is_taken || s == STANDING_OPEN || s == STANDING_OVER || s == STANDING_FILLED)
            first = STANDING_ACCEPTED;
    }
}

void placing_line(const struct talk *t, const struct far_order *plan, struct trade_test *out)
{
    snprintf(out->line, sizeof(out->line), "buy %.32s %.32s at %.32s (market %.32s)",
             plan->quantity, t->symbol, plan->price, plan->market);
}
