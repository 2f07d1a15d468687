/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/desk*.c: in which order what is decided, at which moment it is answered, and what
 * becomes of a request at each stage when its client goes away. */
#include "agent/desk_inside.h"
#include "tests/desk_asks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define ORDER "/api/v3/order"
#define BUY "symbol=ETHUSDT&side=BUY&type=MARKET&quantity=0.5"

static void test_signed(void)
{
    begin();
    room_add("bn", "binance", ROOM_HELD);
    uint64_t id = ask("bn", "POST", ORDER, BUY);
    CHECK(id != 0);
    EQ_INT(n_seen, 0); /* never from within */
    EQ_STR(room_log(), "");
    desk_turn(&room.agent);
    answered(0, id, OK);
    EQ_STR(seen[0].url, "https://api.binance.com" ORDER);
    EQ_STR(seen[0].body, BUY "&timestamp=1700000000000&signature="
                             "0000000000000000000000000000000000000000000000000000000000000000");
    CHECK(seen[0].is_order);
    EQ_INT(desk_open(&room.agent), 1);
    CHECK(strstr(room_log(), "\"client\":\"mm1\",\"op\":\"request\",\"record\":\"bn\",\"class\":"
                             "\"trade\",\"method\":\"POST\",\"path\":\"" ORDER
                             "\",\"side\":\"BUY\",\"market\":\"ETHUSDT\",\"size\":\"0.5\","
                             "\"outcome\":\"allowed\"}\n") != NULL);
    CHECK(!strstr(room_log(), "signature") && !strstr(room_log(), "timestamp"));
    desk_done(&room.agent, id, 200, false);
    desk_turn(&room.agent);
    CHECK(strstr(room_log(), "\"outcome\":\"200\"}\n") != NULL);
    EQ_INT(desk_open(&room.agent), 0);
    desk_done(&room.agent, id, 200, false);
    desk_forget(&room.agent, id);
    room_end();
}

/* No key is opened for what is refused anyway. */
static void test_refused(void)
{
    static const struct {
        const char *record, *method, *url, *body;
        int code;
    } rows[] = {
        {"none", "GET", "/api/v3/account", "", ERR_NOT_FOUND},
        {"bn", "GET", "/api/v3/nosuch", "", ERR_POLICY},
        {"bn", "POST", "/sapi/v1/capital/withdraw/apply", "coin=ETH&amount=1&address=x",
         ERR_POLICY},
        {"bn", "GET", "https://example.com/api/v3/account", "", ERR_USAGE},
        {"bn", "GET", "/api/v3/../account", "", ERR_USAGE},
        {"bn", "POST", ORDER, "{\"side\":\"BUY\"}", ERR_USAGE},
        {"odd", "GET", "/x", "", ERR_FAILED},
    };

    for (unsigned held = 0; held < 2; held++) {
        begin();
        struct room_record *r = room_add("bn", "binance", held ? ROOM_HELD : ROOM_CLOSED);
        room_add("odd", "nosuch", ROOM_CLOSED);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            if (!held && rows[i].body[0] == '{')
                continue; /* only signing finds that */
            uint64_t id = ask(rows[i].record, rows[i].method, rows[i].url, rows[i].body);
            size_t at = n_seen;
            desk_turn(&room.agent);
            answered(at, id, rows[i].code);
            EQ_INT(desk_open(&room.agent), 0);
        }
        EQ_INT(r->n_opened, 0);
        EQ_INT(r->n_signed, 0);
        EQ_INT(room_waiting("bn"), 0);
        CHECK(strstr(room_log(), "\"record\":\"none\",\"outcome\":\"not_found\"") ||
              strstr(room_log(), "\"record\":\"none\",\"class\":\"\",\"outcome\":\"not_found\""));
        CHECK(strstr(room_log(), "\"outcome\":\"policy\"") != NULL);
        room_end();
    }
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        n++;
    return n;
}

/* Two bursts may fall into two seconds each; 200 lines are never written. */
static void test_refused_on_a_loop(void)
{
    begin();
    room_add("bn", "binance", ROOM_HELD);
    for (unsigned i = 0; i < 200; i++) {
        ask("bn", "GET", "/api/v3/nosuch", "");
        desk_turn(&room.agent);
    }
    size_t n = count(room_log(), "\"outcome\":\"policy\"");
    CHECK(n >= REFUSALS_MAX && n <= 3 * REFUSALS_MAX);
    ask("bn", "GET", "/api/v3/account", "");
    desk_turn(&room.agent);
    EQ_INT(count(room_log(), "\"outcome\":\"allowed\""), 1);
    room_turns(1100);
    ask("bn", "GET", "/api/v3/nosuch", "");
    desk_turn(&room.agent);
    CHECK(strstr(room_log(), "refusals before this one not written") != NULL);
    room_end();
}

