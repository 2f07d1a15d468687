/* SPDX-License-Identifier: Apache-2.0 */
/* How long the agent holds a key, and whether it hands out signatures: in words, and as options. */
#ifndef CLI_UNSEAL_TEXT_H
#define CLI_UNSEAL_TEXT_H

#include "base/attr.h"
#include "base/err.h"
#include "cli/command.h"
#include "vault/record.h"

#define UNSEAL_WORDS 96u
/* "opened for each signature", "held for 15m after it was opened", ... */
void unseal_words(const struct record_info *r, char out[UNSEAL_WORDS]);
#define CLASSES_TEXT 256u
/* "public, read, trade, cancel": what it signs. */
void classes_words(const struct record_info *r, char out[CLASSES_TEXT]);
const char *release_words(const struct record_info *r);
/* --unseal and --release into r, where they are given. ERR_USAGE. */
int unseal_take(const struct args *a, struct record_info *r, struct err *e) MUST_USE;

#endif
