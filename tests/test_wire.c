/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/wire.c: the exact bytes, both ways, and every limit. */
#include "tests/harness.h"

#include "base/wire.h"

#include <stdlib.h>

static struct wire_request small_request(void)
{
    return (struct wire_request){
        .id = 0x01020304,
        .timeout_ms = 10000,
        .method = BYTES_LIT("GET"),
        .url = BYTES_LIT("https://a/"),
        .headers = {{BYTES_LIT("N"), BYTES_LIT("v")}},
        .n_headers = 1,
        .hosts = {BYTES_LIT("a")},
        .n_hosts = 1,
    };
}

static struct wire_reply small_reply(void)
{
    return (struct wire_reply){
        .id = 7,
        .status = 200,
        .sent_us = 0x0102030405060708,
        .answered_us = 9,
        .headers = {{BYTES_LIT("N"), BYTES_LIT("")}},
        .n_headers = 1,
        .body = BYTES_LIT("ok"),
    };
}

static void test_request_bytes(void)
{
    static const uint8_t want[] = "\0\0\0\x41\1"
                                  "\1\2\3\4"
                                  "\0\0\x27\x10"
                                  "\0\0\0\3GET"
                                  "\0\0\0\x0ahttps://a/"
                                  "\0\0\0\0"
                                  "\0\0\0\1"
                                  "\0\0\0\1N\0\0\0\1v"
                                  "\0\0\0\1\0\0\0\1a"
                                  "\0\0\0\0\0\0\0\0";
    struct wire_request q = small_request(), got = {0};
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;
    size_t n = 0;

    OK_CALL(wire_put_request(&out, &q, &e), &e);
    EQ_MEM(buf_bytes(&out), bytes_of(want, sizeof(want) - 1));
    OK_CALL(wire_frame(buf_bytes(&out), &n, &e), &e);
    EQ_INT(n, out.n);
    OK_CALL(wire_get_request(buf_bytes(&out), &got, &e), &e);
    EQ_INT(got.id, q.id);
    EQ_INT(got.timeout_ms, 10000);
    EQ_MEM(got.url, q.url);
    EQ_INT(got.n_headers, 1);
    EQ_MEM(got.headers[0].value, q.headers[0].value);
    EQ_MEM(got.hosts[0], q.hosts[0]);
    EQ_INT(got.ca.n, 0);
}

static void test_reply_bytes(void)
{
    static const uint8_t want[] = "\0\0\0\x30\2"
                                  "\0\0\0\7"
                                  "\0\0\0\xc8"
                                  "\1\2\3\4\5\6\7\x08"
                                  "\0\0\0\0\0\0\0\x09"
                                  "\0\0\0\0"
                                  "\0\0\0\1\0\0\0\1N\0\0\0\0"
                                  "\0\0\0\2ok";
    struct wire_reply y = small_reply(), got = {0};
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;

    OK_CALL(wire_put_reply(&out, &y, &e), &e);
    EQ_MEM(buf_bytes(&out), bytes_of(want, sizeof(want) - 1));
    OK_CALL(wire_get_reply(buf_bytes(&out), &got, &e), &e);
    EQ_INT(got.status, 200);
    EQ_INT(got.sent_us, 0x0102030405060708);
    EQ_MEM(got.body, y.body);
    EQ_INT(wire_get_request(buf_bytes(&out), &(struct wire_request){0}, &e), ERR_FORMAT);
}

/* Each beginning of a stream of two frames. */
static void test_pieces(void)
{
    struct wire_request q = small_request();
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;
    size_t n = 1;

    OK_CALL(wire_put_request(&out, &q, &e), &e);
    size_t one = out.n;
    OK_CALL(wire_put_request(&out, &q, &e), &e);
    EQ_INT(out.n, 2 * one);
    for (size_t i = 0; i <= out.n; i++) {
        OK_CALL(wire_frame(bytes_of(out.p, i), &n, &e), &e);
        EQ_INT(n, i < one ? 0 : one);
    }
    for (size_t i = 0; i < one; i++)
        EQ_INT(wire_get_request(bytes_of(out.p, i), &q, &e), ERR_FORMAT);
    EQ_INT(wire_get_request(buf_bytes(&out), &q, &e), ERR_FORMAT);
}

