/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one line in time. */
#include "helper/pin.h"

#include "base/env.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define RAW_MAX (PIN_MAX + 2u) /* with its end of line */

static int await(int fd, uint64_t until, struct err *e)
{
    uint64_t now = ticks_ms();
    struct pollfd p = {fd, POLLIN, 0};

    if (now < until && poll(&p, 1, (int)(until - now)) > 0)
        return OK;
    return err_set(e, ERR_PIN, "the PIN did not come within %u ms; it was not tried", PIN_MS);
}

/* Until its first line is whole, it ends, or is longer than a PIN is. */
static int read_line(int fd, struct secret *raw, struct err *e)
{
    uint64_t until = ticks_ms() + PIN_MS;

    while (raw->n < raw->cap && !(raw->n > 0 && memchr(raw->p, '\n', raw->n))) {
        if (await(fd, until, e))
            return e->code;
        ssize_t n = read(fd, raw->p + raw->n, raw->cap - raw->n);
        if (n == 0)
            return OK;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return err_sys(e, errno, "read the PIN");
        raw->n += n > 0 ? (size_t)n : 0;
    }
    return OK;
}

int pin_receive(int fd, struct secret *out, struct err *e)
{
    AUTO_SECRET raw = {0};

    if (secret_new(&raw, RAW_MAX, e) || read_line(fd, &raw, e))
        return e->code;
    const uint8_t *end = raw.n ? memchr(raw.p, '\n', raw.n) : NULL;
    size_t n = end ? (size_t)(end - raw.p) : raw.n;
    if (end && n > 0 && raw.p[n - 1] == '\r')
        n--;
    if (n == 0)
        return err_set(e, ERR_PIN, "the PIN is empty");
    if (n > PIN_MAX)
        return err_set(e, ERR_PIN, "the PIN is longer than %u bytes", PIN_MAX);
    return secret_copy(out, bytes_of(raw.p, n), e);
}
