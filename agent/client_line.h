/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of the agent says to a client; pure, for client.c and its tests. */
#ifndef AGENT_CLIENT_LINE_H
#define AGENT_CLIENT_LINE_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/json.h"

bool client_line_is_event(struct bytes line) MUST_USE;
/* *result: the answer's. Its error comes back as e, with code and hints, and *result is the error
 * object then; {0} with ERR_FORMAT: neither. */
int client_line_answer(struct bytes line, struct json *result, struct err *e) MUST_USE;
/* *event: the whole object. */
int client_line_event(struct bytes line, struct json *event, struct err *e) MUST_USE;

#endif
