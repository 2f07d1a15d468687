/* SPDX-License-Identifier: Apache-2.0 */
/* Tests cli/assuan.c: single lines of a pinentry. What it does with them is tests/e2e/pinentry.py.
 */
#include "cli/assuan.h"
#include "tests/harness.h"

static void lines_are_judged(void)
{
    static const struct {
        const char *line;
        enum assuan_kind want;
    } rows[] = {
        {"OK", ASSUAN_OK},
        {"OK Pleased to meet you", ASSUAN_OK},
        {"OKAY", ASSUAN_NONSENSE},
        {"ok", ASSUAN_NONSENSE},
        {"ERR 83886179 Operation cancelled <Pinentry>", ASSUAN_ERR},
        {"ERR 99", ASSUAN_ERR},
        {"ERR", ASSUAN_NONSENSE},
        {"ERR x", ASSUAN_NONSENSE},
        {"ERR 4294967296", ASSUAN_NONSENSE},
        {"ERR -1", ASSUAN_NONSENSE},
        {"D 1234", ASSUAN_DATA},
        {"D ", ASSUAN_DATA},
        {"D", ASSUAN_NONSENSE},
        {"D1234", ASSUAN_NONSENSE},
        {"S BUTTON_INFO close", ASSUAN_NOTE},
        {"S PASSWORD_FROM_CACHE", ASSUAN_CACHED},
        {"S PASSWORD_FROM_CACHE x", ASSUAN_CACHED},
        {"S PASSWORD_FROM_CACHED", ASSUAN_NOTE},
        {"# 1234", ASSUAN_NOTE},
        {"INQUIRE QUALITY 1234", ASSUAN_NONSENSE},
        {"END", ASSUAN_NONSENSE},
        {"", ASSUAN_NONSENSE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned code = 7;
        EQ_INT(assuan_judge(bytes_str(rows[i].line), &code), rows[i].want);
        EQ_INT(code, rows[i].want == ASSUAN_ERR ? 99 : 7);
    }
}

static void long_lines_are_nonsense(void)
{
    char line[ASSUAN_LINE_MAX + 1];
    unsigned code;

    memset(line, 'x', sizeof(line));
    memcpy(line, "D ", 2);
    EQ_INT(assuan_judge(bytes_of(line, ASSUAN_LINE_MAX), &code), ASSUAN_DATA);
    EQ_INT(assuan_judge(bytes_of(line, ASSUAN_LINE_MAX + 1), &code), ASSUAN_NONSENSE);
}

static void data_is_decoded(void)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"1234", "1234"}, {"", ""},           {"%25", "%"},  {"a%0Ab%0d", "a\nb\r"},
        {"%c3%BC", "ü"},  {"%4", NULL},       {"%", NULL},   {"12%", NULL},
        {"%zz", NULL},    {"%+1", NULL},      {"%00", NULL}, {"1%002", NULL},
        {"%2525", "%25"}, {"100%25", "100%"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t p[32];
        size_t n = strlen(rows[i].in);
        memcpy(p, rows[i].in, n);
        bool ok = assuan_decode(p, &n);
        EQ_INT(ok, rows[i].want != NULL);
        if (ok && rows[i].want)
            EQ_MEM(bytes_of(p, n), bytes_str(rows[i].want));
    }
    uint8_t nul[] = {'1', 0, '2'};
    size_t n = sizeof(nul);
    CHECK(!assuan_decode(nul, &n));
}

static void texts_are_escaped(void)
{
    char line[ASSUAN_LINE_MAX + 2];

    assuan_print(line, "SETDESC",
                 "100% of\n'\x1b[2J'\tü"
                 "\x80");
    EQ_STR(line, "SETDESC 100%25 of%0A'%1B[2J'%09ü\n");
    assuan_print(line, "SETERROR", "");
    EQ_STR(line, "SETERROR \n");
}

/* Between two characters, never within an escape. */
static void long_texts_are_cut(void)
{
    char line[ASSUAN_LINE_MAX + 2], text[2 * ASSUAN_LINE_MAX];

    for (unsigned lead = 0; lead < 3; lead++) {
        memset(text, 'x', lead);
        for (size_t i = lead; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        assuan_print(line, "SETDESC", text);
        size_t n = strlen(line);
        CHECK(n <= ASSUAN_LINE_MAX + 1 && n > ASSUAN_LINE_MAX - 3 && line[n - 1] == '\n');
        EQ_MEM(bytes_of(line + n - 4, 3), bytes_str("\xe2\x82\xac"));
        memset(text, '%', sizeof(text) - 1);
        memset(text, 'x', lead);
        text[sizeof(text) - 1] = 0;
        assuan_print(line, "SETDESC", text);
        n = strlen(line);
        CHECK(n <= ASSUAN_LINE_MAX + 1 && n > ASSUAN_LINE_MAX - 3);
        EQ_MEM(bytes_of(line + n - 4, 4), bytes_str("%25\n"));
    }
}

int main(void)
{
    RUN(lines_are_judged);
    RUN(long_lines_are_nonsense);
    RUN(data_is_decoded);
    RUN(texts_are_escaped);
    RUN(long_texts_are_cut);
    return harness_end();
}
