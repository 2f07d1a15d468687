/* SPDX-License-Identifier: Apache-2.0 */
/* The check that every URL passes before anything is classified or signed: only the connector's
 * hosts, https (wss for WebSocket), only characters and paths that mean one thing to every server.
 * Rules: man page, section REQUESTS. */
#ifndef CONNECTORS_TARGET_H
#define CONNECTORS_TARGET_H

#include "connectors/connector.h"

/* Splits url into c->origin, host, path, has_query, query. c->conn, env and region are set by the
 * caller and choose the hosts that are allowed (region NULL: the first).
 * url: absolute, or a path (then the first host of the environment). Refused, ERR_USAGE: other
 * hosts, http, userinfo, other ports, fragments, characters outside visible ASCII less
 * "<>\^{}|# and backquote, malformed % escapes, and in the path: //, . or .. segments, ;, %2f,
 * %5c, an escaped control or unreserved character. Also over URL_MAX. */
int target_parse(struct bytes url, bool is_ws, struct call *c, struct err *e) MUST_USE;
/* Header name is a token and none by which servers take another method, path or host; value has no
 * control character but tab; ERR_USAGE. */
int target_check_header(struct bytes name, struct bytes value, struct err *e) MUST_USE;
/* True for hop-by-hop headers, Content-Length, Host and the connector's authentication headers:
 * these of the caller are dropped. */
bool target_drops_header(const struct connector *conn, struct bytes name) MUST_USE;
/* Method: GET, POST, PUT, DELETE or PATCH, upper case; ERR_USAGE otherwise. */
int target_check_method(struct bytes method, struct err *e) MUST_USE;

#endif
