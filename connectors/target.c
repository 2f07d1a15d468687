/* SPDX-License-Identifier: Apache-2.0 */
/* Splits and checks URLs, header fields and methods. Nothing is decoded, normalised or repaired:
 * what is not plain is refused, so that the bytes that were classified are sent. */
#include "connectors/target.h"

#include "base/text.h"

static bool is_unreserved(unsigned c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int check_char(uint8_t c, size_t at, struct err *e)
{
    if (c == '#')
        return err_set(e, ERR_USAGE, "url has a fragment ('#' at character %zu)", at + 1);
    if (c == ' ')
        return err_set(e, ERR_USAGE, "url has a blank at character %zu", at + 1);
    if (c < 0x20 || c == 0x7f)
        return err_set(e, ERR_USAGE, "url has a control character (0x%02x) at character %zu", c,
                       at + 1);
    if (c > 0x7e)
        return err_set(e, ERR_USAGE, "url has a character outside ASCII at character %zu", at + 1);
    if (memchr("\"<>\\^{}|`", c, 9))
        return err_set(e, ERR_USAGE, "url has '%c' at character %zu, which must be escaped", c,
                       at + 1);
    return OK;
}

static int check_chars(struct bytes url, struct err *e)
{
    for (size_t i = 0; i < url.n; i++) {
        if (is_unreserved(url.p[i]))
            continue;
        int rc = check_char(url.p[i], i, e);
        if (rc)
            return rc;
        if (url.p[i] != '%')
            continue;
        if (url.n - i < 3 || hex_value(url.p[i + 1]) < 0 || hex_value(url.p[i + 2]) < 0)
            return err_set(e, ERR_USAGE, "url has a malformed %% escape at character %zu", i + 1);
    }
    return OK;
}

/* What a path may not spell with an escape. The escape is known to be well formed. */
static int check_escape(const uint8_t *p, struct err *e)
{
    unsigned v = (unsigned)(hex_value(p[1]) * 16 + hex_value(p[2]));
    const char *why = NULL;
    if (v == '/' || v == '\\')
        why = "an escaped slash";
    else if (is_unreserved(v))
        why = "an escape that is not needed";
    else if (v < 0x20 || v == 0x7f)
        why = "an escaped control character";
    if (!why)
        return OK;
    return err_set(e, ERR_USAGE, "path of the url has %s (%%%c%c)", why, p[1], p[2]);
}

static int check_segment(struct bytes s, bool is_last, struct err *e)
{
    if (s.n == 0 && !is_last)
        return err_set(e, ERR_USAGE, "path of the url has '//'");
    if (bytes_eq_str(s, ".") || bytes_eq_str(s, ".."))
        return err_set(e, ERR_USAGE, "path of the url has a '%s' segment", s.n == 1 ? "." : "..");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ';')
            return err_set(e, ERR_USAGE, "path of the url has ';'");
        if (s.p[i] == '%') {
            int rc = check_escape(s.p + i, e);
            if (rc)
                return rc;
        }
    }
    return OK;
}

static int check_path(struct bytes path, struct err *e)
{
    struct bytes head, rest = bytes_of(path.p + 1, path.n - 1);
    for (bool more = true; more;) {
        more = text_cut(rest, '/', &head, &rest);
        int rc = check_segment(head, !more, e);
        if (rc)
            return rc;
    }
    return OK;
}

static const char *call_region(const struct call *c)
{
    if (c->region || !c->conn->regions)
        return c->region;
    return c->conn->regions[0];
}

static bool host_allowed(const struct call *c, const struct host *h, bool is_ws)
{
    const char *region = call_region(c);
    if (h->env != c->env || h->is_ws != is_ws)
        return false;
    return !h->region || (region && strcmp(h->region, region) == 0);
}

/* Cuts a default port off; false for an empty port. */
static bool strip_port(struct bytes authority, struct bytes *host)
{
    struct bytes name, port;
    *host = authority;
    if (!text_cut(authority, ':', &name, &port))
        return true;
    if (port.n == 0)
        return false;
    if (bytes_eq_str(port, "443"))
        *host = name;
    return true;
}

