/* SPDX-License-Identifier: Apache-2.0 */
/* From a wish to a signed request: the refusals, clock and nonce, the output.
 * Whether a signature is right is the vectors' test; here a signer that shows what it was given. */
#include "agent/prepare.h"
#include "tests/harness.h"
#include "vault/state.h"

#include <stdio.h>

#define NOW_US 1700000000123456u

static int fixed_now(const struct env *env, uint64_t *us, struct err *e)
{
    (void)env, (void)e;
    *us = NOW_US;
    return OK;
}

static unsigned n_random;

static int counted_random(const struct env *env, void *p, size_t n, struct err *e)
{
    (void)env, (void)e;
    n_random++;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)i;
    return OK;
}

static const struct env fixed_env = {fixed_now, counted_random, NULL};

/* Counts; a signature is all zero bytes. */
struct fake_signer {
    struct signer s;
    unsigned n_signed;
};

static int fake_sign(struct signer *s, enum sig_alg alg, enum field_id f, struct bytes msg,
                     struct sig *out, struct err *e)
{
    (void)f, (void)msg, (void)e;
    ((struct fake_signer *)s)->n_signed++;
    memset(out, 0, sizeof(*out));
    out->n = alg == SIG_HMAC_SHA512 ? 64 : 32;
    return OK;
}

static int fake_place(struct signer *s, enum field_id f, struct buf *out, struct err *e)
{
    (void)s, (void)e;
    buf_adds(out, f == FIELD_API_KEY ? "KEY" : "OTHER");
    return OK;
}

static void info_for(struct record_info *r, const char *connector)
{
    record_info_init(r);
    snprintf(r->name, sizeof(r->name), "acme");
    snprintf(r->connector, sizeof(r->connector), "%s", connector);
    snprintf(r->environment, sizeof(r->environment), "live");
    r->key = KEY_HMAC;
}

/* One wish through prepare_check. Returns its code and fills e. */
static int check(const char *text, const struct record_info *r, struct err *e)
{
    struct prepared p;
    struct wish w;

    wish_init(&w);
    int rc = wish_parse(bytes_str(text), &w, e);
    if (!rc)
        rc = prepare_check(&w, r, &p, e);
    wish_free(&w);
    return rc;
}

/* One wish all the way; the line goes to out. */
static int sign(const char *text, const struct record_info *r, struct buf *out, struct err *e)
{
    struct fake_signer s = {.s = {KEY_HMAC, fake_sign, fake_place}};
    struct where where = {.vault = ""};
    struct prepared p;
    struct request req;
    struct wish w;

    snprintf(where.state, sizeof(where.state), "%s/state", harness_dir());
    buf_reset(out);
    wish_init(&w);
    request_init(&req);
    int rc = wish_parse(bytes_str(text), &w, e);
    if (!rc)
        rc = prepare_check(&w, r, &p, e);
    if (!rc)
        rc = prepare_sign(&p, &w, r, &s.s, &where, &fixed_env, &req, e);
    if (!rc)
        rc = request_json(&req, w.is_ws, out, e);
    CHECK(rc || p.cls == CLASS_PUBLIC || s.n_signed == 1);
    request_free(&req);
    wish_free(&w);
    return rc;
}

