/* SPDX-License-Identifier: Apache-2.0 */
/* What an exchange's refusal says to a person. Shared by request and balance. */
#ifndef CLI_FAILURE_TEXT_H
#define CLI_FAILURE_TEXT_H

#include "base/err.h"
#include "cli/output.h"
#include "connectors/checks.h"

/* ERR_EXCHANGE "binance says -2015: ...", the causes as hints. status: of HTTP, for a reply without
 * code and message. */
int failure_error(const struct connector *k, const struct failure *f, unsigned status,
                  struct err *e);
/* Member "failure" of to: {kind, code, message, retry_after_s, causes[]}. */
void failure_json(cJSON *to, const struct failure *f);

#endif
