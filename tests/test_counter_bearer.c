/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/counter_bearer.c: who is let in by which way, and that nobody else learns more. */
#include "tests/counter_talk.h"

/* One ask with what a client shows; 0: it is let in. */
static unsigned knock(bool is_tcp, const char *record, const char *path, const char *name,
                      const char *key)
{
    static struct wire_permit p;
    static struct wire_refusal r;
    static struct wire_ask a;
    static uint32_t id = 100;
    struct err e;

    a = basic(++id, record);
    a.is_tcp = is_tcp;
    if (is_tcp)
        a.uid = a.pid = UINT32_MAX;
    a.bearer = bytes_str(path);
    if (key)
        a.headers[a.n_headers++] = (struct wire_header){bytes_str(name), bytes_str(key)};
    ask(&a);
    struct bytes f = next_frame();
    if (wire_kind(f) == WIRE_PERMIT && wire_get_permit(f, &p, &e) == OK) {
        done(id, WIRE_REPLIED, FAULT_NONE, 200);
        return 0;
    }
    return wire_get_refusal(f, &r, &e) == OK ? r.status : 999;
}

static void test_bearers(void)
{
    char mine[BEARER_TEXT], other[BEARER_TEXT], key[128], foreign[128], wrong[128],
        bad[BEARER_TEXT];
    struct err e;

    begin();
    struct room_record *r = room_add("my_bn", "binance", ROOM_HELD);
    struct room_record *s = room_add("bn2", "binance", ROOM_HELD);
    OK_CALL(bearers_lend(&room.agent, r->info.rec_id, "mm1", 7, mine, &e), &e);
    OK_CALL(bearers_lend(&room.agent, s->info.rec_id, "mm2", 7, other, &e), &e);
    memcpy(bad, mine, sizeof(bad));
    bad[31] = bad[31] == '0' ? '1' : '0';
    snprintf(key, sizeof(key), "coffer_my_bn_%s", mine);
    snprintf(foreign, sizeof(foreign), "coffer_bn2_%s", other);
    snprintf(wrong, sizeof(wrong), "coffer_my_bn_%s", other);
    const char *const h = "X-MBX-APIKEY";
    /* TCP: nothing goes without */
    EQ_INT(knock(true, "my_bn", "", h, NULL), 401);
    EQ_INT(knock(true, "my_bn", "", h, "coffer_my_bn"), 401);
    EQ_INT(knock(true, "my_bn", mine, h, NULL), 0);
    EQ_INT(knock(true, "my_bn", "", h, key), 0);
    EQ_INT(knock(true, "my_bn", "", "ok-access-key", key), 0);
    EQ_INT(knock(true, "my_bn", "", "User-Agent", key), 401);
    EQ_INT(knock(true, "my_bn", mine, h, key), 0);
    EQ_INT(knock(true, "my_bn", mine, h, wrong), 401);
    EQ_INT(knock(true, "my_bn", bad, h, NULL), 401);
    EQ_INT(knock(true, "my_bn", "", h, foreign), 401);
    EQ_INT(knock(true, "my_bn", other, h, NULL), 401);
    EQ_INT(knock(true, "nobody", mine, h, NULL), 401);
    EQ_INT(knock(true, "nobody", "", h, NULL), 401);
    /* Unix socket: none is well, a wrong one is not */
    EQ_INT(knock(false, "my_bn", "", h, NULL), 0);
    EQ_INT(knock(false, "my_bn", "", h, "coffer_my_bn"), 0);
    EQ_INT(knock(false, "my_bn", "", h, "anything else"), 0);
    EQ_INT(knock(false, "my_bn", mine, h, NULL), 0);
    EQ_INT(knock(false, "my_bn", bad, h, NULL), 401);
    EQ_INT(knock(false, "my_bn", "", h, foreign), 401);
    EQ_INT(knock(false, "my_bn", "", h, wrong), 401);
    CHECK(strstr(room_log(), "\"way\":\"tcp\",\"client\":\"mm1\"") != NULL);
    /* and given back, it opens nothing */
    bearers_return(&room.agent, mine);
    EQ_INT(knock(true, "my_bn", mine, h, NULL), 401);
    EQ_INT(knock(false, "my_bn", mine, h, NULL), 401);
    CHECK(strstr(room_log(), "\"outcome\":\"bearer\"") && !strstr(room_log(), mine));
    end();
}