static void test_public(void)
{
    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_CLOSED);
    room_add("kr", "kraken", ROOM_HELD);
    uint64_t id = ask("bn", "GET", "/api/v3/time", "");
    uint64_t other = ask("kr", "GET", "/0/public/Time", "");
    uint64_t more = ask("kr", "GET", "/0/public/Time", ""); /* not one after the other */
    desk_turn(&room.agent);
    answered(0, id, OK);
    answered(1, other, OK);
    answered(2, more, OK);
    EQ_STR(seen[0].url, "https://api.binance.com/api/v3/time");
    CHECK(!seen[0].is_order);
    EQ_INT(r->n_signed, 0);
    EQ_STR(room_log(), "");
    err_set(&room.vault, ERR_TRUST, "another vault");
    id = ask("bn", "GET", "/api/v3/time", "");
    desk_turn(&room.agent);
    answered(3, id, ERR_TRUST);
    room_end();
}

static void test_opening(void)
{
    struct err e;

    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_CLOSED);
    uint64_t one = ask("bn", "POST", ORDER, BUY), two = ask("bn", "GET", "/api/v3/account", "");
    EQ_STR(r->why, "bot 'mm1': GET /api/v3/account");
    desk_turn(&room.agent);
    EQ_INT(n_seen, 0);
    EQ_INT(room_waiting("bn"), 2);
    room_open("bn", NULL);
    EQ_INT(n_seen, 0);
    desk_turn(&room.agent);
    answered(0, one, OK);
    answered(1, two, OK);
    EQ_INT(r->n_refs, 0); /* let go as soon as it is answered */
    r->key = ROOM_CLOSED;
    one = ask("bn", "POST", ORDER, BUY);
    EQ_STR(r->why, "bot 'mm1': BUY 0.5 ETHUSDT");
    err_set(&e, ERR_PERSON, "locked");
    room_open("bn", &e);
    desk_turn(&room.agent);
    answered(2, one, ERR_PERSON);
    room_end();
}

/* What the header promised is judged again by what the key has proven. */
static void test_proven_header(void)
{
    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_CLOSED);
    uint64_t id = ask("bn", "POST", ORDER, BUY);
    r->info.unverified = true;
    room_open("bn", NULL);
    desk_turn(&room.agent);
    answered(0, id, ERR_POLICY);
    EQ_INT(r->n_signed, 0);
    struct room_record *k = room_add("kr", "kraken", ROOM_CLOSED);
    id = ask("kr", "POST", "/0/private/Balance", "");
    k->is_changed = true;
    room_open("kr", NULL);
    desk_turn(&room.agent);
    answered(1, id, ERR_FAILED);
    EQ_INT(k->n_signed, 0);
    room_end();
}

static void test_forget(void)
{
    begin();
    struct room_record *r = room_add("kr", "kraken", ROOM_HELD);
    struct room_record *c = room_add("bn", "binance", ROOM_CLOSED);
    /* decided and not answered */
    uint64_t a = ask("kr", "POST", "/0/private/Balance", "");
    uint64_t b = ask("kr", "POST", "/0/private/OpenOrders", "");
    uint64_t d = ask("kr", "POST", "/0/private/ClosedOrders", "");
    desk_forget(&room.agent, a);
    /* waiting in the lane */
    desk_forget(&room.agent, d);
    desk_turn(&room.agent);
    EQ_INT(n_seen, 1);
    answered(0, b, OK);
    EQ_INT(r->n_signed, 2);
    /* sent: that is coffer-net's, and its end is told */
    desk_forget(&room.agent, b);
    EQ_INT(desk_open(&room.agent), 1);
    desk_done(&room.agent, b, 0, false);
    /* its key is being opened */
    a = ask("bn", "POST", ORDER, BUY);
    EQ_INT(room_waiting("bn"), 1);
    desk_forget(&room.agent, a);
    EQ_INT(room_waiting("bn"), 0);
    room_open("bn", NULL);
    desk_turn(&room.agent);
    EQ_INT(n_seen, 1);
    EQ_INT(c->n_signed, 0);
    EQ_INT(desk_open(&room.agent), 0);
    desk_forget(&room.agent, 0);
    desk_forget(&room.agent, 123456);
    room_end();
}

/* The end of the agent with requests at each stage. */
static void test_end(void)
{
    begin();
    room_add("kr", "kraken", ROOM_HELD);
    room_add("bn", "binance", ROOM_CLOSED);
    ask("kr", "POST", "/0/private/Balance", "");
    desk_turn(&room.agent);
    ask("kr", "POST", "/0/private/Balance", "");
    ask("kr", "POST", "/0/private/Balance", "");
    ask("bn", "POST", ORDER, BUY);
    ask("bn", "GET", "/api/v3/nosuch", "");
    room_end();
    EQ_INT(n_seen, 1);
}

