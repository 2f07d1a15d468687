/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/gist.h: words of any request. The first byte picks the connector; then come method,
 * URL and body, a line each (the body to the end). Whatever is found fits, and is printable. */
#include "connectors/gist.h"
#include "connectors/target.h"
#include "tests/fuzz/fuzz.h"

#include "base/text.h"

static void printable(const char *s, size_t cap)
{
    MUST(strnlen(s, cap) < cap);
    for (; *s; s++)
        MUST(*s >= ' ' && *s <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct call c = {0};
    struct bytes url, line = bytes_of(p, n);
    char text[GIST_TEXT];
    struct gist g;
    struct err e;
    size_t n_connectors = 0;
    if (n < 2)
        return 0;
    while (connectors[n_connectors])
        n_connectors++;
    c.conn = connectors[p[0] % n_connectors];
    line = bytes_of(p + 1, n - 1);
    (void)text_cut(line, '\n', &c.method, &line);
    (void)text_cut(line, '\n', &url, &line);
    c.body = line;
    if (target_parse(url, false, &c, &e))
        return 0;
    gist_of(&c, &g);
    gist_text(&g, text);
    printable(text, sizeof(text));
    printable(g.side, sizeof(g.side));
    printable(g.size, sizeof(g.size));
    printable(g.market, sizeof(g.market));
    MUST((g.n == 0) == !text[0] && (g.n == 0) == !g.side[0] && (g.n == 0) == !g.market[0]);
    const char *member = session_token_member(&c);
    MUST(!member || connector_path_class(&c) == CLASS_SESSION);
    return 0;
}
