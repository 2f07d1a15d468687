/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/frames.c: a command that asks the proxy in frames. */
#include "tests/gate_world.h"

#include "net/frames_parts.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MANY 40u

/* The command's end. */
static struct stream *command;
static bool is_closed, has_come;
static unsigned n_replies, n_refusals, n_wanted;
static uint64_t ids;
static struct wire_reply reply;
static struct wire_refusal refusal;
static char body[4096], detail[256];

static void take(struct bytes frame)
{
    struct err e;

    if (wire_kind(frame) == WIRE_REFUSAL) {
        OK_CALL(wire_get_refusal(frame, &refusal, &e), &e);
        n_refusals++;
        ids |= 1ull << (refusal.id & 63);
    } else {
        OK_CALL(wire_get_reply(frame, &reply, &e), &e);
        n_replies++;
        ids |= 1ull << (reply.id & 63);
        snprintf(body, sizeof(body), "%.*s", (int)reply.body.n, (const char *)reply.body.p);
        snprintf(detail, sizeof(detail), "%.*s", (int)reply.detail.n, (const char *)reply.detail.p);
    }
    has_come = n_replies + n_refusals >= n_wanted;
}

static void on_input(void *ctx, struct stream *s)
{
    size_t n;
    struct err e;

    (void)ctx;
    while (wire_frame(stream_in(s), &n, &e) == OK && n > 0) {
        take(bytes_of(stream_in(s).p, n));
        stream_took(s, n);
    }
}

static void on_ended(void *ctx, struct stream *s)
{
    (void)ctx, (void)s;
    stream_freep(&command);
    is_closed = true;
}

/* first: what the listener has read already. */
static void dial(struct bytes first)
{
    static const struct stream_calls calls = {.input = on_input, .ended = on_ended};
    static const struct stream_limits limits = {.in = 1u << 25, .out = 1u << 25};
    int fd[2];
    struct err e;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
    OK_CALL(stream_new(w.loop, fd[0], &limits, &calls, NULL, &command, &e), &e);
    frames_accept(w.loop, w.gate, fd[1], first, 1234, 77);
    is_closed = has_come = false;
    n_replies = n_refusals = 0;
    n_wanted = 1;
    ids = 0;
    reply = (struct wire_reply){0};
}

static void put_ask(struct buf *out, uint32_t id, const char *method, const char *path)
{
    char url[512];
    struct err e;

    snprintf(url, sizeof(url), "https://api.test%s", path);
    const struct wire_ask a = {
        .id = id,
        .uid = 0,
        .pid = 1,
        .is_tcp = 1,
        .record = BYTES_LIT("main"),
        .method = bytes_str(method),
        .url = bytes_str(url),
        .headers = {{BYTES_LIT("Accept-Encoding"), BYTES_LIT("gzip")},
                    {BYTES_LIT("X-Key"), BYTES_LIT("k1")}},
        .n_headers = 2,
    };
    OK_CALL(wire_put_ask(out, &a, &e), &e);
}

static void say(uint32_t id, const char *method, const char *path)
{
    AUTO_BUF out = BUF_INIT(65536);
    struct err e;

    put_ask(&out, id, method, path);
    OK_CALL(stream_put(command, buf_bytes(&out), &e), &e);
}

static void hang_up(void)
{
    stream_freep(&command);
    run(NULL, 50);
    EQ_INT(w.gate->n_frames, 0);
    EQ_INT(w.gate->held, 0);
}

static void test_reply(void)
{
    char seen[4096];

    hire(PERMITS);
    dial(bytes_of(NULL, 0));
    say(4711, "POST", "/ok?a=1");
    run(&has_come, WAIT_MS);
    EQ_INT(reply.id, 4711);
    EQ_INT(reply.result, WIRE_REPLIED);
    EQ_INT(reply.status, 200);
    EQ_STR(body, "hello");
    CHECK(reply.sent_us > 0 && reply.answered_us >= reply.sent_us);
    EQ_INT(w.uid, 1234);
    EQ_INT(w.pid, 77);
    CHECK(!w.is_tcp);
    tls_server_last(w.server, seen, sizeof(seen));
    CHECK(strstr(seen, "X-Key: k1") != NULL && strstr(seen, "gzip") == NULL);
    hang_up();
}

/* The listener may have read more than the first byte, and no more than that. */
static void test_first_bytes(void)
{
    AUTO_BUF out = BUF_INIT(65536);
    struct err e;

    hire(PERMITS);
    put_ask(&out, 5, "GET", "/ok");
    for (size_t n = 1; n <= out.n; n += out.n - 1) {
        dial(bytes_of(out.p, n));
        if (n < out.n)
            OK_CALL(stream_put(command, bytes_of(out.p + n, out.n - n), &e), &e);
        run(&has_come, WAIT_MS);
        EQ_INT(reply.id, 5);
        hang_up();
    }
}

