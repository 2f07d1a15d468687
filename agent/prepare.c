/* SPDX-License-Identifier: Apache-2.0 */
/* Checks, classifies and signs one request. Which bytes are signed is the connector's; who may is
 * policy.c's. */
#include "agent/prepare.h"

#include "agent/policy.h"
#include "base/text.h"
#include "connectors/target.h"
#include "vault/state.h"

#include <inttypes.h>
#include <stdio.h>

static int find_connector(const struct record_info *rec, struct prepared *p, struct err *e)
{
    struct call *c = &p->call.base;

    p->conn = connector_find(rec->connector);
    if (!p->conn || !environment_by_name(bytes_str(rec->environment), &c->env)) {
        err_set(e, ERR_FAILED, "'%s' is for '%s' (%s), which this version of coffer does not know",
                rec->name, rec->connector, rec->environment);
        return err_hint(e, "use the version that added it, or a later one");
    }
    if (rec->custody != CUSTODY_SEALED) {
        err_set(e, ERR_FAILED, "'%s' has custody %s, which this version of coffer cannot use",
                rec->name, custody_name(rec->custody));
        return err_hint(e, "use the version that added it, or a later one");
    }
    c->conn = p->conn;
    c->region = rec->region[0] ? rec->region : NULL;
    return OK;
}

/* What else a value may have on the wire, servers and what stands before them read in their own
 * ways. */
static bool is_plain(struct bytes v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] != '\t' && (v.p[i] < ' ' || v.p[i] > '~'))
            return false;
    return true;
}

static int check_headers(const struct wish *w, struct prepared *p, struct err *e)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n_headers; i++) {
        const struct header *h = &w->headers[i];
        if (target_check_header(h->name, h->value, e))
            return e->code;
        if (!is_plain(h->value))
            return err_set(e, ERR_USAGE,
                           "the value of header '%.*s' has a character that is not visible ASCII",
                           (int)h->name.n, (const char *)h->name.p);
        for (size_t k = 0; k < i; k++)
            if (text_eq_nocase(h->name, w->headers[k].name))
                return err_set(e, ERR_USAGE, "header '%.*s' is given twice", (int)h->name.n,
                               (const char *)h->name.p);
        if (!target_drops_header(p->conn, h->name))
            p->headers[n++] = *h;
    }
    p->call.base.headers = p->headers;
    p->call.base.n_headers = n;
    return OK;
}

static int check_text(struct bytes v, const char *what, struct err *e)
{
    if (v.n > BODY_MAX)
        return err_set(e, ERR_USAGE, "%s is %zu bytes long; at most %u are signed", what, v.n,
                       BODY_MAX);
    if (!text_is_utf8(v))
        return err_set(e, ERR_USAGE, "%s is not UTF-8 text", what);
    return OK;
}

static int check_ws(const struct wish *w, struct prepared *p, struct err *e)
{
    struct call *c = &p->call.base;

    if (!p->conn->sign_ws || !p->conn->classify_ws) {
        err_set(e, ERR_USAGE, "%s has no signed WebSocket login", p->conn->title);
        return err_hint(e, "its streams need no login, or a token that a signed request hands out");
    }
    c->method = BYTES_LIT("WS");
    c->is_ws = true;
    if (w->url.n > 0 && target_parse(w->url, true, c, e))
        return e->code;
    if (check_text(w->message, "the message", e))
        return e->code;
    p->call.message = w->message;
    p->cls = p->conn->classify_ws(&p->call);
    return OK;
}

static int check_rest(const struct wish *w, struct prepared *p, struct err *e)
{
    struct call *c = &p->call.base;

    if (target_check_method(w->method, e) || target_parse(w->url, false, c, e) ||
        check_text(w->body, "the body", e) || check_headers(w, p, e))
        return e->code;
    c->method = w->method;
    c->body = w->body;
    p->cls = connector_classify(c);
    return OK;
}

