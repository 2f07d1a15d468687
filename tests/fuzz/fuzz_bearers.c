/* SPDX-License-Identifier: Apache-2.0 */
/* agent/bearers_file.h: bearers.json, and keys that may hold a bearer. What is taken is printed and
 * taken again as the same. */
#include "agent/bearers_file.h"
#include "tests/fuzz/fuzz.h"

static void try_key(struct bytes key)
{
    struct bytes name = {NULL, 0}, bearer = {NULL, 0};

    if (!bearer_from_key(key, &name, &bearer))
        return;
    MUST(record_name_ok(name) && bearer_is_text(bearer));
    MUST(key.n == sizeof(BEARER_KEY_PREFIX) - 1 + name.n + 1 + bearer.n);
    MUST(name.p > key.p && bearer.p + bearer.n == key.p + key.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct bearer_list list, again;
    struct err e;

    try_key(bytes_of(p, n));
    memset(&list, 0, sizeof(list));
    if (bearers_parse(bytes_of(p, n), &list, &e)) {
        MUST((e.code == ERR_FORMAT || e.code == ERR_LIMIT) && list.n == 0);
        return 0;
    }
    struct buf out = BUF_INIT(BEARERS_FILE_MAX);
    MUST(list.n <= BEARERS_MAX);
    MUST(bearers_print(&list, &out, &e) == OK);
    memset(&again, 0, sizeof(again));
    MUST(bearers_parse(buf_bytes(&out), &again, &e) == OK && again.n == list.n);
    MUST(memcmp(list.v, again.v, list.n * sizeof(list.v[0])) == 0);
    buf_free(&out);
    return 0;
}