static void test_bad_streams(void)
{
    static const struct {
        const char *p;
        size_t n;
        int want;
    } rows[] = {
        {"\0\0\0\0", 4, ERR_FORMAT},        {"\0\0\0\0\1", 5, ERR_FORMAT},
        {"\xff\xff\xff\xff", 4, ERR_LIMIT}, {"\0\x4f\xff\xfd", 4, ERR_LIMIT},
        {"\0\x4f\xff\xfc", 4, OK},
    };
    struct err e;
    size_t n = 99;

    EQ_INT(WIRE_FRAME_MAX, 0x500000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        EQ_INT(wire_frame(bytes_of(rows[i].p, rows[i].n), &n, &e), rows[i].want);
    EQ_INT(n, 0);
}

/* What is put must fit, and a failure leaves nothing behind. */
static void refused_request(const struct wire_request *q, const char *what)
{
    AUTO_BUF out = BUF_INIT(2 * WIRE_FRAME_MAX);
    struct err e = {.code = OK};

    buf_adds(&out, "before");
    int rc = wire_put_request(&out, q, &e);
    harness_ok(rc == ERR_LIMIT, __FILE__, __LINE__, "%s: %d %s", what, rc, e.msg);
    EQ_STR(buf_str(&out), "before");
}

static void test_request_limits(void)
{
    uint8_t *big = calloc(1, WIRE_FRAME_MAX);
    struct wire_request q;

    q = small_request(), q.timeout_ms = 0;
    refused_request(&q, "no time");
    q = small_request(), q.timeout_ms = 60001;
    refused_request(&q, "too much time");
    q = small_request(), q.method = bytes_of(big, 17);
    refused_request(&q, "method");
    q = small_request(), q.url = bytes_of(big, 65537);
    refused_request(&q, "url");
    q = small_request(), q.body = bytes_of(big, (1u << 20) + 65537);
    refused_request(&q, "body");
    q = small_request(), q.n_headers = WIRE_HEADERS_MAX + 1;
    refused_request(&q, "headers");
    q = small_request(), q.headers[0].name = bytes_of(big, 257);
    refused_request(&q, "header name");
    q = small_request(), q.headers[0].value = bytes_of(big, 65537);
    refused_request(&q, "header value");
    q = small_request(), q.n_hosts = WIRE_HOSTS_MAX + 1;
    refused_request(&q, "hosts");
    q = small_request(), q.hosts[0] = bytes_of(big, 257);
    refused_request(&q, "host");
    q = small_request(), q.ca = bytes_of(big, (1u << 20) + 1);
    refused_request(&q, "ca");
    q = small_request(), q.connect_to = bytes_of(big, 513);
    refused_request(&q, "connect-to");
    q = small_request(), q.n_headers = WIRE_HEADERS_MAX;
    for (uint32_t i = 0; i < q.n_headers; i++)
        q.headers[i].value = bytes_of(big, 65536);
    refused_request(&q, "the whole frame");
    free(big);
}

static void test_reply_limits(void)
{
    uint8_t *big = calloc(1, WIRE_FRAME_MAX);
    struct wire_reply y = small_reply();
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;

    y.body = bytes_of(big, WIRE_BODY_MAX);
    OK_CALL(wire_put_reply(&out, &y, &e), &e);
    OK_CALL(wire_get_reply(buf_bytes(&out), &y, &e), &e);
    EQ_INT(y.body.n, WIRE_BODY_MAX);
    buf_reset(&out);
    y = small_reply(), y.body = bytes_of(big, WIRE_BODY_MAX + 1);
    EQ_INT(wire_put_reply(&out, &y, &e), ERR_LIMIT);
    y = small_reply(), y.n_headers = WIRE_HEADERS_MAX + 1;
    EQ_INT(wire_put_reply(&out, &y, &e), ERR_LIMIT);
    y = small_reply(), y.detail = bytes_of(big, 513);
    EQ_INT(wire_put_reply(&out, &y, &e), ERR_LIMIT);
    EQ_INT(out.n, 0);
    free(big);
}

/* A request whose url has n bytes and whose time limit is ms, by hand. */
static void raw_request(struct buf *out, uint32_t n, uint32_t ms, uint32_t n_hosts)
{
    const uint32_t words[] = {0, 1, ms, 0, n, 0, 0, n_hosts, 0, 0};

    buf_reset(out);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const uint8_t be[] = {(uint8_t)(words[i] >> 24), (uint8_t)(words[i] >> 16),
                              (uint8_t)(words[i] >> 8), (uint8_t)words[i]};
        if (i == 1)
            buf_addc(out, 1);
        buf_add(out, BYTES_ARR(be));
        if (i == 4)
            (void)buf_extend(out, n);
    }
    size_t len = out->n - 4;
    for (unsigned i = 0; i < 4; i++)
        out->p[i] = (uint8_t)(len >> (8 * (3 - i)));
}

