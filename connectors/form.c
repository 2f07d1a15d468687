/* SPDX-License-Identifier: Apache-2.0 */
/* Editing of form text; see form.h. */
#include "connectors/form.h"

#include "base/text.h"

#include <stdio.h>

static int nibble(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (uint8_t)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t form_match(struct bytes text, const char *name)
{
    size_t i = 0;
    for (; *name; name++) {
        if (i >= text.n)
            return 0;
        uint8_t c = text.p[i++];
        if (c == '%' && text.n - i >= 2 && nibble(text.p[i]) >= 0 && nibble(text.p[i + 1]) >= 0) {
            c = (uint8_t)(nibble(text.p[i]) * 16 + nibble(text.p[i + 1]));
            i += 2;
        }
        if (c != (uint8_t)*name)
            return 0;
    }
    return i;
}

/* Backwards a character and an escape that ends with it would be two readings, were a name to hold
 * a digit: an escape of a letter never ends with that letter. */
bool form_ends(struct bytes text, const char *name)
{
    size_t left = text.n, n = strlen(name);
    const uint8_t *p = text.p;
    while (n > 0) {
        uint8_t c = (uint8_t)name[--n];
        bool is_escape = left >= 3 && p[left - 3] == '%' && nibble(p[left - 2]) >= 0 &&
                         nibble(p[left - 1]) >= 0;
        if (is_escape && nibble(p[left - 2]) * 16 + nibble(p[left - 1]) == c)
            left -= 3;
        else if (left >= 1 && p[left - 1] == c)
            left--;
        else
            return false;
    }
    return true;
}

static bool name_is(struct bytes pair, const char *name)
{
    struct bytes head, tail;
    text_cut(pair, '=', &head, &tail);
    return head.n > 0 && form_match(head, name) == head.n;
}

bool form_has(struct bytes form, const char *name)
{
    struct bytes pair;
    for (bool more = true; more;) {
        more = text_cut(form, '&', &pair, &form);
        if (name_is(pair, name))
            return true;
    }
    return false;
}

unsigned form_value(struct bytes form, const char *name, struct bytes *value)
{
    struct bytes pair, head;
    unsigned n = 0;
    for (bool more = form.n > 0; more;) {
        more = text_cut(form, '&', &pair, &form);
        if (!name_is(pair, name))
            continue;
        if (n++ == 0)
            text_cut(pair, '=', &head, value);
    }
    return n;
}

void form_decode(struct buf *out, struct bytes v)
{
    for (size_t i = 0; i < v.n; i++) {
        uint8_t c = v.p[i];
        if (c == '%' && v.n - i > 2 && nibble(v.p[i + 1]) >= 0 && nibble(v.p[i + 2]) >= 0) {
            c = (uint8_t)(nibble(v.p[i + 1]) * 16 + nibble(v.p[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        buf_addc(out, (char)c);
    }
}

static void add_with_value(struct buf *out, struct bytes pair, struct bytes value)
{
    struct bytes head, tail;
    text_cut(pair, '=', &head, &tail);
    buf_add(out, head);
    buf_addc(out, '=');
    buf_add(out, value);
}

bool form_copy(struct buf *out, struct bytes form, const char *drop, const char *name,
               struct bytes value)
{
    struct bytes pair;
    bool found = false, is_first = true;
    for (bool more = form.n > 0; more;) {
        more = text_cut(form, '&', &pair, &form);
        bool is_ours = name_is(pair, name);
        if ((drop && name_is(pair, drop)) || (is_ours && (found || !value.p)))
            continue;
        if (!is_first)
            buf_addc(out, '&');
        is_first = false;
        if (is_ours)
            add_with_value(out, pair, value);
        else
            buf_add(out, pair);
        found |= is_ours;
    }
    return found;
}

void form_cap(struct buf *out, struct bytes form, const char *name, uint32_t max)
{
    struct bytes pair, head, value;
    uint64_t v;
    char text[12];
    int n = snprintf(text, sizeof(text), "%u", max);
    bool is_first = true;
    for (bool more = form.n > 0; more;) {
        more = text_cut(form, '&', &pair, &form);
        if (!is_first)
            buf_addc(out, '&');
        is_first = false;
        text_cut(pair, '=', &head, &value);
        if (name_is(pair, name) && !text_u64(value, max, &v))
            add_with_value(out, pair, bytes_of(text, (size_t)n));
        else
            buf_add(out, pair);
    }
}

void form_append(struct buf *out, size_t start, const char *name, struct bytes value)
{
    if (out->n > start)
        buf_addc(out, '&');
    buf_adds(out, name);
    buf_addc(out, '=');
    buf_add(out, value);
}

void form_encode(struct buf *out, struct bytes v)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < v.n; i++) {
        uint8_t c = v.p[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (!plain) {
            buf_addc(out, '%');
            buf_addc(out, digits[c >> 4]);
            buf_addc(out, digits[c & 15]);
        } else {
            buf_addc(out, (char)c);
        }
    }
}
