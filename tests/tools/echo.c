/* SPDX-License-Identifier: Apache-2.0 */
/* echo SOCKET: gives each line back, on the same event loop and streams as the agent's: what the
 * agent's socket costs without an agent behind it. Ends when stdin does. */
#include "base/stream.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct event_base *loop;

static void input(void *ctx, struct stream *s)
{
    struct bytes in = stream_in(s);
    const uint8_t *last = in.n ? memrchr(in.p, '\n', in.n) : NULL;
    struct err e;

    (void)ctx;
    if (!last)
        return;
    size_t n = (size_t)(last - in.p) + 1;
    if (stream_put(s, bytes_of(in.p, n), &e) == OK)
        stream_took(s, n);
}

static void ended(void *ctx, struct stream *s)
{
    (void)ctx;
    stream_free(s);
}

static void accept_one(evutil_socket_t listener, short what, void *ctx)
{
    static const struct stream_limits limits = {.in = 1 << 20, .out = 1 << 20};
    static const struct stream_calls calls = {.input = input, .ended = ended};
    struct stream *s;
    struct err e;

    (void)what, (void)ctx;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && stream_new(loop, fd, &limits, &calls, NULL, &s, &e))
        fprintf(stderr, "echo: %s\n", e.msg);
}

static void stop(evutil_socket_t fd, short what, void *ctx)
{
    char c;

    (void)what, (void)ctx;
    if (read(fd, &c, 1) <= 0)
        event_base_loopbreak(loop);
}

int main(int argc, char **argv)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (argc != 2 || strlen(argv[1]) >= sizeof(a.sun_path))
        return 2;
    memcpy(a.sun_path, argv[1], strlen(argv[1]));
    loop = event_base_new();
    if (!loop || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 64))
        return 1;
    event_add(event_new(loop, fd, EV_READ | EV_PERSIST, accept_one, NULL), NULL);
    event_add(event_new(loop, STDIN_FILENO, EV_READ | EV_PERSIST, stop, NULL), NULL);
    event_base_dispatch(loop);
    unlink(argv[1]);
    return 0;
}
