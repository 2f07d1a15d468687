/* SPDX-License-Identifier: Apache-2.0 */
/* The table of session tokens, and the replies that hand them out. */
#include "net/session_parts.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/text.h"
#include "base/wipe.h"

#define RECORD_MAX 256u
#define VALUE_MAX 8192u
#define DEPTH_MAX 3u

int sessions_new(const struct env *env, struct sessions **out, struct err *e)
{
    struct sessions *s = wipe_malloc(sizeof(*s));

    if (!s)
        return err_set(e, ERR_MEMORY, "out of memory");
    memset(s, 0, sizeof(*s));
    s->env = env;
    *out = s;
    return OK;
}

static void drop(struct sessions *s, size_t i)
{
    buf_free(&s->v[i].real);
    buf_free(&s->v[i].record);
    memmove(&s->v[i], &s->v[i + 1], (s->n - i - 1) * sizeof(s->v[0]));
    explicit_bzero(&s->v[--s->n], sizeof(s->v[0]));
}

void sessions_free(struct sessions *s)
{
    if (!s)
        return;
    while (s->n > 0)
        drop(s, s->n - 1);
    wipe_free(s);
}

void sessions_drop_old(struct sessions *s, uint64_t now_ms)
{
    while (s->n > 0 && now_ms - s->v[0].made_ms >= SESSION_MS)
        drop(s, 0);
}

/* -- a reply -- */

bool session_is_of(const struct session *x, struct bytes record)
{
    return bytes_eq(buf_bytes(&x->record), record);
}

/* A token that an exchange hands out again keeps its opaque value, and is as new. */
static bool renew(struct sessions *s, struct bytes record, struct bytes real, uint64_t now_ms)
{
    for (size_t i = 0; i < s->n; i++) {
        struct session x = s->v[i];
        if (!session_is_of(&x, record) || !bytes_eq(buf_bytes(&x.real), real))
            continue;
        x.made_ms = now_ms;
        memmove(&s->v[i], &s->v[i + 1], (s->n - i - 1) * sizeof(x));
        s->v[s->n - 1] = x;
        return true;
    }
    return false;
}

/* Puts it at the end of the table. */
static int keep(struct sessions *s, struct bytes record, struct bytes real, uint64_t now_ms,
                struct err *e)
{
    uint8_t raw[SESSION_HEX / 2];
    struct buf hex = BUF_INIT(SESSION_HEX);
    struct session x = {
        .real = BUF_INIT(VALUE_MAX), .record = BUF_INIT(RECORD_MAX), .made_ms = now_ms};

    if (renew(s, record, real, now_ms))
        return OK;
    if (s->env->random(s->env, raw, sizeof(raw), e))
        return e->code;
    hex_encode(&hex, BYTES_ARR(raw));
    buf_add(&x.real, real);
    buf_add(&x.record, record);
    if (hex.failed || x.real.failed || x.record.failed) {
        buf_free(&hex);
        buf_free(&x.real);
        buf_free(&x.record);
        return err_set(e, ERR_MEMORY, "no room for a session token");
    }
    memcpy(x.hex, hex.p, SESSION_HEX);
    buf_free(&hex);
    if (s->n == SESSIONS_MAX)
        drop(s, 0);
    s->v[s->n++] = x;
    return OK;
}

static const struct json_limits limits = {
    .max_bytes = SESSION_REPLY_MAX,
    .max_depth = 16,
    .max_members = 256,
};

/* "result.token": *value is what stands there. */
static bool find_member(struct json root, struct bytes member, struct json *value)
{
    struct bytes name, rest = member;
    char text[RECORD_MAX];

    *value = root;
    for (unsigned depth = 0; depth < DEPTH_MAX && rest.n > 0; depth++) {
        struct json in = *value;
        (void)text_cut(rest, '.', &name, &rest);
        if (!text_copy(text, sizeof(text), name) || in.type != JSON_OBJECT ||
            !json_get(in, text, value))
            return false;
    }
    return rest.n == 0 && value->type == JSON_STRING;
}

/* The words of an error, names and numbers are none; whatever an exchange calls it. */
static bool could_be_token(struct json v)
{
    struct bytes text = json_raw(v);

    return v.type == JSON_STRING && text.n >= SESSION_TOKEN_MIN && !memchr(text.p, ' ', text.n);
}

static bool has_token(struct json v)
{
    struct json_iter it;
    struct json key, value;

    if (could_be_token(v))
        return true;
    json_iter(&it, v);
    while (json_next(&it, &key, &value))
        if ((key.n > 0 && could_be_token(key)) || has_token(value))
            return true;
    return false;
}

/* As Kraken says that it is an error. */
static bool says_error(struct json root, struct bytes member)
{
    struct json v;

    return text_starts(member, "result.") && !json_get(root, "result", &v) &&
           json_get(root, "error", &v) && v.type == JSON_ARRAY && json_count(v) > 0;
}

/* Its text, in a JSON string without escapes when it is written as exchanges write them. */
static int take_value(struct json v, struct buf *out, struct err *e)
{
    size_t n = 0;
    uint8_t *at = buf_extend(out, v.n);

    if (!at || !json_str(v, at, v.n, &n) || n == 0) {
        buf_reset(out);
        return err_set(e, ERR_FORMAT, "the session token of the reply cannot be read");
    }
    buf_cut(out, n);
    return OK;
}

static int mask_value(struct sessions *s, struct bytes record, struct json value,
                      struct bytes reply, uint64_t now_ms, struct buf *out, struct err *e)
{
    AUTO_BUF real = BUF_INIT(VALUE_MAX);

    if (take_value(value, &real, e) || keep(s, record, buf_bytes(&real), now_ms, e))
        return e->code;
    size_t at = (size_t)(value.p - reply.p), end = at + value.n;
    buf_add(out, bytes_of(reply.p, at));
    buf_adds(out, "\"" SESSION_PREFIX);
    buf_add(out, BYTES_ARR(s->v[s->n - 1].hex));
    buf_addc(out, '"');
    buf_add(out, bytes_of(reply.p + end, reply.n - end));
    return buf_check(out, "a reply", e);
}

int sessions_mask(struct sessions *s, struct bytes record, struct bytes member, struct bytes reply,
                  uint64_t now_ms, struct buf *out, struct err *e)
{
    struct json root, value;

    sessions_drop_old(s, now_ms);
    if (reply.n == 0)
        return OK;
    if (json_check(reply, &limits, &root, e) || root.type != JSON_OBJECT)
        return err_set(e, ERR_FORMAT, "the reply is no JSON object");
    if (find_member(root, member, &value))
        return mask_value(s, record, value, reply, now_ms, out, e);
    if (has_token(root) && !says_error(root, member))
        return err_set(e, ERR_FORMAT, "the reply has no session token where one belongs");
    buf_add(out, reply);
    return buf_check(out, "a reply", e);
}
