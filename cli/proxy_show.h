/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that make a bot trade through the proxy, for each kind of bot. */
#ifndef CLI_PROXY_SHOW_H
#define CLI_PROXY_SHOW_H

#include "cli/bot.h"

/* Prints them. ERR_FAILED: that client cannot use the way on which the proxy listens. */
int proxy_lines(struct cli *c, enum bot_kind kind, const struct bot *bot,
                const struct record_info *info, struct err *e) MUST_USE;

#endif
