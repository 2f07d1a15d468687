/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/head.c: which requests are read, which are refused and why, in
 * whatever pieces they come, and that what is read has only one reading. */
#include "tests/harness.h"

#include "base/buf.h"
#include "net/head.h"

#include <stdlib.h>

#define HOST "Host: 127.0.0.1:8080\r\n"
#define DELETE_TEXT                                                                                \
    "DELETE /a HTTP/1.1\r\n!#$%&'*+-.^_`|~09azAZ: \"\\(x)\"\r\nHost: h\r\nContent-Length: 7\r\n"   \
    "Expect: 100-continue\r\nConnection: close\r\n\r\n"
#define OPENING "GET /a/https://api.test/x HTTP/1.1\r\n"

static struct head h; /* 4 KiB */

/* From memory of that size, so that a sanitizer sees a step beyond it. */
static enum head_result read_exactly(struct bytes in, size_t *n, const char **why)
{
    static uint8_t *kept; /* what h points into, until the next call */

    free(kept);
    kept = malloc(in.n + 1);
    if (!kept)
        abort();
    uint8_t *at = kept + 1;
    if (in.n > 0)
        memcpy(at, in.p, in.n);
    *why = NULL;
    return head_read(bytes_of(at, in.n), &h, n, why);
}

static enum head_result read_text(const char *text, const char **why)
{
    size_t n = 0;
    enum head_result r = read_exactly(bytes_str(text), &n, why);

    if (r == HEAD_WHOLE)
        EQ_INT(n, strlen(text));
    return r;
}

static void test_simple(void)
{
    const char *why;

    CHECK(read_text("POST /k/https://api.test/a%20b?x=1&y=%2f HTTP/1.1\r\nHost: localhost:1\r\n"
                    "X-Key:  a b\t c \t\r\nEmpty:\r\ncontent-LENGTH: 12\r\n\r\n",
                    &why) == HEAD_WHOLE);
    EQ_MEM(h.method, BYTES_LIT("POST"));
    EQ_MEM(h.target, BYTES_LIT("/k/https://api.test/a%20b?x=1&y=%2f"));
    EQ_MEM(h.host, BYTES_LIT("localhost:1"));
    EQ_INT(h.n_headers, 4);
    EQ_MEM(h.headers[1].name, BYTES_LIT("X-Key"));
    EQ_MEM(h.headers[1].value, BYTES_LIT("a b\t c"));
    EQ_MEM(h.headers[2].name, BYTES_LIT("Empty"));
    EQ_INT(h.headers[2].value.n, 0);
    EQ_INT(h.body_n, 12);
    CHECK(!h.is_close && !h.is_old && !h.wants_continue);
}

static void test_what_follows(void)
{
    const char *why, *one = OPENING HOST "Content-Length: 3\r\n\r\n";
    size_t n = 0;
    struct buf b = BUF_INIT(1000);

    buf_adds(&b, one);
    buf_adds(&b, "abcGET \x01\n");
    CHECK(read_exactly(buf_bytes(&b), &n, &why) == HEAD_WHOLE);
    EQ_INT(n, strlen(one));
    EQ_INT(h.body_n, 3);
    buf_free(&b);
}

