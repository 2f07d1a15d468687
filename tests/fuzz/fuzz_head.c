/* SPDX-License-Identifier: Apache-2.0 */
/* net/head.h: what a client of the proxy sends first. What is read is one thing: written down again
 * it reads the same, it was not whole a byte before, and no line of it hides another. */
#include "base/buf.h"
#include "base/text.h"
#include "net/head.h"
#include "tests/fuzz/fuzz.h"

static struct head first, again, other;

static void put(struct buf *b, const struct head *h)
{
    buf_add(b, h->method);
    buf_addc(b, ' ');
    buf_add(b, h->target);
    buf_adds(b, h->is_old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    for (uint32_t i = 0; i < h->n_headers; i++) {
        buf_add(b, h->headers[i].name);
        buf_addc(b, ':');
        buf_add(b, h->headers[i].value);
        buf_adds(b, "\r\n");
    }
    buf_adds(b, "\r\n");
}

static void check_same(const struct head *a, const struct head *b)
{
    MUST(bytes_eq(a->method, b->method) && bytes_eq(a->target, b->target));
    MUST(bytes_eq(a->host, b->host) && a->body_n == b->body_n && a->n_headers == b->n_headers);
    MUST(a->is_close == b->is_close && a->is_old == b->is_old);
    MUST(a->wants_continue == b->wants_continue);
    for (uint32_t i = 0; i < a->n_headers; i++)
        MUST(bytes_eq(a->headers[i].name, b->headers[i].name) &&
             bytes_eq(a->headers[i].value, b->headers[i].value));
}

/* By other means than the reader's own: no length or end that another would see differently. */
static void check_one_end(const struct head *h, struct bytes head)
{
    unsigned n_hosts = 0, n_lengths = 0;

    for (size_t i = 0; i < head.n; i++)
        MUST(head.p[i] == '\n' ? i > 0 && head.p[i - 1] == '\r'
                               : head.p[i] != '\r' || (i + 1 < head.n && head.p[i + 1] == '\n'));
    MUST(text_ends(head, "\r\n\r\n"));
    MUST(!memmem(head.p, head.n - 1, "\r\n\r\n", 4) && !memmem(head.p, head.n, "\n ", 2));
    for (uint32_t i = 0; i < h->n_headers; i++) {
        struct bytes name = h->headers[i].name;
        n_hosts += text_eq_nocase(name, BYTES_LIT("host"));
        n_lengths += text_eq_nocase(name, BYTES_LIT("content-length"));
        MUST(!text_eq_nocase(name, BYTES_LIT("transfer-encoding")));
        MUST(name.n > 0 && !memchr(name.p, ' ', name.n) && !memchr(name.p, ':', name.n));
    }
    MUST(n_hosts == 1 && n_lengths <= 1 && h->body_n <= HEAD_BODY_MAX);
    MUST(n_lengths == 1 || h->body_n == 0);
}

static void check_whole(struct bytes in, size_t n)
{
    struct buf b = BUF_INIT(8 * HEAD_BYTES_MAX);
    const char *why;
    size_t n_again = 0, seen = 0;

    MUST(n > 0 && n <= in.n && n <= HEAD_BYTES_MAX);
    check_one_end(&first, bytes_of(in.p, n));
    MUST(head_read(bytes_of(in.p, n), &other, &n_again, &why) == HEAD_WHOLE && n_again == n);
    MUST(head_read(bytes_of(in.p, n - 1), &other, &n_again, &why) == HEAD_MORE);
    MUST(!head_is_due(bytes_of(in.p, n / 2), &seen) && !head_is_due(bytes_of(in.p, n - 1), &seen));
    MUST(head_is_due(bytes_of(in.p, n), &seen));
    put(&b, &first);
    MUST(!b.failed && head_read(buf_bytes(&b), &again, &n_again, &why) == HEAD_WHOLE);
    MUST(n_again == b.n);
    check_same(&first, &again);
    (void)head_check_origin(&first, 8080);
    (void)head_check_origin(&first, 0);
    for (uint32_t i = 0; i < first.n_headers; i++)
        (void)head_is_end_to_end(first.headers[i].name, first.headers[0].value);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    uint8_t *in = malloc(n + 1); /* of that size, so that a step beyond it shows */
    const char *why = NULL;
    size_t n_head = 0, seen = 0;

    MUST(in);
    if (n > 0)
        memcpy(in + 1, p, n);
    switch (head_read(bytes_of(in + 1, n), &first, &n_head, &why)) {
    case HEAD_WHOLE:
        check_whole(bytes_of(in + 1, n), n_head);
        break;
    case HEAD_MORE:
        MUST(n < HEAD_BYTES_MAX && !head_is_due(bytes_of(in + 1, n), &seen) && seen == n);
        break;
    case HEAD_BAD:
        MUST(why && strlen(why) > 0);
        break;
    }
    free(in);
    return 0;
}
