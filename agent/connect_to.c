/* SPDX-License-Identifier: Apache-2.0 */
/* The form of --connect-to. What it leads to is coffer-net's business. */
#include "agent/courier.h"

#include "base/text.h"

static int refuse(const char *text, const char *why, struct err *e)
{
    err_set(e, ERR_USAGE, "--connect-to '%s': %s", text, why);
    return err_hint(e, "as curl takes it: HOST:PORT:ADDRESS:PORT, the first two may be empty: "
                       "--connect-to ::127.0.0.1:8443");
}

static bool is_host_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

static bool is_v6_char(uint8_t c)
{
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == '.' ||
           c == ':';
}

/* A name, or an address in brackets, up to the colon behind it. */
static bool take_host(struct bytes *rest, struct bytes *host)
{
    size_t n = 0;

    if (rest->n > 0 && rest->p[0] == '[') {
        for (n = 1; n < rest->n && is_v6_char(rest->p[n]);)
            n++;
        if (n < 4 || n == rest->n || rest->p[n] != ']')
            return false;
        n++;
    } else {
        while (n < rest->n && is_host_char(rest->p[n]))
            n++;
    }
    if (n == rest->n || rest->p[n] != ':')
        return false;
    *host = bytes_of(rest->p, n);
    *rest = bytes_of(rest->p + n + 1, rest->n - n - 1);
    return true;
}

static bool is_port(struct bytes text, uint64_t *port)
{
    return text_u64(text, 65535, port) && *port > 0;
}

int connect_to_check(const char *text, unsigned *port, struct err *e)
{
    struct bytes rest = bytes_str(text), host, from, address, tail;
    uint64_t v;

    if (!take_host(&rest, &host))
        return refuse(text, "it must begin with a host and its port", e);
    if (!text_cut(rest, ':', &from, &tail))
        return refuse(text, "the address to connect to is missing", e);
    if (from.n > 0 && !is_port(from, &v))
        return refuse(text, "the second part is no port", e);
    if (!take_host(&tail, &address) || address.n == 0)
        return refuse(text, "the address to connect to is missing or malformed, or has no port", e);
    if (!is_port(tail, &v))
        return refuse(text, "the last part is no port", e);
    *port = (unsigned)v;
    return OK;
}
