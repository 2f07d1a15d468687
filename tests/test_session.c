/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/session.c: what a client gets in the place of a session token, and what of it comes
 * back. */
#include "tests/harness.h"

#include "connectors/binance.h"
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
    EQ_STR(unmask("a", "listenKey=" ONE, DAY + 1, &out), "listenKey=real-1"); /* it is as new */
    EQ_STR(unmask("b", "listenKey=" TWO, DAY + 1, &out), "listenKey=" TWO);
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
    EQ_STR(unmask("a", "listenKey=" ONE "&x=1&listenKey=" ONE, 0, &out),
           "listenKey=r%2F%2B%221&x=1&listenKey=r%2F%2B%221");
    EQ_STR(unmask("b", "listenKey=" ONE, 0, &out), "listenKey=" ONE); /* another record's */
    EQ_STR(unmask("a", "listenKey=" TWO, 0, &out), "listenKey=" TWO);
    EQ_STR(unmask("a", "listenKey=" ONE, DAY - 1, &out), "listenKey=r%2F%2B%221");
    EQ_STR(unmask("a", "listenKey=" ONE, DAY, &out), "listenKey=" ONE);
    EQ_STR(unmask("a", "", 0, &out), "");
    EQ_STR(unmask("a", "&&a", 0, &out), "&&a");
    CHECK(sessions_are_in(bytes_str("x" ONE)));
    CHECK(!sessions_are_in(bytes_str("coffer-session-coffer-session-01")));
    CHECK(!sessions_are_in(bytes_of(NULL, 0)));
    sessions_free(s);
}

/* It is put back nowhere else: an exchange might show it there. */
static void test_not_unmasked(void)
{
    static const char *const texts[] = {"newClientOrderId=" ONE,
                                        "k=" ONE,
                                        "token=" ONE,
                                        "listenKey=x" ONE,
                                        "listenKey=" ONE "x",
                                        "listenKey=" ONE "%20",
                                        "listenKey=" ONE "#x",
                                        "listenkey=" ONE,
                                        "xlistenKey=" ONE,
                                        ONE "=listenKey=1",
                                        ONE,
                                        "{\"listenKey\":\"" ONE "\"}",
                                        "listenKey=coffer-session-0100",
                                        "a;listenKey=" ONE};
    AUTO_BUF out = BUF_INIT(65536);

    start();
    EQ_INT(mask("a", "k", "{\"k\":\"real\"}", 0, &out), OK);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        EQ_STR(unmask("a", texts[i], 0, &out), texts[i]);
    EQ_STR(unmask("a", "listenKey=" ONE, 0, &out), "listenKey=real");
    sessions_free(s);
}

