/* SPDX-License-Identifier: Apache-2.0 */
/* How a line of the audit log is written. */
#ifndef AGENT_AUDIT_TEXT_H
#define AGENT_AUDIT_TEXT_H

#include "agent/audit.h"
#include "base/buf.h"

#define AUDIT_TIME 25u /* "2026-11-22T10:00:00.000Z" */
#define AUDIT_PATH_MAX 200u

/* The day and second are worked out again only when the second is another one. */
struct audit_clock {
    uint64_t second;
    char text[AUDIT_TIME];
};
const char *audit_time(struct audit_clock *c, uint64_t unix_us);
/* One JSON object and its LF. */
void audit_text(const struct audit_line *l, const char *time, struct buf *out);

#endif
