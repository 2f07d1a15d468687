/* SPDX-License-Identifier: Apache-2.0 */
/* A stream under test, its owner and its far end. */
#include "tests/stream_side.h"

#include "tests/harness.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_input(void *ctx, struct stream *s)
{
    struct side *t = ctx;
    struct err e;

    t->n_input++;
    t->seen = stream_in(s).n;
    if (t->takes_all)
        stream_took(s, t->seen);
    if (t->pauses_at > 0 && t->seen >= t->pauses_at)
        stream_pause(s, true);
    if (t->answers)
        OK_CALL(stream_put(s, BYTES_LIT("answer"), &e), &e);
    if (t->finishes)
        stream_finish(s);
    if (t->frees_on_input)
        stream_freep(&t->s);
}

static void on_ended(void *ctx, struct stream *s)
{
    struct side *t = ctx;

    t->n_ended++;
    CHECK(s == t->s);
    if (t->frees_on_end)
        stream_freep(&t->s);
}

static void on_drained(void *ctx, struct stream *s)
{
    struct side *t = ctx;

    EQ_INT(stream_waiting(s), 0);
    t->n_drained++;
}

const struct stream_calls side_calls = {on_input, on_ended, on_drained};

void side_begin(struct side *t, unsigned fds)
{
    struct stream_limits limits = {IN_MAX, OUT_MAX, fds};
    struct err e;
    int pair[2];

    *t = (struct side){.loop = event_base_new()};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    t->far = pair[1];
    OK_CALL(stream_new(t->loop, pair[0], &limits, &side_calls, t, &t->s, &e), &e);
}

void side_finish(struct side *t)
{
    stream_free(t->s);
    if (t->far >= 0)
        close(t->far);
    event_base_free(t->loop);
}

void side_turn(struct side *t)
{
    event_base_loop(t->loop, EVLOOP_NONBLOCK);
}

void side_say(struct side *t, const char *text)
{
    CHECK(send(t->far, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    side_turn(t);
}

size_t side_hear(struct side *t, char *first, size_t cap)
{
    char part[4096];
    size_t n = 0;
    ssize_t got;

    while ((got = recv(t->far, part, sizeof(part), MSG_DONTWAIT)) > 0) {
        if (n + (size_t)got < cap)
            memcpy(first + n, part, (size_t)got);
        n += (size_t)got;
    }
    if (n < cap)
        first[n] = '\0';
    return n;
}
