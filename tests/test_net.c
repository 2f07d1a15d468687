/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/check.c and net/proxy.c: what coffer-net refuses to send, and by which way it goes.
 * Its dealings with servers: tests/e2e/net.py. */
#include "tests/harness.h"

#include "net/check.h"
#include "net/proxy.h"

#include <stdlib.h>

static const char *why(const char *url, const char *method, const char *host, struct goal *g)
{
    struct wire_request q = {.method = bytes_str(method),
                             .url = bytes_str(url),
                             .hosts = {bytes_str(host)},
                             .n_hosts = 1};

    return check_request(&q, g);
}

static void test_urls(void)
{
    static const struct {
        const char *url, *host, *target; /* target NULL: refused */
    } rows[] = {
        {"https://api.test/", "api.test", "/"},
        {"https://api.test/a/../b%2F//c?x=%20&y=/?", "api.test", "/a/../b%2F//c?x=%20&y=/?"},
        {"https://API.test:443/x", "api.test", "/x"},
        {"https://api.test:8443/x", "api.test:8443", "/x"},
        {"https://[::1]:8443/x", "[::1]:8443", "/x"},
        {"https://api.test/x@evil.test/", "api.test", "/x@evil.test/"},
        {"https://api.test:8443/x", "api.test", NULL},
        {"https://api.test/x", "api.test:8443", NULL},
        {"https://api.test/x", "API.test", NULL},
        {"https://api.test.evil.test/", "api.test", NULL},
        {"https://evil.test/api.test", "api.test", NULL},
        {"https://evil.test?api.test/", "api.test", NULL},
        {"https://api.test?x", "api.test", NULL},
        {"https://api.test", "api.test", NULL},
        {"https://api.test@evil.test/", "api.test", NULL},
        {"https://user:pass@api.test/", "api.test", NULL},
        {"https://@api.test/", "api.test", NULL},
        {"https://evil.test\\@api.test/", "api.test", NULL},
        {"https://api%2etest/", "api.test", NULL},
        {"https://api.test./", "api.test", NULL},
        {"https://api.test:/", "api.test", NULL},
        {"https://api.test/#x", "api.test", NULL},
        {"https://api.test/a b", "api.test", NULL},
        {"https://api.test/a\r\nX: y", "api.test", NULL},
        {"https://api.test/\xc3\xa9", "api.test", NULL},
        {"https:///x", "api.test", NULL},
        {"https:/api.test/x", "api.test", NULL},
        {"http://api.test/x", "api.test", NULL},
        {"HTTPS://api.test/x", "api.test", NULL},
        {"ftp://api.test/x", "api.test", NULL},
        {"file:///etc/passwd", "api.test", NULL},
        {"//api.test/x", "api.test", NULL},
        {"/x", "api.test", NULL},
        {"", "api.test", NULL},
        {"https:///", "", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct goal g = {0};
        const char *no = why(rows[i].url, "GET", rows[i].host, &g);
        harness_ok(!no == !!rows[i].target, __FILE__, __LINE__, "'%s' for '%s': %s", rows[i].url,
                   rows[i].host, no ? no : "passes");
        if (no || !rows[i].target)
            continue;
        EQ_STR(g.host, rows[i].host);
        EQ_MEM(g.target, bytes_str(rows[i].target));
    }
}

static void test_no_hosts(void)
{
    struct wire_request q = {.method = BYTES_LIT("GET"), .url = BYTES_LIT("https://api.test/")};
    struct goal g;

    EQ_STR(check_request(&q, &g), "the host is none of the exchange's");
    q.url = bytes_of("https://api.test/\0", 18);
    CHECK(check_request(&q, &g) != NULL);
}

static void test_methods(void)
{
    static const char *const good[] = {"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"};
    static const char *const bad[] = {"", "get", "GET ", "CONNECT", "GET\r\n", "G-T"};
    struct goal g;

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        CHECK(!why("https://api.test/", good[i], "api.test", &g));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(why("https://api.test/", bad[i], "api.test", &g) != NULL);
}

static void test_headers(void)
{
    static const struct {
        const char *name, *value;
        bool is_good;
    } rows[] = {
        {"X-Key", "k", true},
        {"X-Key", "", true},
        {"x", "a\tb \xc3\xa9", true},
        {"Host", "evil.test", false},
        {"hOST", "e", false},
        {"Content-Length", "0", false},
        {"Connection", "x", false},
        {"Expect", "x", false},
        {"Transfer-Encoding", "x", false},
        {"Proxy-Authorization", "x", false},
        {"X Key", "k", false},
        {"X-Key:", "k", false},
        {"", "k", false},
        {"X\r\nY", "k", false},
        {"X", "a\r\nB: c", false},
        {"X", "a\nb", false},
        {"X", "a\x7f", false},
        {"X;", "k", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct goal g;
        struct wire_request q = {
            .method = BYTES_LIT("GET"),
            .url = BYTES_LIT("https://api.test/"),
            .hosts = {BYTES_LIT("api.test")},
            .n_hosts = 1,
            .headers = {{bytes_str(rows[i].name), bytes_str(rows[i].value)}},
            .n_headers = 1,
        };
        const char *no = check_request(&q, &g);
        harness_ok(!no == rows[i].is_good, __FILE__, __LINE__, "row %zu: %s", i,
                   no ? no : "passes");
    }
}

static void test_connect_to(void)
{
    struct goal g;
    struct wire_request q = {
        .method = BYTES_LIT("GET"),
        .url = BYTES_LIT("https://api.test/"),
        .hosts = {BYTES_LIT("api.test")},
        .n_hosts = 1,
        .connect_to = BYTES_LIT("::[::1]:8443"),
    };

    CHECK(!check_request(&q, &g));
    q.connect_to = BYTES_LIT("::evil.test:1/x");
    CHECK(check_request(&q, &g) != NULL);
}

static void test_proxies(void)
{
    static const struct {
        const char *url;
        unsigned port; /* 0: cannot be used */
    } rows[] = {
        {"http://proxy.test:3128", 3128},
        {"http://proxy.test:3128/", 3128},
        {"proxy.test:3128", 3128},
        {"proxy.test", 1080},
        {"HTTP://proxy.test", 1080},
        {"https://proxy.test", 443},
        {"https://proxy.test:8443", 8443},
        {"http://u:p@proxy.test:3128", 3128},
        {"http://u:p%40@[::1]:3128", 3128},
        {"http://[::1]", 1080},
        {"socks5://proxy.test:1080", 0},
        {"socks5h://proxy.test:1080", 0},
        {"ftp://proxy.test", 0},
        {"http://proxy.test:", 0},
        {"http://proxy.test:0", 0},
        {"http://proxy.test:65536", 0},
        {"http://proxy.test:x", 0},
        {"http://", 0},
        {"http://:3128", 0},
        {"http://u:p@", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct proxy p;
        proxy_set(&p, rows[i].url, NULL);
        harness_ok(!p.bad == !!rows[i].port && (p.bad || p.port == rows[i].port), __FILE__,
                   __LINE__, "%s: port %u, %s", rows[i].url, p.port, p.bad ? p.bad : "usable");
        CHECK(proxy_is_for(&p, "api.test")); /* one that is bad is not passed by */
    }
}

static void test_no_proxy(void)
{
    static const struct {
        const char *except, *host;
        bool is_proxied;
    } rows[] = {
        {"", "api.test", true},
        {NULL, "api.test", true},
        {"*", "api.test", false},
        {"api.test", "api.test", false},
        {"API.Test", "api.test", false},
        {".test", "api.test", false},
        {"test", "api.test", false},
        {"est", "api.test", true},
        {"pi.test", "api.test", true},
        {"x.api.test", "api.test", true},
        {"a.test, api.test", "api.test", false},
        {"a.test b.test\tapi.test", "api.test", false},
        {" , ,", "api.test", true},
        {".", "api.test", true},
        {"api.test", "api.test:8443", false},
        {"api.test:8443", "api.test:8443", false},
        {"api.test:8443", "api.test:8444", true},
        {"::1", "[::1]:8443", false},
        {"[::1]", "[::1]:8443", false},
        {"[::1]:8443", "[::1]:8443", false},
        {"[::1]:8443", "[::1]:8444", true},
        {"[::2]", "[::1]:8443", true},
        {"[", "[::1]:8443", true},
        {"[", "[::1", true},
    };
    struct proxy p;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        proxy_set(&p, "http://proxy.test:3128", rows[i].except);
        harness_ok(proxy_is_for(&p, rows[i].host) == rows[i].is_proxied, __FILE__, __LINE__,
                   "no_proxy '%s', host '%s'", rows[i].except ? rows[i].except : "(none)",
                   rows[i].host);
    }
    proxy_set(&p, "", NULL);
    CHECK(!proxy_is_for(&p, "api.test"));
    proxy_set(&p, NULL, NULL);
    CHECK(!proxy_is_for(&p, "api.test"));
}

static void test_proxy_environment(void)
{
    struct proxy p;

    setenv("HTTPS_PROXY", "http://upper.test:2", 1);
    setenv("http_proxy", "http://wrong.test:3", 1);
    setenv("ALL_PROXY", "http://wrong.test:4", 1);
    setenv("NO_PROXY", "b.test", 1);
    proxy_from_environment(&p);
    EQ_STR(p.url, "http://upper.test:2");
    CHECK(!proxy_is_for(&p, "b.test"));
    setenv("https_proxy", "http://lower.test:1", 1);
    setenv("no_proxy", "a.test", 1);
    proxy_from_environment(&p);
    EQ_STR(p.url, "http://lower.test:1");
    CHECK(!proxy_is_for(&p, "a.test"));
    CHECK(proxy_is_for(&p, "b.test"));
    unsetenv("https_proxy");
    unsetenv("HTTPS_PROXY");
    proxy_from_environment(&p);
    EQ_STR(p.url, "");
}

int main(void)
{
    RUN(test_urls);
    RUN(test_no_hosts);
    RUN(test_methods);
    RUN(test_headers);
    RUN(test_connect_to);
    RUN(test_proxies);
    RUN(test_no_proxy);
    RUN(test_proxy_environment);
    return harness_end();
}
