/* SPDX-License-Identifier: Apache-2.0 */
/* Reads https_proxy and no_proxy. libcurl could, but its versions differ in what no_proxy means,
 * and it would take ALL_PROXY and SOCKS too. */
#include "net/proxy.h"

#include "base/text.h"

#include <stdlib.h>

#define PORT_DEFAULT 1080u /* as curl's */
#define PORT_DEFAULT_TLS 443u

static const char *take_port(struct bytes authority, struct proxy *p)
{
    struct bytes name = authority, digits = {0};
    uint64_t port = p->port;
    size_t colon = authority.n;

    while (colon > 0 && authority.p[colon - 1] != ':' && authority.p[colon - 1] != ']')
        colon--;
    if (colon > 0 && authority.p[colon - 1] == ':') {
        name.n = colon - 1;
        digits = bytes_of(authority.p + colon, authority.n - colon);
        if (!text_u64(digits, 65535, &port) || port == 0)
            return "https_proxy has a malformed port";
    }
    if (name.n == 0)
        return "https_proxy has no host";
    p->port = (unsigned)port;
    return NULL;
}

static const char *take_url(struct bytes text, struct proxy *p)
{
    struct bytes rest = text, scheme, tail;

    p->port = PORT_DEFAULT;
    for (size_t i = 0; i + 2 < text.n; i++)
        if (memcmp(text.p + i, "://", 3) == 0) {
            scheme = bytes_of(text.p, i);
            rest = bytes_of(text.p + i + 3, text.n - i - 3);
            p->is_tls = text_eq_nocase(scheme, BYTES_LIT("https"));
            if (p->is_tls)
                p->port = PORT_DEFAULT_TLS;
            else if (!text_eq_nocase(scheme, BYTES_LIT("http")))
                return "https_proxy must be an http:// or https:// proxy";
            break;
        }
    if (!text_copy(p->url, sizeof(p->url), text))
        return "https_proxy is too long";
    (void)text_cut(rest, '/', &rest, &tail);
    while (text_cut(rest, '@', &scheme, &tail))
        rest = tail;
    return take_port(rest, p);
}

void proxy_set(struct proxy *p, const char *url, const char *except)
{
    *p = (struct proxy){.except = bytes_str(except ? except : "")};
    if (url && url[0])
        p->bad = take_url(bytes_str(url), p);
}

void proxy_from_environment(struct proxy *p)
{
    const char *url = getenv("https_proxy"), *except = getenv("no_proxy");

    proxy_set(p, url ? url : getenv("HTTPS_PROXY"), except ? except : getenv("NO_PROXY"));
}

/* "example.com" and ".example.com" name that host and all beneath it. */
static bool is_named(struct bytes entry, struct bytes host)
{
    if (bytes_eq_str(entry, "*"))
        return true;
    while (entry.n > 0 && entry.p[0] == '.')
        entry = bytes_of(entry.p + 1, entry.n - 1);
    if (entry.n == 0 || entry.n > host.n)
        return false;
    struct bytes end = bytes_of(host.p + host.n - entry.n, entry.n);
    return text_eq_nocase(entry, end) && (entry.n == host.n || end.p[-1] == '.');
}

static struct bytes unbracket(struct bytes s)
{
    return s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']' ? bytes_of(s.p + 1, s.n - 2) : s;
}

/* Without the port; an IPv6 address has colons of its own. */
static struct bytes name_of(struct bytes host)
{
    size_t n = 0;

    if (host.n > 0 && host.p[0] == '[')
        while (n < host.n && host.p[n] != ']')
            n++;
    while (n < host.n && host.p[n] != ':')
        n++;
    return unbracket(bytes_of(host.p, n));
}

bool proxy_is_for(const struct proxy *p, const char *host)
{
    struct bytes rest = p->except, name = name_of(bytes_str(host));

    if (!p->bad && !p->url[0])
        return false;
    while (rest.n > 0) {
        size_t n = 0;
        while (n < rest.n && rest.p[n] != ',' && rest.p[n] != ' ' && rest.p[n] != '\t')
            n++;
        struct bytes entry = bytes_of(rest.p, n);
        if (is_named(unbracket(entry), name) || (n > 0 && is_named(entry, bytes_str(host))))
            return false;
        rest = bytes_of(rest.p + n, rest.n - n);
        if (rest.n > 0)
            rest = bytes_of(rest.p + 1, rest.n - 1);
    }
    return true;
}
