/* SPDX-License-Identifier: Apache-2.0 */
/* One reading of a request's head, or none. Where it leads is net/route.c's, which of its headers
 * go on net/head_check.c's. */
#include "net/head.h"

#include "base/text.h"

#define METHOD_MAX 24u

struct reading {
    struct bytes in;
    size_t at; /* the next line starts here */
    struct head *h;
    bool has_host, has_length, has_expect;
    const char *why;
};

static enum head_result bad(struct reading *r, const char *why)
{
    r->why = why;
    return HEAD_BAD;
}

/* RFC 9110, section 5.6.2, one bit a character. */
static bool is_token_char(uint8_t c)
{
    static const uint32_t bits[4] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};

    return c < 128 && (bits[c >> 5] >> (c & 31) & 1);
}

static bool is_token(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char(s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_text_char(uint8_t c)
{
    return (c >= ' ' && c <= '~') || c == '\t';
}

/* -- lines -- */

static const char *const line_end_why = "a line does not end in CR LF";
static const char *const control_why = "a control character, or one that is not ASCII";

/* A line that has not ended yet: refused as soon as it is known that it will be. */
static enum head_result judge_rest(struct reading *r)
{
    for (size_t i = r->at; i < r->in.n; i++) {
        uint8_t c = r->in.p[i];
        if (c == '\r' && i + 1 < r->in.n)
            return bad(r, line_end_why);
        if (c != '\r' && !is_text_char(c))
            return bad(r, control_why);
    }
    return HEAD_MORE;
}

/* Without its end. What is in it is for its reader to judge, a lone CR too. */
static enum head_result take_line(struct reading *r, struct bytes *line)
{
    const uint8_t *from = r->in.p + r->at;
    const uint8_t *end = r->at < r->in.n ? memchr(from, '\n', r->in.n - r->at) : NULL;

    if (!end)
        return judge_rest(r);
    if (end == from || end[-1] != '\r')
        return bad(r, line_end_why);
    *line = bytes_of(from, (size_t)(end - from) - 1);
    r->at += line->n + 2;
    return HEAD_WHOLE;
}

/* -- the first line -- */

static const char *judge_method(struct bytes m)
{
    for (size_t i = 0; i < m.n; i++)
        if (m.p[i] < 'A' || m.p[i] > 'Z')
            return "the method is not upper-case letters";
    if (m.n == 0 || m.n > METHOD_MAX)
        return "the method is missing, or too long";
    if (bytes_eq_str(m, "CONNECT") || bytes_eq_str(m, "TRACE"))
        return "a method that no exchange takes";
    return NULL;
}

static const char *judge_target(struct bytes t)
{
    if (t.n == 0 || t.p[0] != '/')
        return "the target does not start with '/'";
    for (size_t i = 0; i < t.n; i++)
        if (t.p[i] <= ' ' || t.p[i] > '~' || t.p[i] == '#')
            return "a character that belongs in no target";
    return NULL;
}

static enum head_result take_request_line(struct reading *r)
{
    struct bytes line, rest, version;
    enum head_result result = take_line(r, &line);

    if (result != HEAD_WHOLE)
        return result;
    if (!text_cut(line, ' ', &r->h->method, &rest) || !text_cut(rest, ' ', &r->h->target, &version))
        return bad(r, "the first line is not a method, a target and a version");
    const char *why = judge_method(r->h->method);
    if (!why)
        why = judge_target(r->h->target);
    r->h->is_old = bytes_eq_str(version, "HTTP/1.0");
    r->h->is_close = r->h->is_old;
    if (!why && !r->h->is_old && !bytes_eq_str(version, "HTTP/1.1"))
        why = "the version is not HTTP/1.1";
    return why ? bad(r, why) : HEAD_WHOLE;
}

/* -- the others -- */

static const char *take_host(struct reading *r, struct bytes v)
{
    if (r->has_host)
        return "Host is there twice";
    r->has_host = true;
    r->h->host = v;
    return NULL;
}

static const char *take_length(struct reading *r, struct bytes v)
{
    if (r->has_length)
        return "Content-Length is there twice";
    r->has_length = true;
    if (text_u64(v, HEAD_BODY_MAX, &r->h->body_n))
        return NULL;
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] < '0' || v.p[i] > '9')
            return "Content-Length is not a number";
    return v.n > 0 && v.p[0] != '0' ? "the body is over 1 MiB" : "Content-Length is not a number";
}

