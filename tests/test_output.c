/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as it is printed: foreign text in it does nothing to a terminal, and keeps its value. */
#include "cli/output.h"
#include "tests/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* What out_end prints of an object with one member. */
static const char *printed(const char *value)
{
    static char text[1024];
    struct out o;
    struct err e = {.code = OK};
    char path[512];

    out_open(&o, true, false);
    json_text(out_json(&o), "v", value);
    snprintf(path, sizeof(path), "%s/out", harness_dir());
    fflush(stdout);
    int old = dup(STDOUT_FILENO), to = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(to, STDOUT_FILENO);
    int status = out_end(&o, &e, 0);
    dup2(old, STDOUT_FILENO);
    close(old);
    EQ_INT(status, 0);
    ssize_t n = pread(to, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = 0;
    close(to);
    return text;
}

static void foreign_text_is_escaped(void)
{
    static const struct {
        const char *value, *text;
    } rows[] = {
        {"plain \"q\" \\", "{\"v\":\"plain \\\"q\\\" \\\\\"}\n"},
        {"\x1b[2J\n", "{\"v\":\"\\u001b[2J\\n\"}\n"},
        {"a\x7f", "{\"v\":\"a\\u007f\"}\n"},
        {"\xc2\x80\xc2\x9b\xc2\x9f", "{\"v\":\"\\u0080\\u009b\\u009f\"}\n"},
        {"\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f", "{\"v\":\"\\u061c\\u200e\\u200f\"}\n"},
        {"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae",
         "{\"v\":\"\\u2028\\u2029\\u202a\\u202e\"}\n"},
        {"\xe2\x81\xa6\xe2\x81\xa9", "{\"v\":\"\\u2066\\u2069\"}\n"},
        /* their neighbours, and four bytes */
        {"\xc2\xa0~\xd8\x9b\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xaa\xe2\x82\xac\xf0\x9f\x98\x80",
         "{\"v\":\"\xc2\xa0~\xd8\x9b\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xaa\xe2\x82\xac"
         "\xf0\x9f\x98\x80\"}\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        EQ_STR(printed(rows[i].value), rows[i].text);
}

int main(void)
{
    RUN(foreign_text_is_escaped);
    return harness_end();
}
