/* SPDX-License-Identifier: Apache-2.0 */
/* Typed reading of a reply's members. Nothing here knows an exchange. */
#include "connectors/member.h"

#include "base/text.h"

#include <stdio.h>

enum fact member_fact(struct json object, const char *name)
{
    struct json v;
    bool is_true;

    if (!json_get(object, name, &v) || !json_bool(v, &is_true))
        return FACT_UNKNOWN;
    return is_true ? FACT_YES : FACT_NO;
}

bool member_text(struct json object, const char *name, char *out, size_t cap)
{
    uint8_t text[1024];
    struct json v;
    size_t n;

    out[0] = 0;
    if (!json_get(object, name, &v) || !json_str(v, text, sizeof(text), &n))
        return false;
    text_clean(out, cap, bytes_of(text, n));
    return true;
}

struct bytes member_raw(struct json object, const char *name)
{
    struct json v;

    if (!json_get(object, name, &v) || v.type != JSON_STRING)
        return bytes_of(NULL, 0);
    return json_raw(v);
}

bool member_u64(struct json object, const char *name, uint64_t *out)
{
    struct json v;

    return json_get(object, name, &v) && json_u64(v, JSON_INT_MAX, out);
}

bool member_first(struct json object, const char *name, struct json *out)
{
    struct json_iter it;
    struct json list, key;

    if (!json_get(object, name, &list) || list.type != JSON_ARRAY)
        return false;
    json_iter(&it, list);
    return json_next(&it, &key, out);
}

const struct reply *talk_reply(const struct talk *t, unsigned i)
{
    return i < t->n_asked && i < CALLS_MAX && t->is_answered[i] ? &t->replies[i] : NULL;
}

/* FNV-1a: to tell texts apart that do not fit, not against anybody who wants them alike. */
static uint32_t sum_of(uint32_t sum, struct bytes v)
{
    for (size_t i = 0; i < v.n; i++)
        sum = (sum ^ v.p[i]) * 16777619u;
    return sum;
}

#define SUM_START 2166136261u
#define SUM_TEXT 10u /* a blank, eight digits, NUL */

void member_name(struct json key, char *out, size_t cap)
{
    if (!json_cstr(key, out, cap))
        snprintf(out, cap, "a name too long to show (%08x)", sum_of(SUM_START, json_raw(key)));
}

void list_add(char *out, size_t cap, const char *name)
{
    size_t n = strlen(out);

    if (n + strlen(name) + 2 < cap) {
        snprintf(out + n, cap - n, "%s%s", n ? ", " : "", name);
        return;
    }
    uint32_t sum = sum_of(sum_of(SUM_START, bytes_str(out)), bytes_str(name));
    size_t at = n + SUM_TEXT <= cap ? n : cap - SUM_TEXT;
    snprintf(out + at, cap - at, " %08x", sum);
}
