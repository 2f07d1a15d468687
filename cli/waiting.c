/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a person that a token waits. The telling comes from another thread, while the one that
 * works with the token stands still. */
#include "cli/waiting.h"

#include "base/text.h"
#include "pkcs11/advice.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define TOKENS_MAX 8u /* open at one time; beyond it the oldest words go */

/* Of the process, as stderr is: a command's reason holds for whichever token it uses next. */
static struct {
    pthread_mutex_t lock;
    char why[WAITING_WHY];
    char said[TOKENS_MAX][TOKEN_LABEL_MAX * 4 + 64]; /* "token 'X' waits: ..." */
    unsigned n_said;
    bool asked_touch; /* since waiting_why, of a token that can be touched */
} now = {.lock = PTHREAD_MUTEX_INITIALIZER};

void waiting_why(const char *fmt, ...)
{
    char raw[WAITING_WHY * 2];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&now.lock);
    text_clean(now.why, sizeof(now.why), bytes_str(raw));
    now.asked_touch = false;
    pthread_mutex_unlock(&now.lock);
}

void waiting_reason(char out[WAITING_WHY])
{
    pthread_mutex_lock(&now.lock);
    memcpy(out, now.why, WAITING_WHY);
    pthread_mutex_unlock(&now.lock);
}

bool waiting_asked_touch(void)
{
    pthread_mutex_lock(&now.lock);
    bool asked = now.asked_touch;
    pthread_mutex_unlock(&now.lock);
    return asked;
}

static const char at_work[] = "is still at work";

/* In one write, so that no other line comes between; over a line of progress, which is printed
 * again with its next step. */
static void tell(void *ctx)
{
    char line[sizeof(now.said[0]) + WAITING_WHY + 32];
    const char *said = ctx;

    pthread_mutex_lock(&now.lock);
    now.asked_touch = now.asked_touch || !text_ends(bytes_str(said), at_work);
    int n =
        snprintf(line, sizeof(line), "%shint: %s%s%s%s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "",
                 said, now.why[0] ? " (" : "", now.why, now.why[0] ? ")" : "");
    pthread_mutex_unlock(&now.lock);
    if (n > 0 && (size_t)n < sizeof(line)) {
        ssize_t done = write(STDERR_FILENO, line, (size_t)n);
        (void)done; /* there is nobody to tell then */
    }
}

static const char *asked(const struct token_info *i)
{
    if (i->is_protected_path)
        return "waits: enter the PIN on it, or touch it if it blinks";
    if (i->is_software || token_family(i) == FAMILY_TPM)
        return at_work;
    return "waits: touch it if it blinks";
}

void waiting_watch(struct token *t)
{
    const struct token_info *i = token_info(t);
    char label[TOKEN_LABEL_MAX * 4], line[sizeof(now.said[0])];
    unsigned at = 0;

    text_clean(label, sizeof(label), bytes_str(i->label));
    snprintf(line, sizeof(line), "token '%s' %s", label, asked(i));
    pthread_mutex_lock(&now.lock);
    while (at < TOKENS_MAX && strcmp(now.said[at], line) != 0)
        at++;
    if (at == TOKENS_MAX) {
        at = now.n_said++ % TOKENS_MAX;
        memcpy(now.said[at], line, sizeof(line));
    }
    pthread_mutex_unlock(&now.lock);
    token_on_wait(t, tell, now.said[at]);
}
