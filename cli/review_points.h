/* SPDX-License-Identifier: Apache-2.0 */
/* The points of `coffer review`: what is looked at, what is known of each without asking. */
#ifndef CLI_REVIEW_POINTS_H
#define CLI_REVIEW_POINTS_H

#include "cli/key_facts.h"

enum review_point {
    POINT_WITHDRAW,
    POINT_IP_LIST,
    POINT_AGE,
    POINT_EMAIL,
    POINT_SECOND_FACTOR,
    POINT_ANTI_PHISHING,
    POINT_ADDRESSES,
    POINT_COPIES,
    POINT_COUNT
};

/* How a point stands. */
enum standing {
    STANDS_UNKNOWN, /* a person must say */
    STANDS_OPEN,    /* not in order */
    STANDS_WELL
};
const char *standing_name(enum standing s); /* "ask", "open", "ok" */

struct point_text {
    const char *name; /* stored in notes */
    const char *line; /* "withdrawal is off" */
    const char *question;
    const char *advice;
    bool is_of_account; /* the same for all keys of one exchange account */
};
extern const struct point_text review_points[POINT_COUNT];

#define WHY_TEXT 400u
/* What the record and the last verification say of a point, and why. */
enum standing point_known(const struct key_facts *f, enum review_point p, char why[WHY_TEXT]);
/* What the last review left; STANDS_UNKNOWN when there was none. */
enum standing point_last(const struct key_facts *f, enum review_point p);
/* What to do about it at this key's exchange. */
const char *point_advice(const struct key_facts *f, enum review_point p);

#endif
