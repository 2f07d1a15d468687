/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a checked request its clock and nonce, and has it signed. Which bytes are signed is the
 * connector's. */
#include "agent/prepare.h"

#include "vault/state.h"

#include <inttypes.h>
#include <stdio.h>

#define AHEAD_MS 1000u
#define BEHIND_MS 5000u
#define TOKEN_S 30u /* the life of a token that is signed for this very moment */

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
    static const char digits[] = "0123456789abcdef";
    uint8_t v[16];
    size_t n = 0;

    memcpy(v, random, sizeof(v));
    v[6] = (uint8_t)((v[6] & 0x0f) | 0x40);
    v[8] = (uint8_t)((v[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(v); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[n++] = '-';
        out[n++] = digits[v[i] >> 4];
        out[n++] = digits[v[i] & 15];
    }
    out[n] = 0;
}

static int check_near(uint64_t at_ms, uint64_t now_ms, struct err *e)
{
    if (at_ms <= now_ms + AHEAD_MS && at_ms + BEHIND_MS >= now_ms)
        return OK;
    bool is_ahead = at_ms > now_ms;
    err_set(e, ERR_POLICY,
            "the request's time is %" PRIu64 " ms %s this machine's clock: for clients at most %u "
            "ms ahead and %u ms behind is signed",
            is_ahead ? at_ms - now_ms : now_ms - at_ms, is_ahead ? "ahead of" : "behind", AHEAD_MS,
            BEHIND_MS);
    return err_hint(e, "leave 'clock' out: coffer gives the request its time");
}

static int give_time(struct prepared *p, const struct clock_fixed *fixed, const struct env *env,
                     struct err *e)
{
    struct call *c = &p->call.base;
    bool is_own = fixed->has_time && p->limits->clock == SIGN_CLOCK_OWN;
    uint64_t now_us;

    c->token_s = is_own ? 0 : TOKEN_S;
    c->timestamp_ms = fixed->timestamp_ms;
    if (is_own)
        return OK;
    if (env->now_us(env, &now_us, e))
        return e->code;
    if (fixed->has_time)
        return check_near(fixed->timestamp_ms, now_us / 1000, e);
    c->timestamp_ms = now_us / 1000;
    return OK;
}

static int give_random(struct prepared *p, const struct clock_fixed *fixed, const struct env *env,
                       struct err *e)
{
    struct call *c = &p->call.base;

    if (!p->conn->needs_random && !p->is_ws)
        return OK;
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
                      const struct env *env, struct nonces *nonces, struct err *e)
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
    int rc = nonces ? nonces_next(nonces, info->rec_id, &nonce, e)
                    : state_nonce(where, info->vault_id, info->rec_id, env, &nonce, e);
    if (rc)
        return rc;
    snprintf(p->nonce, sizeof(p->nonce), "%" PRIu64, nonce);
    c->nonce = bytes_str(p->nonce);
    return OK;
}

int prepare_sign(struct prepared *p, const struct wish *w, const struct record_info *info,
                 struct signer *signer, const struct where *where, const struct env *env,
                 struct request *out, struct err *e)
{
    return prepare_sign_with(p, w, info, signer, where, env, NULL, out, e);
}

int prepare_sign_with(struct prepared *p, const struct wish *w, const struct record_info *info,
                      struct signer *signer, const struct where *where, const struct env *env,
                      struct nonces *nonces, struct request *out, struct err *e)
{
    if (p->cls == CLASS_PUBLIC)
        return prepare_unsigned(p, out, e);
    if (give_time(p, &w->clock, env, e) || give_random(p, &w->clock, env, e) ||
        give_nonce(p, &w->clock, info, where, env, nonces, e))
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
