/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the table, text edits and message classes. Classes of requests are in test_classes.c,
 * signatures in test_vectors.c, credentials in test_credential.c. */
#include "tests/harness.h"

#include "connectors/form.h"
#include "connectors/jsonedit.h"
#include "tests/has_header.h"

#include <stdio.h>

#define BINANCE &connector_binance
#define OKX &connector_okx
#define KRAKEN &connector_kraken
#define COINBASE &connector_coinbase_advanced_trade

static void names(void)
{
    enum req_class c;
    enum environment v;
    for (unsigned i = 0; i < CLASS_COUNT; i++)
        CHECK(class_by_name(bytes_str(class_name((enum req_class)i)), &c) && c == i);
    for (unsigned i = 0; i < ENV_COUNT; i++)
        CHECK(environment_by_name(bytes_str(environment_name((enum environment)i)), &v) && v == i);
    CHECK(!class_by_name(BYTES_LIT("Trade"), &c));
    CHECK(!class_by_name(BYTES_LIT(""), &c));
    for (size_t i = 0; connectors[i] && connectors[i + 1]; i++)
        CHECK(strcmp(connectors[i]->name, connectors[i + 1]->name) < 0);
    CHECK(connector_find("Binance") == BINANCE);
    CHECK(connector_find("binanceusdm") == BINANCE);
    CHECK(connector_find("binance-perpetual") == BINANCE);
    CHECK(connector_find("Coinbase-Advanced-Trade") == COINBASE);
    CHECK(connector_find("coinbase") == COINBASE);
    CHECK(connector_find("okx_perpetual") == OKX);
    CHECK(!connector_find(""));
    CHECK(!connector_find("binanc"));
}

static void unknown_connector_names_the_nearest(void)
{
    struct err e;
    EQ_INT(connector_unknown("Binanse", &e), ERR_USAGE);
    EQ_STR(e.msg, "coffer does not know the exchange 'Binanse'");
    EQ_STR(e.hints[0], "did you mean 'binance'?");
    EQ_STR(e.hints[1], "it knows binance, coinbase_advanced_trade, kraken, okx");
    static const char *const far[] = {"zzzzzzzzzzzz", "bybit", "bitget", "ok", "mexc", "k"};
    for (size_t i = 0; i < ARRAY_LEN(far); i++) {
        EQ_INT(connector_unknown(far[i], &e), ERR_USAGE);
        EQ_INT(e.n_hints, far[i][0] == 'o' ? 2 : 1);
        EQ_STR(e.hints[e.n_hints - 1], "it knows binance, coinbase_advanced_trade, kraken, okx");
    }
    static char longest[300];
    memset(longest, 'k', sizeof(longest) - 1);
    EQ_INT(connector_unknown(longest, &e), ERR_USAGE);
}

/* What the rest of the program relies on for every connector. */
static void tables_are_whole(void)
{
    for (const struct connector *const *p = connectors; *p; p++) {
        const struct connector *c = *p;
        CHECK(c->title && c->docs && c->covers && c->hosts && c->fields && c->sign);
        CHECK((c->sign_ws != NULL) == (c->classify_ws != NULL));
        CHECK(c->key_types != 0);
        EQ_INT(c->fields[0].id, FIELD_API_KEY);
        for (const struct host *h = c->hosts; h->name; h++)
            CHECK(!h->region == !c->regions);
        for (const struct field_spec *f = c->fields; f->label; f++)
            CHECK(f->min <= f->max && f->max > 0);
        for (const struct endpoint *x = c->endpoints; x->method; x++) {
            /* what is shut is so for one host, before the rows of all hosts */
            EQ_INT(x->exact, strchr(x->path, '*') ? 0 : strlen(x->path));
            CHECK((x->cls < CLASS_UNKNOWN || x->host) && x->path[0] == '/');
            for (const struct endpoint *y = c->endpoints; y != x; y++)
                harness_ok(strcmp(x->path, y->path) || strcmp(x->method, y->method), __FILE__,
                           __LINE__, "%s %s stands twice", x->method, x->path);
        }
    }
}

static int zeros(struct signer *s, enum sig_alg alg, enum field_id f, struct bytes msg,
                 struct sig *out, struct err *e)
{
    (void)s, (void)alg, (void)f, (void)e;
    memset(out, 0, sizeof(*out));
    out->n = 64;
    out->v[0] = (uint8_t)msg.n;
    for (size_t i = 0; i < msg.n; i++)
        out->v[1 + i % 60] = (uint8_t)(out->v[1 + i % 60] * 31 + msg.p[i]);
    return OK;
}