static void test_refusals(void)
{
    hire(REFUSES);
    dial(bytes_of(NULL, 0));
    say(9, "POST", "/ok");
    run(&has_come, WAIT_MS);
    EQ_INT(n_refusals, 1);
    EQ_INT(refusal.id, 9);
    EQ_INT(refusal.status, 422);
    EQ_INT(refusal.err.code, ERR_POLICY);
    EQ_STR(refusal.err.hints[0], "ask the owner");
    gate_agent(w.gate, -1);
    n_wanted = 2;
    has_come = false;
    say(10, "POST", "/ok");
    run(&has_come, WAIT_MS);
    EQ_INT(refusal.id, 10);
    EQ_INT(refusal.status, 503);
    hang_up();
}

static void test_faults(void)
{
    hire(PERMITS);
    dial(bytes_of(NULL, 0));
    say(1, "POST", "/close");
    run(&has_come, WAIT_MS);
    EQ_INT(reply.result, WIRE_UNKNOWN);
    EQ_INT(reply.fault, FAULT_CLOSED);
    CHECK(detail[0] != 0 && reply.sent_us > 0);
    has_come = false;
    n_wanted = 2;
    say(2, "POST", ".evil.test/");
    run(&has_come, WAIT_MS);
    EQ_INT(reply.result, WIRE_NOT_SENT);
    EQ_INT(reply.fault, FAULT_REFUSED_HERE);
    EQ_STR(detail, "the host is none of the exchange's");
    has_come = false;
    n_wanted = 3;
    say(3, "GET", "/cut");
    run(&has_come, WAIT_MS);
    EQ_INT(reply.result, WIRE_UNKNOWN);
    EQ_INT(reply.status, 0);
    has_come = false;
    n_wanted = 4;
    say(4, "GET", "/big");
    run(&has_come, WAIT_MS);
    EQ_INT(reply.id, 4);
    EQ_INT(reply.fault, FAULT_TOO_LARGE);
    hang_up();
}

/* More than are taken at once: the others wait their turn. */
static void test_many(void)
{
    AUTO_BUF out = BUF_INIT(1u << 20);
    struct err e;

    hire(PERMITS);
    dial(bytes_of(NULL, 0));
    n_wanted = MANY;
    for (uint32_t i = 0; i < MANY; i++)
        put_ask(&out, i, i % 2 ? "POST" : "GET", "/ok");
    OK_CALL(stream_put(command, buf_bytes(&out), &e), &e);
    run(&has_come, WAIT_MS);
    EQ_INT(n_replies, MANY);
    EQ_INT(ids, (1ull << MANY) - 1);
    hang_up();
}

static void test_nonsense(void)
{
    static const char *const texts[] = {"\0\0\0\5\2abcd", "\0\0\0\1\3", "\0\0\0\0",
                                        "\0\xff\xff\xff", "\0\x1f\xff\xfd"};
    static const size_t lengths[] = {9, 5, 4, 4, 4};
    struct err e;

    hire(PERMITS);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        dial(bytes_of(NULL, 0));
        OK_CALL(stream_put(command, bytes_of(texts[i], lengths[i]), &e), &e);
        run(&is_closed, 2000);
        CHECK(is_closed);
        EQ_INT(w.gate->n_frames, 0);
    }
    EQ_INT(w.n_asks, 0);
    dial(bytes_of(NULL, 0)); /* and one that may be so long */
    OK_CALL(stream_put(command, bytes_of("\0\x1f\xff\xfc", 4), &e), &e);
    run(&is_closed, 100);
    CHECK(!is_closed);
    hang_up();
}

/* What was sent goes on, and the agent hears of it. */
static void test_gone(void)
{
    hire(PERMITS);
    w.timeout_ms = 400;
    dial(bytes_of(NULL, 0));
    say(1, "POST", "/silent");
    run(NULL, 150);
    hang_up();
    EQ_INT(w.n_dones, 0);
    run(NULL, 400);
    EQ_INT(w.n_dones, 1);
    EQ_INT(w.done.result, WIRE_UNKNOWN);
    EQ_INT(w.gate->n_jobs, 0);
}

/* -- how long, and how many -- */

static void hurry(unsigned ms)
{
    const struct timeval t = {0, (suseconds_t)ms * 1000};

    CHECK(event_add(w.gate->frames->idle, &t) == 0);
}

