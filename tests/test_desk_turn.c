/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/desk*.c: what clients get a signature of, many turns, and what one costs. */
#include "tests/desk_asks.h"
#include "tests/memsigner.h"

#include <time.h>

#define ORDER "/api/v3/order"
#define BUY "symbol=ETHUSDT&side=BUY&type=MARKET&quantity=0.5"

static void test_release(void)
{
    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_HELD);
    uint64_t id = ask_way(DESK_RELEASE, "bn", "GET", "/api/v3/account", "");
    desk_turn(&room.agent);
    answered(0, id, ERR_POLICY);
    EQ_INT(r->n_signed, 0);
    r->info.release = true;
    id = ask_way(DESK_RELEASE, "bn", "GET", "/api/v3/account?recvWindow=60000", "");
    desk_turn(&room.agent);
    answered(1, id, OK);
    CHECK(strstr(seen[1].url, "recvWindow=5000&timestamp=") != NULL);
    EQ_INT(desk_open(&room.agent), 0);
    CHECK(strstr(room_log(), "\"op\":\"sign\"") != NULL);
    room_end();
}

static void test_ws(void)
{
    static const struct {
        bool is_released;
        const char *classes;
        int code;
    } rows[] = {{true, "", ERR_POLICY}, {false, "session", ERR_POLICY}, {true, "session", OK}};
    struct wish w;
    struct err e;

    begin();
    struct room_record *r = room_add("ox", "okx", ROOM_HELD);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        r->info.release = rows[i].is_released;
        snprintf(r->info.classes, sizeof(r->info.classes), "%s", rows[i].classes);
        wish_init(&w);
        w.is_ws = true;
        uint64_t id = desk_ask(&room.agent, DESK_RELEASE, &bot, "ox", &w, decided, &room, &e);
        desk_turn(&room.agent);
        answered(i, id, rows[i].code);
    }
    CHECK(strstr(seen[2].body, "\"passphrase\":\"OTHER\"") != NULL);
    CHECK(strstr(room_log(), "\"op\":\"sign_ws\",\"record\":\"ox\",\"class\":\"session\","
                             "\"method\":\"WS\",\"outcome\":\"allowed\"") != NULL);
    room_end();
}

/* A client's own clock. */
static void test_clock(void)
{
    static const struct {
        enum desk_way way;
        int64_t off_ms;
        int code;
    } rows[] = {
        {DESK_RELEASE, 0, OK},
        {DESK_RELEASE, 1000, OK},
        {DESK_RELEASE, 1001, ERR_POLICY},
        {DESK_RELEASE, -5000, OK},
        {DESK_RELEASE, -5001, ERR_POLICY},
        {DESK_SEND, 0, ERR_USAGE},
    };
    struct err e;

    begin();
    room_add("bn", "binance", ROOM_HELD)->info.release = true;
    for (size_t i = 0; i < ARRAY_LEN(rows) + 3; i++) {
        struct wish w;
        wish_init(&w);
        w.method = BYTES_LIT("GET");
        w.url = BYTES_LIT("/api/v3/account");
        w.clock.has_time = i < ARRAY_LEN(rows);
        if (w.clock.has_time)
            w.clock.timestamp_ms = (uint64_t)(1700000000000 + rows[i].off_ms);
        w.clock.nonce = i == ARRAY_LEN(rows) ? BYTES_LIT("7") : bytes_of(NULL, 0);
        w.clock.has_random = i == ARRAY_LEN(rows) + 1;
        if (i == ARRAY_LEN(rows) + 2)
            w.clock.uuid = BYTES_LIT("00000000-0000-4000-8000-000000000000");
        uint64_t id = desk_ask(&room.agent, i < ARRAY_LEN(rows) ? rows[i].way : DESK_RELEASE, &bot,
                               "bn", &w, decided, &room, &e);
        desk_turn(&room.agent);
        answered(i, id, i < ARRAY_LEN(rows) ? rows[i].code : ERR_USAGE);
    }
    CHECK(strstr(seen[4].url, "") && seen[2].err.n_hints > 0);
    CHECK(strstr(seen[3].url, "timestamp=1699999995000") != NULL);
    room_end();
}

/* An answer that brings the next request is answered in the same turn. */
static unsigned n_more;
static void ask_more(void *ctx, struct decision *d)
{
    struct wish w;
    struct err e;

    (void)ctx;
    EQ_INT(d->err.code, OK);
    desk_done(&room.agent, d->id, 200, false);
    if (n_more-- == 0)
        return;
    wish_init(&w);
    w.method = BYTES_LIT("GET");
    w.url = BYTES_LIT("/api/v3/account");
    CHECK(desk_ask(&room.agent, DESK_SEND, &bot, "bn", &w, ask_more, NULL, &e) != 0);
}

static void test_chain(void)
{
    struct decision d = {.err = {.code = OK}};

    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_HELD);
    n_more = 150; /* more than one turn takes: the loop must not fall asleep */
    ask_more(NULL, &d);
    desk_turn(&room.agent);
    EQ_INT(r->n_signed, 65);
    room_turns(60);
    EQ_INT(r->n_signed, 150);
    EQ_INT(desk_open(&room.agent), 0);
    room_end();
}

static uint64_t cpu_us(clock_t since)
{
    return (uint64_t)(clock() - since) * 1000000 / CLOCKS_PER_SEC;
}

/* What one costs from ask to answer, for people. */
static void test_cost(void)
{
    enum { N = 20000 };
    struct secret fields[FIELD_COUNT] = {0};
    struct memsigner signer;
    struct err e;

    begin();
    OK_CALL(secret_arena_open(&e), &e);
    OK_CALL(secret_copy(&fields[FIELD_API_KEY], BYTES_LIT("KEY"), &e), &e);
    OK_CALL(secret_copy(&fields[FIELD_API_SECRET], BYTES_LIT("0123456789abcdef"), &e), &e);
    memsigner_init(&signer, fields, KEY_HMAC);
    room_add("bn", "binance", ROOM_HELD)->signer = &signer.base;
    n_done_by_itself = 1;
    clock_t start = clock();
    for (unsigned i = 0; i < N; i++) {
        ask("bn", "POST", ORDER, BUY);
        desk_turn(&room.agent);
    }
    uint64_t us = cpu_us(start);
    start = clock();
    for (unsigned i = 0; i < N / 8; i++) {
        for (unsigned k = 0; k < 8; k++)
            ask("bn", "POST", ORDER, BUY);
        desk_turn(&room.agent);
    }
    uint64_t us8 = cpu_us(start);
    EQ_INT(n_seen, 2 * N);
    printf("# %u.%02u us of processor time one a turn, %u.%02u us eight a turn, HMAC included\n",
           (unsigned)(us / N), (unsigned)(us * 100 / N % 100), (unsigned)(us8 / N),
           (unsigned)(us8 * 100 / N % 100));
    EQ_INT(signer.n_signed, 2 * N);
    room_end();
    secret_free(&fields[FIELD_API_KEY]);
    secret_free(&fields[FIELD_API_SECRET]);
    secret_arena_close();
}

int main(void)
{
    RUN(test_release);
    RUN(test_ws);
    RUN(test_clock);
    RUN(test_chain);
    RUN(test_cost);
    return harness_end();
}
