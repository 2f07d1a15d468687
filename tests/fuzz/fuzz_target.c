/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/target.h: URLs and headers of clients. The first byte picks connector, environment and
 * kind; the rest is the URL. Whatever passes names one host of the connector and one plain path. */
#include "connectors/target.h"
#include "tests/fuzz/fuzz.h"

static void check_path(struct bytes path)
{
    MUST(path.n == 0 || path.p[0] == '/');
    for (size_t i = 0; i < path.n; i++) {
        MUST(path.p[i] > 0x20 && path.p[i] < 0x7f);
        MUST(!memchr("\"<>\\^{}|`#;?", path.p[i], 12));
        if (path.p[i] != '/' || i + 1 == path.n)
            continue;
        struct bytes rest = bytes_of(path.p + i + 1, path.n - i - 1);
        const uint8_t *slash = memchr(rest.p, '/', rest.n);
        size_t n = slash ? (size_t)(slash - rest.p) : rest.n;
        MUST(n > 0 && !(n == 1 && rest.p[0] == '.') && !(n == 2 && memcmp(rest.p, "..", 2) == 0));
    }
}

static void check_host(const struct call *c, bool is_ws)
{
    for (const struct host *h = c->conn->hosts; h->name; h++)
        if (h->env == c->env && h->is_ws == is_ws && bytes_eq_str(c->host, h->name))
            return;
    fprintf(stderr, "a host that is not the connector's\n");
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct call c = {0};
    struct err e;
    size_t n_connectors = 0;
    if (n == 0)
        return 0;
    while (connectors[n_connectors])
        n_connectors++;
    bool is_ws = p[0] & 0x80;
    c.conn = connectors[(p[0] & 0x0f) % n_connectors];
    c.env = (enum environment)((p[0] >> 4 & 7) % ENV_COUNT);
    struct bytes text = bytes_of(p + 1, n - 1);
    if (target_parse(text, is_ws, &c, &e) == OK) {
        MUST(is_ws || c.path.n > 0);
        check_path(c.path);
        check_host(&c, is_ws);
        MUST(connector_classify(&c) < CLASS_COUNT);
    } else {
        MUST(e.code == ERR_USAGE || e.code == ERR_LIMIT || e.code == ERR_NOT_FOUND);
    }
    const uint8_t *colon = memchr(text.p, ':', text.n);
    size_t n_name = colon ? (size_t)(colon - text.p) : 0;
    struct bytes name = bytes_of(text.p, n_name),
                 value = bytes_of(text.p + n_name, text.n - n_name);
    if (target_check_header(name, value, &e) == OK)
        MUST(name.n > 0 && !memchr(value.p, '\n', value.n) && !memchr(value.p, '\r', value.n));
    if (target_drops_header(c.conn, name))
        MUST(name.n > 0);
    if (target_check_method(text, &e) == OK)
        MUST(text.n >= 3 && text.n <= 6);
    return 0;
}
