/* SPDX-License-Identifier: Apache-2.0 */
/* base/json.h: whatever json_check accepts can be walked, read and printed again. */
#include "base/json.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

static const struct json_limits limits = {.max_bytes = 1u << 16, .max_depth = 8, .max_members = 64};

static void read_scalar(struct json v)
{
    uint8_t out[256];
    char text[256];
    size_t n;
    uint64_t u;
    bool b;
    if (json_str(v, out, sizeof(out), &n)) {
        MUST(v.type == JSON_STRING && n <= sizeof(out) && n <= v.n);
        MUST(text_is_utf8(bytes_of(out, n)));
        struct buf printed = BUF_INIT(4096);
        buf_add_json(&printed, bytes_of(out, n));
        MUST(!printed.failed);
        struct json again;
        struct err e;
        MUST(json_check(buf_bytes(&printed), &limits, &again, &e) == OK);
        uint8_t back[256];
        size_t n_back;
        MUST(json_str(again, back, sizeof(back), &n_back));
        MUST(bytes_eq(bytes_of(back, n_back), bytes_of(out, n)));
        buf_free(&printed);
    }
    if (json_cstr(v, text, sizeof(text)))
        MUST(strlen(text) < sizeof(text));
    if (json_u64(v, JSON_INT_MAX, &u))
        MUST(v.type == JSON_NUMBER && u <= JSON_INT_MAX);
    if (json_bool(v, &b))
        MUST(v.type == JSON_BOOL);
    MUST(json_raw(v).n <= v.n);
}

static void walk(struct json v, unsigned depth)
{
    struct json_iter it;
    struct json key, value;
    size_t n = 0;
    MUST(depth <= limits.max_depth);
    read_scalar(v);
    json_iter(&it, v);
    while (json_next(&it, &key, &value)) {
        MUST(value.p >= v.p && value.p + value.n <= v.p + v.n);
        if (v.type == JSON_OBJECT)
            read_scalar(key);
        walk(value, depth + 1);
        n++;
    }
    MUST(json_count(v) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct json root, member;
    struct err e;
    if (json_check(bytes_of(p, n), &limits, &root, &e)) {
        MUST(e.code == ERR_FORMAT || e.code == ERR_LIMIT);
        return 0;
    }
    MUST(text_is_utf8(bytes_of(p, n)));
    walk(root, 1);
    if (json_get(root, "a", &member))
        MUST(root.type == JSON_OBJECT);
    return 0;
}