/* Over TCP nobody learns which names there are. */
static void test_names_are_hidden(void)
{
    static struct wire_refusal r[2];
    static struct wire_ask a;
    struct err e;

    begin();
    room_add("aa", "binance", ROOM_HELD);
    for (unsigned i = 0; i < 2; i++) {
        a = basic(i, i ? "aa" : "bb");
        a.is_tcp = 1;
        a.bearer = BYTES_LIT("00112233445566778899aabbccddeeff");
        ask(&a);
        OK_CALL(wire_get_refusal(next_frame(), &r[i], &e), &e);
    }
    EQ_INT(r[0].err.code, r[1].err.code);
    EQ_INT(r[0].err.n_hints, r[1].err.n_hints);
    char *at = strstr(r[1].err.msg, "'aa'");
    if (CHECK(at != NULL))
        memcpy(at, "'bb'", 4);
    EQ_STR(r[0].err.msg, r[1].err.msg);
    end();
}

/* The header that the bearer was checked by was not the record's own. */
static void test_record_is_another(void)
{
    char mine[BEARER_TEXT];
    static struct wire_ask a;
    struct err e;

    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_CLOSED);
    OK_CALL(bearers_lend(&room.agent, r->info.rec_id, "mm1", 7, mine, &e), &e);
    r->is_changed = true;
    a = basic(1, "bn");
    a.is_tcp = 1;
    a.bearer = bytes_str(mine);
    ask(&a);
    room_turns(20);
    EQ_INT(room_waiting("bn"), 1);
    room_open("bn", NULL);
    desk_turn(&room.agent);
    CHECK(refused(1, 503, ERR_FAILED));
    EQ_INT(r->n_signed, 0);
    /* without a bearer it is only another record of that name */
    a = basic(2, "bn");
    ask(&a);
    struct wire_permit p;
    CHECK(permitted(2, &p));
    done(2, WIRE_REPLIED, FAULT_NONE, 200);
    end();
}

/* It goes no further than here, in whichever header it came. */
static void test_bearer_stays_here(void)
{
    char mine[BEARER_TEXT], key[128];
    static struct wire_permit p;
    static struct wire_ask a;
    struct err e;

    begin();
    struct room_record *r = room_add("bn", "binance", ROOM_HELD);
    OK_CALL(bearers_lend(&room.agent, r->info.rec_id, "mm1", 7, mine, &e), &e);
    snprintf(key, sizeof(key), "coffer_bn_%s", mine);
    a = basic(1, "bn");
    a.is_tcp = 1;
    a.headers[a.n_headers++] = (struct wire_header){BYTES_LIT("API-Key"), bytes_str(key)};
    a.headers[a.n_headers++] = (struct wire_header){BYTES_LIT("X-Other"), bytes_str(key)};
    a.headers[a.n_headers++] = (struct wire_header){BYTES_LIT("X-Kept"), BYTES_LIT("yes")};
    ask(&a);
    if (CHECK(permitted(1, &p))) {
        for (uint32_t i = 0; i < p.request.n_headers; i++)
            CHECK(!bytes_eq(p.request.headers[i].value, bytes_str(key)));
        CHECK(bytes_eq_str(header(&p, "X-Kept"), "yes"));
    }
    done(1, WIRE_REPLIED, FAULT_NONE, 200);
    end();
}

int main(void)
{
    RUN(test_bearers);
    RUN(test_names_are_hidden);
    RUN(test_record_is_another);
    RUN(test_bearer_stays_here);
    buf_free(&in);
    return harness_end();
}
