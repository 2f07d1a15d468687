/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of Binance share. */
#ifndef CONNECTORS_BINANCE_H
#define CONNECTORS_BINANCE_H

#include "base/json.h"
#include "connectors/checks.h"
#include "connectors/guide.h"

extern const struct endpoint binance_endpoints[], binance_ws_ops[];
extern const struct host binance_hosts[];
extern const struct field_spec binance_fields[];
extern const struct checks binance_checks;
extern const struct guide binance_guide;

/* Members of struct checks (connectors/checks.h). */
void binance_explain(const struct reply *r, struct failure *out);
int binance_trade_next(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e);
void binance_trade(const struct talk *t, struct trade_test *out);
/* ERR_EXCHANGE with what explain() says of a reply that is no success; NULL: there is none. */
int binance_refused(const struct reply *r, struct err *e);

/* An answer that refuses the key, or a right of it; NULL: there is none. */
bool binance_refuses_key(const struct reply *r);

/* The signature as text: hex for HMAC, else base64. */
int binance_sign_text(struct signer *s, struct bytes msg, struct buf *out, struct err *e) MUST_USE;
int binance_sign_ws(const struct ws_call *c, struct signer *s, struct request *out, struct err *e);
enum req_class binance_classify_ws(const struct ws_call *c);

/* cls, or a graver class when a signature over query and body, as they are signed, would be good
 * for it at another endpoint; CLASS_UNKNOWN when both would have to be open. */
enum req_class binance_raise(enum req_class cls, struct bytes query, struct bytes body);
/* Whether signed params hold nothing but what session.logon takes: a signature over them logs
 * in. */
bool binance_is_logon(struct json params) MUST_USE;
/* ERR_USAGE for a body that is no form text: its parameters could not be told. */
int binance_check_body(struct bytes body, struct err *e) MUST_USE;
/* A connector's check(): what no Binance key is, so that another exchange's is noticed. */
int binance_check_key(const struct secret *const f[FIELD_COUNT], enum key_type key,
                      struct err *e) MUST_USE;

#endif
