/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/wire_ask.c: the exact bytes, both ways, every limit, and what must go together. */
#include "tests/harness.h"

#include "base/wire.h"

#include <stdlib.h>

static struct wire_ask small_ask(void)
{
    return (struct wire_ask){
        .id = 0x01020304,
        .uid = 1000,
        .pid = 77,
        .is_tcp = 1,
        .record = BYTES_LIT("r"),
        .bearer = BYTES_LIT("b"),
        .method = BYTES_LIT("GET"),
        .url = BYTES_LIT("https://a/"),
        .body = BYTES_LIT("x"),
        .headers = {{BYTES_LIT("N"), BYTES_LIT("v")}},
        .n_headers = 1,
    };
}

static void test_ask_bytes(void)
{
    static const uint8_t want[] = "\0\0\0\x40\3"
                                  "\1\2\3\4"
                                  "\0\0\3\xe8"
                                  "\0\0\0\x4d"
                                  "\1"
                                  "\0\0\0\1r"
                                  "\0\0\0\1b"
                                  "\0\0\0\3GET"
                                  "\0\0\0\x0ahttps://a/"
                                  "\0\0\0\1x"
                                  "\0\0\0\1\0\0\0\1N\0\0\0\1v";
    struct wire_ask a = small_ask(), got = {0};
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;

    OK_CALL(wire_put_ask(&out, &a, &e), &e);
    EQ_MEM(buf_bytes(&out), bytes_of(want, sizeof(want) - 1));
    EQ_INT(wire_kind(buf_bytes(&out)), WIRE_ASK);
    OK_CALL(wire_get_ask(buf_bytes(&out), &got, &e), &e);
    EQ_INT(got.id, a.id);
    EQ_INT(got.uid, 1000);
    EQ_INT(got.pid, 77);
    EQ_INT(got.is_tcp, 1);
    EQ_MEM(got.record, a.record);
    EQ_MEM(got.bearer, a.bearer);
    EQ_MEM(got.method, a.method);
    EQ_MEM(got.url, a.url);
    EQ_MEM(got.body, a.body);
    EQ_INT(got.n_headers, 1);
    EQ_MEM(got.headers[0].value, a.headers[0].value);
    for (size_t i = 0; i < out.n; i++)
        EQ_INT(wire_get_ask(bytes_of(out.p, i), &got, &e), ERR_FORMAT);
    buf_addc(&out, 0);
    EQ_INT(wire_get_ask(buf_bytes(&out), &got, &e), ERR_FORMAT);
    buf_cut(&out, out.n - 1);
    out.p[17] = 2; /* is_tcp */
    EQ_INT(wire_get_ask(buf_bytes(&out), &got, &e), ERR_FORMAT);
}

static void refused_ask(const struct wire_ask *a, const char *what)
{
    AUTO_BUF out = BUF_INIT(2 * WIRE_FRAME_MAX);
    struct err e = {.code = OK};

    buf_adds(&out, "before");
    int rc = wire_put_ask(&out, a, &e);
    harness_ok(rc == ERR_LIMIT, __FILE__, __LINE__, "%s: %d %s", what, rc, e.msg);
    EQ_STR(buf_str(&out), "before");
}

static void test_ask_limits(void)
{
    uint8_t *big = calloc(1, WIRE_FRAME_MAX);
    struct wire_ask a;

    a = small_ask(), a.is_tcp = 2;
    refused_ask(&a, "is_tcp");
    a = small_ask(), a.record = bytes_of(big, 257);
    refused_ask(&a, "record");
    a = small_ask(), a.bearer = bytes_of(big, 257);
    refused_ask(&a, "bearer");
    a = small_ask(), a.method = bytes_of(big, 17);
    refused_ask(&a, "method");
    a = small_ask(), a.url = bytes_of(big, 65537);
    refused_ask(&a, "url");
    a = small_ask(), a.body = bytes_of(big, (1u << 20) + 65537);
    refused_ask(&a, "body");
    a = small_ask(), a.n_headers = WIRE_HEADERS_MAX + 1;
    refused_ask(&a, "headers");
    a = small_ask(), a.headers[0].value = bytes_of(big, 65537);
    refused_ask(&a, "header");
    free(big);
}

static struct wire_permit small_permit(void)
{
    return (struct wire_permit){
        .request = {.id = 5,
                    .timeout_ms = 8000,
                    .method = BYTES_LIT("POST"),
                    .url = BYTES_LIT("https://a/"),
                    .hosts = {BYTES_LIT("a")},
                    .n_hosts = 1},
        .is_order = 1,
        .session_token = BYTES_LIT("listenKey"),
    };
}