static const char *take_expect(struct reading *r, struct bytes v)
{
    if (r->has_expect || !text_eq_nocase(v, BYTES_LIT("100-continue")))
        return "an expectation other than 100-continue";
    r->has_expect = true;
    return NULL;
}

/* Those that this reader itself goes by. */
static const char *take_known(struct reading *r, const struct wire_header *h)
{
    switch (h->name.n) {
    case sizeof("host") - 1:
        return text_eq_nocase(h->name, BYTES_LIT("host")) ? take_host(r, h->value) : NULL;
    case sizeof("expect") - 1:
        return text_eq_nocase(h->name, BYTES_LIT("expect")) ? take_expect(r, h->value) : NULL;
    case sizeof("connection") - 1:
        if (text_eq_nocase(h->name, BYTES_LIT("connection")) &&
            text_in_list(h->value, BYTES_LIT("close")))
            r->h->is_close = true;
        return NULL;
    case sizeof("content-length") - 1:
        return text_eq_nocase(h->name, BYTES_LIT("content-length")) ? take_length(r, h->value)
                                                                    : NULL;
    case sizeof("transfer-encoding") - 1:
        return text_eq_nocase(h->name, BYTES_LIT("transfer-encoding"))
                   ? "Transfer-Encoding is not taken: send the body with Content-Length"
                   : NULL;
    default:
        return NULL;
    }
}

static struct bytes trim(struct bytes v)
{
    while (v.n > 0 && (v.p[0] == ' ' || v.p[0] == '\t')) {
        v.p++;
        v.n--;
    }
    while (v.n > 0 && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
        v.n--;
    return v;
}

static const char *take_header(struct reading *r, struct bytes line)
{
    struct wire_header h;

    if (line.p[0] == ' ' || line.p[0] == '\t')
        return "a header goes on in a second line";
    if (r->h->n_headers == WIRE_HEADERS_MAX)
        return "more than 128 headers";
    if (!text_cut(line, ':', &h.name, &h.value))
        return "a header without a colon";
    if (!is_token(h.name))
        return "a header's name has a character that belongs in none, or a blank before its colon";
    for (size_t i = 0; i < h.value.n; i++)
        if (!is_text_char(h.value.p[i]))
            return control_why;
    h.value = trim(h.value);
    r->h->headers[r->h->n_headers++] = h;
    return take_known(r, &h);
}

static enum head_result take_all(struct reading *r)
{
    struct bytes line;
    enum head_result result = take_request_line(r);

    while (result == HEAD_WHOLE) {
        result = take_line(r, &line);
        if (result != HEAD_WHOLE)
            return result;
        if (line.n == 0)
            break;
        const char *why = take_header(r, line);
        if (why)
            return bad(r, why);
    }
    if (result == HEAD_WHOLE && !r->has_host)
        return bad(r, "Host is missing");
    return result;
}

enum head_result head_read(struct bytes in, struct head *out, size_t *n, const char **why)
{
    struct reading r = {.in = in, .h = out};

    out->n_headers = 0;
    out->body_n = 0;
    out->host = bytes_of(NULL, 0);
    if (in.n > HEAD_BYTES_MAX)
        r.in.n = HEAD_BYTES_MAX;
    enum head_result result = take_all(&r);
    if (result == HEAD_MORE && in.n >= HEAD_BYTES_MAX)
        result = bad(&r, "the head is over 32 KiB");
    if (result == HEAD_BAD)
        *why = r.why;
    if (result == HEAD_WHOLE)
        *n = r.at;
    out->wants_continue = r.has_expect && !out->is_old && out->body_n > 0;
    return result;
}

bool head_is_due(struct bytes in, size_t *seen)
{
    if (in.n >= HEAD_BYTES_MAX)
        return true;
    for (size_t i = *seen; i < in.n; i++) {
        uint8_t c = in.p[i], before = i > 0 ? in.p[i - 1] : '\n';
        if (before == '\r' && c != '\n')
            return true;
        if (c == '\n' && (before != '\r' || i == 1 || in.p[i - 2] == '\n'))
            return true;
        if (c != '\r' && c != '\n' && !is_text_char(c))
            return true;
    }
    *seen = in.n;
    return false;
}