/* Method and path for a message. What a query says is nobody's business. */
static void name_request(const struct prepared *p, char *out, size_t cap)
{
    const struct call *c = &p->call.base;
    size_t n = c->path.n < 160 ? c->path.n : 160;

    if (c->is_ws)
        snprintf(out, cap, "this WebSocket message");
    else
        snprintf(out, cap, "%.*s %.*s%s%s", (int)c->method.n, (const char *)c->method.p, (int)n,
                 (const char *)c->path.p, n < c->path.n ? "..." : "",
                 connector_path_class(c) != p->cls ? " with these parameters" : "");
}

/* Why a harmless path was not enough. */
static void explain_raised(const struct prepared *p, struct err *e)
{
    static const char *const kinds[CLASS_COUNT] = {
        [CLASS_TRADE] = "an order",
        [CLASS_ACCOUNT] = "a change of settings",
        [CLASS_TRANSFER] = "a transfer",
        [CLASS_WITHDRAW] = "a withdrawal",
        [CLASS_KEYS] = "a change of API keys",
        [CLASS_UNKNOWN] = "requests of several classes",
    };
    enum req_class by_path = p->is_ws ? p->cls : connector_path_class(&p->call.base);

    if (by_path == p->cls)
        return;
    err_hint(e,
             "its parameters are those of %s: by its path it is of class %s, but a signature of "
             "%s covers no path and would be good for them elsewhere",
             kinds[p->cls] ? kinds[p->cls] : class_name(p->cls), class_name(by_path),
             p->conn->title);
}

/* A path that is known with another method is a slip, and told first. */
static void explain_method(const struct prepared *p, struct err *e)
{
    static const char *const methods[] = {"GET", "POST", "DELETE", "PUT"};
    struct call other = p->call.base;
    const struct err before = *e;

    if (p->is_ws || p->cls != CLASS_UNKNOWN || connector_path_class(&other) != CLASS_UNKNOWN)
        return;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        other.method = bytes_str(methods[i]);
        /* The patterns of graver classes are wide: they say nothing of this very path. */
        if (!(CLASSES_DEFAULT & CLASS_BIT(connector_path_class(&other))))
            continue;
        e->n_hints = 0;
        err_hint(e, "%s takes %s here", p->conn->title, methods[i]);
        for (unsigned k = 0; k < before.n_hints; k++)
            err_hint(e, "%s", before.hints[k]);
        return;
    }
}

int prepare_check(const struct wish *w, const struct record_info *rec, struct prepared *out,
                  struct err *e)
{
    char what[224];

    memset(out, 0, sizeof(*out));
    out->is_ws = w->is_ws;
    if (find_connector(rec, out, e))
        return e->code;
    if (w->is_ws ? check_ws(w, out, e) : check_rest(w, out, e))
        return e->code;
    name_request(out, what, sizeof(what));
    if (policy_check(rec, out->cls, what, e)) {
        explain_method(out, e);
        explain_raised(out, e);
        return e->code;
    }
    return policy_check_host(rec, out->call.base.host, e);
}

static void copy_headers(const struct call *c, struct request *out)
{
    for (size_t i = 0; i < c->n_headers; i++)
        request_header(out, c->headers[i].name, c->headers[i].value);
}

int prepare_unsigned(const struct prepared *p, struct request *out, struct err *e)
{
    copy_headers(&p->call.base, out);
    request_unsigned(out, &p->call.base);
    if (p->is_ws)
        buf_add(&out->body, p->call.message);
    return request_check(out, e);
}