static void test_permit(void)
{
    struct wire_permit p = small_permit(), got = {0};
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    AUTO_BUF plain = BUF_INIT(WIRE_FRAME_MAX);
    static const uint8_t tail[] = "\1\0\0\0\x09listenKey";
    struct err e;

    OK_CALL(wire_put_permit(&out, &p, &e), &e);
    OK_CALL(wire_put_request(&plain, &p.request, &e), &e);
    /* A request, then what is the permit's own. */
    EQ_INT(out.n, plain.n + sizeof(tail) - 1);
    EQ_MEM(bytes_of(out.p + 5, plain.n - 5), bytes_of(plain.p + 5, plain.n - 5));
    EQ_MEM(bytes_of(out.p + plain.n, sizeof(tail) - 1), bytes_of(tail, sizeof(tail) - 1));
    EQ_INT(wire_kind(buf_bytes(&out)), WIRE_PERMIT);
    OK_CALL(wire_get_permit(buf_bytes(&out), &got, &e), &e);
    EQ_INT(got.request.id, 5);
    EQ_INT(got.request.timeout_ms, 8000);
    EQ_MEM(got.request.hosts[0], p.request.hosts[0]);
    EQ_INT(got.is_order, 1);
    EQ_MEM(got.session_token, p.session_token);
    EQ_INT(wire_get_request(buf_bytes(&out), &got.request, &e), ERR_FORMAT);
    for (size_t i = 0; i < out.n; i++)
        EQ_INT(wire_get_permit(bytes_of(out.p, i), &got, &e), ERR_FORMAT);
    out.p[plain.n] = 2; /* is_order */
    EQ_INT(wire_get_permit(buf_bytes(&out), &got, &e), ERR_FORMAT);
    buf_reset(&out);
    p.is_order = 2;
    EQ_INT(wire_put_permit(&out, &p, &e), ERR_LIMIT);
    p = small_permit(), p.request.timeout_ms = 0;
    EQ_INT(wire_put_permit(&out, &p, &e), ERR_LIMIT);
    p = small_permit(), p.session_token = bytes_of("0123456789012345678901234567890123456789"
                                                   "0123456789012345678901234",
                                                   65);
    EQ_INT(wire_put_permit(&out, &p, &e), ERR_LIMIT);
    EQ_INT(out.n, 0);
}

static void test_refusal_bytes(void)
{
    static const uint8_t want[] = "\0\0\0\x18\5"
                                  "\0\0\0\x09"
                                  "\1\xa6"
                                  "\0\x32"
                                  "\0\0\0\2no"
                                  "\0\0\0\1"
                                  "\0\0\0\1h";
    struct wire_refusal f = {.id = 9, .status = 422}, got = {0};
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;

    err_set(&f.err, ERR_POLICY, "no");
    err_hint(&f.err, "h");
    OK_CALL(wire_put_refusal(&out, &f, &e), &e);
    EQ_MEM(buf_bytes(&out), bytes_of(want, sizeof(want) - 1));
    OK_CALL(wire_get_refusal(buf_bytes(&out), &got, &e), &e);
    EQ_INT(got.id, 9);
    EQ_INT(got.status, 422);
    EQ_INT(got.err.code, ERR_POLICY);
    EQ_STR(got.err.msg, "no");
    EQ_INT(got.err.n_hints, 1);
    EQ_STR(got.err.hints[0], "h");
    for (size_t i = 0; i < out.n; i++)
        EQ_INT(wire_get_refusal(bytes_of(out.p, i), &got, &e), ERR_FORMAT);
    out.p[17] = '\n'; /* what no error of ours holds */
    EQ_INT(wire_get_refusal(buf_bytes(&out), &got, &e), ERR_FORMAT);
    out.p[17] = 0;
    EQ_INT(wire_get_refusal(buf_bytes(&out), &got, &e), ERR_FORMAT);
    EQ_STR(got.err.msg, "no");
}

/* As long as an error can be. */
static void test_refusal_long(void)
{
    static struct wire_refusal f, got;
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    char text[ERR_MSG_MAX + 10];
    struct err e;

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    f = (struct wire_refusal){.id = UINT32_MAX, .status = 503};
    err_set(&f.err, ERR_TOKEN, "\xc3\xa4%s", text);
    for (unsigned i = 0; i < ERR_HINTS; i++)
        err_hint(&f.err, "%s", text);
    OK_CALL(wire_put_refusal(&out, &f, &e), &e);
    OK_CALL(wire_get_refusal(buf_bytes(&out), &got, &e), &e);
    EQ_STR(got.err.msg, f.err.msg);
    EQ_INT(got.err.n_hints, ERR_HINTS);
    for (unsigned i = 0; i < ERR_HINTS; i++)
        EQ_STR(got.err.hints[i], f.err.hints[i]);
    EQ_INT(got.err.code, ERR_TOKEN);
}

