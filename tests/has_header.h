/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a request that goes out has a header, by its name. */
#ifndef TESTS_HAS_HEADER_H
#define TESTS_HAS_HEADER_H

#include "base/text.h"
#include "connectors/connector.h"

static inline bool has_header(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (text_eq_nocase(buf_bytes(&r->names[i]), bytes_str(name)))
            return true;
    return false;
}

#endif