/* RFC 9562, section 5.4: version 4, variant 10. */
static void uuid_from_random(const uint8_t random[16], char out[37])
{
    uint8_t v[16];
    size_t n = 0;

    memcpy(v, random, sizeof(v));
    v[6] = (uint8_t)((v[6] & 0x0f) | 0x40);
    v[8] = (uint8_t)((v[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(v); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[n++] = '-';
        n += (size_t)snprintf(out + n, 37 - n, "%02x", v[i]);
    }
}

static int give_time(struct call *c, const struct clock_fixed *fixed, const struct env *env,
                     struct err *e)
{
    uint64_t now_us;

    if (fixed->has_time) {
        c->timestamp_ms = fixed->timestamp_ms;
        return OK;
    }
    if (env->now_us(env, &now_us, e))
        return e->code;
    c->timestamp_ms = now_us / 1000;
    return OK;
}

static int give_random(struct prepared *p, const struct clock_fixed *fixed, const struct env *env,
                       struct err *e)
{
    struct call *c = &p->call.base;

    if (fixed->has_random)
        memcpy(c->random, fixed->random, sizeof(c->random));
    else if (env->random(env, c->random, sizeof(c->random), e))
        return e->code;
    if (fixed->uuid.n > 0) {
        c->uuid = fixed->uuid;
        return OK;
    }
    uuid_from_random(c->random, p->uuid);
    c->uuid = bytes_str(p->uuid);
    return OK;
}

static bool is_digits(struct bytes v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
    return v.n > 0 && v.n <= NONCE_TEXT_MAX;
}

static int give_nonce(struct prepared *p, const struct clock_fixed *fixed,
                      const struct record_info *info, const struct where *where,
                      const struct env *env, struct err *e)
{
    struct call *c = &p->call.base;
    uint64_t nonce;

    /* A nonce of the owner's own is for reproducing a signature: it neither checks nor moves the
     * mark. */
    if (fixed->nonce.n > 0) {
        if (p->conn->needs_nonce && !is_digits(fixed->nonce))
            return err_set(e, ERR_USAGE, "request: clock: %s takes a nonce of 1 to %u digits",
                           p->conn->title, NONCE_TEXT_MAX);
        c->nonce = fixed->nonce;
        return OK;
    }
    if (!p->conn->needs_nonce)
        return OK;
    if (state_nonce(where, info->vault_id, info->rec_id, env, &nonce, e))
        return e->code;
    snprintf(p->nonce, sizeof(p->nonce), "%" PRIu64, nonce);
    c->nonce = bytes_str(p->nonce);
    return OK;
}

int prepare_sign(struct prepared *p, const struct wish *w, const struct record_info *info,
                 struct signer *signer, const struct where *where, const struct env *env,
                 struct request *out, struct err *e)
{
    if (p->cls == CLASS_PUBLIC)
        return prepare_unsigned(p, out, e);
    if (give_time(&p->call.base, &w->clock, env, e) || give_random(p, &w->clock, env, e) ||
        give_nonce(p, &w->clock, info, where, env, e))
        return e->code;
    copy_headers(&p->call.base, out);
    int rc = p->is_ws ? p->conn->sign_ws(&p->call, signer, out, e)
                      : p->conn->sign(&p->call.base, signer, out, e);
    if (!rc)
        rc = request_check(out, e);
    /* Only the caller's parts vary in length. */
    if (rc == ERR_LIMIT)
        return e->code = ERR_USAGE;
    return rc;
}

static void add_member(struct buf *out, const char *before, const struct buf *v, bool null_if_empty)
{
    buf_adds(out, before);
    if (null_if_empty && v->n == 0)
        buf_adds(out, "null");
    else
        buf_add_json(out, buf_bytes(v));
}

static void add_headers(struct buf *out, const struct request *r)
{
    buf_adds(out, ",\"headers\":{");
    for (size_t i = 0; i < r->n_headers; i++) {
        buf_adds(out, i ? "," : "");
        buf_add_json(out, buf_bytes(&r->names[i]));
        buf_addc(out, ':');
        buf_add_json(out, buf_bytes(&r->values[i]));
    }
    buf_addc(out, '}');
}

int request_json(const struct request *r, bool is_ws, struct buf *out, struct err *e)
{
    if (is_ws) {
        add_member(out, "{\"url\":", &r->url, true);
        add_headers(out, r);
        add_member(out, ",\"message\":", &r->body, true);
    } else {
        add_member(out, "{\"method\":", &r->method, false);
        add_member(out, ",\"url\":", &r->url, false);
        add_headers(out, r);
        add_member(out, ",\"body\":", &r->body, false);
    }
    buf_adds(out, "}\n");
    return buf_check(out, "signed request", e);
}
