/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a client's request from JSON. Strict: a member that is not understood is refused, since it
 * could have been meant to limit something. What the values mean is prepare.c's. */
#include "agent/prepare.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/text.h"

/* One pass over the text. Unescaped strings take no more room than they had escaped, so one buffer
 * as long as the text holds them all and never moves. */
struct reader {
    struct bytes text;
    struct wish *w;
    size_t used;
};

void wish_init(struct wish *w)
{
    w->is_ws = false;
    w->method = w->url = w->body = w->message = bytes_of(NULL, 0);
    w->n_headers = 0;
    memset(&w->clock, 0, sizeof(w->clock));
    w->scratch = (struct buf)BUF_INIT(REQUEST_FILE_MAX);
}

void wish_free(struct wish *w)
{
    buf_free(&w->scratch);
    wish_init(w);
}

static int bad(struct err *e, const char *what)
{
    err_set(e, ERR_USAGE, "request: %s", what);
    return err_hint(e, "'coffer help sign' shows the form of a request");
}

static int read_string(struct reader *r, struct json v, const char *name, struct bytes *out,
                       struct err *e)
{
    struct buf *scratch = &r->w->scratch;
    size_t n;

    if (v.type != JSON_STRING) {
        err_set(e, ERR_USAGE, "request: '%s' is not a string", name);
        return err_hint(e, "'coffer help sign' shows the form of a request");
    }
    struct bytes raw = json_raw(v);
    if (raw.n == 0 || !memchr(raw.p, '\\', raw.n)) {
        *out = raw;
        return OK;
    }
    if (scratch->n == 0) {
        buf_add(scratch, r->text);
        if (buf_check(scratch, "request", e))
            return e->code;
    }
    if (!json_str(v, scratch->p + r->used, scratch->n - r->used, &n))
        return bad(e, "a string cannot be read");
    *out = bytes_of(scratch->p + r->used, n);
    r->used += n;
    return OK;
}

/* null stands for the empty string. */
static int read_text(struct reader *r, struct json v, const char *name, struct bytes *out,
                     struct err *e)
{
    if (v.type == JSON_NULL) {
        *out = bytes_str("");
        return OK;
    }
    return read_string(r, v, name, out, e);
}

static int read_headers(struct reader *r, struct json v, struct err *e)
{
    struct json_iter it;
    struct json key, value;
    struct wish *w = r->w;

    if (v.type != JSON_OBJECT)
        return bad(e, "'headers' is not an object of strings");
    json_iter(&it, v);
    while (json_next(&it, &key, &value)) {
        if (w->n_headers == HEADERS_MAX)
            return bad(e, "too many headers");
        struct header *h = &w->headers[w->n_headers];
        if (value.type != JSON_STRING)
            return bad(e, "'headers' is not an object of strings");
        if (read_string(r, key, "header name", &h->name, e) ||
            read_string(r, value, "header value", &h->value, e))
            return e->code;
        w->n_headers++;
    }
    return OK;
}

static bool is_uuid(struct bytes v)
{
    if (v.n != 36)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        uint8_t c = v.p[i];
        bool is_dash_place = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (is_dash_place ? c != '-' : !is_hex)
            return false;
    }
    return true;
}

static bool is_nonce(struct bytes v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] <= ' ' || v.p[i] > '~')
            return false;
    return v.n > 0 && v.n <= 128;
}

/* A name that may be shown is: letters, digits and what joins them. */
static int unknown_member(struct json key, const char *where, const char *known, struct err *e)
{
    char name[33];
    bool is_word = json_cstr(key, name, sizeof(name)) && name[0];

    for (size_t i = 0; is_word && name[i]; i++) {
        char c = name[i];
        is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
    }
    if (is_word)
        err_set(e, ERR_USAGE, "request: %sunknown member '%s' (%s)", where, name, known);
    else
        err_set(e, ERR_USAGE, "request: %sunknown member (%s)", where, known);
    return err_hint(e, "'coffer help sign' shows the form of a request");
}

