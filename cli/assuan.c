/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of Assuan: bounded, in place, without a copy of what may be a PIN. */
#include "cli/assuan.h"

#include "base/text.h"

#include <stdio.h>

static bool is_word(struct bytes line, const char *word)
{
    size_t n = strlen(word);

    return text_starts(line, word) && (line.n == n || line.p[n] == ' ');
}

/* An error's upper half names its source; the lower 16 bits are the cause. */
static bool read_code(struct bytes line, unsigned *code)
{
    struct bytes head, tail, number;
    uint64_t v;

    if (!text_cut(line, ' ', &head, &tail))
        return false;
    text_cut(tail, ' ', &number, &tail);
    if (!text_u64(number, UINT32_MAX, &v))
        return false;
    *code = (unsigned)(v & 0xffff);
    return true;
}

enum assuan_kind assuan_judge(struct bytes line, unsigned *code)
{
    if (line.n > ASSUAN_LINE_MAX)
        return ASSUAN_NONSENSE;
    if (is_word(line, "OK"))
        return ASSUAN_OK;
    if (is_word(line, "ERR"))
        return read_code(line, code) ? ASSUAN_ERR : ASSUAN_NONSENSE;
    if (text_starts(line, "D "))
        return ASSUAN_DATA;
    if (is_word(line, "S PASSWORD_FROM_CACHE"))
        return ASSUAN_CACHED;
    return text_starts(line, "S ") || text_starts(line, "#") ? ASSUAN_NOTE : ASSUAN_NONSENSE;
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool assuan_decode(uint8_t *p, size_t *n)
{
    size_t to = 0;

    for (size_t i = 0; i < *n; i++, to++) {
        p[to] = p[i];
        if (p[i] == '%') {
            int high = i + 2 < *n ? digit(p[i + 1]) : -1;
            int low = i + 2 < *n ? digit(p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            p[to] = (uint8_t)(high * 16 + low);
            i += 2;
        }
        if (p[to] == 0)
            return false;
    }
    *n = to;
    return true;
}

void assuan_print(char out[ASSUAN_LINE_MAX + 2], const char *command, const char *text)
{
    struct bytes v = bytes_str(text);
    size_t n = strlen(command), step;

    memcpy(out, command, n);
    out[n++] = ' ';
    for (; v.n > 0; v = bytes_of(v.p + step, v.n - step)) {
        size_t width = text_utf8_step(v);
        bool is_escaped = v.p[0] < 0x20 || v.p[0] == 0x7f || v.p[0] == '%';
        step = width > 0 ? width : 1;
        if (width == 0)
            continue;
        if (n + (is_escaped ? 3 : step) > ASSUAN_LINE_MAX)
            break;
        if (is_escaped)
            snprintf(out + n, 4, "%%%02X", (unsigned)v.p[0]);
        else
            memcpy(out + n, v.p, step);
        n += is_escaped ? 3 : step;
    }
    out[n++] = '\n';
    out[n] = 0;
}
