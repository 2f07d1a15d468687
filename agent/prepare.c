/* SPDX-License-Identifier: Apache-2.0 */
/* Checks and classifies one request. Signing: prepare_sign.c; who may: policy.c. */
#include "agent/prepare.h"

#include "agent/policy.h"
#include "base/text.h"
#include "connectors/target.h"

#include <stdio.h>

#define WINDOW_MS 5000u

const struct sign_limits sign_by_owner = {SIGN_CLOCK_OWN, 0};
const struct sign_limits sign_to_send = {SIGN_CLOCK_NONE, WINDOW_MS};
const struct sign_limits sign_to_release = {SIGN_CLOCK_NEAR, WINDOW_MS};

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
    return prepare_check_limited(w, rec, &sign_by_owner, out, e);
}

/* Beside the time nothing of a client's clock is taken. */
static int check_clock(const struct wish *w, const struct sign_limits *limits, struct err *e)
{
    const struct clock_fixed *c = &w->clock;

    if (limits->clock == SIGN_CLOCK_OWN)
        return OK;
    if (!c->nonce.n && !c->uuid.n && !c->has_random &&
        (limits->clock == SIGN_CLOCK_NEAR || !c->has_time))
        return OK;
    err_set(e, ERR_USAGE, "request: clock: '%s' is not taken from clients",
            c->nonce.n        ? "nonce"
            : c->uuid.n       ? "uuid"
            : c->has_random   ? "random_hex16"
                              : "timestamp_ms");
    return err_hint(e, "leave it out: coffer gives each request its own");
}

int prepare_check_limited(const struct wish *w, const struct record_info *rec,
                          const struct sign_limits *limits, struct prepared *out, struct err *e)
{
    char what[224];

    memset(out, 0, sizeof(*out));
    out->is_ws = w->is_ws;
    out->cls = CLASS_UNKNOWN;
    out->limits = limits;
    out->call.base.window_ms = limits->window_ms;
    if (check_clock(w, limits, e))
        return e->code;
    if (find_connector(rec, out, e))
        return e->code;
    if (w->is_ws ? check_ws(w, out, e) : check_rest(w, out, e))
        return e->code;
    /* The words are needed only where it is refused. */
    if (policy_check(rec, out->cls, "", e)) {
        name_request(out, what, sizeof(what));
        (void)!policy_check(rec, out->cls, what, e);
        explain_method(out, e);
        explain_raised(out, e);
        return e->code;
    }
    return policy_check_host(rec, out->call.base.host, e);
}