static int place(struct signer *s, enum field_id f, struct buf *out, struct err *e)
{
    (void)s, (void)f, (void)e;
    buf_adds(out, "x");
    return OK;
}

static void sign_with(const struct connector *c, enum key_type key, uint8_t random, struct buf *out)
{
    struct signer s = {key, zeros, place};
    struct call call = {.conn = c,
                        .method = BYTES_LIT("POST"),
                        .origin = BYTES_LIT("https://h"),
                        .host = BYTES_LIT("h"),
                        .path = BYTES_LIT("/p"),
                        .timestamp_ms = 1700000000000,
                        .nonce = BYTES_LIT("5")};
    struct request r;
    struct err e;

    memset(call.random, random, sizeof(call.random));
    call.uuid = random ? BYTES_LIT("a") : BYTES_LIT("b");
    request_init(&r);
    OK_CALL(c->sign(&call, &s, &r, &e), &e);
    buf_add(out, buf_bytes(&r.url));
    buf_add(out, buf_bytes(&r.body));
    for (size_t i = 0; i < r.n_headers; i++)
        buf_add(out, buf_bytes(&r.values[i]));
    request_free(&r);
}

/* Who reads random bytes says so, and gets them. */
static void random_is_told(void)
{
    for (const struct connector *const *p = connectors; *p; p++) {
        for (unsigned key = 0; key < 32; key++) {
            AUTO_BUF a = BUF_INIT(65536), b = BUF_INIT(65536);
            if (!((*p)->key_types >> key & 1))
                continue;
            sign_with(*p, (enum key_type)key, 0, &a);
            sign_with(*p, (enum key_type)key, 7, &b);
            CHECK(a.n > 0);
            harness_ok(bytes_eq(buf_bytes(&a), buf_bytes(&b)) == !(*p)->needs_random, __FILE__,
                       __LINE__, "%s: needs_random", (*p)->name);
        }
    }
}

static void edit_form(const char *form, const char *want, bool is_there)
{
    AUTO_BUF out = BUF_INIT(1024);
    EQ_INT(form_copy(&out, bytes_str(form), "sig", "t", BYTES_LIT("9")), is_there);
    EQ_STR(buf_str(&out), want);
}

static void forms(void)
{
    edit_form("", "", false);
    edit_form("a=1&b=%20+x", "a=1&b=%20+x", false);
    edit_form("a=1&t=0&b=2", "a=1&t=9&b=2", true);
    edit_form("t=0", "t=9", true);
    edit_form("t", "t=9", true);
    edit_form("t=&a", "t=9&a", true);
    edit_form("%74=0&a", "%74=9&a", true);
    edit_form("t=0&a=1&t=2", "t=9&a=1", true);
    edit_form("sig=1&a=1&sig=2", "a=1", false);
    edit_form("s%69g=1&a=1&s%6Ag=2", "a=1&s%6Ag=2", false);
    edit_form("a=1&&b=2&", "a=1&&b=2&", false);
    edit_form("tt=1&T=2&t%=3", "tt=1&T=2&t%=3", false);
    edit_form("xsig=1&a=sig=2&t=0", "xsig=1&a=sig=2&t=9", true);
    AUTO_BUF b = BUF_INIT(64);
    buf_adds(&b, "?");
    form_append(&b, 1, "a", BYTES_LIT("1"));
    form_append(&b, 1, "b", BYTES_LIT("2"));
    form_encode(&b, BYTES_LIT("+/=~-._aZ9 "));
    EQ_STR(buf_str(&b), "?a=1&b=2%2B%2F%3D~-._aZ9%20");
}

static void form_names(void)
{
    EQ_INT(form_match(BYTES_LIT("a%6Dount=5"), "amount"), 8);
    EQ_INT(form_match(BYTES_LIT("amoun"), "amount"), 0);
    EQ_INT(form_match(BYTES_LIT("amoun%7"), "amount"), 0);
    EQ_INT(form_match(BYTES_LIT(""), "amount"), 0);
    CHECK(form_has(BYTES_LIT("a=1&%62"), "b") && !form_has(BYTES_LIT("a=1&bb=2&=b"), "b"));
}

