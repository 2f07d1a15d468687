/* SPDX-License-Identifier: Apache-2.0 */
/* Loading and signing of one vector case; see vector_case.h. */
#include "tests/vector_case.h"

#include "tests/harness.h"
#include "tests/memsigner.h"

#include "base/codec.h"
#include "base/text.h"
#include "connectors/credential.h"
#include "connectors/form.h"
#include "connectors/jsonedit.h"
#include "connectors/target.h"

#include <stdio.h>

struct vector_case now;

struct json member(struct json v, const char *name)
{
    struct json out = {0};
    (void)!json_get(v, name, &out);
    return out;
}

bool text_is(struct json v, const char *name, const char *value)
{
    return json_str_eq(member(v, name), value);
}

static struct bytes room_of(const struct buf *b)
{
    uint8_t *p = vector_room(b->n);
    if (b->n)
        memcpy(p, b->p, b->n);
    return bytes_of(p, b->n);
}

int case_credentials(struct err *e)
{
    struct secret typed[FIELD_COUNT] = {0};
    struct json cred = member(now.c, "credentials"), key, value;
    struct json_iter it;
    int rc = OK;
    json_iter(&it, cred);
    while (!rc && json_next(&it, &key, &value)) {
        char name[64];
        enum field_id id;
        if (!json_cstr(key, name, sizeof(name)) || !field_by_name(bytes_str(name), false, &id))
            rc = err_set(e, ERR_FORMAT, "no such field");
        else
            rc = secret_copy(&typed[id], vector_text(cred, name), e);
    }
    if (!rc)
        rc = credential_normalise(now.file->conn, typed, now.fields, &now.key, e);
    for (int i = 0; i < FIELD_COUNT; i++)
        secret_free(&typed[i]);
    return rc;
}

static void load_clock(struct call *c)
{
    struct json clock = member(now.c, "clock");
    struct bytes hex = vector_text(clock, "random_hex16");
    size_t n;
    CHECK(json_u64(member(clock, "timestamp_ms"), JSON_INT_MAX, &c->timestamp_ms));
    c->nonce = vector_text(clock, "nonce");
    c->uuid = vector_text(clock, "uuid");
    if (hex.n)
        CHECK(hex_decode(c->random, sizeof(c->random), &n, hex));
}

static int load_record(struct call *c, struct err *e)
{
    struct bytes env = vector_text(now.c, "environment"), region = vector_text(now.c, "region");
    static char region_text[16];
    *c = (struct call){.conn = now.file->conn};
    if (env.n && !environment_by_name(env, &c->env))
        return err_set(e, ERR_FORMAT, "no such environment");
    if (region.n && text_copy(region_text, sizeof(region_text), region))
        c->region = region_text;
    load_clock(c);
    return OK;
}

/* The name of the parameter that the client may have put in another place than we would. */
static const char *placed_name(void)
{
    return now.file->conn->needs_nonce ? "nonce" : "timestamp";
}

/* What to feed in place of the unsigned parameters: them, or, where the client put the parameter
 * elsewhere than we would, what it sent, with a zero there. Both ways round are checked. */
static struct bytes place(struct bytes bare, struct bytes sent)
{
    AUTO_BUF zero = BUF_INIT(URL_MAX + 65536), without = BUF_INIT(URL_MAX + 65536);
    const char *name = placed_name();
    bool at_front = now.file->conn->needs_nonce;
    if (!form_has(sent, name) || (bare.n && bare.p[0] == '{'))
        return bare;
    form_copy(&zero, sent, "signature", name, BYTES_LIT("0"));
    form_copy(&without, sent, "signature", name, bytes_of(NULL, 0));
    EQ_MEM(buf_bytes(&without), bare);
    struct bytes z = buf_bytes(&zero);
    char edge[32];
    int n = snprintf(edge, sizeof(edge), at_front ? "%s=0&" : "&%s=0", name);
    bool is_ours = !bare.n || (at_front ? text_starts(z, edge) : text_ends(z, edge));
    return n > 0 && is_ours ? bare : room_of(&zero);
}

static void load_headers(struct json unsigned_)
{
    struct json h = member(unsigned_, "headers"), key, value;
    struct json_iter it;
    struct call *c = &now.call.base;
    c->headers = now.headers;
    c->n_headers = 0;
    json_iter(&it, h);
    while (json_next(&it, &key, &value)) {
        char name[128];
        CHECK(json_cstr(key, name, sizeof(name)));
        uint8_t *copy = vector_room(strlen(name));
        memcpy(copy, name, strlen(name));
        now.headers[c->n_headers++] =
            (struct header){bytes_of(copy, strlen(name)), vector_text(h, name)};
    }
}