static void check_refuses(void)
{
    static const struct {
        const char *text;
        int rc;
    } cases[] = {
        {"{\"method\":\"GET\",\"url\":\"/api/v3/account\"}", OK},
        {"{\"method\":\"GET\",\"url\":\"https://api.binance.com/api/v3/account\"}", OK},
        {"{\"method\":\"get\",\"url\":\"/api/v3/account\"}", ERR_USAGE},
        {"{\"method\":\"GET\",\"url\":\"https://example.com/api/v3/account\"}", ERR_USAGE},
        {"{\"method\":\"GET\",\"url\":\"http://api.binance.com/api/v3/account\"}", ERR_USAGE},
        {"{\"method\":\"GET\",\"url\":\"/api//v3/account\"}", ERR_USAGE},
        {"{\"method\":\"GET\",\"url\":\"/api/v3/account\",\"headers\":{\"A\":\"b\\r\\nC: d\"}}",
         ERR_USAGE},
        {"{\"method\":\"GET\",\"url\":\"/api/v3/account\",\"headers\":{\"A\":\"1\",\"a\":\"2\"}}",
         ERR_USAGE},
        {"{\"method\":\"GET\",\"url\":\"/api/v3/account\",\"headers\":{\"A\":\"\\u00e4\"}}",
         ERR_USAGE},
        {"{\"method\":\"GET\",\"url\":\"/api/v3/account\",\"headers\":{\"A\":\"\\u007f\"}}",
         ERR_USAGE},
        {"{\"method\":\"GET\",\"url\":\"/api/v3/account\",\"headers\":{\"A\":\"\\u0001\"}}",
         ERR_USAGE},
        {"{\"method\":\"POST\",\"url\":\"/sapi/v1/capital/withdraw/apply\"}", ERR_POLICY},
        {"{\"method\":\"POST\",\"url\":\"/sapi/v1/no/such/thing\"}", ERR_POLICY},
        {"{\"kind\":\"ws_login\",\"url\":\"wss://example.com/ws\"}", ERR_USAGE},
    };
    struct record_info r;

    info_for(&r, "binance");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {.code = OK, .msg = ""};
        int rc = check(cases[i].text, &r, &e);
        harness_ok(rc == cases[i].rc, __FILE__, __LINE__, "%s: %d %s", cases[i].text, rc, e.msg);
    }
    record_info_free(&r);
}

static bool has_hint(const struct err *e, const char *text)
{
    for (unsigned i = 0; i < e->n_hints; i++)
        if (strstr(e->hints[i], text))
            return true;
    return false;
}

/* A path that is open is refused with the parameters of one that is not, and the hint says so. */
static void raised_by_parameters(void)
{
    static const struct {
        const char *url, *hint;
    } cases[] = {
        {"/api/v3/account?amount=1&address=x", "its parameters are those of a withdrawal: by its "
                                               "path it is of class read"},
        {"/api/v3/account?amount=1&asset=BTC", "those of a transfer"},
        {"/api/v3/account?amount=1", "those of a change of settings"},
        {"/api/v3/account?apiName=x", "those of a change of API keys"},
        {"/api/v3/account?amount=1&address=x&apiName=y", "those of requests of several classes"},
    };
    struct record_info r;
    char text[256];
    struct err e;

    info_for(&r, "binance");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(text, sizeof(text), "{\"method\":\"GET\",\"url\":\"%s\"}", cases[i].url);
        EQ_INT(check(text, &r, &e), ERR_POLICY);
        harness_ok(has_hint(&e, cases[i].hint), __FILE__, __LINE__, "%s: %s", cases[i].url,
                   e.n_hints ? e.hints[e.n_hints - 1] : "no hint");
    }
    EQ_INT(check("{\"method\":\"POST\",\"url\":\"/sapi/v1/capital/withdraw/apply?amount=1&"
                 "address=x\"}",
                 &r, &e),
           ERR_POLICY);
    CHECK(!has_hint(&e, "parameters are those"));
    info_for(&r, "kraken");
    EQ_INT(check("{\"method\":\"POST\",\"url\":\"/0/private/Withdraw\"}", &r, &e), ERR_POLICY);
    CHECK(!has_hint(&e, "parameters are those"));
}

