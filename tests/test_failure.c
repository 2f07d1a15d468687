/* SPDX-License-Identifier: Apache-2.0 */
/* Error replies: table rows, the HTTP status where no row knows, garbage; and the parts of a
 * reply. */
#include "connectors/checks.h"
#include "tests/harness.h"

#include <stdio.h>
#include <stdlib.h>

static const struct failure_row rows[] = {
    {"-1", 403, FAILURE_IP, {{"first", "tell"}}},
    {"-1", 0, FAILURE_SIGNATURE, {{"a", "b"}, {"c", "d"}}},
    {NULL, 503, FAILURE_UNKNOWN_STATE, {{"row of a status", ""}}},
    {"-9", 0, FAILURE_OTHER, {{"known other", ""}}},
    {NULL, 0, FAILURE_OTHER, {{"the rest", ""}}},
    {NULL, 0, FAILURE_NONE, {{0}}},
};
static const struct failure_row no_rows[] = {{NULL, 0, FAILURE_NONE, {{0}}}};

static struct failure look_up(const struct failure_row *table, const char *code, unsigned status)
{
    struct reply r = {.status = status};
    struct failure f = {0};

    failure_say(&f, bytes_str(code), BYTES_LIT("words"));
    failure_from_table(table, &r, &f);
    EQ_STR(f.code, code);
    EQ_STR(f.message, "words");
    return f;
}

static void by_row(void)
{
    struct failure f = look_up(rows, "-1", 403);
    EQ_INT(f.kind, FAILURE_IP);
    EQ_INT(f.n_causes, 1);
    EQ_STR(f.causes[0].what, "first");
    EQ_STR(f.causes[0].tell, "tell");
    f = look_up(rows, "-1", 400);
    EQ_INT(f.kind, FAILURE_SIGNATURE);
    EQ_INT(f.n_causes, 2);
    EQ_STR(f.causes[1].what, "c");
    EQ_INT(look_up(rows, "-2", 503).kind, FAILURE_UNKNOWN_STATE);
    EQ_STR(look_up(rows, "-2", 400).causes[0].what, "the rest");
    EQ_STR(look_up(rows, "-9", 400).causes[0].what, "known other");
    /* a code has no word about the key while the exchange is in trouble */
    EQ_INT(look_up(rows, "-9", 429).kind, FAILURE_RATE);
    EQ_INT(look_up(rows, "-1", 418).kind, FAILURE_BANNED);
    EQ_INT(look_up(rows, "-1", 500).kind, FAILURE_BUSY);
    EQ_INT(look_up(rows, "-1", 599).kind, FAILURE_BUSY);
}

static void by_status(void)
{
    static const struct {
        unsigned status;
        enum failure_kind kind;
    } cases[] = {
        {200, FAILURE_OTHER}, {302, FAILURE_OTHER}, {400, FAILURE_OTHER},  {401, FAILURE_KEY},
        {403, FAILURE_KEY},   {404, FAILURE_OTHER}, {418, FAILURE_BANNED}, {429, FAILURE_RATE},
        {451, FAILURE_PLACE}, {500, FAILURE_BUSY},  {520, FAILURE_BUSY},   {600, FAILURE_OTHER},
        {0, FAILURE_OTHER},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        EQ_INT(look_up(no_rows, "-2", cases[i].status).kind, cases[i].kind);
        EQ_INT(look_up(rows, "-2", cases[i].status).kind, cases[i].kind);
    }
    EQ_INT(look_up(no_rows, "", 451).n_causes, 1);
    struct reply r = {.is_unknown = true};
    struct failure f = {0};
    failure_from_table(no_rows, &r, &f);
    EQ_INT(f.kind, FAILURE_UNKNOWN_STATE);
}

static uint64_t retry_after(const char *value)
{
    struct header h = {BYTES_LIT("retry-AFTER"), bytes_str(value)};
    struct reply r = {.status = 429, .headers = &h, .n_headers = 1};
    struct failure f = {0}, g;

    failure_from_table(no_rows, &r, &f);
    failure_garbage(&r, &g);
    EQ_INT(g.retry_after_s, f.retry_after_s);
    EQ_INT(g.kind, FAILURE_RATE);
    return f.retry_after_s;
}

static void waiting(void)
{
    EQ_INT(retry_after("30"), 30);
    EQ_INT(retry_after(" 259200 "), 259200);
    EQ_INT(retry_after("0"), 0);
    EQ_INT(retry_after("-5"), 0);
    EQ_INT(retry_after("1.5"), 0);
    EQ_INT(retry_after("99999999999999999999"), 0);
    EQ_INT(retry_after("Wed, 21 Oct 2026 07:28:00 GMT"), 0);
    EQ_INT(retry_after(""), 0);
}

