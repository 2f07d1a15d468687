/* SPDX-License-Identifier: Apache-2.0 */
/* The talk of a coffer-net with a counter, by hand. Defines spawn_ask: included once, by a test. */
#ifndef TESTS_COUNTER_TALK_H
#define TESTS_COUNTER_TALK_H

#include "agent/bearers.h"
#include "agent/counter.h"
#include "agent/spawn.h"
#include "base/wire.h"
#include "tests/desk_room.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int net = -1; /* coffer-net's end */
static unsigned n_kills;
static struct buf in = BUF_INIT(WIRE_FRAME_MAX);
static size_t in_taken;

/* In the place of the core's link to the spawner. */
int spawn_ask(struct spawn_link *l, enum spawn_kind kind, uint32_t place, struct err *e)
{
    (void)l, (void)e;
    n_kills += kind == SPAWN_KILL && place == SPAWN_NET;
    return OK;
}

static inline void new_channel(void)
{
    int pair[2];

    if (net >= 0)
        close(net);
    EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    EQ_INT(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    net = pair[1];
    counter_channel(&room.agent, pair[0]);
    buf_reset(&in);
    in_taken = 0;
}

static inline void begin(void)
{
    static char no_link;
    struct err e;

    room_begin();
    room.agent.spawner = (void *)&no_link;
    n_kills = 0;
    OK_CALL(bearers_new(&room.agent, &e), &e);
    OK_CALL(counter_new(&room.agent, &e), &e);
    CHECK(!counter_is_open(&room.agent));
    room_turn_ends = counter_turn;
    new_channel();
    CHECK(counter_is_open(&room.agent));
}

static inline void end(void)
{
    counter_free(&room.agent);
    bearers_free(&room.agent);
    room_end();
    close(net);
    net = -1;
}

static inline void send_bytes(struct bytes v)
{
    EQ_INT(send(net, v.p, v.n, MSG_NOSIGNAL), v.n);
}

static inline struct wire_ask basic(uint32_t id, const char *record)
{
    return (struct wire_ask){
        .id = id,
        .uid = 1000,
        .pid = 7,
        .record = bytes_str(record),
        .method = BYTES_LIT("GET"),
        .url = BYTES_LIT("https://api.binance.com/api/v3/account"),
    };
}

static inline void ask(const struct wire_ask *a)
{
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;

    OK_CALL(wire_put_ask(&out, a, &e), &e);
    send_bytes(buf_bytes(&out));
}

static inline void done(uint32_t id, enum wire_result result, enum wire_fault fault,
                        unsigned status)
{
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct wire_done d = {id, (uint8_t)result, (uint8_t)fault, (uint16_t)status};
    struct err e;

    OK_CALL(wire_put_done(&out, &d, &e), &e);
    send_bytes(buf_bytes(&out));
}

/* The next frame; empty: none comes. */
static inline struct bytes next_frame(void)
{
    struct err e;
    size_t n = 0;

    for (int i = 0; i < 40; i++) {
        uint8_t chunk[65536];
        ssize_t got = recv(net, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (got > 0)
            buf_add(&in, bytes_of(chunk, (size_t)got));
        OK_CALL(wire_frame(bytes_of(in.p + in_taken, in.n - in_taken), &n, &e), &e);
        if (n > 0) {
            in_taken += n;
            return bytes_of(in.p + in_taken - n, n);
        }
        room_turns(1);
    }
    return bytes_of(NULL, 0);
}

static inline bool permitted(uint32_t id, struct wire_permit *p)
{
    struct bytes f = next_frame();
    struct wire_refusal r;
    struct err e;

    if (wire_kind(f) == WIRE_REFUSAL && wire_get_refusal(f, &r, &e) == OK)
        return harness_ok(false, __FILE__, __LINE__, "refused: %u %s", r.status, r.err.msg);
    return CHECK(f.n > 0) && OK_CALL(wire_get_permit(f, p, &e), &e) && EQ_INT(p->request.id, id);
}

static inline bool refused(uint32_t id, unsigned status, int code)
{
    static struct wire_refusal r;
    struct bytes f = next_frame();
    struct err e;

    return CHECK(f.n > 0) && OK_CALL(wire_get_refusal(f, &r, &e), &e) && EQ_INT(r.id, id) &&
           EQ_INT(r.status, status) && EQ_INT(r.err.code, code);
}

static inline struct bytes header(const struct wire_permit *p, const char *name)
{
    for (uint32_t i = 0; i < p->request.n_headers; i++)
        if (bytes_eq_str(p->request.headers[i].name, name))
            return p->request.headers[i].value;
    return bytes_of(NULL, 0);
}

#endif
