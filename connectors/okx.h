/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of OKX share. */
#ifndef CONNECTORS_OKX_H
#define CONNECTORS_OKX_H

#include "connectors/checks.h"
#include "connectors/guide.h"

extern const struct endpoint okx_endpoints[], okx_ws_ops[];
extern const struct checks okx_checks;
extern const struct guide okx_guide;

/* Members of struct checks (connectors/checks.h). */
void okx_explain(const struct reply *r, struct failure *out);
int okx_trade_next(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e);
void okx_trade(const struct talk *t, struct trade_test *out);
/* ERR_EXCHANGE with what explain() says of a reply that is no success; NULL: there is none. */
int okx_refused(const struct reply *r, struct err *e);

#endif
