/* SPDX-License-Identifier: Apache-2.0 */
/* Notices: one line each to stderr, and to whoever listens. */
#include "agent/notice.h"

#include "agent/spawn.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NOTICE_MAX 512u
#define AGAIN_MS 1000u

struct notices {
    void (*told)(void *ctx, enum notice_kind k, const char *subject, const char *text);
    void *ctx;
    enum notice_kind last;
    uint64_t last_ms;
    char last_text[NOTICE_MAX];
};

const char *notice_name(enum notice_kind k)
{
    static const char *const names[] = {
        [NOTICE_TOUCH] = "touch",       [NOTICE_TOUCHED] = "touched", [NOTICE_LOCKED] = "locked",
        [NOTICE_UNLOCKED] = "unlocked", [NOTICE_TOKEN] = "token",     [NOTICE_VAULT] = "vault",
        [NOTICE_PROXY] = "proxy",
    };
    _Static_assert(ARRAY_LEN(names) == NOTICE_COUNT, "each kind has its name");
    return k < NOTICE_COUNT ? names[k] : "";
}

int notices_new(struct agent *a, struct err *e)
{
    a->notices = calloc(1, sizeof(*a->notices));
    return a->notices ? OK : err_set(e, ERR_MEMORY, "no memory for notices");
}

void notices_free(struct agent *a)
{
    free(a->notices);
    a->notices = NULL;
}

void notices_listen(struct agent *a,
                    void (*told)(void *ctx, enum notice_kind k, const char *subject,
                                 const char *text),
                    void *ctx)
{
    a->notices->told = told;
    a->notices->ctx = ctx;
}

static bool is_told_again(struct notices *n, enum notice_kind k, const char *text)
{
    uint64_t now = ticks_ms();
    bool is_same = n->last == k && strcmp(n->last_text, text) == 0;

    if (is_same && now - n->last_ms < AGAIN_MS)
        return true;
    n->last = k;
    n->last_ms = now;
    snprintf(n->last_text, sizeof(n->last_text), "%s", text);
    return false;
}

void notice(struct agent *a, enum notice_kind k, const char *subject, const char *fmt, ...)
{
    char raw[NOTICE_MAX], text[NOTICE_MAX];
    va_list ap;

    if (!a->notices)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    /* parts of it are a client's or a token's words, and a terminal may show them */
    text_clean(text, sizeof(text), bytes_str(raw));
    if (is_told_again(a->notices, k, text))
        return;
    spawner_say("%s", text);
    if (a->notices->told)
        a->notices->told(a->notices->ctx, k, subject, text);
}
