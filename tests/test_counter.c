/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/counter*.c over a real channel: who is let in by which way, what a permit says,
 * the statuses of refusals, ends in each order, and what a channel that makes no sense does. */
#include "tests/counter_talk.h"

static void test_permit(void)
{
    static struct wire_permit p;
    static struct wire_ask a;

    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_HELD);
    snprintf(r->info.connect_to, sizeof(r->info.connect_to), "::127.0.0.1:4433");
    buf_adds(&r->info.ca, "PEM");
    a = basic(5, "bn");
    a.headers[0] = (struct wire_header){BYTES_LIT("X-MBX-APIKEY"), BYTES_LIT("coffer_bn")};
    a.headers[1] = (struct wire_header){BYTES_LIT("User-Agent"), BYTES_LIT("ccxt")};
    a.n_headers = 2;
    ask(&a);
    if (permitted(5, &p)) {
        CHECK(!p.is_order);
        EQ_INT(p.session_token.n, 0);
        EQ_MEM(header(&p, "X-MBX-APIKEY"), BYTES_LIT("KEY"));
        EQ_MEM(header(&p, "User-Agent"), BYTES_LIT("ccxt"));
        EQ_MEM(p.request.ca, BYTES_LIT("PEM"));
        EQ_MEM(p.request.connect_to, BYTES_LIT("::127.0.0.1:4433"));
        CHECK(p.request.n_hosts > 5 && bytes_eq_str(p.request.hosts[0], "api.binance.com"));
        CHECK(p.request.timeout_ms > 8000 && p.request.timeout_ms <= 8800);
    }
    EQ_INT(desk_open(&room.agent), 1);
    done(5, WIRE_REPLIED, FAULT_NONE, 200);
    room_turns(10);
    EQ_INT(desk_open(&room.agent), 0);
    /* An order, and a reply that hands out a token. */
    a.method = BYTES_LIT("POST");
    a.url = BYTES_LIT("https://api.binance.com/api/v3/order");
    a.body = BYTES_LIT("symbol=A&side=BUY&quantity=1");
    a.id = 6;
    ask(&a);
    CHECK(permitted(6, &p) && p.is_order && header(&p, "Content-Type").n > 0);
    done(6, WIRE_UNKNOWN, FAULT_TIMEOUT, 0);
    snprintf(r->info.classes, sizeof(r->info.classes), "session");
    a.url = BYTES_LIT("https://api.binance.com/api/v3/userDataStream");
    a.body = bytes_of(NULL, 0);
    a.id = 7;
    ask(&a);
    CHECK(permitted(7, &p) && bytes_eq_str(p.session_token, "listenKey"));
    CHECK(strstr(room_log(), "\"outcome\":\"unknown\"") != NULL);
    end();
}

static void test_refusals(void)
{
    static struct wire_ask a;
    struct err e;

    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_CLOSED);
    a = basic(1, "none");
    ask(&a);
    refused(1, 401, ERR_NOT_FOUND);
    a = basic(2, "no/name");
    ask(&a);
    refused(2, 401, ERR_NOT_FOUND);
    a = basic(3, "bn");
    a.url = BYTES_LIT("https://api.binance.com/api/v3/nosuch");
    ask(&a);
    refused(3, 422, ERR_POLICY);
    a = basic(4, "bn");
    a.url = BYTES_LIT("https://example.com/");
    ask(&a);
    refused(4, 422, ERR_USAGE);
    a = basic(5, "bn");
    a.n_headers = 65;
    for (unsigned i = 0; i < 65; i++)
        a.headers[i] = (struct wire_header){BYTES_LIT("A"), BYTES_LIT("b")};
    ask(&a);
    refused(5, 422, ERR_USAGE);
    a = basic(6, "bn");
    ask(&a);
    room_turns(10);
    err_set(&e, ERR_PERSON, "locked");
    room_open("bn", &e);
    refused(6, 401, ERR_PERSON);
    err_set(&room.vault, ERR_IO, "gone");
    a.id = 7;
    ask(&a);
    refused(7, 503, ERR_IO);
    EQ_INT(desk_open(&room.agent), 0);
    EQ_INT(r->n_signed, 0);
    end();
}

