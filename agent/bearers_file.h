/* SPDX-License-Identifier: Apache-2.0 */
/* bearers.json by itself: its parser and printer, for bearers*.c and their tests. */
#ifndef AGENT_BEARERS_FILE_H
#define AGENT_BEARERS_FILE_H

#include "agent/bearers.h"
#include "base/buf.h"

#define BEARERS_FILE "bearers.json"
#define BEARERS_FILE_MAX 131072u

/* ERR_FORMAT, ERR_LIMIT; out is empty then. */
int bearers_parse(struct bytes text, struct bearer_list *out, struct err *e) MUST_USE;
int bearers_print(const struct bearer_list *list, struct buf *out, struct err *e) MUST_USE;
/* A fresh one: its text, and what is kept of it. */
int bearer_make(const struct env *env, char text[BEARER_TEXT], uint8_t hash[32],
                struct err *e) MUST_USE;
/* 32 lower-case hex digits: one spelling. */
bool bearer_is_text(struct bytes v) MUST_USE;

#endif
