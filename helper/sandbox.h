/* SPDX-License-Identifier: Apache-2.0 */
/* What this process can do once a vendor's driver runs in it: its tables. */
#ifndef HELPER_SANDBOX_H
#define HELPER_SANDBOX_H

#include "base/attr.h"
#include "base/err.h"
#include "helper/options.h"

/* Files, ports and system calls, by what the driver needs (pkcs11/driver.h). Nothing is run,
 * nobody is traced or signalled. Before the driver is loaded. */
int helper_confine(const struct options *o, struct err *e) MUST_USE;

#endif
