/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/session.c: what a client gets in the place of a session token, and what of it comes
 * back. */
#include "tests/harness.h"

#include "net/session.h"

#include <stdio.h>

#define DAY SESSION_MS

static struct sessions *s;
static unsigned n_random;

static int count_random(const struct env *env, void *p, size_t n, struct err *e)
{
    (void)env, (void)e;
    memset(p, 0, n);
    n_random++;
    memcpy(p, &n_random, sizeof(n_random));
    return OK;
}

static const struct env env = {.random = count_random};

static void start(void)
{
    struct err e;

    n_random = 0;
    OK_CALL(sessions_new(&env, &s, &e), &e);
}

static int mask(const char *record, const char *member, const char *reply, uint64_t now,
                struct buf *out)
{
    struct err e;

    buf_reset(out);
    int rc = sessions_mask(s, bytes_str(record), bytes_str(member), bytes_str(reply), now, out, &e);
    buf_addc(out, 0);
    return rc;
}

static const char *unmask(const char *record, const char *text, uint64_t now, struct buf *out)
{
    struct err e;

    buf_reset(out);
    OK_CALL(sessions_unmask(s, bytes_str(record), bytes_str(text), now, out, &e), &e);
    buf_addc(out, 0);
    return buf_str(out);
}

#define ONE "coffer-session-01000000000000000000000000000000"
#define TWO "coffer-session-02000000000000000000000000000000"

static void test_mask(void)
{
    AUTO_BUF out = BUF_INIT(65536);

    start();
    EQ_INT(mask("a", "listenKey", " { \"x\":1, \"listenKey\" : \"real-1\" ,\"y\":[ ] }\n", 0, &out),
           OK);
    EQ_STR(buf_str(&out), " { \"x\":1, \"listenKey\" : \"" ONE "\" ,\"y\":[ ] }\n");
    EQ_INT(mask("a", "result.token", "{\"error\":[],\"result\":{\"token\":\"r2\",\"expires\":900}}",
                0, &out),
           OK);
    EQ_STR(buf_str(&out), "{\"error\":[],\"result\":{\"token\":\"" TWO "\",\"expires\":900}}");
    sessions_free(s);
}

static void test_same_token(void)
{
    AUTO_BUF out = BUF_INIT(65536);

    start();
    EQ_INT(mask("a", "k", "{\"k\":\"real-1\"}", 0, &out), OK);
    EQ_INT(mask("b", "k", "{\"k\":\"real-1\"}", 0, &out), OK);
    EQ_STR(buf_str(&out), "{\"k\":\"" TWO "\"}");
    EQ_INT(mask("a", "k", "{\"k\":\"real-1\"}", DAY - 1, &out), OK);
    EQ_STR(buf_str(&out), "{\"k\":\"" ONE "\"}");
    EQ_STR(unmask("a", ONE, DAY + 1, &out), "real-1"); /* it is as new */
    EQ_STR(unmask("b", TWO, DAY + 1, &out), TWO);
    sessions_free(s);
}

static void test_none(void)
{
    static const struct {
        const char *member, *reply;
        bool passes;
    } rows[] = {
        {"k", "{\"key\":\"0123456789abcdef\"}", false},
        {"k", "{\"x\":{\"y\":[\"0123456789abcdef\"]}}", false},
        {"k", "{\"0123456789abcdef\":1}", false},
        {"k", "{\"k\":1,\"x\":\"0123456789abcdef\"}", false},
        {"k", "{\"k\":{\"k\":\"0123456789abcdef\"}}", false},
        {"k", "[\"0123456789abcdef\"]", false},
        {"k", "[]", false},
        {"k", "\"real\"", false},
        {"k", "real", false},
        {"k", "{\"k\":\"real\"", false},
        {"k", "{\"k\":\"\"}", false},
        {"result.token", "{\"token\":\"0123456789abcdef\"}", false},
        {"result.token", "{\"error\":[\"EService:Unavailable\"],\"result\":{\"t\":1}}", false},
        {"result.token", "{\"error\":[],\"token\":\"0123456789abcdef\"}", false},
        {"k", "{}", true},
        {"k", "", true},
        {"k", "{\"code\":-1003,\"msg\":\"Too many requests, wait\"}", true},
        {"result.token", "{\"error\":[\"EService:Unavailable\"]}", true},
        {"result.token", "{\"error\":[\"EGeneral:Permission denied\"],\"result\":{}}", true},
    };
    AUTO_BUF out = BUF_INIT(65536);

    start();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int rc = mask("a", rows[i].member, rows[i].reply, 0, &out);
        harness_ok((rc == OK) == rows[i].passes && (rc == OK || rc == ERR_FORMAT), __FILE__,
                   __LINE__, "'%s': %d", rows[i].reply, rc);
        if (rows[i].passes)
            EQ_STR(buf_str(&out), rows[i].reply);
        else
            EQ_INT(out.n, 1);
    }
    sessions_free(s);
}

static void test_unmask(void)
{
    AUTO_BUF out = BUF_INIT(65536);

    start();
    EQ_INT(mask("a", "k", "{\"k\":\"r/+\\\"1\"}", 0, &out), OK);
    EQ_STR(unmask("a", "?listenKey=" ONE "&x=" ONE, 0, &out),
           "?listenKey=r%2F%2B%221&x=r%2F%2B%221");
    EQ_STR(unmask("a", " {\"listenKey\":\"" ONE "\"}", 0, &out), " {\"listenKey\":\"r/+\\\"1\"}");
    EQ_STR(unmask("b", "k=" ONE, 0, &out), "k=" ONE); /* another record's */
    EQ_STR(unmask("a", "k=" TWO, 0, &out), "k=" TWO);
    EQ_STR(unmask("a", "k=coffer-session-0100", 0, &out), "k=coffer-session-0100");
    EQ_STR(unmask("a", "k=" ONE, DAY - 1, &out), "k=r%2F%2B%221");
    EQ_STR(unmask("a", "k=" ONE, DAY, &out), "k=" ONE);
    EQ_STR(unmask("a", "", 0, &out), "");
    CHECK(sessions_are_in(bytes_str("x" ONE)));
    CHECK(!sessions_are_in(bytes_str("coffer-session-coffer-session-01")));
    CHECK(!sessions_are_in(bytes_of(NULL, 0)));
    sessions_free(s);
}

/* The oldest makes room. */
static void test_many(void)
{
    AUTO_BUF out = BUF_INIT(65536);
    char reply[64];

    start();
    for (unsigned i = 0; i <= SESSIONS_MAX; i++) {
        snprintf(reply, sizeof(reply), "{\"k\":\"real-%u\"}", i);
        EQ_INT(mask("a", "k", reply, i, &out), OK);
    }
    EQ_STR(unmask("a", ONE, SESSIONS_MAX, &out), ONE);
    EQ_STR(unmask("a", TWO, SESSIONS_MAX, &out), "real-1");
    sessions_free(s);
}

int main(void)
{
    RUN(test_mask);
    RUN(test_same_token);
    RUN(test_none);
    RUN(test_unmask);
    RUN(test_many);
    return harness_end();
}
