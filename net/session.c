/* SPDX-License-Identifier: Apache-2.0 */
/* The table of session tokens, and the texts that they are put into. */
#include "net/session.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/text.h"
#include "base/wipe.h"

#define RECORD_MAX 256u
#define VALUE_MAX 8192u
#define DEPTH_MAX 3u
#define TOKEN_MIN 16u
#define PREFIX_LEN (sizeof(SESSION_PREFIX) - 1)

struct session {
    uint8_t hex[SESSION_HEX];
    struct buf real, record;
    uint64_t made_ms;
};

struct sessions {
    const struct env *env;
    struct session v[SESSIONS_MAX]; /* oldest first */
    size_t n;
};

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

static void drop_old(struct sessions *s, uint64_t now_ms)
{
    while (s->n > 0 && now_ms - s->v[0].made_ms >= SESSION_MS)
        drop(s, 0);
}

/* -- a reply -- */

static bool is_of(const struct session *x, struct bytes record)
{
    return bytes_eq(buf_bytes(&x->record), record);
}

/* A token that an exchange hands out again keeps its opaque value, and is as new. */
static bool renew(struct sessions *s, struct bytes record, struct bytes real, uint64_t now_ms)
{
    for (size_t i = 0; i < s->n; i++) {
        struct session x = s->v[i];
        if (!is_of(&x, record) || !bytes_eq(buf_bytes(&x.real), real))
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

    return v.type == JSON_STRING && text.n >= TOKEN_MIN && !memchr(text.p, ' ', text.n);
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

    drop_old(s, now_ms);
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

/* -- a request -- */

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The next opaque value in text: its hex digits. */
static const uint8_t *next_opaque(struct bytes text)
{
    static const char prefix[] = SESSION_PREFIX;
    const uint8_t *at = text.p, *end = text.p + text.n;

    while (text.n > 0 && (at = memmem(at, (size_t)(end - at), prefix, PREFIX_LEN)) != NULL) {
        at += PREFIX_LEN;
        size_t n = 0;
        while (n < SESSION_HEX && at + n < end && is_hex(at[n]))
            n++;
        if (n == SESSION_HEX)
            return at;
    }
    return NULL;
}

bool sessions_are_in(struct bytes text)
{
    return next_opaque(text) != NULL;
}

static const struct session *find(const struct sessions *s, struct bytes record, const uint8_t *hex)
{
    for (size_t i = 0; i < s->n; i++)
        if (memcmp(s->v[i].hex, hex, SESSION_HEX) == 0 && is_of(&s->v[i], record))
            return &s->v[i];
    return NULL;
}

static void add_percent(struct buf *out, struct bytes v)
{
    for (size_t i = 0; i < v.n; i++) {
        uint8_t c = v.p[i], lower = c | 0x20;
        if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
            c == '_' || c == '~')
            buf_addc(out, (char)c);
        else
            buf_addf(out, "%%%02X", c);
    }
}

/* What is between the quotes. */
static void add_json_inside(struct buf *out, struct bytes v)
{
    AUTO_BUF text = BUF_INIT(8 * VALUE_MAX);

    buf_add_json(&text, v);
    if (text.failed || text.n < 2)
        out->failed = ERR_FORMAT;
    else
        buf_add(out, bytes_of(text.p + 1, text.n - 2));
}

int sessions_unmask(struct sessions *s, struct bytes record, struct bytes text, uint64_t now_ms,
                    struct buf *out, struct err *e)
{
    struct bytes rest = text, trimmed = text_trim(text);
    bool is_json = trimmed.n > 0 && (trimmed.p[0] == '{' || trimmed.p[0] == '[');
    const uint8_t *hex;

    drop_old(s, now_ms);
    while ((hex = next_opaque(rest)) != NULL) {
        const struct session *x = find(s, record, hex);
        size_t n = (size_t)(hex - rest.p) + SESSION_HEX;
        buf_add(out, bytes_of(rest.p, x ? n - SESSION_HEX - PREFIX_LEN : n));
        if (x && is_json)
            add_json_inside(out, buf_bytes(&x->real));
        else if (x)
            add_percent(out, buf_bytes(&x->real));
        rest = bytes_of(rest.p + n, rest.n - n);
    }
    buf_add(out, rest);
    return buf_check(out, "a request with its session token", e);
}
