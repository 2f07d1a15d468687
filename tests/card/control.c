/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: a command a line, answered by a line that begins with 'ok' or 'error'.
 *
 * eject, insert        the card is pulled and put back
 * touch MS [timeout]   operations of keys with a touch policy wait; then they go on, or 6982
 * tamper once|repeated|off  the next private operation gives a result with one bit turned;
 *                      repeated: also when it is sent again with no other command between
 * fail SW              the next private operation answers SW (four hex digits)
 * tries N              wrong PINs that are left
 * block                no tries left
 * restore              PIN and PUK as at first, all tries
 * pin-state, counters  numbers
 * reset-card           the applet forgets every login, silently
 * firmware X.Y.Z
 * quit */
#include "tests/card/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool number(const char *s, unsigned long max, unsigned long *out)
{
    unsigned long v = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        unsigned long digit = (unsigned long)(*s - '0');
        if (digit > max || v > (max - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

bool control_open(struct reader *r, const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(at.sun_path))
        return false;
    memcpy(at.sun_path, path, strlen(path));
    unlink(path);
    r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return r->listener >= 0 && bind(r->listener, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
           listen(r->listener, (int)CLIENTS_MAX) == 0;
}

void control_accept(struct reader *r)
{
    int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; i < CLIENTS_MAX && fd >= 0; i++)
        if (r->clients[i].fd < 0) {
            r->clients[i] = (struct client){.fd = fd};
            return;
        }
    if (fd >= 0)
        close(fd);
}

static bool set_touch(struct card *c, char *arg)
{
    unsigned long ms;
    char *rest = strchr(arg, ' ');
    if (rest)
        *rest++ = 0;
    if (!number(arg, 600000, &ms) || (rest && strcmp(rest, "timeout") != 0))
        return false;
    c->touch_ms = (unsigned)ms;
    c->touch_times_out = rest != NULL;
    c->touched_ms = 0;
    return true;
}

static bool set_tries(struct card *c, const char *arg)
{
    unsigned long n;
    if (!number(arg, 255, &n))
        return false;
    c->kept.pin.tries = (uint8_t)n;
    c->is_pin_ok = c->is_pin_fresh = false;
    state_save(c);
    return true;
}

static bool set_tampering(struct card *c, const char *arg)
{
    static const char *const words[] = {"off", "once", "repeated"};
    static const enum tampering what[] = {TAMPER_OFF, TAMPER_ONCE, TAMPER_REPEATED};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i], arg) == 0) {
            c->tampers = what[i];
            return true;
        }
    return false;
}

static bool set_failure(struct card *c, const char *arg)
{
    unsigned v = 0;
    size_t n = strlen(arg);
    for (size_t i = 0; i < n; i++) {
        const char *digits = "0123456789abcdef", *d = strchr(digits, arg[i]);
        if (!d)
            return false;
        v = v << 4 | (unsigned)(d - digits);
    }
    c->fails_with = (uint16_t)v;
    return n == 4;
}

/* Without an argument. False: no such command. */
static bool run_plain(struct reader *r, const char *name, char *answer, size_t max)
{
    struct card *c = r->card;
    if (strcmp(name, "eject") == 0 || strcmp(name, "insert") == 0) {
        r->is_in = name[0] == 'i';
        if (!r->is_in)
            reader_eject(r);
    } else if (strcmp(name, "block") == 0) {
        return set_tries(c, "0");
    } else if (strcmp(name, "restore") == 0) {
        pin_defaults(c);
        state_save(c);
    } else if (strcmp(name, "reset-card") == 0) {
        card_reset(c);
    } else if (strcmp(name, "pin-state") == 0) {
        snprintf(answer, max, "ok pin %u of %u puk %u of %u verified %u", c->kept.pin.tries,
                 c->kept.pin.max, c->kept.puk.tries, c->kept.puk.max, c->is_pin_ok ? 1u : 0u);
    } else if (strcmp(name, "counters") == 0) {
        snprintf(answer, max, "ok verifies %lu private %lu", c->n_verifies, c->n_private);
    } else if (strcmp(name, "quit") == 0) {
        r->stops = true;
    } else {
        return false;
    }
    return true;
}

static void run_line(struct reader *r, char *line, char *answer, size_t max)
{
    struct card *c = r->card;
    char *arg = strchr(line, ' ');
    bool ok;
    snprintf(answer, max, "ok");
    if (!arg) {
        ok = run_plain(r, line, answer, max);
    } else {
        *arg++ = 0;
        ok = strcmp(line, "touch") == 0      ? set_touch(c, arg)
             : strcmp(line, "tries") == 0    ? set_tries(c, arg)
             : strcmp(line, "tamper") == 0   ? set_tampering(c, arg)
             : strcmp(line, "fail") == 0     ? set_failure(c, arg)
             : strcmp(line, "firmware") == 0 ? firmware_set(c, arg)
                                             : false;
    }
    if (!ok)
        snprintf(answer, max, "error: not understood");
}

static void leave(struct client *cl)
{
    close(cl->fd);
    cl->fd = -1;
}

void control_read(struct reader *r, struct client *cl)
{
    char answer[LINE_LEN], *end;
    ssize_t got = recv(cl->fd, cl->line + cl->n, LINE_LEN - 1 - cl->n, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        leave(cl);
        return;
    }
    cl->n += (size_t)got;
    cl->line[cl->n] = 0;
    while ((end = strchr(cl->line, '\n')) != NULL) {
        *end++ = 0;
        run_line(r, cl->line, answer, sizeof(answer) - 1);
        size_t n = strlen(answer);
        answer[n] = '\n';
        if (send(cl->fd, answer, n + 1, MSG_NOSIGNAL) != (ssize_t)(n + 1)) {
            leave(cl);
            return;
        }
        cl->n -= (size_t)(end - cl->line);
        memmove(cl->line, end, cl->n + 1);
    }
    if (cl->n == LINE_LEN - 1)
        leave(cl);
}
