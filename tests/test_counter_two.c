/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/counter.c with two coffer-nets: one that finishes what it has begun, and the one
 * that took its place. Their numbers may be equal; what each asked is answered to it alone. */
#include "tests/counter_talk.h"

static int other = -1; /* the end of the one that is not `net` */

static void second(void)
{
    other = net;
    net = -1;
    new_channel();
}

static void change_over(void)
{
    int s = net;

    net = other;
    other = s;
    EQ_INT(in_taken, in.n); /* nothing unread */
}

static void close_other(void)
{
    close(other);
    other = -1;
    room_turns(10);
}

static void order(uint32_t id)
{
    struct wire_ask a = basic(id, "kr");

    a.method = BYTES_LIT("POST");
    a.url = BYTES_LIT("https://api.kraken.com/0/private/AddOrder");
    a.body = BYTES_LIT("pair=X&type=buy&volume=1");
    ask(&a);
}

static void test_both(void)
{
    static struct wire_permit p;
    struct wire_ask a;

    begin();
    room_add("kr", "kraken", ROOM_HELD);
    room_add("bn", "binance", ROOM_HELD);
    order(1);
    CHECK(permitted(1, &p));
    order(2); /* waits for the end of the first */
    EQ_INT(next_frame().n, 0);
    second();
    room_turns(10);
    CHECK(counter_is_open(&room.agent));
    EQ_INT(desk_open(&room.agent), 2);
    /* The same numbers, from the new one. */
    a = basic(1, "bn");
    ask(&a);
    a = basic(2, "none");
    ask(&a);
    CHECK(permitted(1, &p) && bytes_eq_str(p.request.method, "GET"));
    CHECK(refused(2, 401, ERR_NOT_FOUND));
    done(1, WIRE_REPLIED, FAULT_NONE, 200);
    room_turns(10);
    EQ_INT(desk_open(&room.agent), 2);
    change_over();
    EQ_INT(next_frame().n, 0);
    done(1, WIRE_REPLIED, FAULT_NONE, 200);
    CHECK(permitted(2, &p) && bytes_eq_str(p.request.method, "POST"));
    done(2, WIRE_REPLIED, FAULT_NONE, 200);
    order(3); /* of a client that was let in before */
    CHECK(permitted(3, &p));
    room_turns(10);
    EQ_INT(desk_open(&room.agent), 1);
    change_over();
    close_other(); /* killed: nobody knows what became of the last */
    EQ_INT(desk_open(&room.agent), 0);
    CHECK(strstr(room_log(), "\"outcome\":\"unknown\"") != NULL);
    CHECK(counter_is_open(&room.agent));
    a = basic(4, "bn");
    ask(&a);
    CHECK(permitted(4, &p));
    EQ_INT(n_kills, 0);
    end();
}

static void test_ends(void)
{
    static struct wire_permit p;

    begin();
    room_add("kr", "kraken", ROOM_HELD);
    order(1);
    CHECK(permitted(1, &p));
    second();
    /* The new one has ended: the old one goes on. */
    counter_gone(&room.agent, 0);
    CHECK(!counter_is_open(&room.agent));
    EQ_INT(desk_open(&room.agent), 1);
    new_channel();
    CHECK(counter_is_open(&room.agent));
    EQ_INT(desk_open(&room.agent), 1);
    /* Nonsense from the old one: its end, and nobody is killed for it. */
    change_over();
    send_bytes(BYTES_LIT("nonsense"));
    room_turns(10);
    EQ_INT(desk_open(&room.agent), 0);
    EQ_INT(n_kills, 0);
    change_over();
    close_other();
    CHECK(counter_is_open(&room.agent));
    order(1);
    CHECK(permitted(1, &p));
    /* From the new one: it is started again. */
    second();
    send_bytes(BYTES_LIT("nonsense"));
    room_turns(10);
    EQ_INT(n_kills, 1);
    CHECK(!counter_is_open(&room.agent));
    EQ_INT(desk_open(&room.agent), 1);
    close_other();
    EQ_INT(desk_open(&room.agent), 0);
    end();
}

int main(void)
{
    RUN(test_both);
    RUN(test_ends);
    return harness_end();
}