static void test_statuses(void)
{
    static const struct {
        enum err_code code;
        unsigned status;
    } rows[] = {
        {ERR_USAGE, 422},    {ERR_POLICY, 422}, {ERR_NOT_FOUND, 401},  {ERR_PERSON, 401},
        {ERR_PIN, 401},      {ERR_TRUST, 401},  {ERR_PIN_LOCKED, 401}, {ERR_LIMIT, 429},
        {ERR_TOKEN, 503},    {ERR_IO, 503},     {ERR_FAILED, 503},     {ERR_MEMORY, 503},
        {ERR_TAMPERED, 503}, {ERR_FORMAT, 503}, {ERR_EXCHANGE, 503},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        EQ_INT(refusal_status(&(struct err){.code = rows[i].code}), rows[i].status);
}

/* The client is gone before the answer; the answer and that may cross. */
static void test_gone_clients(void)
{
    static struct wire_permit p;
    static struct wire_ask a;

    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_CLOSED);
    a = basic(1, "bn");
    ask(&a);
    room_turns(10);
    EQ_INT(room_waiting("bn"), 1);
    done(1, WIRE_NOT_SENT, FAULT_CLOSED, 0);
    room_turns(10);
    EQ_INT(room_waiting("bn"), 0);
    EQ_INT(desk_open(&room.agent), 0);
    done(1, WIRE_NOT_SENT, FAULT_CLOSED, 0);
    done(99, WIRE_UNKNOWN, FAULT_CLOSED, 0);
    r->key = ROOM_HELD;
    a.id = 2;
    ask(&a);
    CHECK(permitted(2, &p));
    CHECK(counter_is_open(&room.agent));
    end();
}

/* Another coffer-net: what the old one had is over; what it was sending is unknown. */
static void test_new_channel(void)
{
    static struct wire_permit p;
    static struct wire_ask a;

    begin();
    room_add("kr", "kraken", ROOM_HELD);
    room_add("bn", "binance", ROOM_CLOSED);
    a = basic(1, "kr");
    a.method = BYTES_LIT("POST");
    a.url = BYTES_LIT("https://api.kraken.com/0/private/AddOrder");
    a.body = BYTES_LIT("pair=X&type=buy&volume=1");
    ask(&a);
    a.id = 2;
    ask(&a);
    a = basic(3, "bn");
    ask(&a);
    CHECK(permitted(1, &p));
    EQ_INT(next_frame().n, 0);
    EQ_INT(desk_open(&room.agent), 3);
    new_channel();
    room_turns(10);
    EQ_INT(desk_open(&room.agent), 0);
    EQ_INT(room_waiting("bn"), 0);
    CHECK(strstr(room_log(), "\"outcome\":\"unknown\"") != NULL);
    a = basic(1, "kr");
    a.method = BYTES_LIT("POST");
    a.url = BYTES_LIT("https://api.kraken.com/0/private/Balance");
    ask(&a);
    CHECK(permitted(1, &p));
    counter_gone(&room.agent, 0);
    CHECK(!counter_is_open(&room.agent));
    EQ_INT(desk_open(&room.agent), 0);
    new_channel();
    close(net);
    net = -1;
    room_turns(10);
    CHECK(!counter_is_open(&room.agent));
    EQ_INT(n_kills, 0);
    end();
}

static void test_nonsense(void)
{
    static const struct {
        const char *p;
        size_t n;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"\0\0\0\1\1", 5},
        {"\0\0\0\1\4", 5},
        {"\0\0\0\2\3x", 6},
        {"\0\0\0\0", 4},
    };
    static struct wire_ask a;

    for (size_t i = 0; i < ARRAY_LEN(rows) + 1; i++) {
        begin();
        room_add("bn", "binance", ROOM_CLOSED);
        a = basic(1, "bn");
        ask(&a);
        if (i < ARRAY_LEN(rows))
            send_bytes(bytes_of(rows[i].p, rows[i].n));
        else
            ask(&a); /* a number that is in use */
        room_turns(10);
        EQ_INT(n_kills, 1);
        CHECK(!counter_is_open(&room.agent));
        EQ_INT(desk_open(&room.agent), 0);
        end();
    }
}