/* Read from the end, a name is where it is when read from some beginning. */
static void form_ends_as_it_matches(void)
{
    static const char *const names[] = {"amount", "address", "a", "fa", "ip"};
    static const char letters[] = "amountdresfip%%%%0123456789ABCDEF=&a%61%66%4";
    uint32_t seed = 1;
    char text[24];
    size_t n_hits = 0;
    for (unsigned k = 0; k < 200000; k++) {
        size_t n = 0;
        const char *name = names[k % ARRAY_LEN(names)];
        seed = seed * 1664525u + 1013904223u;
        for (uint32_t v = seed >> 8; n < 6; v /= 7, n++)
            text[n] = letters[(v + k * n) % (sizeof(letters) - 1)];
        for (const char *p = name; *p; p++) { /* plainly, or escaped */
            if (seed >> (p - name + 1) & 1)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%%%02x", (unsigned)*p);
            else
                text[n++] = *p;
            if (n > sizeof(text) - 5)
                break;
        }
        bool want = false;
        for (size_t i = 0; i < n; i++)
            want = want || form_match(bytes_of(text + i, n - i), name) == n - i;
        n_hits += want;
        if (form_ends(bytes_of(text, n), name) != want)
            harness_ok(false, __FILE__, __LINE__, "'%.*s' '%s'", (int)n, text, name);
    }
    CHECK(n_hits > 1000 && n_hits < 200000);
}

static void cap_form(const char *form, const char *want)
{
    AUTO_BUF out = BUF_INIT(256);
    form_cap(&out, bytes_str(form), "recvWindow", 5000);
    EQ_STR(buf_str(&out), want);
}

static void form_caps(void)
{
    cap_form("", "");
    cap_form("a=1&recvWindow=4999&b=%20", "a=1&recvWindow=4999&b=%20");
    cap_form("recvWindow=5000", "recvWindow=5000");
    cap_form("recvWindow=5001&x", "recvWindow=5000&x");
    cap_form("recvWindow=60000&recvWindow=70000", "recvWindow=5000&recvWindow=5000");
    cap_form("r%65cvWindow=60000", "r%65cvWindow=5000");
    cap_form("recvWindow=1e9&recvWindow=-1&recvWindow=", "recvWindow=5000&recvWindow=5000&"
                                                         "recvWindow=5000");
    cap_form("recvWindow", "recvWindow=5000");
    cap_form("recvwindow=60000&xrecvWindow=60000", "recvwindow=60000&xrecvWindow=60000");
}

static void content_type(const char *had, const char *want)
{
    struct request r;
    request_init(&r);
    request_header(&r, BYTES_LIT("A"), BYTES_LIT("b"));
    if (had)
        request_header(&r, BYTES_LIT("content-type"), bytes_str(had));
    request_content_type(&r, "application/json");
    EQ_INT(r.n_headers, 2);
    EQ_STR(buf_str(&r.values[1]), want);
    request_free(&r);
}

static void content_types(void)
{
    content_type(NULL, "application/json");
    content_type("application/json", "application/json");
    content_type("Application/JSON; charset=utf-8", "Application/JSON; charset=utf-8");
    content_type("application/jsonx", "application/json");
    content_type("application/x-www-form-urlencoded", "application/json");
    content_type("", "application/json");
}

static void edit_json(const char *text, bool at_front, const char *want)
{
    AUTO_BUF out = BUF_INIT(1024);
    struct json root;
    struct err e;
    struct json_edit edit = {.name = "n", .value = BYTES_LIT("\"7\""), .at_front = at_front};
    if (!OK_CALL(message_parse(bytes_str(text), &root, &e), &e))
        return;
    json_edit_object(&out, bytes_str(text), root, &edit, 1);
    EQ_STR(buf_str(&out), want);
}

