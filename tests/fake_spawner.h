/* SPDX-License-Identifier: Apache-2.0 */
/* Two functions of the agent's core, played by fake_token.c. A test program includes it once: in
 * the archive they would take the place of the real ones in other tests, too. */
#ifndef TESTS_FAKE_SPAWNER_H
#define TESTS_FAKE_SPAWNER_H

#include "tests/fake_token.h"

#include <stdarg.h>
#include <stdio.h>

void notice(struct agent *a, enum notice_kind k, const char *subject, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    (void)a, (void)subject;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fake_noted(k, text);
}

int spawn_ask(struct spawn_link *l, enum spawn_kind kind, uint32_t place, struct err *e)
{
    (void)l, (void)e;
    static const uint8_t none[RID_LEN];
    (void)place;
    fake_asked(kind, none);
    return OK;
}

int spawn_ask_token(struct spawn_link *l, enum spawn_kind kind, const uint8_t rid[RID_LEN],
                    struct err *e)
{
    (void)l, (void)e;
    fake_asked(kind, rid);
    return OK;
}

#endif
