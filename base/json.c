/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over text that json_check passed, and the values in it. Builds no tree, copies nothing. */
#include "base/json.h"

#include "base/json_text.h"
#include "base/text.h"

static const uint8_t *string_end(const uint8_t *p, const uint8_t *end)
{
    for (p++; p < end && *p != '"'; p++) {
        p += json_plain_run(p, end);
        if (p >= end || *p == '"')
            break;
        if (*p == '\\')
            p++;
    }
    return p < end ? p + 1 : end;
}

static const uint8_t *container_end(const uint8_t *p, const uint8_t *end)
{
    unsigned depth = 0;

    while (p < end) {
        uint8_t c = *p;
        if (c == '"') {
            p = string_end(p, end);
            continue;
        }
        p++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return p;
}

static struct json value_at(const uint8_t *p, const uint8_t *end)
{
    enum json_type type = json_type_of(*p);
    const uint8_t *q = p;

    if (type == JSON_STRING)
        q = string_end(p, end);
    else if (type == JSON_OBJECT || type == JSON_ARRAY)
        q = container_end(p, end);
    else
        while (q < end && !json_is_blank(*q) && *q != ',' && *q != ']' && *q != '}')
            q++;
    return (struct json){p, (size_t)(q - p), type};
}

void json_iter(struct json_iter *it, struct json container)
{
    bool has = container.n >= 2 && (container.type == JSON_OBJECT || container.type == JSON_ARRAY);

    *it = (struct json_iter){.is_object = container.type == JSON_OBJECT};
    if (has) {
        it->p = container.p + 1;
        it->end = container.p + container.n - 1;
    }
}

static void skip_to_value(struct json_iter *it)
{
    while (it->p < it->end && (json_is_blank(*it->p) || *it->p == ',' || *it->p == ':'))
        it->p++;
}

bool json_next(struct json_iter *it, struct json *key, struct json *value)
{
    struct json k = {0};

    skip_to_value(it);
    if (it->p == it->end)
        return false;
    if (it->is_object) {
        k = value_at(it->p, it->end);
        it->p = k.p + k.n;
        skip_to_value(it);
        if (it->p == it->end)
            return false;
    }
    *value = value_at(it->p, it->end);
    it->p = value->p + value->n;
    *key = k;
    return true;
}

bool json_get(struct json v, const char *name, struct json *out)
{
    struct json_iter it;
    struct json key, value;

    if (v.type != JSON_OBJECT)
        return false;
    json_iter(&it, v);
    while (json_next(&it, &key, &value))
        if (json_str_eq(key, name)) {
            *out = value;
            return true;
        }
    return false;
}

size_t json_count(struct json v)
{
    struct json_iter it;
    struct json key, value;
    size_t n = 0;

    json_iter(&it, v);
    while (json_next(&it, &key, &value))
        n++;
    return n;
}

static bool is_string(struct json v)
{
    return v.type == JSON_STRING && v.n >= 2;
}

bool json_str_eq(struct json v, const char *s)
{
    uint8_t room[4];
    struct bytes piece;
    size_t n = strlen(s);

    if (!is_string(v))
        return false;
    /* most names that are tried differ in the first character */
    if (v.p[1] != '\\' && v.p[1] != (uint8_t)(n > 0 ? s[0] : '"'))
        return false;
    struct span in = json_inside(v.p, v.n);
    while (json_next_piece(&in, room, &piece)) {
        if (piece.n > n || memcmp(piece.p, s, piece.n) != 0)
            return false;
        s += piece.n;
        n -= piece.n;
    }
    return n == 0;
}

bool json_str(struct json v, uint8_t *out, size_t cap, size_t *n)
{
    uint8_t room[4];
    struct bytes piece;
    size_t got = 0;

    if (!is_string(v))
        return false;
    struct span in = json_inside(v.p, v.n);
    while (json_next_piece(&in, room, &piece)) {
        if (piece.n > cap - got)
            return false;
        memcpy(out + got, piece.p, piece.n);
        got += piece.n;
    }
    explicit_bzero(room, sizeof(room));
    *n = got;
    return true;
}

bool json_cstr(struct json v, char *out, size_t cap)
{
    size_t n;

    if (cap == 0 || !json_str(v, (uint8_t *)out, cap - 1, &n) || (n > 0 && memchr(out, 0, n)))
        return false;
    out[n] = 0;
    return true;
}

bool json_u64(struct json v, uint64_t max, uint64_t *out)
{
    return v.type == JSON_NUMBER && text_u64(bytes_of(v.p, v.n), max, out);
}

bool json_bool(struct json v, bool *out)
{
    if (v.type != JSON_BOOL)
        return false;
    *out = v.p[0] == 't';
    return true;
}

struct bytes json_raw(struct json v)
{
    return is_string(v) ? bytes_of(v.p + 1, v.n - 2) : bytes_of(v.p, v.n);
}