/* A path that is known with another method: told first. */
static void other_method(void)
{
    static const struct {
        const char *exchange, *method, *path, *hint;
    } rows[] = {
        {"kraken", "GET", "/0/private/Balance", "Kraken takes POST here"},
        {"binance", "PUT", "/api/v3/account", "Binance takes GET here"},
        {"okx", "GET", "/api/v5/trade/order-algo", NULL},
        {"kraken", "POST", "/0/private/Balanc", NULL},
        {"binance", "GET", "/sapi/v1/capital/withdraw/apply", NULL},
    };
    char text[256];
    struct record_info r;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof(text), "{\"method\":\"%s\",\"url\":\"%s\"}", rows[i].method,
                 rows[i].path);
        info_for(&r, rows[i].exchange);
        int rc = check(text, &r, &e);
        if (!rows[i].hint) {
            CHECK(rc == OK || !strstr(e.hints[0], "takes"));
            continue;
        }
        EQ_INT(rc, ERR_POLICY);
        EQ_STR(e.hints[0], rows[i].hint);
        CHECK(strstr(e.hints[1], "spelling") != NULL);
        snprintf(text, sizeof(text),
                 "coffer does not know %s %s and so does not sign it (class "
                 "unknown)",
                 rows[i].method, rows[i].path);
        EQ_STR(e.msg, text);
    }
}

static void check_record(void)
{
    static const char text[] =
        "{\"method\":\"GET\",\"url\":\"https://api1.binance.com/api/v3/account\"}";
    struct record_info r;
    struct err e;

    info_for(&r, "nowhere");
    EQ_INT(check(text, &r, &e), ERR_FAILED);
    info_for(&r, "binance");
    r.custody = CUSTODY_INSIDE;
    EQ_INT(check(text, &r, &e), ERR_FAILED);
    r.custody = CUSTODY_SEALED;
    snprintf(r.hosts[0], sizeof(r.hosts[0]), "api.binance.com");
    r.n_hosts = 1;
    EQ_INT(check(text, &r, &e), ERR_POLICY);
    snprintf(r.hosts[0], sizeof(r.hosts[0]), "api1.binance.com");
    EQ_INT(check(text, &r, &e), OK);
    info_for(&r, "kraken");
    EQ_INT(check("{\"kind\":\"ws_login\"}", &r, &e), ERR_USAGE);
}

static void body_limit(void)
{
    AUTO_BUF text = BUF_INIT(REQUEST_FILE_MAX);
    struct record_info r;
    struct err e;

    info_for(&r, "binance");
    buf_adds(&text, "{\"method\":\"POST\",\"url\":\"/api/v3/order\",\"body\":\"");
    for (size_t i = 0; i < BODY_MAX / 16; i++)
        buf_adds(&text, "a=bcdefghijklmn&");
    size_t n = text.n;
    buf_adds(&text, "\"}");
    EQ_INT(check(buf_str(&text), &r, &e), OK);
    text.n = n;
    buf_adds(&text, "x\"}");
    EQ_INT(check(buf_str(&text), &r, &e), ERR_USAGE);
    CHECK(strstr(e.msg, "1048577") != NULL);
}

static void public_goes_unsigned(void)
{
    AUTO_BUF out = BUF_INIT(4096);
    struct record_info r;
    struct err e;

    info_for(&r, "binance");
    OK_CALL(sign("{\"method\":\"GET\",\"url\":\"/api/v3/time?a=%20b\",\"headers\":"
                 "{\"X-MBX-APIKEY\":\"mine\",\"Host\":\"x\",\"User-Agent\":\"u\"}}",
                 &r, &out, &e),
            &e);
    EQ_STR(buf_str(&out),
           "{\"method\":\"GET\",\"url\":\"https://api.binance.com/api/v3/time?a=%20b\","
           "\"headers\":{\"User-Agent\":\"u\"},\"body\":\"\"}\n");
}

static void clock_and_headers(void)
{
    AUTO_BUF out = BUF_INIT(4096);
    struct record_info r;
    struct err e;

    info_for(&r, "binance");
    OK_CALL(
        sign("{\"method\":\"GET\",\"url\":\"/api/v3/account\",\"headers\":{\"U\":\"a\\t \\\"\"}}",
             &r, &out, &e),
        &e);
    CHECK(strstr(buf_str(&out), "timestamp=1700000000123&signature=") != NULL);
    CHECK(strstr(buf_str(&out), "\"headers\":{\"U\":\"a\\t \\\"\",\"X-MBX-APIKEY\":\"KEY\"}") !=
          NULL);
    OK_CALL(sign("{\"method\":\"GET\",\"url\":\"/api/v3/account\",\"clock\":{\"timestamp_ms\":7}}",
                 &r, &out, &e),
            &e);
    CHECK(strstr(buf_str(&out), "timestamp=7&signature=") != NULL);
}