/* Decoded, with + as blank: what one client signs while it sends the encoded form. */
static struct bytes form_decoded(struct bytes v)
{
    uint8_t *out = vector_room(v.n);
    size_t n = 0, got;
    for (size_t i = 0; i < v.n; i++) {
        out[n] = v.p[i] == '+' ? ' ' : v.p[i];
        if (v.p[i] == '%' && hex_decode(&out[n], 1, &got, bytes_of(v.p + i + 1, 2)))
            i += 2;
        n++;
    }
    return bytes_of(out, n);
}

static struct bytes query_of(struct bytes url)
{
    struct bytes head, tail;
    return text_cut(url, '?', &head, &tail) ? tail : bytes_of(NULL, 0);
}

int case_rest(struct err *e)
{
    AUTO_BUF url = BUF_INIT(URL_MAX * 2);
    struct call *c = &now.call.base;
    struct json u = member(now.c, "unsigned"), s = member(now.c, "signed");
    struct bytes query = vector_text(u, "query"), body = vector_text(u, "body");
    if (!now.file->is_own && !text_is(now.c, "signature_rule", "none")) {
        query = place(query, query_of(vector_text(s, "url")));
        body = place(body, vector_text(s, "body"));
    }
    int rc = load_record(c, e);
    if (rc)
        return rc;
    c->method = vector_text(u, "method");
    c->body = body;
    load_headers(u);
    buf_add(&url, vector_text(u, "host"));
    buf_add(&url, vector_text(u, "path"));
    if (query.n)
        buf_addc(&url, '?');
    buf_add(&url, query);
    rc = target_check_method(c->method, e);
    if (!rc)
        rc = target_parse(room_of(&url), false, c, e);
    /* The client signed the decoded query and sent the encoded one. As a url the decoded one would
     * be refused: the connector gets it past that check, and only the headers are compared. */
    if (!rc && text_is(now.c, "signature_rule", "form_decoded"))
        c->query = form_decoded(query);
    return rc;
}

int case_sign_rest(struct err *e)
{
    struct memsigner m;
    const struct call *c = &now.call.base;
    memsigner_init(&m, now.fields, now.key);
    for (size_t i = 0; i < c->n_headers; i++)
        if (!target_drops_header(c->conn, c->headers[i].name))
            request_header(&now.out, c->headers[i].name, c->headers[i].value);
    return c->conn->sign(c, &m.base, &now.out, e);
}

/* The client's message as the vector has it; a bare params object gets the frame it was in. */
struct bytes case_message(void)
{
    AUTO_BUF text = BUF_INIT(65536);
    struct json m = member(now.c, "message");
    if (bytes_eq_str(bytes_str(now.file->conn->name), "binance") && !member(m, "params").p) {
        buf_adds(&text, "{\"id\":\"1\",\"method\":\"order.place\",\"params\":");
        buf_add(&text, bytes_of(m.p, m.n));
        buf_addc(&text, '}');
    } else {
        buf_add(&text, bytes_of(m.p, m.n));
    }
    return room_of(&text);
}

/* The same message with nothing in the places that the connector fills. */
static struct bytes blanked_message(struct bytes text)
{
    const struct json_edit all[] = {
        {"apiKey", BYTES_LIT("\"\""), false},    {"timestamp", BYTES_LIT("0"), false},
        {"signature", BYTES_LIT("\"\""), false}, {"passphrase", BYTES_LIT("\"\""), false},
        {"sign", BYTES_LIT("\"\""), false},      {"jwt", BYTES_LIT("\"\""), false},
    };
    AUTO_BUF out = BUF_INIT(65536);
    struct json root, object, v;
    struct json_edit there[ARRAY_LEN(all)];
    struct json_iter it;
    struct err e;
    size_t n = 0;
    if (!OK_CALL(message_parse(text, &root, &e), &e))
        return text;
    object = root;
    if (json_get(root, "args", &v)) {
        json_iter(&it, v);
        CHECK(json_next(&it, &v, &object));
    } else if (json_get(root, "params", &v)) {
        object = v;
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (json_get(object, all[i].name, &v))
            there[n++] = all[i];
    json_edit_object(&out, text, object, there, n);
    return room_of(&out);
}

int case_sign_ws(struct err *e)
{
    struct memsigner m;
    struct call *c = &now.call.base;
    int rc = load_record(c, e);
    c->method = BYTES_LIT("WS");
    if (!rc)
        rc = target_parse(vector_text(now.c, "url"), true, c, e);
    if (rc)
        return rc;
    now.call.message = blanked_message(case_message());
    memsigner_init(&m, now.fields, now.key);
    return c->conn->sign_ws(&now.call, &m.base, &now.out, e);
}
