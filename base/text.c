/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers of text.h. Nothing here knows a file format or an exchange. */
#include "base/text.h"

#define DISTANCE_MAX 128u

bool text_u64(struct bytes s, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0 || (s.n > 1 && s.p[0] == '0'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (digit > max || v > (max - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

size_t text_of_u64(char out[U64_TEXT], uint64_t v)
{
    char digits[U64_TEXT];
    size_t n = 0, at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + v % 10);
        n++;
    } while (v /= 10);
    memcpy(out, digits + at, n);
    out[n] = 0;
    return n;
}

static bool is_tail(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

size_t text_utf8_step(struct bytes s)
{
    if (s.n == 0)
        return 0;
    uint8_t c = s.p[0];
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4 || s.n < 2 || !is_tail(s.p[1]))
        return 0;
    if (c < 0xe0)
        return 2;
    if (s.n < 3 || !is_tail(s.p[2]))
        return 0;
    if (c < 0xf0) {
        bool overlong = c == 0xe0 && s.p[1] < 0xa0;
        bool surrogate = c == 0xed && s.p[1] > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    if (s.n < 4 || !is_tail(s.p[3]))
        return 0;
    bool overlong = c == 0xf0 && s.p[1] < 0x90;
    bool beyond = c == 0xf4 && s.p[1] > 0x8f;
    return overlong || beyond ? 0 : 4;
}

/* Whether the next eight bytes are plain ASCII. */
static bool is_ascii8(const uint8_t *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return (w & 0x8080808080808080u) == 0;
}

bool text_is_utf8(struct bytes s)
{
    while (s.n > 0) {
        size_t n = s.n >= 8 && is_ascii8(s.p) ? 8 : text_utf8_step(s);
        if (n == 0)
            return false;
        s.p += n;
        s.n -= n;
    }
    return true;
}

/* What could move a terminal's cursor, colour it or reorder the line for the reader. */
static bool is_unsafe(const uint8_t *p, size_t n)
{
    if (n == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    if (n == 2) /* C1, and the Arabic letter mark */
        return (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xd8 && p[1] == 0x9c);
    if (n != 3 || p[0] != 0xe2)
        return false;
    if (p[1] == 0x80)
        return p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae);
    return p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
}

void text_clean(char *out, size_t cap, struct bytes s)
{
    static const char digit[] = "0123456789abcdef";
    size_t n = 0;

    while (s.n > 0) {
        size_t step = text_utf8_step(s);
        if (step > 0 && !is_unsafe(s.p, step)) {
            if (cap - n <= step)
                break;
            memcpy(out + n, s.p, step);
            n += step;
        } else {
            step = 1;
            if (cap - n <= 4)
                break;
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = digit[s.p[0] >> 4];
            out[n++] = digit[s.p[0] & 15];
        }
        s.p += step;
        s.n -= step;
    }
    out[n] = 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes text_trim(struct bytes s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s.p++, s.n--;
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool text_eq_nocase(struct bytes a, struct bytes b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool text_cut(struct bytes s, char sep, struct bytes *head, struct bytes *tail)
{
    const uint8_t *at = s.n > 0 ? memchr(s.p, (unsigned char)sep, s.n) : NULL;

    if (!at) {
        *head = s;
        *tail = bytes_of(s.n > 0 ? s.p + s.n : s.p, 0);
        return false;
    }
    size_t n = (size_t)(at - s.p);
    *head = bytes_of(s.p, n);
    *tail = bytes_of(at + 1, s.n - n - 1);
    return true;
}

bool text_in_list(struct bytes list, struct bytes name)
{
    struct bytes one;

    while (list.n > 0) {
        (void)text_cut(list, ',', &one, &list);
        if (text_eq_nocase(text_trim(one), name))
            return true;
    }
    return false;
}

bool text_starts(struct bytes s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && (n == 0 || memcmp(s.p, prefix, n) == 0);
}

bool text_ends(struct bytes s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.n >= n && (n == 0 || memcmp(s.p + s.n - n, suffix, n) == 0);
}

bool text_copy(char *out, size_t cap, struct bytes s)
{
    if (s.n >= cap || (s.n > 0 && memchr(s.p, 0, s.n)))
        return false;
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return true;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned text_distance(const char *a, const char *b, unsigned max)
{
    unsigned row[DISTANCE_MAX + 1];
    size_t na = strlen(a), nb = strlen(b);

    if (na > DISTANCE_MAX || nb > DISTANCE_MAX)
        return max + 1;
    for (unsigned j = 0; j <= nb; j++)
        row[j] = j;
    for (unsigned i = 1; i <= na; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= nb; j++) {
            unsigned above = row[j];
            unsigned change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = least(change, least(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[nb] > max ? max + 1 : row[nb];
}
