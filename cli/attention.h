/* SPDX-License-Identifier: Apache-2.0 */
/* The first part of `coffer status`: what a person should look at, the most urgent first, each with
 * the command that mends it. */
#ifndef CLI_ATTENTION_H
#define CLI_ATTENTION_H

#include "base/attr.h"
#include "cli/key_facts.h"
#include "cli/output.h"

enum urgency { /* most urgent first */
               URGENT_WITHDRAW, /* accepted or not */
               URGENT_TRUST,
               URGENT_DANGER,
               URGENT_UNREADABLE,
               URGENT_REFUSED,
               URGENT_EXPIRED,
               URGENT_UNVERIFIED,
               URGENT_ROTATION,
               URGENT_EXPIRES,
               URGENT_IDLE,
               URGENT_TOKEN,
               URGENT_UNTESTED, /* recipients that have never opened the vault */
               URGENT_SPARE,    /* there is none */
               URGENT_NOTES,
               URGENT_NEVER,
               URGENT_STALE,
               URGENT_NO_IP_LIST,
               URGENT_OLD,
               URGENT_OPEN, /* points of the last review */
               URGENT_REVIEW,
               URGENT_COUNT
};

struct attention_item {
    enum urgency what;
    char name[NAME_MAX_LEN + 1]; /* of a key; "" for what concerns the vault */
    char text[300], todo[160];
};
struct attention {
    struct attention_item *v;
    size_t n, cap;
    bool has_failed;
};
void attention_free(struct attention *a);
/* todo: the command; NAME in it becomes the name. */
void attention_add(struct attention *a, enum urgency what, const char *name, const char *todo,
                   const char *fmt, ...) PRINTF(5, 6);
/* All that one key gives cause for. */
void attention_key(struct attention *a, const struct key_facts *f);
/* stdout, or the member "attention". Many keys with the same trouble share a line. */
void attention_show(struct out *o, const struct attention *a);

#endif
