/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of `coffer guide` without an exchange. */
#ifndef CLI_GUIDE_TEXT_H
#define CLI_GUIDE_TEXT_H

struct topic {
    const char *question;
    const char *const
        *answer; /* paragraphs; one that begins with "* " is a point; ends with NULL */
};
extern const struct topic guide_topics[]; /* ends with question NULL */

/* What an exchange counts calls by: those that coffer knows; a sentence about the others. */
struct limit_row {
    const char *exchange, *public_calls, *private_calls;
};
extern const struct limit_row guide_limits[]; /* ends with exchange NULL */
extern const char guide_limits_others[];

#endif