static void test_refusal_values(void)
{
    static const struct {
        uint16_t status;
        int code;
        bool is_good;
    } rows[] = {
        {401, ERR_PERSON, true},   {422, ERR_USAGE, true},   {429, ERR_LIMIT, true},
        {502, ERR_EXCHANGE, true}, {503, ERR_FAILED, true},  {504, ERR_POLICY, true},
        {400, ERR_POLICY, false},  {403, ERR_POLICY, false}, {200, ERR_POLICY, false},
        {0, ERR_POLICY, false},    {422, OK, false},         {422, -10, false},
        {422, -9999, false},
    };
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_refusal f = {.id = 1, .status = rows[i].status}, got;
        f.err.code = (enum err_code)rows[i].code;
        EQ_INT(wire_put_refusal(&out, &f, &e), rows[i].is_good ? OK : ERR_FORMAT);
        buf_reset(&out);
        f.status = 422, f.err.code = ERR_POLICY;
        OK_CALL(wire_put_refusal(&out, &f, &e), &e);
        out.p[9] = (uint8_t)(rows[i].status >> 8);
        out.p[10] = (uint8_t)rows[i].status;
        out.p[11] = (uint8_t)(-rows[i].code >> 8);
        out.p[12] = (uint8_t)-rows[i].code;
        EQ_INT(wire_get_refusal(buf_bytes(&out), &got, &e), rows[i].is_good ? OK : ERR_FORMAT);
        buf_reset(&out);
    }
}

static void test_done(void)
{
    static const struct {
        uint8_t result, fault;
        uint16_t status;
        bool is_good;
    } rows[] = {
        {WIRE_REPLIED, FAULT_NONE, 100, true},    {WIRE_REPLIED, FAULT_NONE, 999, true},
        {WIRE_REPLIED, FAULT_NONE, 0, false},     {WIRE_REPLIED, FAULT_NONE, 1000, false},
        {WIRE_REPLIED, FAULT_CLOSED, 200, false}, {WIRE_NOT_SENT, FAULT_DNS, 0, true},
        {WIRE_NOT_SENT, FAULT_DNS, 200, false},   {WIRE_NOT_SENT, FAULT_NONE, 0, false},
        {WIRE_UNKNOWN, FAULT_CLOSED, 0, true},    {WIRE_UNKNOWN, FAULT_CLOSED, 200, true},
        {WIRE_UNKNOWN, FAULT_CLOSED, 99, false},  {WIRE_UNKNOWN, FAULT_NONE, 200, false},
        {WIRE_UNKNOWN, FAULT_COUNT, 0, false},    {WIRE_UNKNOWN + 1, FAULT_CLOSED, 0, false},
    };
    static const uint8_t want[] = "\0\0\0\x09\6\0\0\0\x2a\0\0\0\xc8";
    struct wire_done d = {.id = 42, .status = 200}, got;
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;

    OK_CALL(wire_put_done(&out, &d, &e), &e);
    EQ_MEM(buf_bytes(&out), bytes_of(want, sizeof(want) - 1));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_BUF put = BUF_INIT(WIRE_FRAME_MAX);
        d = (struct wire_done){42, rows[i].result, rows[i].fault, rows[i].status};
        EQ_INT(wire_put_done(&put, &d, &e), rows[i].is_good ? OK : ERR_FORMAT);
        out.p[9] = rows[i].result;
        out.p[10] = rows[i].fault;
        out.p[11] = (uint8_t)(rows[i].status >> 8);
        out.p[12] = (uint8_t)rows[i].status;
        EQ_INT(wire_get_done(buf_bytes(&out), &got, &e), rows[i].is_good ? OK : ERR_FORMAT);
        if (rows[i].is_good) {
            EQ_MEM(buf_bytes(&put), buf_bytes(&out));
            EQ_INT(got.status, rows[i].status);
            EQ_INT(got.result, rows[i].result);
        }
    }
    EQ_INT(wire_get_done(bytes_of(out.p, out.n - 1), &got, &e), ERR_FORMAT);
}

static void test_kind(void)
{
    uint8_t frame[5] = {0, 0, 0, 1, 0};

    for (unsigned i = 0; i < 256; i++) {
        frame[4] = (uint8_t)i;
        EQ_INT(wire_kind(BYTES_ARR(frame)), i >= 1 && i <= 6 ? i : 0);
    }
    frame[4] = WIRE_ASK;
    EQ_INT(wire_kind(bytes_of(frame, 4)), 0);
    EQ_INT(wire_kind(bytes_of(NULL, 0)), 0);
}

int main(void)
{
    RUN(test_ask_bytes);
    RUN(test_ask_limits);
    RUN(test_permit);
    RUN(test_refusal_bytes);
    RUN(test_refusal_long);
    RUN(test_refusal_values);
    RUN(test_done);
    RUN(test_kind);
    return harness_end();
}
