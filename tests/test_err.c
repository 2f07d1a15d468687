/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/err.c: what lands in the line, what cannot, and the two tables. */
#include "tests/harness.h"

#include "base/text.h"

#include <errno.h>

static void test_set(void)
{
    struct err e;
    int r;

    r = err_set(&e, ERR_LIMIT, "'%s' is over %d", "x", 7);
    EQ_INT(r, ERR_LIMIT);
    EQ_STR(e.msg, "'x' is over 7");
    EQ_INT(e.code, ERR_LIMIT);
    EQ_INT(e.n_hints, 0);
    r = err_hint(&e, "do %s", "that");
    EQ_INT(r, ERR_LIMIT);
    EQ_STR(e.hints[0], "do that");
    r = err_set(&e, ERR_FAILED, "again: %s", e.msg);
    EQ_INT(r, ERR_FAILED);
    EQ_STR(e.msg, "again: 'x' is over 7");
    EQ_INT(e.n_hints, 0);
}

static void test_wrap(void)
{
    struct err e;
    int r;

    err_set(&e, ERR_PIN, "wrong PIN");
    err_hint(&e, "2 tries left");
    r = err_wrap(&e, "log in to '%s'", "Key 1");
    EQ_INT(r, ERR_PIN);
    EQ_STR(e.msg, "log in to 'Key 1': wrong PIN");
    EQ_INT(e.n_hints, 1);
}

static void test_system(void)
{
    struct err e;
    int r;

    r = err_sys(&e, ENOSPC, "write '%s'", "f");
    EQ_INT(r, ERR_IO);
    EQ_STR(e.msg, "write 'f': no space left on device");
    r = err_sys(&e, ENOMEM, "map");
    EQ_INT(r, ERR_MEMORY);
    err_sys(&e, EIO, "read");
    EQ_STR(e.msg, "read: input/output error");
}

static void test_odd_bytes(void)
{
    struct err e;

    err_set(&e, ERR_FAILED, "%s", "a\x1b[31m\n\r\tb\x7f");
    EQ_STR(e.msg, "a\\x1b[31m\\x0a\\x0d\\x09b\\x7f");
    err_set(&e, ERR_FAILED, "%s", "caf\xc3\xa9 \xff \xc3 \xed\xa0\x80 \xc0\x80");
    EQ_STR(e.msg, "caf\xc3\xa9 \\xff \\xc3 \\xed\\xa0\\x80 \\xc0\\x80");
    /* C1 controls, right-to-left override, line separator */
    err_set(&e, ERR_FAILED, "%s", "\302\2331m \xe2\x80\xae \xe2\x80\xa8 \xe2\x82\xac");
    EQ_STR(e.msg, "\\xc2\\x9b1m \\xe2\\x80\\xae \\xe2\\x80\\xa8 \xe2\x82\xac");
    err_hint(&e, "%s", "x\x07");
    EQ_STR(e.hints[0], "x\\x07");
}

static void test_long(void)
{
    struct err e;
    char text[3000];

    for (size_t step = 0; step < 4; step++) {
        memset(text, 'a', step);
        for (size_t i = step; i + 2 < sizeof(text); i += 2)
            memcpy(text + i, "\xc3\xa9", 3);
        err_set(&e, ERR_FAILED, "%s", text);
        CHECK(strlen(e.msg) < ERR_MSG_MAX);
        CHECK(strlen(e.msg) > ERR_MSG_MAX - 8);
        CHECK(!strchr(e.msg, '\\'));
        CHECK(text_is_utf8(bytes_str(e.msg)));
        err_wrap(&e, "%s", text);
        CHECK(!strchr(e.msg, '\\'));
        err_hint(&e, "%s", text);
        CHECK(strlen(e.hints[0]) < ERR_HINT_MAX);
        CHECK(!strchr(e.hints[0], '\\'));
    }
    memset(text, 1, sizeof(text));
    text[sizeof(text) - 1] = 0;
    err_set(&e, ERR_FAILED, "%s", text);
    EQ_INT(strlen(e.msg) % 4, 0);
    for (int i = 0; i < 9; i++)
        err_hint(&e, "%d", i);
    EQ_INT(e.n_hints, ERR_HINTS);
    EQ_STR(e.hints[3], "3");
}

static void test_tables(void)
{
    static const struct {
        enum err_code code;
        int exit;
        const char *name;
    } want[] = {
        {OK, 0, "ok"},
        {ERR_FAILED, 1, "failed"},
        {ERR_IO, 1, "io"},
        {ERR_MEMORY, 1, "memory"},
        {ERR_FORMAT, 1, "format"},
        {ERR_LIMIT, 1, "limit"},
        {ERR_NOT_FOUND, 1, "not_found"},
        {ERR_EXISTS, 1, "exists"},
        {ERR_TAMPERED, 1, "tampered"},
        {ERR_TOKEN, 1, "token"},
        {ERR_USAGE, 2, "usage"},
        {ERR_PERSON, 3, "person"},
        {ERR_PIN, 3, "wrong_pin"},
        {ERR_PIN_LOCKED, 3, "pin_locked"},
        {ERR_TRUST, 3, "trust"},
        {ERR_EXCHANGE, 4, "exchange"},
        {ERR_POLICY, 5, "policy"},
        {(enum err_code) - 99, 1, "failed"},
    };

    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        EQ_INT(err_exit(want[i].code), want[i].exit);
        EQ_STR(err_name(want[i].code), want[i].name);
    }
}

int main(void)
{
    RUN(test_set);
    RUN(test_wrap);
    RUN(test_system);
    RUN(test_odd_bytes);
    RUN(test_long);
    RUN(test_tables);
    return harness_end();
}
