/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of Coinbase share among themselves: reading its replies, the test order, the
 * texts. */
#ifndef CONNECTORS_COINBASE_H
#define CONNECTORS_COINBASE_H

#include "base/attr.h"
#include "connectors/checks.h"
#include "connectors/guide.h"

extern const struct checks coinbase_checks;
extern const struct guide coinbase_guide;

/* The object of a reply that is a success; r may be NULL. */
bool coinbase_good(const struct reply *r, struct json *root) MUST_USE;
void coinbase_explain(const struct reply *r, struct failure *out);
/* ERR_EXCHANGE with what the reply says, which is no success; NULL: there is none. */
int coinbase_refused(const struct reply *r, struct err *e);
/* The exchange did read the request and refused it, so nothing of it was done. */
bool coinbase_is_refusal(const struct reply *r) MUST_USE;
/* PURPOSE_TRADE of struct checks. */
int coinbase_trade_next(const struct talk *t, struct inquiry *out, enum ask *ask,
                        struct err *e) MUST_USE;
void coinbase_trade(const struct talk *t, struct trade_test *out);

#endif