static void test_requests(void)
{
    static const struct {
        const char *method, *url;
        bool is_one;
    } rows[] = {
        {"PUT", "https://api.binance.com/api/v3/userDataStream", true},
        {"DELETE", "https://api.binance.com/api/v3/userDataStream?listenKey=1", true},
        {"POST", "https://api.binance.com:443/sapi/v1/userDataStream?", true},
        {"PUT", "https://fapi.binance.com/fapi/v1/listenKey", true},
        {"PUT", "https://x/sapi/v1/userDataStream/isolated?symbol=B&listenKey=1", true},
        {"GET", "https://api.binance.com/api/v3/userDataStream?listenKey=1", false},
        {"put", "https://api.binance.com/api/v3/userDataStream", false},
        {"POST", "https://api.binance.com/api/v3/order", false},
        {"POST", "https://api.binance.com/api/v3/order/api/v3/userDataStream", false},
        {"POST", "https://api.binance.com/api/v3/order?/api/v3/userDataStream", false},
        {"POST", "https://api.binance.com?/api/v3/userDataStream", false},
        {"PUT", "https://api.binance.com/api/v3/userDataStream/", false},
        {"PUT", "https://api.binance.com/api/v3/userDataStrea", false},
        {"PUT", "http://api.binance.com/api/v3/userDataStream", false},
        {"PUT", "/api/v3/userDataStream", false},
        {"POST", "https://api.kraken.com/0/private/GetWebSocketsToken", false},
        {"PUT", "https://", false},
        {"PUT", "", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        harness_ok(sessions_are_for(bytes_str(rows[i].method), bytes_str(rows[i].url)) ==
                       rows[i].is_one,
                   __FILE__, __LINE__, "%s %s", rows[i].method, rows[i].url);
}

static const char *hide(const char *record, const char *text, struct buf *out)
{
    struct err e;

    buf_reset(out);
    OK_CALL(sessions_hide(s, bytes_str(record), bytes_str(text), 0, out, &e), &e);
    CHECK(sessions_show(s, bytes_str(record), bytes_str(text)) !=
          bytes_eq_str(buf_bytes(out), text));
    buf_addc(out, 0);
    return buf_str(out);
}

#define REAL "AbC/+=\"12345678-9"

static void test_hide(void)
{
    static const char *const shown[] = {
        REAL,
        "AbC%2F%2B%3D%2212345678-9",
        "AbC%2f%2b%3d%2212345678%2D9",
        "AbC\\/+=\\\"12345678-9",
        "AbC\\u002f\\u002B=\\\"12345678-9",
        "%41bC/%2B=%2212345678-9",
    };
    static const char *const others[] = {"",
                                         "AbC",
                                         "AbC/+=\"12345678-",
                                         "AbC%2F%2B%3D%2212345678-8",
                                         "bC/+=\"12345678-9",
                                         "%",
                                         "\\",
                                         "\\u00",
                                         "%4",
                                         "AbC\\u012f+=\\\"12345678-9"};
    AUTO_BUF out = BUF_INIT(65536);
    char text[512], want[512];

    start();
    EQ_INT(mask("a", "k", "{\"k\":\"AbC\\/+=\\\"12345678-9\"}", 0, &out), OK);
    EQ_INT(mask("a", "k", "{\"k\":\"zyxwvutsrqponmlk\"}", 0, &out), OK);
    EQ_INT(mask("a", "k", "{\"k\":\"short\"}", 0, &out), OK);
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        snprintf(text, sizeof(text), "%%4{\"m\":\"%s\",%s%sz%%zyxwvutsrqponmlk\\", shown[i],
                 shown[i], shown[i]);
        EQ_STR(hide("a", text, &out), "%4{\"m\":\"" ONE "\"," ONE ONE "z%" TWO "\\");
        snprintf(want, sizeof(want), "%s", text);
        EQ_STR(hide("b", text, &out), want); /* another record's */
        EQ_STR(hide("a", shown[i], &out), ONE);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        EQ_STR(hide("a", others[i], &out), others[i]);
    EQ_STR(hide("a", "a short word", &out), "a short word");
    sessions_free(s);
}

/* The last of many, at the end of the longest reply. */
static void test_hide_many(void)
{
    AUTO_BUF out = BUF_INIT(1u << 20);
    static uint8_t text[SESSION_REPLY_MAX];
    char reply[64];
    struct err e;

    start();
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        snprintf(reply, sizeof(reply), "{\"k\":\"0123456789abcdef-%04u\"}", i);
        EQ_INT(mask("a", "k", reply, 0, &out), OK);
    }
    memset(text, '0', sizeof(text));
    memcpy(text + sizeof(text) - 21, "0123456789abcdef-1023", 21);
    uint64_t begun = ticks_ms();
    buf_reset(&out);
    OK_CALL(sessions_hide(s, bytes_str("a"), BYTES_ARR(text), 0, &out, &e), &e);
    printf("# %u tokens, %zu bytes: %u ms\n", SESSIONS_MAX, sizeof(text),
           (unsigned)(ticks_ms() - begun));
    EQ_INT(out.n, sizeof(text) - 21 + strlen(ONE));
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
    EQ_STR(unmask("a", "listenKey=" ONE, SESSIONS_MAX, &out), "listenKey=" ONE);
    EQ_STR(unmask("a", "listenKey=" TWO, SESSIONS_MAX, &out), "listenKey=real-1");
    sessions_free(s);
}

/* What the connector knows as taking a session's key back, coffer-net knows too. */
static void test_as_the_connector(void)
{
    char url[256];
    unsigned n = 0;

    for (const struct endpoint *p = binance_endpoints; p->method; p++) {
        if (p->cls != CLASS_SESSION || strcmp(p->method, "POST") == 0)
            continue;
        snprintf(url, sizeof(url), "https://api.binance.com%s?listenKey=x", p->path);
        CHECK(sessions_are_for(bytes_str(p->method), bytes_str(url)));
        n++;
    }
    CHECK(n >= 8);
}

int main(void)
{
    RUN(test_mask);
    RUN(test_same_token);
    RUN(test_none);
    RUN(test_unmask);
    RUN(test_not_unmasked);
    RUN(test_requests);
    RUN(test_as_the_connector);
    RUN(test_hide);
    RUN(test_hide_many);
    RUN(test_many);
    return harness_end();
}