static void test_idle(void)
{
    struct timeval end, now;
    struct err e;

    hire(PERMITS);
    dial(bytes_of(NULL, 0));
    CHECK(event_pending(w.gate->frames->idle, EV_TIMEOUT, &end));
    (void)gettimeofday(&now, NULL);
    CHECK(end.tv_sec - now.tv_sec >= FRAMES_IDLE_S - 1 && end.tv_sec - now.tv_sec <= FRAMES_IDLE_S);
    hurry(200);
    OK_CALL(stream_put(command, bytes_of("\0\0\1\0\3", 5), &e), &e);
    for (int i = 0; i < 10 && !is_closed; i++) { /* a frame that never is whole */
        OK_CALL(stream_put(command, BYTES_LIT("x"), &e), &e);
        run(&is_closed, 50);
    }
    CHECK(is_closed);
    EQ_INT(w.gate->n_frames, 0);
}

static void test_asking_is_not_idle(void)
{
    hire(PERMITS);
    w.timeout_ms = 500;
    dial(bytes_of(NULL, 0));
    hurry(200);
    say(1, "GET", "/silent");
    run(&is_closed, 350);
    CHECK(!is_closed);
    CHECK(!event_pending(w.gate->frames->idle, EV_TIMEOUT, NULL));
    run(&has_come, WAIT_MS);
    EQ_INT(reply.result, WIRE_UNKNOWN);
    CHECK(event_pending(w.gate->frames->idle, EV_TIMEOUT, NULL));
    hurry(100);
    say(2, "GET", "/ok");
    run(NULL, 200);
    CHECK(!is_closed); /* it had asked in time */
    EQ_INT(n_replies, 2);
    hang_up();
}

/* Who does not read has not asked. */
static void test_unread(void)
{
    AUTO_BUF out = BUF_INIT(1u << 20);
    struct err e;

    hire(PERMITS);
    dial(bytes_of(NULL, 0));
    stream_pause(command, true);
    for (uint32_t i = 0; i < ASKS_MAX; i++)
        put_ask(&out, i, "GET", "/ok");
    OK_CALL(stream_put(command, buf_bytes(&out), &e), &e);
    for (int i = 0; i < 100 && (w.n_asks < ASKS_MAX || w.gate->frames->n_asks > 0); i++)
        run(NULL, 20);
    EQ_INT(w.gate->frames->n_asks, 0);
    CHECK(event_pending(w.gate->frames->idle, EV_TIMEOUT, NULL));
    hurry(100);
    run(NULL, 250);
    EQ_INT(w.gate->n_frames, 0);
    hang_up();
}

/* How many of n connections of that user are taken; the ends of all are put into ends. */
static unsigned come(uint32_t uid, unsigned n, int *ends)
{
    unsigned before = w.gate->n_frames;
    int pair[2];

    for (unsigned i = 0; i < n; i++) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
        frames_accept(w.loop, w.gate, pair[1], bytes_of(NULL, 0), uid, 1);
        ends[i] = pair[0];
    }
    return w.gate->n_frames - before;
}

static void test_shares(void)
{
    const uint32_t own = (uint32_t)getuid(), foreign = own + 1;
    unsigned n_foreign = FRAMES_MAX - FRAMES_OWN_KEPT;
    int ends[2 * FRAMES_MAX + 64], *at = ends;

    EQ_INT(come(foreign, FRAMES_FOREIGN_MAX + 2, at), FRAMES_FOREIGN_MAX);
    at += FRAMES_FOREIGN_MAX + 2;
    for (uint32_t i = 1; i < n_foreign / FRAMES_FOREIGN_MAX; i++, at += FRAMES_FOREIGN_MAX)
        EQ_INT(come(foreign + i, FRAMES_FOREIGN_MAX, at), FRAMES_FOREIGN_MAX);
    EQ_INT(w.gate->n_frames, n_foreign);
    EQ_INT(come(foreign + 100, 1, at++), 0);
    EQ_INT(come(own, FRAMES_OWN_KEPT + 1, at), FRAMES_OWN_KEPT);
    at += FRAMES_OWN_KEPT + 1;
    char byte;
    CHECK(recv(at[-1], &byte, 1, 0) == 0); /* the last one is closed */
    while (at > ends)
        close(*--at);
    run(NULL, 100);
    EQ_INT(w.gate->n_frames, 0);
    EQ_INT(come(own, FRAMES_MAX + 1, at), FRAMES_MAX); /* nobody else wants any */
    EQ_INT(come(foreign, 1, at + FRAMES_MAX + 1), 0);
    for (unsigned i = 0; i < FRAMES_MAX + 2; i++)
        close(ends[i]);
    run(NULL, 100);
    EQ_INT(w.gate->n_frames, 0);
}

int main(void)
{
    if (!world_start())
        return 1;
    RUN(test_reply);
    RUN(test_first_bytes);
    RUN(test_refusals);
    RUN(test_faults);
    RUN(test_many);
    RUN(test_nonsense);
    RUN(test_gone);
    RUN(test_idle);
    RUN(test_asking_is_not_idle);
    RUN(test_unread);
    RUN(test_shares);
    world_end();
    return harness_end();
}
