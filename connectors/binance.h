/* SPDX-License-Identifier: Apache-2.0 */
/* What binance.c and binance_endpoints.c share. */
#ifndef CONNECTORS_BINANCE_H
#define CONNECTORS_BINANCE_H

#include "connectors/connector.h"

extern const struct endpoint binance_endpoints[], binance_ws_ops[];

#endif
