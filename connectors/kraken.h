/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of Kraken share among themselves: reading its replies, the test order, the
 * texts. */
#ifndef CONNECTORS_KRAKEN_H
#define CONNECTORS_KRAKEN_H

#include "base/attr.h"
#include "connectors/checks.h"
#include "connectors/guide.h"

extern const struct checks kraken_checks;
extern const struct guide kraken_guide;

/* The result of a reply that is a success: JSON of the documented form, status 200, nothing in
 * error but warnings. */
bool kraken_result(const struct reply *r, struct json *result) MUST_USE;
void kraken_explain(const struct reply *r, struct failure *out);
/* ERR_EXCHANGE with what the reply says, which is no success; NULL: there is none. */
int kraken_refused(const struct reply *r, struct err *e);
/* The exchange did read the request and refused it, so nothing of it was done. */
bool kraken_is_refusal(const struct reply *r) MUST_USE;
/* PURPOSE_TRADE of struct checks. */
int kraken_trade_next(const struct talk *t, struct inquiry *out, enum ask *ask,
                      struct err *e) MUST_USE;
void kraken_trade(const struct talk *t, struct trade_test *out);

#endif