static void garbage(void)
{
    static const struct {
        unsigned status;
        enum failure_kind kind;
    } cases[] = {
        {200, FAILURE_GARBAGE}, {301, FAILURE_GARBAGE}, {400, FAILURE_GARBAGE},
        {401, FAILURE_GARBAGE}, {403, FAILURE_GARBAGE}, {404, FAILURE_GARBAGE},
        {418, FAILURE_BANNED},  {429, FAILURE_RATE},    {451, FAILURE_PLACE},
        {502, FAILURE_BUSY},    {503, FAILURE_BUSY},    {0, FAILURE_OTHER},
    };
    struct header type = {BYTES_LIT("content-type"), BYTES_LIT("text/html\x1b[2J")};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reply r = {.status = cases[i].status,
                          .headers = &type,
                          .n_headers = 1,
                          .body = BYTES_LIT("<html>secret</html>")};
        struct failure f;
        memset(&f, 0x55, sizeof(f));
        failure_garbage(&r, &f);
        EQ_INT(f.kind, cases[i].kind);
        CHECK(!strstr(f.message, "secret") && !strchr(f.message, 0x1b));
        CHECK(f.kind != FAILURE_GARBAGE || (f.n_causes > 0 && f.causes[0].tell));
        EQ_INT(f.retry_after_s, 0);
    }
    struct reply cut = {.status = 200};
    struct failure f;
    failure_garbage(&cut, &f);
    EQ_STR(f.message, "an empty reply");
    EQ_STR(f.code, "HTTP 200");
    cut = (struct reply){.is_unknown = true};
    failure_garbage(&cut, &f);
    EQ_INT(f.kind, FAILURE_UNKNOWN_STATE);
}

static void words(void)
{
    struct failure f = {0};
    char text[1000];

    memset(text, 'm', sizeof(text));
    failure_say(&f, bytes_of(text, sizeof(text)), bytes_of(text, sizeof(text)));
    EQ_INT(strlen(f.code), sizeof(f.code) - 1);
    EQ_INT(strlen(f.message), sizeof(f.message) - 1);
    failure_say(&f, BYTES_LIT("\x1b]0;x\x07"), BYTES_LIT(" line\nline \xff\r\n"));
    EQ_STR(f.code, "\\x1b]0;x\\x07");
    EQ_STR(f.message, "line\\x0aline \\xff");
}

static void kinds(void)
{
    for (unsigned i = 0; i <= FAILURE_PLACE; i++) {
        const char *name = failure_name((enum failure_kind)i);
        CHECK(name && name[0]);
        for (unsigned k = 0; name && k < i; k++)
            CHECK(strcmp(name, failure_name((enum failure_kind)k)) != 0);
    }
    EQ_STR(failure_name(FAILURE_KEY_GONE), "key_gone");
    EQ_STR(failure_name((enum failure_kind)99), "other");
}

static void headers(void)
{
    struct header h[] = {{BYTES_LIT("A"), BYTES_LIT("1")},
                         {BYTES_LIT("x-Y"), BYTES_LIT("2")},
                         {BYTES_LIT("X-y"), BYTES_LIT("3")}};
    struct reply r = {.headers = h, .n_headers = 3};
    struct bytes v = {0};

    CHECK(reply_header(&r, "X-Y", &v));
    EQ_MEM(v, BYTES_LIT("2"));
    CHECK(!reply_header(&r, "X", &v));
    EQ_MEM(v, BYTES_LIT("2"));
}

static int parse(struct bytes body, struct err *e)
{
    struct reply r = {.status = 200, .body = body};
    struct json root;

    return reply_json(&r, &root, e);
}

static void bodies(void)
{
    char nested[80], *large = malloc(4u * 1024u * 1024u + 1);
    struct err e;

    OK_CALL(parse(BYTES_LIT(" {\"a\":[1]}\n"), &e), &e);
    static const char *const bad[] = {
        "",      "<html>zebra</html>", "{\"a\":1",         "Unauthorized",
        "{} {}", "{\"a\":1,\"a\":2}",  "{\"zebra\":\xff}", "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EQ_INT(parse(bytes_str(bad[i]), &e), ERR_FORMAT);
        CHECK(!strstr(e.msg, "zebra") && strstr(e.msg, "the exchange's reply"));
    }
    memset(nested, '[', 33);
    memset(nested + 33, ']', 33);
    EQ_INT(parse(bytes_of(nested, 66), &e), ERR_FORMAT);
    OK_CALL(parse(bytes_of(nested + 1, 64), &e), &e);
    memset(large, ' ', 4u * 1024u * 1024u + 1);
    memcpy(large, "[]", 2);
    OK_CALL(parse(bytes_of(large, 4u * 1024u * 1024u), &e), &e);
    EQ_INT(parse(bytes_of(large, 4u * 1024u * 1024u + 1), &e), ERR_FORMAT);
    free(large);
}

static int parse_members(unsigned n, struct err *e)
{
    struct buf b = BUF_INIT(1u << 20);

    buf_addc(&b, '{');
    for (unsigned i = 0; i < n; i++)
        buf_addf(&b, "%s\"k%u\":%u", i ? "," : "", i, i);
    buf_addc(&b, '}');
    int rc = parse(buf_bytes(&b), e);
    buf_free(&b);
    return rc;
}

static void many_members(void)
{
    struct err e;

    OK_CALL(parse_members(10000, &e), &e);
    EQ_INT(parse_members(10001, &e), ERR_FORMAT);
}

static void fact_words(void)
{
    EQ_STR(fact_name(FACT_UNKNOWN), "unknown");
    EQ_STR(fact_name(FACT_NO), "no");
    EQ_STR(fact_name(FACT_YES), "yes");
    EQ_STR(fact_name((enum fact)9), "unknown");
}

int main(void)
{
    RUN(by_row);
    RUN(by_status);
    RUN(waiting);
    RUN(garbage);
    RUN(words);
    RUN(kinds);
    RUN(headers);
    RUN(bodies);
    RUN(many_members);
    RUN(fact_words);
    return harness_end();
}
