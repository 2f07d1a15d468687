/* SPDX-License-Identifier: Apache-2.0 */
/* The checks that a request passes before a name is resolved for it. They trust nothing: what sent
 * it holds the secrets, and this process is the last that could notice a wrong host. */
#ifndef NET_CHECK_H
#define NET_CHECK_H

#include "base/wire.h"

/* Where a request goes. target borrows from the url. */
struct goal {
    char host[256];      /* as in the list: lower case, no port that is https's own */
    struct bytes target; /* path and query, byte for byte */
};

/* NULL and *out filled, or why it is not sent (a sentence's part, lower case). */
const char *check_request(const struct wire_request *r, struct goal *out) MUST_USE;

#endif
