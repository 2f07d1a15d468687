/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/: signing arbitrary call text with a signer that has no key. The first byte picks the
 * connector and REST or WebSocket; then come method, URL and body or message, a line each (the body
 * to the end). Whatever is signed goes to the host and path that were asked for. */
#include "base/json.h"
#include "connectors/target.h"
#include "tests/fuzz/fuzz.h"

#include "base/text.h"

static int fake_sign(struct signer *s, enum sig_alg alg, enum field_id f, struct bytes msg,
                     struct sig *out, struct err *e)
{
    (void)s, (void)alg, (void)f, (void)e;
    MUST(msg.n == 0 || msg.p != NULL);
    memset(out->v, 0xfb, sizeof(out->v));
    out->n = alg == SIG_HMAC_SHA256 ? 32 : alg == SIG_RSA_SHA256 ? 256 : 64;
    return OK;
}

static int fake_place(struct signer *s, enum field_id f, struct buf *out, struct err *e)
{
    (void)s, (void)f, (void)e;
    buf_adds(out, "organizations/k/apiKeys/k");
    return OK;
}

static void rest(struct call *c, struct signer *s)
{
    struct request out;
    struct err e;
    AUTO_BUF want = BUF_INIT(URL_MAX + 256);
    request_init(&out);
    buf_adds(&want, c->origin.n ? "" : "https://");
    buf_add(&want, c->origin.n ? c->origin : c->host);
    buf_add(&want, c->path);
    if (c->conn->sign(c, s, &out, &e) == OK && !out.url.failed) {
        MUST(out.url.n >= want.n && memcmp(out.url.p, want.p, want.n) == 0);
        MUST(out.url.n == want.n || out.url.p[want.n] == '?');
        for (size_t i = 0; i < out.n_headers; i++)
            MUST(target_check_header(buf_bytes(&out.names[i]), buf_bytes(&out.values[i]), &e) ==
                 OK);
    }
    request_free(&out);
}

static void message(struct ws_call *c, struct signer *s)
{
    static const struct json_limits lim = {
        .max_bytes = 1u << 21, .max_depth = 64, .max_members = 4096};
    struct request out;
    struct json root;
    struct err e;
    request_init(&out);
    if (c->base.conn->classify_ws)
        MUST(c->base.conn->classify_ws(c) < CLASS_COUNT);
    if (c->base.conn->sign_ws && c->base.conn->sign_ws(c, s, &out, &e) == OK && out.body.n)
        MUST(json_check(buf_bytes(&out.body), &lim, &root, &e) == OK);
    request_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct ws_call c = {0};
    struct signer s = {.sign = fake_sign, .place = fake_place};
    struct bytes url, line = bytes_of(p, n);
    struct err e;
    size_t n_connectors = 0;
    if (n < 2)
        return 0;
    while (connectors[n_connectors])
        n_connectors++;
    c.base.conn = connectors[(p[0] & 0x0f) % n_connectors];
    s.key = (enum key_type)(KEY_HMAC + (p[0] >> 4 & 3));
    bool is_ws = p[0] & 0x80;
    line = bytes_of(p + 1, n - 1);
    (void)text_cut(line, '\n', &c.base.method, &line);
    (void)text_cut(line, '\n', &url, &line);
    c.base.timestamp_ms = 1499827319559;
    c.base.nonce = BYTES_LIT("1499827319559000");
    c.base.uuid = BYTES_LIT("00000000-0000-4000-8000-000000000000");
    if (target_parse(url, is_ws, &c.base, &e))
        return 0;
    if (is_ws) {
        c.base.method = BYTES_LIT("WS");
        c.message = line;
        message(&c, &s);
    } else if (target_check_method(c.base.method, &e) == OK) {
        c.base.body = line;
        rest(&c.base, &s);
    }
    return 0;
}
