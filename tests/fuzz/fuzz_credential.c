/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/credential.h: what a person pasted. The first byte picks the connector, then come the
 * fields, each after a line 'field_name:' of its own. */
#include "base/text.h"
#include "connectors/credential.h"
#include "tests/fuzz/fuzz.h"

/* The next 'name:' line at or after at; returns where its line begins, *next where its value does.
 */
static size_t next_field(struct bytes in, size_t at, enum field_id *f, size_t *next)
{
    while (at < in.n) {
        const uint8_t *end = memchr(in.p + at, '\n', in.n - at);
        size_t stop = end ? (size_t)(end - in.p) : in.n;
        size_t n = stop - at;
        if (n > 1 && in.p[stop - 1] == ':' && field_by_name(bytes_of(in.p + at, n - 1), true, f)) {
            *next = stop + (end != NULL);
            return at;
        }
        at = stop + 1;
    }
    return in.n;
}

static void read_fields(struct bytes in, struct secret typed[FIELD_COUNT])
{
    enum field_id f = FIELD_API_KEY, g;
    struct err e;
    size_t value = 0, after = 0, at = next_field(in, 0, &f, &value);
    while (at < in.n) {
        size_t stop = next_field(in, value, &g, &after);
        size_t end = stop > value && stop < in.n ? stop - 1 : stop;
        if (!typed[f].p && end > value && end - value <= SECRET_MAX)
            MUST(secret_copy(&typed[f], bytes_of(in.p + value, end - value), &e) == OK);
        if (stop >= in.n)
            return;
        f = g;
        at = stop;
        value = after;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct secret typed[FIELD_COUNT] = {0}, out[FIELD_COUNT] = {0};
    enum key_type key = KEY_NONE;
    char mask[32];
    struct err e;
    size_t n_connectors = 0;
    if (n == 0)
        return 0;
    while (connectors[n_connectors])
        n_connectors++;
    const struct connector *c = connectors[p[0] % n_connectors];
    read_fields(bytes_of(p + 1, n - 1), typed);
    if (credential_normalise(c, typed, out, &key, &e) == OK) {
        MUST(key != KEY_NONE && key < KEY_TYPE_COUNT && (c->key_types & (1u << key)));
        MUST(out[FIELD_API_KEY].n > 0);
        credential_mask(secret_bytes(&out[FIELD_API_KEY]), mask);
        MUST(memchr(mask, 0, sizeof(mask)) != NULL);
    } else {
        for (size_t i = 0; i < FIELD_COUNT; i++)
            MUST(out[i].p == NULL);
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        secret_free(&typed[i]);
        secret_free(&out[i]);
    }
    return 0;
}
