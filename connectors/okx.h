/* SPDX-License-Identifier: Apache-2.0 */
/* What okx.c and okx_endpoints.c share. */
#ifndef CONNECTORS_OKX_H
#define CONNECTORS_OKX_H

#include "connectors/connector.h"

extern const struct endpoint okx_endpoints[], okx_ws_ops[];

#endif
