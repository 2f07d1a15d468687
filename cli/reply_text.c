/* SPDX-License-Identifier: Apache-2.0 */
/* The printing of replies. A reply is hostile bytes, and a terminal obeys some of them. */
#include "cli/reply_text.h"

#include "base/codec.h"
#include "base/text.h"

#include <sys/stat.h>
#include <unistd.h>

#define PIECE 512u
#define HEADERS_TEXT (2u * 1024u * 1024u)

static bool is_kept(const struct bytes b, size_t i)
{
    return b.p[i] == '\n' || b.p[i] == '\t' ||
           (b.p[i] == '\r' && i + 1 < b.n && b.p[i + 1] == '\n');
}

static void add_clean(struct buf *out, struct bytes piece)
{
    char clean[PIECE * 4 + 1];

    if (piece.n == 0)
        return;
    text_clean(clean, sizeof(clean), piece);
    buf_adds(out, clean);
}

void reply_safe(struct buf *out, struct bytes body)
{
    size_t start = 0, i = 0;

    while (i < body.n) {
        if (is_kept(body, i)) {
            add_clean(out, bytes_of(body.p + start, i - start));
            if (body.p[i] != '\r')
                buf_addc(out, (char)body.p[i]);
            start = ++i;
            continue;
        }
        size_t step = text_utf8_step(bytes_of(body.p + i, body.n - i));
        step = step ? step : 1;
        if (i - start + step > PIECE) {
            add_clean(out, bytes_of(body.p + start, i - start));
            start = i;
        }
        i += step;
    }
    add_clean(out, bytes_of(body.p + start, body.n - start));
    if (body.n > 0 && body.p[body.n - 1] != '\n')
        buf_addc(out, '\n');
}

static void add_head(struct buf *out, const struct reply *r)
{
    buf_addf(out, "HTTP %u\n", r->status);
    for (size_t i = 0; i < r->n_headers; i++) {
        buf_add(out, r->headers[i].name);
        buf_adds(out, ": ");
        buf_add(out, r->headers[i].value);
        buf_addc(out, '\n');
    }
    buf_addc(out, '\n');
}

static void print(struct bytes v, bool is_terminal)
{
    struct buf safe = BUF_INIT(64u * 1024u * 1024u);

    if (!is_terminal) {
        out_raw(v);
        return;
    }
    reply_safe(&safe, v);
    if (safe.failed)
        out_warn("out of memory: the reply is not shown");
    else
        out_raw(buf_bytes(&safe));
    buf_free(&safe);
}

/* Both are one file, pipe or terminal. */
static bool is_shared(void)
{
    struct stat a, b;

    return fstat(STDOUT_FILENO, &a) == 0 && fstat(STDERR_FILENO, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

void reply_print(const struct reply *r, bool has_head, bool is_followed)
{
    struct buf head = BUF_INIT(HEADERS_TEXT);
    bool is_terminal = isatty(STDOUT_FILENO);

    if (has_head)
        add_head(&head, r);
    if (head.failed)
        out_warn("the headers are too long to be shown");
    else if (has_head)
        print(buf_bytes(&head), is_terminal);
    buf_free(&head);
    print(r->body, is_terminal);
    if (is_followed && !is_terminal && r->body.n > 0 && r->body.p[r->body.n - 1] != '\n' &&
        is_shared())
        out_raw(BYTES_LIT("\n"));
}

/* Text that cJSON can hold: UTF-8 without a NUL. */
static bool is_text(struct bytes v)
{
    return text_is_utf8(v) && (v.n == 0 || !memchr(v.p, 0, v.n));
}

static void add_body(cJSON *to, struct bytes body)
{
    struct buf text = BUF_INIT(16u * 1024u * 1024u);
    bool is_plain = is_text(body);

    if (is_plain)
        buf_add(&text, body);
    else
        b64_encode(&text, body);
    if (text.failed)
        out_warn("out of memory: the reply's body is not shown");
    else
        json_text(to, is_plain ? "body" : "body_base64", buf_str(&text));
    buf_free(&text);
}

static void add_header(cJSON *list, const struct header *h)
{
    struct buf name = BUF_INIT(HEADERS_TEXT), value = BUF_INIT(HEADERS_TEXT);
    cJSON *j = json_object(list, NULL);

    buf_add(&name, h->name);
    buf_add(&value, h->value);
    json_text(j, "name", buf_str(&name));
    json_text(j, "value", buf_str(&value));
    buf_free(&name);
    buf_free(&value);
}

void reply_members(cJSON *to, const struct reply *r)
{
    json_number(to, "status", r->status);
    cJSON *list = json_array(to, "headers");
    for (size_t i = 0; i < r->n_headers; i++)
        add_header(list, &r->headers[i]);
    add_body(to, r->body);
}
