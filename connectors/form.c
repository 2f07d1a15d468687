/* SPDX-License-Identifier: Apache-2.0 */
/* Editing of form text; see form.h. */
#include "connectors/form.h"

#include "base/text.h"

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
