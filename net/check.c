/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer-net refuses to send. Paths and queries are not judged here, only that they are one
 * line of visible ASCII: classes and policy have been through them. */
#include "net/check.h"

#include "base/text.h"

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The characters of a name with its port: none by which two readers see two hosts. */
static bool is_authority_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || is_upper(c) || is_digit(c) || c == '.' || c == '-' ||
           c == ':' || c == '[' || c == ']';
}

static const char *take_host(struct bytes authority, struct goal *out)
{
    if (authority.n == 0 || authority.n >= sizeof(out->host))
        return "the url has no host, or one too long";
    for (size_t i = 0; i < authority.n; i++) {
        uint8_t c = authority.p[i];
        if (!is_authority_char(c))
            return "the url's host has a character that belongs in none";
        out->host[i] = (char)(is_upper(c) ? c | 0x20 : c);
    }
    if (text_ends(authority, ":443"))
        authority.n -= 4;
    out->host[authority.n] = 0;
    return NULL;
}

static const char *check_url(struct bytes url, struct goal *out)
{
    size_t start = sizeof("https://") - 1, i = start;

    if (!text_starts(url, "https://"))
        return "the url is not https";
    for (size_t k = 0; k < url.n; k++)
        if (url.p[k] <= ' ' || url.p[k] > '~' || url.p[k] == '#' || url.p[k] == '\\')
            return "the url has a character that is not sent";
    while (i < url.n && url.p[i] != '/' && url.p[i] != '?')
        i++;
    if (i == url.n || url.p[i] != '/')
        return "the url has no path";
    out->target = bytes_of(url.p + i, url.n - i);
    return take_host(bytes_of(url.p + start, i - start), out);
}

static bool is_allowed(const struct wire_request *r, const char *host)
{
    for (uint32_t i = 0; i < r->n_hosts; i++)
        if (bytes_eq_str(r->hosts[i], host))
            return true;
    return false;
}

static const char *check_method(struct bytes m)
{
    for (size_t i = 0; i < m.n; i++)
        if (!is_upper(m.p[i]))
            return "the method is not upper-case letters";
    return m.n > 0 && !bytes_eq_str(m, "CONNECT") ? NULL : "the method is none that is sent";
}

/* RFC 9110, section 5.6.2. */
static bool is_token(struct bytes s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], lower = is_upper(c) ? c | 0x20 : c;
        if (!(lower >= 'a' && lower <= 'z') && !is_digit(c) && !memchr(marks, c, sizeof(marks) - 1))
            return false;
    }
    return s.n > 0;
}

/* Those that say where a request ends or who it is for are this program's own to write. */
static bool is_ours(struct bytes name)
{
    const struct bytes ours[] = {
        BYTES_LIT("host"),    BYTES_LIT("content-length"), BYTES_LIT("transfer-encoding"),
        BYTES_LIT("te"),      BYTES_LIT("connection"),     BYTES_LIT("proxy-connection"),
        BYTES_LIT("upgrade"), BYTES_LIT("keep-alive"),     BYTES_LIT("proxy-authorization"),
        BYTES_LIT("expect"),  BYTES_LIT("trailer")};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (name.n == ours[i].n && text_eq_nocase(name, ours[i]))
            return true;
    return false;
}

static const char *check_headers(const struct wire_request *r)
{
    for (uint32_t i = 0; i < r->n_headers; i++) {
        struct bytes v = r->headers[i].value;
        if (!is_token(r->headers[i].name))
            return "a header's name is not one";
        if (is_ours(r->headers[i].name))
            return "a header that only coffer-net may write";
        for (size_t k = 0; k < v.n; k++)
            if ((v.p[k] < ' ' && v.p[k] != '\t') || v.p[k] == 0x7f)
                return "a header has a control character";
    }
    return NULL;
}

static const char *check_connect_to(struct bytes v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!is_authority_char(v.p[i]) && v.p[i] != '_')
            return "--connect-to has a character that belongs in none";
    return NULL;
}

const char *check_request(const struct wire_request *r, struct goal *out)
{
    struct goal goal = {0};
    const char *why = check_url(r->url, &goal);

    if (!why && !is_allowed(r, goal.host))
        why = "the host is none of the exchange's";
    if (!why)
        why = check_method(r->method);
    if (!why)
        why = check_headers(r);
    if (!why)
        why = check_connect_to(r->connect_to);
    if (!why)
        *out = goal;
    return why;
}