static void test_connection(void)
{
    static const struct {
        const char *head;
        bool is_close, is_old, wants_continue;
    } rows[] = {
        {OPENING HOST "\r\n", false, false, false},
        {OPENING HOST "Connection: close\r\n\r\n", true, false, false},
        {OPENING HOST "Connection: keep-alive, Close\r\n\r\n", true, false, false},
        {OPENING HOST "Connection: a\r\nCONNECTION: ,\tclose ,\r\n\r\n", true, false, false},
        {OPENING HOST "Connection: closed, x-close\r\n\r\n", false, false, false},
        {OPENING HOST "Connection: keep-alive\r\n\r\n", false, false, false},
        {"GET /x HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", true, true, false},
        {OPENING HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", false, false, true},
        {OPENING HOST "Content-Length: 1\r\nexpect:100-continue\r\n\r\n", false, false, true},
        {OPENING HOST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", false, false, false},
        {OPENING HOST "Expect: 100-continue\r\n\r\n", false, false, false},
        {"PUT /x HTTP/1.0\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", true, true,
         false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *why;
        bool ok = read_text(rows[i].head, &why) == HEAD_WHOLE && h.is_close == rows[i].is_close &&
                  h.is_old == rows[i].is_old && h.wants_continue == rows[i].wants_continue;
        harness_ok(ok, __FILE__, __LINE__, "row %zu: %s", i, why ? why : "read otherwise");
    }
}

/* -- refused -- */

static const struct {
    const char *head, *why; /* why: part of what is said */
} refused[] = {
    /* two readers would see two ends */
    {OPENING HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "twice"},
    {OPENING HOST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", "twice"},
    {OPENING HOST "Content-Length: 5, 5\r\n\r\n", "not a number"},
    {OPENING HOST "Content-Length: +5\r\n\r\n", "not a number"},
    {OPENING HOST "Content-Length: -1\r\n\r\n", "not a number"},
    {OPENING HOST "Content-Length: 0x5\r\n\r\n", "not a number"},
    {OPENING HOST "Content-Length: 5 5\r\n\r\n", "not a number"},
    {OPENING HOST "Content-Length: 05\r\n\r\n", "not a number"},
    {OPENING HOST "Content-Length: 5.0\r\n\r\n", "not a number"},
    {OPENING HOST "Content-Length: \r\n\r\n", "not a number"},
    {OPENING HOST "Content-Length: 1048577\r\n\r\n", "over 1 MiB"},
    {OPENING HOST "Content-Length: 18446744073709551616\r\n\r\n", "over 1 MiB"},
    {OPENING HOST "Content-Length: 18446744073709551621\r\n\r\n", "over 1 MiB"},
    {OPENING HOST "Transfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding"},
    {OPENING HOST "transfer-encoding:identity\r\n\r\n", "Transfer-Encoding"},
    {OPENING HOST "Transfer-Encoding:\r\n\r\n", "Transfer-Encoding"},
    {OPENING HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding"},
    {OPENING HOST "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n", "Transfer-Encoding"},
    /* lines */
    {OPENING HOST "X: a\r\n b\r\n\r\n", "second line"},
    {OPENING HOST "X: a\r\n\tb\r\n\r\n", "second line"},
    {OPENING " Host: localhost\r\n\r\n", "second line"},
    {OPENING HOST "X: a\n\r\n", "CR LF"},
    {OPENING HOST "\n", "CR LF"},
    {"GET /x HTTP/1.1\nHost: x\n\n", "CR LF"},
    {OPENING HOST "X: a\rb\r\n\r\n", "control"},
    {OPENING HOST "X: a\r\r\n\r\n", "control"},
    {OPENING HOST "X\r: a\r\n\r\n", "name"},
    {"GET /x HTTP/1.1\r\r\n" HOST "\r\n", "version"},
    {"\r\n" OPENING HOST "\r\n", "first line"},
    {"\n", "CR LF"},
    /* names and values */
    {OPENING "Host : localhost\r\n\r\n", "blank before its colon"},
    {OPENING HOST "Content-Length : 5\r\n\r\n", "blank before its colon"},
    {OPENING HOST "Content-Length\t: 5\r\n\r\n", "blank before its colon"},
    {OPENING HOST ": a\r\n\r\n", "name"},
    {OPENING HOST "X Y: a\r\n\r\n", "name"},
    {OPENING HOST "X(Y): a\r\n\r\n", "name"},
    {OPENING HOST "X\xc3\xa9: a\r\n\r\n", "name"},
    {OPENING HOST "X\x7f: a\r\n\r\n", "name"},
    {OPENING HOST "novalue\r\n\r\n", "colon"},
    {OPENING HOST "X: \xc3\xa9\r\n\r\n", "ASCII"},
    {OPENING HOST "X: \xff\r\n\r\n", "ASCII"},
    {OPENING HOST "X: \x01\r\n\r\n", "control"},
    {OPENING HOST "X: \x7f\r\n\r\n", "control"},
    {OPENING HOST "X: \x0b\r\n\r\n", "control"},
    /* Host */
    {OPENING "\r\n", "Host is missing"},
    {OPENING "X-Host: localhost\r\n\r\n", "Host is missing"},
    {"GET /x HTTP/1.0\r\n\r\n", "Host is missing"},
    {OPENING HOST HOST "\r\n", "Host is there twice"},
    {OPENING HOST "hOST: other\r\n\r\n", "Host is there twice"},
    /* the first line */
    {"CONNECT api.test:443 HTTP/1.1\r\n" HOST "\r\n", "method that no exchange takes"},
    {"CONNECT /x HTTP/1.1\r\n" HOST "\r\n", "method that no exchange takes"},
    {"TRACE /x HTTP/1.1\r\n" HOST "\r\n", "method that no exchange takes"},
    {"get /x HTTP/1.1\r\n" HOST "\r\n", "upper-case"},
    {"GET1 /x HTTP/1.1\r\n" HOST "\r\n", "upper-case"},
    {"G-T /x HTTP/1.1\r\n" HOST "\r\n", "upper-case"},
    {"M-SEARCH * HTTP/1.1\r\n" HOST "\r\n", "upper-case"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXY /x HTTP/1.1\r\n" HOST "\r\n", "too long"},
    {" /x HTTP/1.1\r\n" HOST "\r\n", "missing"},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "start with '/'"},
    {"GET http://127.0.0.1/x HTTP/1.1\r\n" HOST "\r\n", "start with '/'"},
    {"GET https://api.test/x HTTP/1.1\r\n" HOST "\r\n", "start with '/'"},
    {"GET api.test:443 HTTP/1.1\r\n" HOST "\r\n", "start with '/'"},
    {"GET  /x HTTP/1.1\r\n" HOST "\r\n", "start with '/'"},
    {"GET /x  HTTP/1.1\r\n" HOST "\r\n", "version"},
    {"GET /x y HTTP/1.1\r\n" HOST "\r\n", "version"},
    {"GET /x HTTP/1.1 \r\n" HOST "\r\n", "version"},
    {"GET /x HTTP/1.1\t\r\n" HOST "\r\n", "version"},
    {"GET\t/x HTTP/1.1\r\n" HOST "\r\n", "method"},
    {"GET /x\tHTTP/1.1\r\n" HOST "\r\n", "first line"},
    {"GET /x#f HTTP/1.1\r\n" HOST "\r\n", "target"},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", "target"},
    {"GET /\x7f HTTP/1.1\r\n" HOST "\r\n", "target"},
    {"GET /a\x01 HTTP/1.1\r\n" HOST "\r\n", "target"},
    {"GET /x HTTP/2.0\r\n" HOST "\r\n", "version"},
    {"GET /x HTTP/1.2\r\n" HOST "\r\n", "version"},
    {"GET /x HTTP/1.10\r\n" HOST "\r\n", "version"},
    {"GET /x HTTP/01.1\r\n" HOST "\r\n", "version"},
    {"GET /x http/1.1\r\n" HOST "\r\n", "version"},
    {"GET /x HTTP/0.9\r\n" HOST "\r\n", "version"},
    {"GET /x\r\n" HOST "\r\n", "first line"},
    {"GET\r\n\r\n", "first line"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "start with '/'"},
    {"\x16\x03\x01\x02", "control"}, /* who speaks TLS */
    {"SSH-2.0-x\r\n", "first line"},
    /* expectations */
    {OPENING HOST "Expect: 200-ok\r\n\r\n", "expectation"},
    {OPENING HOST "Expect: 100-continue, x\r\n\r\n", "expectation"},
    {OPENING HOST "Expect:\r\n\r\n", "expectation"},
    {OPENING HOST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", "expectation"},
};

static void test_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const char *why;
        enum head_result r = read_text(refused[i].head, &why);
        harness_ok(r == HEAD_BAD && why && strstr(why, refused[i].why), __FILE__, __LINE__,
                   "row %zu '%s': %s", i, refused[i].head,
                   r == HEAD_BAD    ? why
                   : r == HEAD_MORE ? "waits"
                                    : "passes");
    }
}

/* Whoever sends such a head byte by byte hears it too, with head_is_due asked between. */
static void test_refused_in_pieces(void)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct bytes all = bytes_str(refused[i].head);
        const char *why = NULL;
        enum head_result r = HEAD_MORE;
        size_t seen = 0, n;
        for (size_t k = 1; k <= all.n && r == HEAD_MORE; k++)
            if (head_is_due(bytes_of(all.p, k), &seen))
                r = read_exactly(bytes_of(all.p, k), &n, &why);
        bool has_end = strstr(refused[i].head, "\r\n\r\n") != NULL;
        harness_ok(r == HEAD_BAD || (r == HEAD_MORE && !has_end), __FILE__, __LINE__,
                   "row %zu '%s' ends with %d", i, refused[i].head, (int)r);
    }
}

static void test_nul(void)
{
    static const char first[] = "GET /\0x HTTP/1.1\r\n" HOST "\r\n";
    static const char name[] = OPENING HOST "X\0: a\r\n\r\n";
    static const char value[] = OPENING HOST "X: a\0\r\n\r\n";
    const char *why;
    size_t n;

    CHECK(read_exactly(bytes_of(first, sizeof(first) - 1), &n, &why) == HEAD_BAD);
    CHECK(read_exactly(bytes_of(name, sizeof(name) - 1), &n, &why) == HEAD_BAD);
    CHECK(read_exactly(bytes_of(value, sizeof(value) - 1), &n, &why) == HEAD_BAD);
}

static void test_pieces(void)
{
    static const char whole[] =
        "POST /a/https://api.test/x HTTP/1.1\r\nX: a:b\r\n" HOST "Content-Length: 1048576\r\n\r\n";
    const char *why;
    size_t n, seen = 0;

    for (size_t k = 0; k < sizeof(whole) - 1; k++) {
        CHECK(read_exactly(bytes_of(whole, k), &n, &why) == HEAD_MORE);
        CHECK(!head_is_due(bytes_of(whole, k), &seen));
        EQ_INT(seen, k);
    }
    CHECK(head_is_due(bytes_of(whole, sizeof(whole) - 1), &seen));
    CHECK(read_exactly(bytes_of(whole, sizeof(whole) - 1), &n, &why) == HEAD_WHOLE);
    EQ_INT(h.body_n, HEAD_BODY_MAX);
}

static void test_limits(void)
{
    struct buf b = BUF_INIT(2 * HEAD_BYTES_MAX);
    const char *why;
    size_t n = 0, seen = 0;

    buf_adds(&b, OPENING HOST);
    for (int i = 1; i < 128; i++)
        buf_addf(&b, "X-%d: %d\r\n", i, i);
    buf_adds(&b, "\r\n");
    CHECK(read_exactly(buf_bytes(&b), &n, &why) == HEAD_WHOLE);
    EQ_INT(h.n_headers, 128);
    buf_cut(&b, b.n - 2);
    buf_adds(&b, "X: one more\r\n\r\n");
    CHECK(read_exactly(buf_bytes(&b), &n, &why) == HEAD_BAD && strstr(why, "128"));
    buf_reset(&b);
    buf_adds(&b, OPENING HOST "X: ");
    while (b.n < HEAD_BYTES_MAX - 4)
        buf_addc(&b, 'x');
    CHECK(read_exactly(buf_bytes(&b), &n, &why) == HEAD_MORE);
    CHECK(!head_is_due(buf_bytes(&b), &seen));
    buf_adds(&b, "\r\n\r\n");
    CHECK(head_is_due(buf_bytes(&b), &seen));
    CHECK(read_exactly(buf_bytes(&b), &n, &why) == HEAD_WHOLE);
    EQ_INT(n, HEAD_BYTES_MAX);
    buf_cut(&b, b.n - 4);
    buf_adds(&b, "x\r\n\r\n");
    CHECK(read_exactly(buf_bytes(&b), &n, &why) == HEAD_BAD && strstr(why, "32 KiB"));
    buf_free(&b);
}

/* A head of the greatest size, a byte at a time. */
static void test_is_linear(void)
{
    static uint8_t all[HEAD_BYTES_MAX];
    size_t seen = 0;
    unsigned n_wrong = 0;

    memset(all, 'x', sizeof(all));
    for (size_t k = 0; k + 1 < sizeof(all); k++) {
        n_wrong += head_is_due(bytes_of(all, k), &seen) || seen != k; /* looked at twice, or not */
    }
    EQ_INT(n_wrong, 0);
    CHECK(head_is_due(BYTES_ARR(all), &seen));
}

/* -- one meaning: what was read is written down again and reads the same -- */

static void test_again(void)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "OPTIONS /a//../b?c=? HTTP/1.0\r\nhost:localhost\r\nA:\tb \r\nA: c\r\n\r\n",
        DELETE_TEXT,
    };
    struct buf b = BUF_INIT(4096);

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *why;
        CHECK(read_text(texts[i], &why) == HEAD_WHOLE);
        struct head first = h;
        buf_reset(&b);
        buf_addf(&b, "%.*s ", (int)h.method.n, (const char *)h.method.p);
        buf_add(&b, h.target);
        buf_adds(&b, h.is_old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
        for (uint32_t k = 0; k < h.n_headers; k++) {
            buf_add(&b, h.headers[k].name);
            buf_adds(&b, ": ");
            buf_add(&b, h.headers[k].value);
            buf_adds(&b, "\r\n");
        }
        buf_adds(&b, "\r\n");
        CHECK(read_text(buf_str(&b), &why) == HEAD_WHOLE);
        EQ_INT(h.n_headers, first.n_headers);
        EQ_INT(h.body_n, first.body_n);
        CHECK(h.is_close == first.is_close && h.wants_continue == first.wants_continue);
    }
    buf_free(&b);
}

int main(void)
{
    RUN(test_simple);
    RUN(test_what_follows);
    RUN(test_connection);
    RUN(test_refused);
    RUN(test_refused_in_pieces);
    RUN(test_nul);
    RUN(test_pieces);
    RUN(test_limits);
    RUN(test_is_linear);
    RUN(test_again);
    return harness_end();
}