static void json_edits(void)
{
    edit_json("{}", true, "{\"n\":\"7\"}");
    edit_json("{}", false, "{\"n\":\"7\"}");
    edit_json(" { } ", true, " {\"n\":\"7\" } ");
    edit_json(" { \"a\" : 1.00 } ", true, " {\"n\":\"7\", \"a\" : 1.00 } ");
    edit_json(" { \"a\" : 1.00 } ", false, " { \"a\" : 1.00,\"n\":\"7\" } ");
    edit_json("{\"a\":{\"n\":1},\"n\": 5 ,\"b\":[]}", false,
              "{\"a\":{\"n\":1},\"n\": \"7\" ,\"b\":[]}");
    edit_json("{\"\\u006e\":null}", true, "{\"\\u006e\":\"7\"}");
    struct json root;
    struct err e;
    EQ_INT(message_parse(BYTES_LIT("[]"), &root, &e), ERR_USAGE);
    EQ_INT(message_parse(BYTES_LIT("{"), &root, &e), ERR_USAGE);
    EQ_INT(message_parse(BYTES_LIT("{\"a\":1,\"a\":2}"), &root, &e), ERR_USAGE);
    EQ_INT(message_parse(BYTES_LIT(""), &root, &e), ERR_USAGE);
}

static enum req_class ws_class(const struct connector *c, const char *message)
{
    struct ws_call call = {.base = {.conn = c}, .message = bytes_str(message)};
    return c->classify_ws(&call);
}

static void message_classes(void)
{
    EQ_INT(ws_class(BINANCE, ""), CLASS_SESSION);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"session.logon\"}"), CLASS_SESSION);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"order.place\"}"), CLASS_TRADE);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"order.cancel\"}"), CLASS_CANCEL);
    /* over nothing but key and time a signature is session.logon's too */
    EQ_INT(ws_class(BINANCE, "{\"method\":\"account.status\"}"), CLASS_SESSION);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"account.status\",\"params\":{\"apiKey\":\"k\","
                             "\"timestamp\":1,\"recvWindow\":5000,\"signature\":\"s\"}}"),
           CLASS_SESSION);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"openOrders.status\",\"params\":{\"symbol\":\"X\"}}"),
           CLASS_READ);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"order.Place\"}"), CLASS_UNKNOWN);
    EQ_INT(ws_class(BINANCE, "{\"method\":7}"), CLASS_UNKNOWN);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"order.status\",\"method\":\"order.place\"}"),
           CLASS_UNKNOWN);
    EQ_INT(ws_class(BINANCE, "nonsense"), CLASS_UNKNOWN);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"account.status\",\"params\":{\"coin\":\"U\","
                             "\"addr\\u0065ss\":\"0x1\",\"amount\":5}}"),
           CLASS_WITHDRAW);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"account.status\",\"params\":{"
                             "\"x\":\"1&coin=U&address=0x1&%61mount=5\"}}"),
           CLASS_WITHDRAW);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"session.logon\",\"params\":{\"asset\":\"U\","
                             "\"amount\":5}}"),
           CLASS_UNKNOWN);
    EQ_INT(ws_class(BINANCE, "{\"method\":\"order.place\",\"params\":{\"symbol\":\"X\","
                             "\"side\":\"BUY\",\"type\":\"LIMIT\",\"quantity\":1}}"),
           CLASS_TRADE);
    EQ_INT(ws_class(OKX, "{\"op\":\"login\"}"), CLASS_SESSION);
    EQ_INT(ws_class(OKX, "{\"op\":\"order\"}"), CLASS_TRADE);
    EQ_INT(ws_class(OKX, "{\"op\":\"withdraw\"}"), CLASS_UNKNOWN);
    EQ_INT(ws_class(COINBASE, "{\"type\":\"subscribe\"}"), CLASS_SESSION);
    EQ_INT(ws_class(COINBASE, "{\"type\":\"x\"}"), CLASS_UNKNOWN);
}

static void too_many_headers_fail_the_request(void)
{
    struct request r;
    struct err e;
    request_init(&r);
    for (size_t i = 0; i < HEADERS_MAX; i++)
        request_header(&r, BYTES_LIT("a"), BYTES_LIT("b"));
    OK_CALL(request_check(&r, &e), &e);
    buf_adds(request_header_new(&r, "one"), "more");
    EQ_INT(request_check(&r, &e), ERR_LIMIT);
    EQ_INT(r.n_headers, HEADERS_MAX);
    CHECK(has_header(&r, "A") && !has_header(&r, "one"));
    request_free(&r);
}

int main(void)
{
    RUN(names);
    RUN(unknown_connector_names_the_nearest);
    RUN(tables_are_whole);
    RUN(random_is_told);
    RUN(forms);
    RUN(form_names);
    RUN(form_ends_as_it_matches);
    RUN(form_caps);
    RUN(content_types);
    RUN(json_edits);
    RUN(message_classes);
    RUN(too_many_headers_fail_the_request);
    return harness_end();
}