/* Frames in pieces, and many in one. */
static void test_pieces(void)
{
    static struct wire_permit p;
    static struct wire_ask a;
    AUTO_BUF out = BUF_INIT(1 << 20);
    struct err e;

    begin();
    room_add("bn", "binance", ROOM_HELD);
    a = basic(1, "bn");
    for (; a.id <= 50; a.id++)
        OK_CALL(wire_put_ask(&out, &a, &e), &e);
    size_t first = out.n / 50;
    for (size_t i = 0; i < first; i++) {
        send_bytes(bytes_of(out.p + i, 1));
        if (i % 16 == 0)
            room_turns(0);
    }
    send_bytes(bytes_of(out.p + first, out.n - first));
    for (uint32_t id = 1; id <= 50; id++)
        if (!permitted(id, &p))
            break;
    EQ_INT(desk_open(&room.agent), 50);
    end();
    buf_free(&in);
}

/* What came in one piece is of one moment, and what is decided in one turn leaves in one. */
static void test_one_piece(void)
{
    static struct wire_permit p;
    static struct wire_ask a;
    static uint8_t got[65536];
    AUTO_BUF out = BUF_INIT(1 << 20);
    size_t at = 0, n = 0;
    struct err e;

    begin();
    room_add("bn", "binance", ROOM_HELD);
    room.agent.moment = 1;
    for (uint32_t id = 1; id <= 3; id++) {
        a = basic(id, id == 2 ? "none" : "bn");
        OK_CALL(wire_put_ask(&out, &a, &e), &e);
    }
    send_bytes(buf_bytes(&out));
    event_base_loop(room.agent.loop, EVLOOP_ONCE);
    EQ_INT(room.agent.moment, 2);
    desk_turn(&room.agent);
    EQ_INT(recv(net, got, sizeof(got), MSG_DONTWAIT), -1);
    counter_turn(&room.agent);
    ssize_t len = recv(net, got, sizeof(got), MSG_DONTWAIT);
    CHECK(len > 0);
    for (unsigned i = 0; i < 3 && len > 0; i++, at += n) {
        struct bytes rest = bytes_of(got + at, (size_t)len - at);
        OK_CALL(wire_frame(rest, &n, &e), &e);
        EQ_INT(wire_kind(bytes_of(rest.p, n)), i == 1 ? WIRE_REFUSAL : WIRE_PERMIT);
        if (i != 1 && OK_CALL(wire_get_permit(bytes_of(rest.p, n), &p, &e), &e))
            EQ_INT(p.request.id, i + 1);
    }
    EQ_INT(at, len);
    counter_turn(&room.agent); /* nothing is left */
    EQ_INT(recv(net, got, sizeof(got), MSG_DONTWAIT), -1);
    end();
}

/* It is gone before the end of the turn: what it was permitted is unknown. */
static void test_gone_in_the_turn(void)
{
    static struct wire_ask a;

    begin();
    room_add("bn", "binance", ROOM_HELD);
    a = basic(1, "bn");
    a.method = BYTES_LIT("POST");
    a.url = BYTES_LIT("https://api.binance.com/api/v3/order");
    a.body = BYTES_LIT("symbol=A&side=BUY&quantity=1");
    ask(&a);
    event_base_loop(room.agent.loop, EVLOOP_ONCE);
    desk_turn(&room.agent);
    close(net);
    net = -1;
    counter_turn(&room.agent);
    CHECK(!counter_is_open(&room.agent));
    EQ_INT(desk_open(&room.agent), 0);
    EQ_INT(n_kills, 1);
    CHECK(strstr(room_log(), "\"outcome\":\"unknown\"") != NULL);
    end();
}

int main(void)
{
    RUN(test_permit);
    RUN(test_refusals);
    RUN(test_statuses);
    RUN(test_gone_clients);
    RUN(test_new_channel);
    RUN(test_nonsense);
    RUN(test_pieces);
    RUN(test_one_piece);
    RUN(test_gone_in_the_turn);
    return harness_end();
}
