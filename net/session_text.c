/* SPDX-License-Identifier: Apache-2.0 */
/* The texts in which session tokens stand: requests that take one back, replies that show one. */
#include "net/session_parts.h"

#include "base/text.h"

#define PREFIX_LEN (sizeof(SESSION_PREFIX) - 1)
#define PARAMETER "listenKey="

/* -- a request -- */

/* Binance alone takes one back over REST; Kraken's goes into messages of a WebSocket. Its hosts are
 * not looked at: the record's exchange has no such paths elsewhere. */
bool sessions_are_for(struct bytes method, struct bytes url)
{
    static const char *const paths[] = {"/api/v3/userDataStream", "/fapi/v1/listenKey",
                                        "/sapi/v1/userDataStream",
                                        "/sapi/v1/userDataStream/isolated"};
    struct bytes path, host, query;

    if (!bytes_eq_str(method, "PUT") && !bytes_eq_str(method, "DELETE") &&
        !bytes_eq_str(method, "POST"))
        return false;
    if (!text_starts(url, "https://"))
        return false;
    (void)text_cut(url, '?', &path, &query);
    path = bytes_of(path.p + 8, path.n - 8);
    (void)text_cut(path, '/', &host, &query);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (bytes_eq_str(bytes_of(path.p + host.n, path.n - host.n), paths[i]))
            return true;
    return false;
}

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
        if (memcmp(s->v[i].hex, hex, SESSION_HEX) == 0 && session_is_of(&s->v[i], record))
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

/* name=VALUE of a form: where the whole value is an opaque one, the session it stands for. */
static const struct session *session_of(const struct sessions *s, struct bytes record,
                                        struct bytes pair)
{
    const size_t n = sizeof(PARAMETER SESSION_PREFIX) - 1;

    if (pair.n != n + SESSION_HEX || !text_starts(pair, PARAMETER SESSION_PREFIX))
        return NULL;
    return find(s, record, pair.p + n);
}

int sessions_unmask(struct sessions *s, struct bytes record, struct bytes text, uint64_t now_ms,
                    struct buf *out, struct err *e)
{
    struct bytes pair, rest = text;

    sessions_drop_old(s, now_ms);
    for (bool is_more = text.n > 0; is_more;) {
        is_more = text_cut(rest, '&', &pair, &rest);
        const struct session *x = session_of(s, record, pair);
        if (x) {
            buf_adds(out, PARAMETER);
            add_percent(out, buf_bytes(&x->real));
        } else {
            buf_add(out, pair);
        }
        if (is_more)
            buf_addc(out, '&');
    }
    return buf_check(out, "a request with its session token", e);
}

/* -- a reply that shows one -- */

static int hex_digit(uint8_t c)
{
    return is_hex(c)              ? (c <= '9' ? c - '0' : c - 'a' + 10)
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static int hex_value(const uint8_t *p, size_t n)
{
    int v = 0;

    for (size_t i = 0; i < n; i++) {
        int d = hex_digit(p[i]);
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* One character of text that is escaped as in a URL or in a JSON string, or plain; returns its
 * length there. */
static size_t take_character(struct bytes text, uint8_t *out)
{
    const uint8_t *p = text.p;
    int v = -1;

    *out = p[0];
    if (p[0] == '%' && text.n >= 3) {
        v = hex_value(p + 1, 2);
        *out = v < 0 ? p[0] : (uint8_t)v;
        return v < 0 ? 1 : 3;
    }
    if (p[0] != '\\' || text.n < 2)
        return 1;
    if (p[1] == 'u' && text.n >= 6)
        v = hex_value(p + 2, 4);
    *out = v >= 0 && v < 0x80 ? (uint8_t)v : p[1];
    return v >= 0 && v < 0x80 ? 6 : 2;
}

/* Where in text its character number n begins, from character and place *at on. */
struct place {
    size_t character, at;
};

static void go_to(struct place *p, size_t character, struct bytes text)
{
    uint8_t c;

    for (; p->character < character; p->character++)
        p->at += take_character(bytes_of(text.p + p->at, text.n - p->at), &c);
}

static void read_all(struct bytes text, struct buf *plain)
{
    uint8_t c;

    for (size_t at = 0; at < text.n;) {
        at += take_character(bytes_of(text.p + at, text.n - at), &c);
        buf_addc(plain, (char)c);
    }
}

/* Appends text to out with x's opaque value wherever plain, which it reads as, has the real one. */
static void replace(const struct session *x, struct bytes text, struct bytes plain, struct buf *out)
{
    struct place end = {0, 0};
    size_t from = 0, done = 0;
    const uint8_t *hit;

    while ((hit = memmem(plain.p + from, plain.n - from, x->real.p, x->real.n)) != NULL) {
        from = (size_t)(hit - plain.p);
        go_to(&end, from, text);
        buf_add(out, bytes_of(text.p + done, end.at - done));
        buf_adds(out, SESSION_PREFIX);
        buf_add(out, BYTES_ARR(x->hex));
        from += x->real.n;
        go_to(&end, from, text);
        done = end.at;
    }
    buf_add(out, bytes_of(text.p + done, text.n - done));
}

static bool has(struct bytes text, const struct session *x)
{
    return text.n > 0 && memmem(text.p, text.n, x->real.p, x->real.n) != NULL;
}

static bool is_told_apart(const struct session *x, struct bytes record)
{
    return x->real.n >= SESSION_TOKEN_MIN && session_is_of(x, record);
}

int sessions_hide(struct sessions *s, struct bytes record, struct bytes text, uint64_t now_ms,
                  struct buf *out, struct err *e)
{
    AUTO_BUF now = BUF_INIT(out->max);
    AUTO_BUF plain = BUF_INIT(out->max);
    AUTO_BUF next = BUF_INIT(out->max);

    sessions_drop_old(s, now_ms);
    buf_add(&now, text);
    read_all(text, &plain);
    for (size_t i = 0; i < s->n; i++) {
        if (!is_told_apart(&s->v[i], record) || !has(buf_bytes(&plain), &s->v[i]))
            continue;
        buf_reset(&next);
        replace(&s->v[i], buf_bytes(&now), buf_bytes(&plain), &next);
        if (buf_check(&next, "a reply", e))
            return e->code;
        buf_reset(&now);
        buf_add(&now, buf_bytes(&next));
        buf_reset(&plain);
        read_all(buf_bytes(&now), &plain);
    }
    buf_add(out, buf_bytes(&now));
    return buf_check(out, "a reply", e);
}

bool sessions_show(const struct sessions *s, struct bytes record, struct bytes text)
{
    AUTO_BUF plain = BUF_INIT(SESSION_REPLY_MAX);

    read_all(text, &plain);
    for (size_t i = 0; i < s->n; i++)
        if (is_told_apart(&s->v[i], record) && has(buf_bytes(&plain), &s->v[i]))
            return true;
    return plain.failed;
}
