/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: frames of vpcd (two bytes of length, then one control byte or a command), and the
 * control socket beside them. */
#include "tests/card/reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CTRL_OFF = 0, CTRL_ON = 1, CTRL_RESET = 2, CTRL_ATR = 4 };

/* Of a YubiKey 5: both drivers know the card by it. */
static const uint8_t atr[] = {0x3b, 0xfd, 0x13, 0x00, 0x00, 0x81, 0x31, 0xfe,
                              0x15, 0x80, 0x73, 0xc0, 0x21, 0xc0, 0x57, 0x59,
                              0x75, 0x62, 0x69, 0x4b, 0x65, 0x79, 0x40};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void reader_eject(struct reader *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    r->n = 0;
    card_reset(r->card);
}

static void plug_in(struct reader *r)
{
    const int on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(r->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (r->fd < 0)
        return;
    if (connect(r->fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
        reader_eject(r);
    else
        setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void send_frame(struct reader *r, const uint8_t *p, size_t n)
{
    uint8_t b[2 + OUT_MAX];
    if (r->fd < 0 || n > OUT_MAX)
        return;
    b[0] = (uint8_t)(n >> 8);
    b[1] = (uint8_t)n;
    memcpy(b + 2, p, n);
    if (send(r->fd, b, n + 2, MSG_NOSIGNAL) != (ssize_t)(n + 2))
        reader_eject(r);
}

static void take_frame(struct reader *r, const uint8_t *p, size_t n)
{
    static struct out reply;
    if (n == 1 && p[0] == CTRL_ATR) {
        send_frame(r, atr, sizeof(atr));
    } else if (n == 1) {
        card_reset(r->card);
    } else if (n > 1) {
        card_apdu(r->card, view_of(p, n), &reply);
        send_frame(r, reply.p, reply.n);
    }
}

static void read_frames(struct reader *r)
{
    const int on = 1;
    /* vpcd sends length and body apart: an acknowledgement that waits costs 40 ms each time. */
    setsockopt(r->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
    ssize_t got = recv(r->fd, r->frame + r->n, FRAME_MAX - r->n, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        reader_eject(r);
        return;
    }
    r->n += (size_t)got;
    while (r->fd >= 0 && r->n >= 2) {
        size_t n = (size_t)r->frame[0] << 8 | r->frame[1];
        if (r->n < 2 + n)
            return;
        take_frame(r, r->frame + 2, n);
        if (r->fd < 0)
            return;
        r->n -= 2 + n;
        memmove(r->frame, r->frame + 2 + n, r->n);
    }
}

/* What has come, or the end of the time. */
static void step(struct reader *r, int timeout_ms, bool with_card)
{
    struct pollfd p[2 + CLIENTS_MAX];
    p[0] = (struct pollfd){.fd = with_card ? r->fd : -1, .events = POLLIN};
    p[1] = (struct pollfd){.fd = r->listener, .events = POLLIN};
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        p[2 + i] = (struct pollfd){.fd = r->clients[i].fd, .events = POLLIN};
    if (poll(p, 2 + CLIENTS_MAX, timeout_ms) <= 0)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (p[2 + i].revents)
            control_read(r, &r->clients[i]);
    if (p[1].revents)
        control_accept(r);
    if (p[0].revents && p[0].fd == r->fd)
        read_frames(r);
}

static bool wait_touch(void *ctx, unsigned ms)
{
    struct reader *r = ctx;
    int64_t left, end = now_ms() + ms;
    while (r->fd >= 0 && !r->stops && (left = end - now_ms()) > 0)
        step(r, (int)left, false);
    return r->fd >= 0 && !r->stops;
}

void reader_serve(struct reader *r)
{
    r->card->wait = wait_touch;
    r->card->wait_ctx = r;
    while (!r->stops) {
        if (r->is_in && r->fd < 0)
            plug_in(r);
        step(r, r->is_in && r->fd < 0 ? 20 : -1, true);
    }
    reader_eject(r);
}
