/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a test order where the exchange finds it by the client's own id: two public calls,
 * the order, then cancelling and looking until nothing is left behind. What each exchange says in
 * its replies is in its own files. */
#ifndef CONNECTORS_PLACING_H
#define CONNECTORS_PLACING_H

#include "connectors/checks.h"
#include "connectors/far_order.h"

#define CALL_MARKET 0u
#define CALL_PRICE 1u
#define CALL_ORDER 2u /* from 3 on: cancel, look, cancel, look ... */

/* What is known of the order after a reply. */
enum standing {
    STANDING_UNCLEAR,  /* the reply does not tell */
    STANDING_ACCEPTED, /* the order, or its cancelling, was taken */
    STANDING_REFUSED,  /* and nothing was done */
    STANDING_ABSENT,   /* there is no such order */
    STANDING_OPEN,
    STANDING_OVER, /* cancelled or expired: it does not stand any more */
    STANDING_FILLED
};

struct placing {
    enum standing (*placed)(const struct reply *r, char *id, size_t cap);
    enum standing (*cancelled)(const struct reply *r);
    enum standing (*looked)(const struct reply *r);
};

enum step { STEP_WAIT, STEP_MARKET, STEP_PRICE, STEP_ORDER, STEP_CANCEL, STEP_LOOK, STEP_DONE };
enum step placing_step(const struct placing *p, const struct talk *t);
/* Sets all of out but line. An order of which nothing could be learned counts as placed, so that
 * somebody looks. */
void placing_result(const struct placing *p, const struct talk *t, struct trade_test *out);
/* Sets line: "buy 0.001 BTCUSDT at 31000 (market 62000)". */
void placing_line(const struct talk *t, const struct far_order *plan, struct trade_test *out);

#endif
