/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders of this driver on this machine, besides those of its kind: the module's own,
 * and where its tokens are. */
#ifndef HELPER_PLACES_H
#define HELPER_PLACES_H

#include "helper/options.h"

#include <limits.h>

#define PLACES_MAX 12u

struct places {
    struct place {
        char path[PATH_MAX];
        bool is_written;
    } v[PLACES_MAX];
    size_t n;
};

void places_find(const struct options *o, struct places *out);

#endif
