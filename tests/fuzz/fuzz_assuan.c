/* SPDX-License-Identifier: Apache-2.0 */
/* cli/assuan.h: replies of a pinentry, line by line; the same bytes as a text to show and back. */
#include "cli/assuan.h"
#include "tests/fuzz/fuzz.h"

static void judge(struct bytes line)
{
    unsigned code = 1u << 20;
    enum assuan_kind k = assuan_judge(line, &code);

    MUST(k <= ASSUAN_NONSENSE && (k == ASSUAN_ERR ? code < 1u << 16 : code == 1u << 20));
    MUST(line.n <= ASSUAN_LINE_MAX || k == ASSUAN_NONSENSE);
    if (k != ASSUAN_DATA)
        return;
    MUST(line.n >= 2);
    size_t n = line.n - 2;
    uint8_t *p = malloc(n + 1); /* of that size, so that a step beyond it shows */
    MUST(p);
    memcpy(p, line.p + 2, n);
    if (assuan_decode(p, &n))
        MUST(n <= line.n - 2 && !memchr(p, 0, n));
    free(p);
}

/* What was printed is one line, which decodes to the start of the text. */
static void print(const char *text)
{
    char line[ASSUAN_LINE_MAX + 2];
    static const char word[] = "SETDESC ";

    assuan_print(line, "SETDESC", text);
    size_t n = strlen(line);
    MUST(n > sizeof(word) - 1 && n <= ASSUAN_LINE_MAX + 1 && line[n - 1] == '\n');
    MUST(memcmp(line, word, sizeof(word) - 1) == 0);
    for (size_t i = 0; i + 1 < n; i++)
        MUST((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
    uint8_t *p = (uint8_t *)line + sizeof(word) - 1;
    size_t len = n - sizeof(word);
    MUST(assuan_decode(p, &len));
    for (size_t i = 0; i < len; i++) { /* bytes that are not UTF-8 were left out */
        const char *at = memchr(text, p[i], strlen(text));
        MUST(at);
        text = at + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    char *text = malloc(n + 1);
    size_t from = 0;

    MUST(text);
    for (size_t i = 0; i <= n; i++)
        if (i == n || p[i] == '\n') {
            judge(bytes_of(p + from, i - from));
            from = i + 1;
        }
    if (n)
        memcpy(text, p, n);
    text[n] = 0;
    print(text);
    free(text);
    return 0;
}
