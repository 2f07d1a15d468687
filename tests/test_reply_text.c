/* SPDX-License-Identifier: Apache-2.0 */
/* How a reply is made safe for a terminal, and fit for JSON. */
#include "cli/reply_text.h"
#include "tests/harness.h"

static void safe(const char *in, size_t n, const char *want)
{
    struct buf out = BUF_INIT(65536);

    reply_safe(&out, bytes_of(in, n));
    EQ_STR(buf_str(&out), want);
    buf_free(&out);
}

static void a_reply_cannot_drive_the_terminal(void)
{
    safe("{\"a\":1}", 7, "{\"a\":1}\n");
    safe("a\nb\tc\r\nd\n", 9, "a\nb\tc\nd\n");
    safe("\x1b]0;x\x07", 6, "\\x1b]0;x\\x07\n");
    safe("a\rb", 3, "a\\x0db\n");
    safe("\xff\xc3\xa4\0", 4, "\\xff\xc3\xa4\\x00\n");
    safe("", 0, "");
}

/* Pieces end between characters. */
static void a_long_reply_is_whole(void)
{
    struct buf out = BUF_INIT(1u << 20);
    char in[6002];

    for (size_t i = 0; i < 6000; i += 2)
        memcpy(in + i, "\xc3\xa4", 2);
    in[6000] = '!';
    reply_safe(&out, bytes_of(in, 6001));
    EQ_INT(out.n, 6002);
    CHECK(memcmp(out.p, in, 6001) == 0);
    buf_reset(&out);
    reply_safe(&out, bytes_of(in + 1, 6000)); /* begins in the middle of one */
    EQ_INT(out.n, 4 + 5999 + 1);
    buf_free(&out);
}

static void json_bodies(void)
{
    const struct header h = {BYTES_LIT("X"), BYTES_LIT("\xff")};
    struct reply r = {
        .status = 200, .headers = &h, .n_headers = 1, .body = BYTES_LIT("{\"a\":\"\xc3\xa4\"}")};
    cJSON *j = cJSON_CreateObject();

    reply_members(j, &r);
    char *text = cJSON_PrintUnformatted(j);
    EQ_STR(text, "{\"status\":200,\"headers\":[{\"name\":\"X\",\"value\":\"\\\\xff\"}],"
                 "\"body\":\"{\\\"a\\\":\\\"\xc3\xa4\\\"}\"}");
    cJSON_free(text);
    cJSON_Delete(j);
    r = (struct reply){.status = 502, .body = BYTES_LIT("a\0b")};
    j = cJSON_CreateObject();
    reply_members(j, &r);
    text = cJSON_PrintUnformatted(j);
    EQ_STR(text, "{\"status\":502,\"headers\":[],\"body_base64\":\"YQBi\"}");
    cJSON_free(text);
    cJSON_Delete(j);
}

int main(void)
{
    RUN(a_reply_cannot_drive_the_terminal);
    RUN(a_long_reply_is_whole);
    RUN(json_bodies);
    return harness_end();
}
