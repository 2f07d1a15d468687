/* SPDX-License-Identifier: Apache-2.0 */
/* How `coffer request` prints a reply: as it came, made safe for a terminal, or as JSON. */
#ifndef CLI_REPLY_TEXT_H
#define CLI_REPLY_TEXT_H

#include "base/buf.h"
#include "cli/output.h"
#include "connectors/checks.h"

/* A body for a terminal: line ends and tabs stay, all else that could act on it becomes \xNN; ends
 * with a line end. Appends to out. */
void reply_safe(struct buf *out, struct bytes body);
/* stdout: status line and headers when has_head, then the body; byte for byte unless stdout is a
 * terminal. is_followed: words on stderr come next, so where both go to one place, the body ends
 * its line first. */
void reply_print(const struct reply *r, bool has_head, bool is_followed);
/* Members status, headers (a list of name and value) and body; body_base64 in place of body when
 * that is not UTF-8 text. */
void reply_members(cJSON *to, const struct reply *r);

#endif
