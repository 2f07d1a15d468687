/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/desk_lane.c: keys whose nonces must arrive in order. */
#include "tests/desk_asks.h"

/* Kraken: one under way, in order, and a cancel before all that wait. */
static void test_lane(void)
{
    uint64_t last = 0;

    begin();
    struct room_record *r = room_add("kr", "kraken", ROOM_HELD);
    uint64_t a = ask("kr", "POST", "/0/private/Balance", "");
    uint64_t b = ask("kr", "POST", "/0/private/OpenOrders", "");
    uint64_t c = ask("kr", "POST", "/0/private/CancelOrder", "txid=1");
    uint64_t d = ask("kr", "POST", "/0/private/ClosedOrders", "");
    uint64_t f = ask("kr", "POST", "/0/private/CancelOrder", "txid=2");
    const uint64_t want[] = {a, c, f, b, d};
    desk_turn(&room.agent);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        EQ_INT(n_seen, i + 1);
        answered(i, want[i], OK);
        EQ_INT(r->n_signed, i + 1);
        uint64_t nonce = strtoull(seen[i].body + 6, NULL, 10);
        CHECK(strncmp(seen[i].body, "nonce=", 6) == 0 && nonce > last);
        last = nonce;
        desk_turn(&room.agent);
        desk_done(&room.agent, want[i], 200, i == 2);
        desk_turn(&room.agent);
    }
    EQ_INT(desk_open(&room.agent), 0);
    CHECK(strstr(room_log(), "\"outcome\":\"unknown\"") != NULL);
    room_end();
}

/* Another key of the same kind is not held up; the same key for release is not either. */
static void test_lanes_apart(void)
{
    begin();
    room_add("k1", "kraken", ROOM_HELD)->info.release = true;
    room_add("k2", "kraken", ROOM_HELD);
    ask("k1", "POST", "/0/private/Balance", "");
    ask("k2", "POST", "/0/private/Balance", "");
    ask_way(DESK_RELEASE, "k1", "POST", "/0/private/Balance", "");
    desk_turn(&room.agent);
    EQ_INT(n_seen, 3);
    room_end();
}

static void test_lane_opening(void)
{
    struct err e;

    /* A cancel that comes while the key is opened goes first. */
    begin();
    struct room_record *r = room_add("kr", "kraken", ROOM_CLOSED);
    uint64_t a = ask("kr", "POST", "/0/private/AddOrder", "pair=X&type=buy&volume=1");
    uint64_t b = ask("kr", "POST", "/0/private/Balance", "");
    uint64_t c = ask("kr", "POST", "/0/private/CancelAll", "");
    EQ_INT(room_waiting("kr"), 1);
    room_open("kr", NULL);
    n_done_by_itself = 1;
    desk_turn(&room.agent);
    answered(0, c, OK);
    answered(1, a, OK);
    answered(2, b, OK);
    /* Not where a person has touched for the one that was there first. */
    r->key = ROOM_EACH_USE;
    n_seen = 0;
    a = ask("kr", "POST", "/0/private/AddOrder", "pair=X&type=buy&volume=1");
    c = ask("kr", "POST", "/0/private/CancelAll", "");
    EQ_STR(r->why, "bot 'mm1': BUY 1 X");
    room_open("kr", NULL);
    desk_turn(&room.agent);
    answered(0, a, OK);
    EQ_INT(n_seen, 1);
    EQ_STR(r->why, "bot 'mm1': POST /0/private/CancelAll");
    err_set(&e, ERR_TOKEN, "gone");
    room_open("kr", &e);
    desk_turn(&room.agent);
    answered(1, c, ERR_TOKEN);
    EQ_INT(desk_open(&room.agent), 0);
    room_end();
}

static void test_lane_limit(void)
{
    begin();
    room_add("kr", "kraken", ROOM_HELD);
    for (unsigned i = 0; i <= DESK_QUEUE_MAX; i++)
        CHECK(ask("kr", "POST", "/0/private/Balance", "") != 0);
    desk_turn(&room.agent);
    EQ_INT(n_seen, 1);
    uint64_t id = ask("kr", "POST", "/0/private/Balance", "");
    desk_turn(&room.agent);
    answered(1, id, ERR_LIMIT);
    CHECK(ask("kr", "POST", "/0/private/CancelAll", "") != 0); /* there is always room for it */
    desk_turn(&room.agent);
    EQ_INT(n_seen, 2);
    n_done_by_itself = 1;
    desk_done(&room.agent, seen[0].id, 200, false);
    desk_turn(&room.agent);
    room_turns(20);
    EQ_INT(n_seen, DESK_QUEUE_MAX + 3);
    EQ_INT(desk_open(&room.agent), 0);
    room_end();
}

int main(void)
{
    RUN(test_lane);
    RUN(test_lanes_apart);
    RUN(test_lane_opening);
    RUN(test_lane_limit);
    return harness_end();
}
