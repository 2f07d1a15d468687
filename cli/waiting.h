/* SPDX-License-Identifier: Apache-2.0 */
/* What a person is told while a token works for longer than TOKEN_WAIT_MS: which touch is asked,
 * and why. */
#ifndef CLI_WAITING_H
#define CLI_WAITING_H

#include "base/attr.h"
#include "pkcs11/token.h"

#define WAITING_WHY 160u

/* What the token is used for now: "to open 'binance-main'", "to try the new sealing key". It holds
 * for every token of this process until the next call; cut to one line. */
void waiting_why(const char *fmt, ...) PRINTF(1, 2);
/* From now on this token's long calls are told on stderr, once each:
 * "hint: token 'X' waits: touch it if it blinks (to open 'binance-main')". Of a token that nobody
 * can touch: "is still at work". With --quiet and --json too: it is a person who is waited for. */
void waiting_watch(struct token *t);
/* Whether, since waiting_why, a person was told to touch a token. */
bool waiting_asked_touch(void);
/* What waiting_why said last, made fit for a terminal; "" before. Dialogs show it too. */
void waiting_reason(char out[WAITING_WHY]);

#endif
