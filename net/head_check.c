/* SPDX-License-Identifier: Apache-2.0 */
/* Who a request is from, as its headers tell, and which of them are between the client and this
 * proxy alone. */
#include "net/head.h"

#include "base/text.h"

static bool starts_nocase(struct bytes s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.n >= n && text_eq_nocase(bytes_of(s.p, n), bytes_str(prefix));
}

/* -- where it comes from -- */

static bool is_named(struct bytes name, unsigned port)
{
    /* to a page in a browser no socket file is within reach: any port is only somebody's tunnel */
    return text_eq_nocase(name, BYTES_LIT("localhost")) || bytes_eq_str(name, "127.0.0.1") ||
           (port == 0 && text_eq_nocase(name, BYTES_LIT("coffer")));
}

static bool is_our_host(struct bytes host, unsigned port)
{
    bool is_6 = text_starts(host, "[::1]");
    struct bytes name, digits, rest = bytes_of(host.p + (is_6 ? 5 : 0), host.n - (is_6 ? 5 : 0));
    uint64_t given = 80;

    if (text_cut(rest, ':', &name, &digits) && !text_u64(digits, 65535, &given))
        return false;
    return (is_6 ? name.n == 0 : is_named(name, port)) && (port == 0 || given == port);
}

static const char *judge_header(const struct wire_header *h)
{
    if (text_eq_nocase(h->name, BYTES_LIT("origin")) && !bytes_eq_str(h->value, "*"))
        return "it comes from a web page (Origin)";
    /* Node's fetch says this one alone; a browser says Sec-Fetch-Site with it, always. */
    bool is_node =
        text_eq_nocase(h->name, BYTES_LIT("sec-fetch-mode")) && bytes_eq_str(h->value, "cors");
    if (starts_nocase(h->name, "sec-fetch-") && !is_node)
        return "it comes from a web browser (Sec-Fetch)";
    return NULL;
}

const char *head_check_origin(const struct head *h, unsigned port)
{
    const char *why = is_our_host(h->host, port) ? NULL : "its Host is not this proxy";

    for (uint32_t i = 0; !why && i < h->n_headers; i++)
        why = judge_header(&h->headers[i]);
    return why;
}

/* -- what goes on -- */

bool head_is_end_to_end(struct bytes name, struct bytes connection)
{
    static const char *const kept_here[] = {
        "connection",     "keep-alive", "te",     "trailer", "transfer-encoding", "upgrade", "host",
        "content-length", "origin",     "cookie", "cookie2", "forwarded",         "expect",
    };
    static const char *const kept_here_prefix[] = {"proxy-", "x-forwarded-", "sec-fetch-"};
    static const char starts[] = "cefhkopstux"; /* of them all: most names are none of these */

    if (name.n > 0 && memchr(starts, name.p[0] | 0x20, sizeof(starts) - 1)) {
        for (size_t i = 0; i < ARRAY_LEN(kept_here); i++)
            if (text_eq_nocase(name, bytes_str(kept_here[i])))
                return false;
        for (size_t i = 0; i < ARRAY_LEN(kept_here_prefix); i++)
            if (starts_nocase(name, kept_here_prefix[i]))
                return false;
    }
    return !text_in_list(connection, name);
}