static void test_foreign_limits(void)
{
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    static struct wire_request q;
    struct err e;

    raw_request(&out, 65536, 60000, 0);
    OK_CALL(wire_get_request(buf_bytes(&out), &q, &e), &e);
    EQ_INT(q.url.n, 65536);
    raw_request(&out, 65537, 60000, 0);
    EQ_INT(wire_get_request(buf_bytes(&out), &q, &e), ERR_FORMAT);
    raw_request(&out, 10, 60001, 0);
    EQ_INT(wire_get_request(buf_bytes(&out), &q, &e), ERR_FORMAT);
    raw_request(&out, 10, 0, 0);
    EQ_INT(wire_get_request(buf_bytes(&out), &q, &e), ERR_FORMAT);
    raw_request(&out, 10, 1, 1);
    EQ_INT(wire_get_request(buf_bytes(&out), &q, &e), ERR_FORMAT);
    raw_request(&out, 10, 1, WIRE_HOSTS_MAX + 1);
    EQ_INT(wire_get_request(buf_bytes(&out), &q, &e), ERR_FORMAT);
    EQ_INT(q.url.n, 65536); /* untouched by the failures */
}

/* The members that must go together, by what they would say. */
static void test_coherence(void)
{
    static const struct {
        uint8_t result, fault;
        uint16_t status;
        bool is_good;
    } rows[] = {
        {WIRE_REPLIED, FAULT_NONE, 100, true},      {WIRE_REPLIED, FAULT_NONE, 999, true},
        {WIRE_REPLIED, FAULT_NONE, 0, false},       {WIRE_REPLIED, FAULT_NONE, 99, false},
        {WIRE_REPLIED, FAULT_NONE, 1000, false},    {WIRE_REPLIED, FAULT_CLOSED, 200, false},
        {WIRE_NOT_SENT, FAULT_DNS, 0, true},        {WIRE_NOT_SENT, FAULT_NONE, 0, false},
        {WIRE_UNKNOWN, FAULT_CLOSED, 0, true},      {WIRE_UNKNOWN, FAULT_CLOSED, 200, false},
        {WIRE_UNKNOWN, FAULT_INTERNAL, 0, true},    {WIRE_UNKNOWN, FAULT_COUNT, 0, false},
        {WIRE_UNKNOWN + 1, FAULT_CLOSED, 0, false},
    };
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_reply y = {
            .result = rows[i].result, .fault = rows[i].fault, .status = rows[i].status};
        struct wire_reply good = {.result = WIRE_NOT_SENT, .fault = FAULT_DNS}, got;
        EQ_INT(wire_put_reply(&out, &y, &e), rows[i].is_good ? OK : ERR_FORMAT);
        buf_reset(&out);
        OK_CALL(wire_put_reply(&out, &good, &e), &e);
        out.p[9] = rows[i].result;
        out.p[10] = rows[i].fault;
        out.p[11] = (uint8_t)(rows[i].status >> 8);
        out.p[12] = (uint8_t)rows[i].status;
        EQ_INT(wire_get_reply(buf_bytes(&out), &got, &e), rows[i].is_good ? OK : ERR_FORMAT);
        buf_reset(&out);
    }
}

int main(void)
{
    RUN(test_request_bytes);
    RUN(test_reply_bytes);
    RUN(test_pieces);
    RUN(test_bad_streams);
    RUN(test_request_limits);
    RUN(test_reply_limits);
    RUN(test_foreign_limits);
    RUN(test_coherence);
    return harness_end();
}
