/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/head_check.c: who a request is from, and which of its headers go on. */
#include "tests/harness.h"

#include "base/buf.h"
#include "net/head.h"

static struct head h; /* 4 KiB */

static void test_origin(void)
{
    static const struct {
        const char *headers;
        unsigned port;
        const char *why; /* NULL: passes */
    } rows[] = {
        {"Host: 127.0.0.1:8080\r\n", 8080, NULL},
        {"Host: LocalHost:8080\r\n", 8080, NULL},
        {"Host: localhost\r\n", 80, NULL},
        {"Host: localhost:80\r\n", 80, NULL},
        {"Host: localhost\r\n", 0, NULL},
        {"Host: coffer\r\n", 0, NULL},
        {"Host: COFFER:1\r\n", 0, NULL},
        {"Host: 127.0.0.1:65535\r\n", 0, NULL},
        {"Host: 127.0.0.1:8081\r\n", 8080, "Host"},
        {"Host: 127.0.0.1\r\n", 8080, "Host"},
        {"Host: coffer:8080\r\n", 8080, "Host"},
        {"Host: evil.test:8080\r\n", 8080, "Host"},
        {"Host: evil.test\r\n", 0, "Host"},
        {"Host: localhost.evil.test:8080\r\n", 8080, "Host"},
        {"Host: 127.0.0.1:8080@evil.test\r\n", 8080, "Host"},
        {"Host: evil.test:8080@127.0.0.1:8080\r\n", 8080, "Host"},
        {"Host: 127.0.0.1:08080\r\n", 8080, "Host"},
        {"Host: 127.0.0.1:73616\r\n", 8080, "Host"},
        {"Host: 127.0.0.1:\r\n", 80, "Host"},
        {"Host: 127.0.0.1:8080:8080\r\n", 8080, "Host"},
        {"Host: 127.0.0.1, evil.test\r\n", 0, "Host"},
        {"Host: [::1]:8080\r\n", 8080, NULL},
        {"Host: [::1]\r\n", 80, NULL},
        {"Host: [::1]:8081\r\n", 8080, "Host"},
        {"Host: [::1]x:8080\r\n", 8080, "Host"},
        {"Host: [::1\r\n", 0, "Host"},
        {"Host: :8080\r\n", 8080, "Host"},
        {"Host: [::2]:8080\r\n", 8080, "Host"},
        {"Host: 127.1:8080\r\n", 8080, "Host"},
        {"Host: localhost.:8080\r\n", 8080, "Host"},
        {"Host:\r\n", 0, "Host"},
        {"Host: localhost\r\nOrigin: *\r\n", 0, NULL},
        {"Host: localhost\r\nOrigin: *\r\norigin: *\r\n", 0, NULL},
        {"Host: localhost\r\nOrigin: null\r\n", 0, "Origin"},
        {"Host: localhost\r\nOrigin:\r\n", 0, "Origin"},
        {"Host: localhost\r\nORIGIN: http://localhost\r\n", 0, "Origin"},
        {"Host: localhost\r\nOrigin: *\r\nOrigin: https://evil.test\r\n", 0, "Origin"},
        {"Host: localhost\r\nSec-Fetch-Mode: cors\r\n", 0, NULL}, /* Node's fetch */
        {"Host: localhost\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: none\r\n", 0, "Sec-Fetch"},
        {"Host: localhost\r\nsec-fetch-dest: image\r\n", 0, "Sec-Fetch"},
        {"Host: localhost\r\nSEC-FETCH-SITE: cross-site\r\n", 0, "Sec-Fetch"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *why = NULL;
        size_t n;
        struct buf b = BUF_INIT(4096);
        buf_addf(&b, "GET /x HTTP/1.1\r\n%s\r\n", rows[i].headers);
        CHECK(head_read(buf_bytes(&b), &h, &n, &why) == HEAD_WHOLE);
        const char *no = head_check_origin(&h, rows[i].port);
        harness_ok(rows[i].why ? no && strstr(no, rows[i].why) : !no, __FILE__, __LINE__,
                   "%s for port %u: %s", rows[i].headers, rows[i].port, no ? no : "passes");
        buf_free(&b);
    }
}

static void test_end_to_end(void)
{
    static const char *const on[] = {"User-Agent",  "Content-Type",  "Accept-Encoding",
                                     "Accept",      "Authorization", "X-MBX-APIKEY",
                                     "API-Key",     "OK-ACCESS-KEY", "Referer",
                                     "CB-VERSION",  "KC-API-KEY",    "Cookies",
                                     "Content-MD5", "Expectant",     "Hosts",
                                     "X-Forwarded", "Proxy",         "Keep",
                                     "Connection-", "Content-Lengt", "X-BAPI-API-KEY"};
    static const char *const kept[] = {"Connection",
                                       "KEEP-ALIVE",
                                       "te",
                                       "Trailer",
                                       "Transfer-Encoding",
                                       "Upgrade",
                                       "host",
                                       "Origin",
                                       "cookie",
                                       "Content-Length",
                                       "Proxy-Connection",
                                       "Forwarded",
                                       "EXPECT",
                                       "Proxy-Authorization",
                                       "X-Forwarded-For",
                                       "x-forwarded-host",
                                       "Cookie2",
                                       "Sec-Fetch-Mode"};

    for (size_t i = 0; i < ARRAY_LEN(on); i++) {
        harness_ok(head_is_end_to_end(bytes_str(on[i]), BYTES_LIT("keep-alive")), __FILE__,
                   __LINE__, "%s", on[i]);
        CHECK(!head_is_end_to_end(bytes_str(on[i]), bytes_str(on[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        harness_ok(!head_is_end_to_end(bytes_str(kept[i]), BYTES_LIT("")), __FILE__, __LINE__, "%s",
                   kept[i]);
    CHECK(!head_is_end_to_end(BYTES_LIT("x-One"), BYTES_LIT("a, ,X-oNE\t,b")));
    CHECK(head_is_end_to_end(BYTES_LIT("x-One"), BYTES_LIT("a, x-On, x-One x")));
}

int main(void)
{
    RUN(test_origin);
    RUN(test_end_to_end);
    return harness_end();
}
