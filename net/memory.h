/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the libraries that see requests in clear. */
#ifndef NET_MEMORY_H
#define NET_MEMORY_H

#include "base/attr.h"
#include "base/err.h"

/* Starts libcurl and OpenSSL on the wiping allocator (base/wipe.h). Before their first call. */
int memory_install(struct err *e) MUST_USE;

#endif