static void test_too_many(void)
{
    struct err e;
    struct wish w;

    begin();
    room_add("bn", "binance", ROOM_CLOSED);
    for (unsigned i = 0; i < DESK_OPEN_MAX; i++)
        if (!ask("bn", "POST", ORDER, BUY) && CHECK(false))
            break;
    wish_init(&w);
    w.method = BYTES_LIT("GET");
    w.url = BYTES_LIT("/api/v3/time");
    EQ_INT(desk_ask(&room.agent, DESK_SEND, &bot, "bn", &w, decided, &room, &e), 0);
    EQ_INT(e.code, ERR_LIMIT);
    desk_turn(&room.agent);
    EQ_INT(n_seen, 0);
    room_end();
}

/* A full disk: what was decided in this turn does not leave, and it goes on when there is room. */
static void test_log_full(void)
{
    struct rlimit old, small;

    begin();
    signal(SIGXFSZ, SIG_IGN);
    struct room_record *r = room_add("bn", "binance", ROOM_HELD);
    uint64_t a = ask("bn", "POST", ORDER, BUY), b = ask("bn", "GET", "/api/v3/time", "");
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 10;
    EQ_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
    desk_turn(&room.agent);
    unsigned n_signed = r->n_signed;
    uint64_t c = ask("bn", "POST", ORDER, BUY);
    desk_turn(&room.agent);
    EQ_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
    answered(0, a, ERR_IO);
    EQ_STR(seen[0].url, "");
    answered(1, b, OK); /* needs no line */
    answered(2, c, ERR_IO);
    EQ_INT(r->n_signed, n_signed); /* not even made */
    a = ask("bn", "POST", ORDER, BUY);
    desk_turn(&room.agent);
    answered(3, a, OK);
    CHECK(strstr(room_log(), "\"lost\":") != NULL);
    room_end();
}

static void test_time_out(void)
{
    struct entry *n;

    begin();
    room_add("bn", "binance", ROOM_CLOSED);
    room_add("kr", "kraken", ROOM_HELD);
    uint64_t a = ask("bn", "POST", ORDER, BUY);
    uint64_t b = ask("kr", "POST", "/0/private/Balance", "");
    uint64_t c = ask("kr", "POST", "/0/private/Balance", "");
    room_turns(150);
    EQ_INT(n_seen, 1);
    answered(0, b, OK);
    TAILQ_FOREACH(n, &room.agent.desk->all, by_age)
    {
        CHECK(n->deadline_ms > ticks_ms() + DESK_WAIT_MS - 2000);
        if (n->d.id != b)
            n->deadline_ms = ticks_ms();
    }
    room_turns(150);
    EQ_INT(n_seen, 3);
    answered(1, a, ERR_TOKEN);
    answered(2, c, ERR_LIMIT);
    EQ_INT(room_waiting("bn"), 0);
    EQ_INT(desk_open(&room.agent), 1);
    /* One that was sent, and of whose end nobody tells. */
    n = desk_find(room.agent.desk, b);
    CHECK(n->deadline_ms > ticks_ms() + DESK_WAIT_MS);
    n->deadline_ms = ticks_ms();
    c = ask("kr", "POST", "/0/private/Balance", "");
    room_turns(150);
    answered(3, c, OK);
    room_end();
}

/* What a header says about the way is followed only when it is proven. */
static void test_public_needs_proof(void)
{
    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_CLOSED);
    room.is_unproven = true;
    uint64_t id = ask("bn", "GET", "/api/v3/time", "");
    desk_turn(&room.agent);
    answered(0, id, OK); /* the exchange's own hosts */
    EQ_INT(room_waiting("bn"), 0);
    desk_done(&room.agent, id, 200, false);
    snprintf(r->info.connect_to, sizeof(r->info.connect_to), "::127.0.0.1:8443");
    id = ask("bn", "GET", "/api/v3/time", "");
    desk_turn(&room.agent);
    EQ_INT(n_seen, 1);
    EQ_INT(room_waiting("bn"), 1);
    struct err locked;
    err_set(&locked, ERR_PERSON, "locked");
    room_open("bn", &locked);
    desk_turn(&room.agent);
    answered(1, id, ERR_PERSON);
    room.is_unproven = false;
    id = ask("bn", "GET", "/api/v3/time", "");
    desk_turn(&room.agent);
    answered(2, id, OK);
    desk_done(&room.agent, id, 200, false);
    /* after a forged vault nothing is believed */
    r->info.connect_to[0] = 0;
    room.is_unproven = room.is_doubted = true;
    id = ask("bn", "GET", "/api/v3/time", "");
    desk_turn(&room.agent);
    EQ_INT(room_waiting("bn"), 1);
    room_open("bn", NULL);
    desk_turn(&room.agent);
    answered(3, id, OK);
    EQ_INT(r->n_signed, 0);
    desk_done(&room.agent, id, 200, false);
    room_end();
}

int main(void)
{
    RUN(test_signed);
    RUN(test_refused);
    RUN(test_refused_on_a_loop);
    RUN(test_public);
    RUN(test_opening);
    RUN(test_proven_header);
    RUN(test_forget);
    RUN(test_end);
    RUN(test_too_many);
    RUN(test_log_full);
    RUN(test_time_out);
    RUN(test_public_needs_proof);
    return harness_end();
}
