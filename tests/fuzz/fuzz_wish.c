/* SPDX-License-Identifier: Apache-2.0 */
/* agent/prepare.h: a client's request in words, up to the point where a key would be needed.
 * Nothing beyond the default classes may pass. */
#include "agent/prepare.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct wish *w, const struct connector *conn)
{
    static struct prepared p;
    struct record_info rec;
    struct err e;
    record_info_init(&rec);
    snprintf(rec.name, sizeof(rec.name), "fuzz");
    snprintf(rec.connector, sizeof(rec.connector), "%s", conn->name);
    snprintf(rec.environment, sizeof(rec.environment), "live");
    if (conn->regions)
        snprintf(rec.region, sizeof(rec.region), "%s", conn->regions[0]);
    rec.version = 1;
    if (prepare_check(w, &rec, &p, &e) == OK)
        MUST(CLASS_BIT(p.cls) & CLASSES_DEFAULT);
    record_info_free(&rec);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct wish w;
    struct err e;
    wish_init(&w);
    if (wish_parse(bytes_of(p, n), &w, &e) == OK) {
        MUST(w.n_headers <= HEADERS_MAX);
        for (size_t i = 0; connectors[i]; i++)
            check(&w, connectors[i]);
    } else {
        MUST(e.code == ERR_USAGE || e.code == ERR_LIMIT);
    }
    wish_free(&w);
    return 0;
}
