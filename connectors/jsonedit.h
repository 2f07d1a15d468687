/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies and messages: reads them, and edits members as text, so that what is not touched
 * keeps its bytes, blanks and order. Nothing is ever printed again from a parsed form. */
#ifndef CONNECTORS_JSONEDIT_H
#define CONNECTORS_JSONEDIT_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/json.h"
#include "connectors/connector.h"

#define MESSAGE_MAX (1024u * 1024u)
extern const struct json_limits message_limits; /* for bodies and WebSocket messages */

/* Checks that text is one JSON object and points *root at it; ERR_USAGE. */
int message_parse(struct bytes text, struct json *root, struct err *e) MUST_USE;
/* Class of the operation that the member called op names; CLASS_UNKNOWN when it cannot be told. */
enum req_class message_class(struct bytes text, const char *op,
                             const struct endpoint *ops) MUST_USE;

struct json_edit {
    const char *name;
    struct bytes value; /* JSON text, put in the place of the old value */
    bool at_front;      /* a missing member becomes the first (one at most), else the last */
};

/* Copies text to out with the edits made in object, which json_check found inside text. */
void json_edit_object(struct buf *out, struct bytes text, struct json object,
                      const struct json_edit *edits, size_t n);

#endif