/* Only where a signature has them in it. */
static void random_where_it_is_read(void)
{
    AUTO_BUF out = BUF_INIT(65536);
    struct record_info r;
    struct err e;

    info_for(&r, "binance");
    n_random = 0;
    OK_CALL(sign("{\"method\":\"GET\",\"url\":\"/api/v3/account\"}", &r, &out, &e), &e);
    EQ_INT(n_random, 0);
    snprintf(r.classes, sizeof(r.classes), "session");
    OK_CALL(sign("{\"kind\":\"ws_login\"}", &r, &out, &e), &e);
    EQ_INT(n_random, 1);
    CHECK(strstr(buf_str(&out), "00010203-0405-4607-8809-0a0b0c0d0e0f") != NULL);
    info_for(&r, "coinbase_advanced_trade");
    /* refused for the kind of key, behind that */
    EQ_INT(sign("{\"method\":\"GET\",\"url\":\"/api/v3/brokerage/accounts\"}", &r, &out, &e),
           ERR_USAGE);
    EQ_INT(n_random, 2);
}

static void nonce_rises_or_is_given(void)
{
    static const char plain[] = "{\"method\":\"POST\",\"url\":\"/0/private/Balance\"}";
    static const char given[] = "{\"method\":\"POST\",\"url\":\"/0/private/Balance\","
                                "\"clock\":{\"nonce\":\"99999999999999999999\"}}";
    AUTO_BUF out = BUF_INIT(4096);
    struct record_info r;
    struct err e;

    info_for(&r, "kraken");
    OK_CALL(sign(plain, &r, &out, &e), &e);
    CHECK(strstr(buf_str(&out), "nonce=1700000000123456") != NULL);
    OK_CALL(sign(plain, &r, &out, &e), &e);
    CHECK(strstr(buf_str(&out), "nonce=1700000000123457") != NULL);
    OK_CALL(sign(given, &r, &out, &e), &e);
    CHECK(strstr(buf_str(&out), "nonce=99999999999999999999") != NULL);
    OK_CALL(sign(plain, &r, &out, &e), &e);
    CHECK(strstr(buf_str(&out), "nonce=1700000000123458") != NULL);
    EQ_INT(
        sign("{\"method\":\"POST\",\"url\":\"/0/private/Balance\",\"clock\":{\"nonce\":\"12a\"}}",
             &r, &out, &e),
        ERR_USAGE);
    EQ_INT(sign("{\"method\":\"POST\",\"url\":\"/0/private/Balance\","
                "\"clock\":{\"nonce\":\"100000000000000000000\"}}",
                &r, &out, &e),
           ERR_USAGE);
}

static void output_is_utf8(void)
{
    AUTO_BUF out = BUF_INIT(4096);
    struct request r;
    struct err e;

    request_init(&r);
    buf_adds(&r.url, "u");
    OK_CALL(request_json(&r, true, &out, &e), &e);
    EQ_STR(buf_str(&out), "{\"url\":\"u\",\"headers\":{},\"message\":null}\n");
    buf_reset(&out);
    buf_adds(&r.body, "\xff");
    CHECK(request_json(&r, true, &out, &e) != OK);
    request_free(&r);
}

int main(void)
{
    RUN(check_refuses);
    RUN(raised_by_parameters);
    RUN(other_method);
    RUN(check_record);
    RUN(body_limit);
    RUN(public_goes_unsigned);
    RUN(clock_and_headers);
    RUN(random_where_it_is_read);
    RUN(nonce_rises_or_is_given);
    RUN(output_is_utf8);
    return harness_end();
}