static int read_clock_member(struct reader *r, struct json key, struct json v, struct err *e)
{
    struct clock_fixed *c = &r->w->clock;
    struct bytes text;
    size_t n;

    if (json_str_eq(key, "timestamp_ms")) {
        if (!json_u64(v, JSON_INT_MAX, &c->timestamp_ms))
            return bad(e, "clock: 'timestamp_ms' is not an integer from 0 to 2^53");
        c->has_time = true;
        return OK;
    }
    if (json_str_eq(key, "nonce")) {
        if (read_string(r, v, "nonce", &c->nonce, e))
            return e->code;
        return is_nonce(c->nonce) ? OK
                                  : bad(e, "clock: 'nonce' is not 1 to 128 visible characters");
    }
    if (json_str_eq(key, "uuid")) {
        if (read_string(r, v, "uuid", &c->uuid, e))
            return e->code;
        return is_uuid(c->uuid) ? OK : bad(e, "clock: 'uuid' is not a UUID of 36 characters");
    }
    if (json_str_eq(key, "random_hex16")) {
        if (read_string(r, v, "random_hex16", &text, e))
            return e->code;
        if (!hex_decode(c->random, sizeof(c->random), &n, text) || n != sizeof(c->random))
            return bad(e, "clock: 'random_hex16' is not 16 bytes in 32 hex digits");
        c->has_random = true;
        return OK;
    }
    return unknown_member(key, "clock: ", "known: timestamp_ms, nonce, uuid, random_hex16", e);
}

static int read_clock(struct reader *r, struct json v, struct err *e)
{
    struct json_iter it;
    struct json key, value;

    if (v.type != JSON_OBJECT)
        return bad(e, "'clock' is not an object");
    json_iter(&it, v);
    while (json_next(&it, &key, &value))
        if (read_clock_member(r, key, value, e))
            return e->code;
    return OK;
}

static int read_member(struct reader *r, struct json key, struct json v, struct err *e)
{
    struct wish *w = r->w;

    if (json_str_eq(key, "kind"))
        return OK;
    if (json_str_eq(key, "url"))
        return read_string(r, v, "url", &w->url, e);
    if (json_str_eq(key, "clock"))
        return read_clock(r, v, e);
    if (w->is_ws) {
        if (json_str_eq(key, "message"))
            return read_text(r, v, "message", &w->message, e);
        return unknown_member(key, "", "of a ws_login: kind, url, message, clock", e);
    }
    if (json_str_eq(key, "method"))
        return read_string(r, v, "method", &w->method, e);
    if (json_str_eq(key, "headers"))
        return read_headers(r, v, e);
    if (json_str_eq(key, "body"))
        return read_text(r, v, "body", &w->body, e);
    return unknown_member(key, "", "known: method, url, headers, body, clock; kind for a WebSocket",
                          e);
}

static int read_object(struct reader *r, struct json root, struct err *e)
{
    struct json_iter it;
    struct json key, value, kind;

    if (root.type != JSON_OBJECT)
        return bad(e, "not a JSON object");
    if (json_get(root, "kind", &kind)) {
        if (!json_str_eq(kind, "ws_login"))
            return bad(e, "'kind' is not \"ws_login\", the only kind there is");
        r->w->is_ws = true;
    }
    json_iter(&it, root);
    while (json_next(&it, &key, &value))
        if (read_member(r, key, value, e))
            return e->code;
    if (!r->w->is_ws && !r->w->method.p)
        return bad(e, "no 'method'");
    if (!r->w->is_ws && !r->w->url.p)
        return bad(e, "no 'url'");
    return OK;
}

int wish_from_json(struct json v, struct wish *w, struct err *e)
{
    struct reader r = {bytes_of(v.p, v.n), w, 0};

    return read_object(&r, v, e);
}

int wish_parse(struct bytes text, struct wish *w, struct err *e)
{
    static const struct json_limits limits = {REQUEST_FILE_MAX, 4, 128};
    struct json root;

    if (json_check(text, &limits, &root, e)) {
        /* Whatever is wrong with it, it is what the caller gave us. */
        e->code = e->code == ERR_MEMORY ? ERR_MEMORY : ERR_USAGE;
        return err_wrap(e, "request");
    }
    return wish_from_json(root, w, e);
}

int wish_header(struct wish *w, struct bytes line, struct err *e)
{
    struct bytes name, value;

    if (w->n_headers == HEADERS_MAX)
        return bad(e, "too many headers");
    if (!text_cut(line, ':', &name, &value))
        return bad(e, "a header is written 'Name: value'");
    w->headers[w->n_headers++] = (struct header){name, text_trim(value)};
    return OK;
}