static int refuse_host(const struct call *c, struct bytes authority, bool is_ws, struct err *e)
{
    struct bytes name = authority, port;
    int n = (int)(authority.n < 128 ? authority.n : 128);
    bool has_port = text_cut(authority, ':', &name, &port);
    err_set(e, ERR_USAGE, "'%.*s' is not one of the %s hosts of %s", n, (const char *)authority.p,
            environment_name(c->env), c->conn->name);
    for (const struct host *h = c->conn->hosts; h->name; h++) {
        if (has_port && host_allowed(c, h, is_ws) && text_eq_nocase(name, bytes_str(h->name)))
            err_hint(e, "leave the port out: '%s' is reached on its own port", h->name);
        else if (h->is_ws == is_ws && !host_allowed(c, h, is_ws) &&
                 text_eq_nocase(authority, bytes_str(h->name)))
            err_hint(e, "that host belongs to '%s'%s%s", environment_name(h->env),
                     h->region ? ", region " : "", h->region ? h->region : "");
    }
    for (const struct host *h = c->conn->hosts; h->name; h++)
        if (host_allowed(c, h, is_ws))
            return err_hint(e, "the first of them is '%s'", h->name);
    return err_hint(e, "%s has no %s host of this kind", c->conn->name, environment_name(c->env));
}

static int find_host(struct call *c, struct bytes authority, bool is_ws, struct err *e)
{
    struct bytes host;
    if (memchr(authority.p, '@', authority.n))
        return err_set(e, ERR_USAGE, "url has user information before the host");
    if (!strip_port(authority, &host))
        return err_set(e, ERR_USAGE, "url has a colon without a port");
    for (const struct host *h = c->conn->hosts; h->name; h++)
        if (host_allowed(c, h, is_ws) && text_eq_nocase(host, bytes_str(h->name))) {
            c->host = bytes_str(h->name);
            return OK;
        }
    return refuse_host(c, authority, is_ws, e);
}

/* For a url that is only a path: the host that claims such paths, else the first. */
static int host_of_path(struct call *c, struct bytes url, bool is_ws, struct err *e)
{
    for (const struct host *h = c->conn->hosts; h->name; h++)
        if (h->prefix && host_allowed(c, h, is_ws) && text_starts(url, h->prefix)) {
            c->host = bytes_str(h->name);
            return OK;
        }
    for (const struct host *h = c->conn->hosts; h->name; h++)
        if (host_allowed(c, h, is_ws)) {
            c->host = bytes_str(h->name);
            return OK;
        }
    return err_set(e, ERR_USAGE, "%s has no %s host for %s", c->conn->name,
                   environment_name(c->env), is_ws ? "WebSocket" : "requests");
}

static int check_scheme(struct bytes url, const char *scheme, struct err *e)
{
    if (text_starts(url, scheme))
        return OK;
    if (text_starts(url, "http://") || text_starts(url, "ws://"))
        return err_set(e, ERR_USAGE, "url is not encrypted: it must begin with %s", scheme);
    return err_set(e, ERR_USAGE, "url must begin with %s or be a path", scheme);
}

/* Sets origin and host of *c and leaves what follows them in *rest. */
static int split_origin(struct bytes url, bool is_ws, struct call *c, struct bytes *rest,
                        struct err *e)
{
    const char *scheme = is_ws ? "wss://" : "https://";
    size_t start = strlen(scheme), end = start;
    if (url.p[0] == '/') {
        c->origin = bytes_of(NULL, 0);
        *rest = url;
        return host_of_path(c, url, is_ws, e);
    }
    int rc = check_scheme(url, scheme, e);
    if (rc)
        return rc;
    while (end < url.n && url.p[end] != '/' && url.p[end] != '?')
        end++;
    c->origin = bytes_of(url.p, end);
    *rest = bytes_of(url.p + end, url.n - end);
    return find_host(c, bytes_of(url.p + start, end - start), is_ws, e);
}

