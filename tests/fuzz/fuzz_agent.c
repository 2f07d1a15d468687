/* SPDX-License-Identifier: Apache-2.0 */
/* agent/ops.h and client_line.h: lines of a client at the agent's socket, and lines of an agent at
 * a client. What is taken lies within the line or in its room; an id comes back as it was. */
#include "agent/client_line.h"
#include "agent/ops.h"
#include "agent/prepare.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

static void within(struct bytes line, struct bytes v)
{
    if (v.n > 0)
        MUST(v.p >= line.p && v.p + v.n <= line.p + line.n);
}

static void check_request(const struct op_words *w)
{
    struct wish wish;
    struct err e;

    wish_init(&wish);
    if (wish_parse(bytes_of(w->request.p, w->request.n), &wish, &e))
        MUST(e.code == ERR_USAGE);
    wish_free(&wish);
}

static void check_words(struct bytes line, const struct op_words *w)
{
    MUST(w->kind < OP_COUNT);
    within(line, bytes_of(w->request.p, w->request.n));
    MUST(!w->name[0] || record_name_ok(bytes_str(w->name)));
    MUST(!w->client[0] || record_name_ok(bytes_str(w->client)));
    MUST(memchr(w->token, 0, sizeof(w->token)) != NULL);
    MUST(!(w->token[0] && w->has_index));
    MUST((w->kind == OP_SIGN || w->kind == OP_SIGN_WS) == (w->request.type == JSON_OBJECT));
    if (w->request.type == JSON_OBJECT)
        check_request(w);
}

static void try_line(struct bytes line)
{
    struct op_words w;
    struct json v;
    struct err e = {.code = OK};
    bool is_broken = false;

    if (op_parse(line, &w, &is_broken, &e)) {
        MUST(e.code == ERR_USAGE && e.msg[0] && text_is_utf8(bytes_str(e.msg)));
        MUST(!is_broken || w.kind == OP_COUNT);
    } else {
        MUST(!is_broken);
        check_words(line, &w);
    }
    within(line, w.id);
    MUST(w.id.n <= OP_ID_MAX && !memchr(w.id.p ? w.id.p : (const uint8_t *)"", '\n', w.id.n));
    if (client_line_is_event(line)) {
        if (client_line_event(line, &v, &e))
            MUST(e.code == ERR_FORMAT);
    } else if (client_line_answer(line, &v, &e)) {
        MUST(e.code != OK && e.msg[0]);
    } else {
        MUST(v.type == JSON_OBJECT);
    }
}

/* As a connection: line by line. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    while (n > 0) {
        const uint8_t *end = memchr(p, '\n', n);
        size_t len = end ? (size_t)(end - p) : n;

        try_line(bytes_of(p, len));
        len += end ? 1 : 0;
        p += len;
        n -= len;
    }
    return 0;
}