int target_parse(struct bytes url, bool is_ws, struct call *c, struct err *e)
{
    struct call out = *c;
    struct bytes rest;
    if (url.n == 0)
        return err_set(e, ERR_USAGE, "url is empty");
    if (url.n > URL_MAX)
        return err_set(e, ERR_USAGE, "url is longer than %u characters", URL_MAX);
    int rc = check_chars(url, e);
    if (!rc)
        rc = split_origin(url, is_ws, &out, &rest, e);
    if (rc)
        return rc;
    out.has_query = text_cut(rest, '?', &out.path, &out.query);
    if (!out.has_query)
        out.query = bytes_of(NULL, 0);
    if (out.path.n == 0 && !is_ws)
        return err_set(e, ERR_USAGE, "url has no path");
    rc = out.path.n ? check_path(out.path, e) : OK;
    if (rc)
        return rc;
    out.is_ws = is_ws;
    *c = out;
    return OK;
}

static bool is_token_char(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c && memchr("!#$%&'*+-.^_`|~", c, 15));
}

/* Some servers take _ in a header's name for -. */
static uint8_t fold(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c | 0x20);
    return c == '_' ? '-' : c;
}

static bool header_is(struct bytes name, const char *want)
{
    size_t i = 0;
    while (i < name.n && want[i] && fold(name.p[i]) == fold((uint8_t)want[i]))
        i++;
    return i == name.n && !want[i];
}

/* Headers by which some servers take another method, path or host than the one that was judged. */
static bool overrides_request(struct bytes name)
{
    static const char *const names[] = {
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "x-original-method",
        "x-original-url",
        "x-original-uri",
        "x-original-host",
        "x-rewrite-url",
        "x-forwarded-method",
        "x-forwarded-uri",
        "x-forwarded-path",
        "x-forwarded-prefix",
        "x-forwarded-host",
        "x-forwarded-server",
        "x-host",
        "forwarded",
        "content-encoding", /* the body that was judged is not the one that is read */
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (header_is(name, names[i]))
            return true;
    return false;
}

int target_check_header(struct bytes name, struct bytes value, struct err *e)
{
    if (name.n == 0)
        return err_set(e, ERR_USAGE, "a header has no name");
    for (size_t i = 0; i < name.n; i++)
        if (!is_token_char(name.p[i]))
            return err_set(e, ERR_USAGE, "a header name has an illegal character at position %zu",
                           i + 1);
    if (overrides_request(name))
        return err_set(e, ERR_USAGE,
                       "header '%.*s' can turn a request into another one, so it is not taken",
                       (int)name.n, (const char *)name.p);
    for (size_t i = 0; i < value.n; i++)
        if ((value.p[i] < 0x20 && value.p[i] != '\t') || value.p[i] == 0x7f)
            return err_set(e, ERR_USAGE, "header '%.*s' has a control character (0x%02x)",
                           (int)(name.n < 64 ? name.n : 64), (const char *)name.p, value.p[i]);
    return OK;
}

bool target_drops_header(const struct connector *conn, struct bytes name)
{
    static const char *const hop[] = {
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "proxy-authorization",
        "te",
        "content-length",
        "host",
        /* who asks: what stands before an exchange says that, not a client */
        "x-forwarded-for",
        "x-real-ip",
        "x-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
    };
    for (size_t i = 0; i < ARRAY_LEN(hop); i++)
        if (header_is(name, hop[i]))
            return true;
    for (const char *const *h = conn->auth_headers; *h; h++)
        if (header_is(name, *h))
            return true;
    return false;
}

int target_check_method(struct bytes method, struct err *e)
{
    static const char *const known[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (bytes_eq_str(method, known[i]))
            return OK;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (text_eq_nocase(method, bytes_str(known[i]))) {
            err_set(e, ERR_USAGE, "method '%.*s' must be in upper case", (int)method.n,
                    (const char *)method.p);
            return err_hint(e, "write '%s'", known[i]);
        }
    return err_set(e, ERR_USAGE, "method must be GET, POST, PUT, DELETE or PATCH");
}
