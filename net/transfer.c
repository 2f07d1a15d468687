/* SPDX-License-Identifier: Apache-2.0 */
/* One easy handle of libcurl: everything that is set on it, and why. */
#include "net/transfer.h"

#include "base/text.h"
#include "base/wipe.h"

#include <fcntl.h>
#include <unistd.h>

/* How long a connection may have been idle: exchanges close them sooner than libcurl would. A
 * farewell that has not come yet is not seen (net/reuse.c); a request that then goes into the void
 * is repeated if it is a GET, but an order's end is unknown. */
#define IDLE_MAX_S 30L
#define IDLE_MAX_ORDER_S 2L
#define USER_AGENT "User-Agent: coffer/" VERSION

int transfer_new(struct bytes frame, const struct common *common, struct transfer **out,
                 struct err *e)
{
    struct transfer *t = wipe_malloc(sizeof(*t));

    if (!t)
        return err_set(e, ERR_MEMORY, "out of memory");
    memset(t, 0, sizeof(*t));
    t->frame = (struct buf)BUF_INIT(WIRE_FRAME_MAX);
    t->head = (struct buf)BUF_INIT(HEAD_MAX);
    t->body = (struct buf)BUF_INIT(WIRE_BODY_MAX);
    t->common = common;
    buf_add(&t->frame, frame);
    if (buf_check(&t->frame, "a request", e) || wire_get_request(buf_bytes(&t->frame), &t->q, e)) {
        transfer_free(t);
        return e->code;
    }
    t->is_get = bytes_eq_str(t->q.method, "GET");
    *out = t;
    return OK;
}

void transfer_free(struct transfer *t)
{
    if (!t)
        return;
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->connect_to);
    buf_free(&t->frame);
    buf_free(&t->head);
    buf_free(&t->body);
    wipe_free(t);
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool add_header(struct transfer *t, const struct wire_header *h)
{
    struct buf line = BUF_INIT(HEAD_MAX + 1024);
    struct bytes value = text_trim(h->value);

    buf_add(&line, h->name);
    /* to libcurl "Name:" alone, or with blanks, means that the header is left out */
    buf_adds(&line, value.n > 0 ? ": " : ";");
    buf_add(&line, value);
    bool ok = !line.failed && add_line(&t->headers, buf_str(&line));
    buf_free(&line);
    return ok;
}

/* Those given, and of libcurl's own only Host, Accept and Content-Length. */
static bool set_headers(struct transfer *t)
{
    bool has_type = false, has_agent = false, ok = true;

    for (uint32_t i = 0; ok && i < t->q.n_headers; i++) {
        const struct wire_header *h = &t->q.headers[i];
        if (text_eq_nocase(h->name, BYTES_LIT("accept-encoding")))
            continue; /* replies are read as they come */
        has_type = has_type || text_eq_nocase(h->name, BYTES_LIT("content-type"));
        has_agent = has_agent || text_eq_nocase(h->name, BYTES_LIT("user-agent"));
        ok = add_header(t, h);
    }
    ok = ok && (has_agent || add_line(&t->headers, USER_AGENT));
    ok = ok && (has_type || add_line(&t->headers, "Content-Type:"));
    ok = ok && add_line(&t->headers, "Expect:");
    return ok && curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
}

/* Any failure of a setopt is sticky in ok. */
#define SET(option, value) (ok = ok && curl_easy_setopt(t->easy, (option), (value)) == CURLE_OK)

static bool set_text(struct transfer *t, CURLoption option, struct bytes v)
{
    struct buf text = BUF_INIT(WIRE_FRAME_MAX);

    buf_add(&text, v);
    bool ok = !text.failed && curl_easy_setopt(t->easy, option, buf_str(&text)) == CURLE_OK;
    buf_free(&text);
    return ok;
}

static bool set_request(struct transfer *t)
{
    bool ok = set_text(t, CURLOPT_URL, t->q.url);
    bool has_body = t->q.body.n > 0, is_post = bytes_eq_str(t->q.method, "POST") ||
                                               bytes_eq_str(t->q.method, "PUT") ||
                                               bytes_eq_str(t->q.method, "PATCH");

    if (has_body || is_post) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->q.body.n);
        SET(CURLOPT_POSTFIELDS, has_body ? (const char *)t->q.body.p : "");
    } else if (bytes_eq_str(t->q.method, "HEAD")) {
        SET(CURLOPT_NOBODY, 1L);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    ok = ok && set_text(t, CURLOPT_CUSTOMREQUEST, t->q.method);
    /* the bytes that were signed, not libcurl's reading of them */
    SET(CURLOPT_PATH_AS_IS, 1L);
    ok = ok && set_text(t, CURLOPT_REQUEST_TARGET, t->goal.target);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_NONE);
    return ok && set_headers(t);
}

/* The sandbox does not count for access(). */
static bool can_open(const char *path)
{
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* The system's authorities: libcurl reads the bundle once for all connections, but only when it is
 * not told of the directory with the same contents too. A bundle that is not there is an error to
 * it, though the directory may do. */
static bool set_system_ca(struct transfer *t)
{
    bool ok = true;
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);

    if (can_open(v->cainfo))
        SET(CURLOPT_CAPATH, NULL);
    else if (can_open(v->capath))
        SET(CURLOPT_CAINFO, NULL);
    return ok;
}

static bool set_tls(struct transfer *t)
{
    bool ok = true;
    /* libcurl keeps its own copy with the connection */
    struct curl_blob ca = {(void *)(uintptr_t)t->q.ca.p, t->q.ca.n, CURL_BLOB_COPY};

#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "https");
#else
    SET(CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (t->q.ca.n == 0)
        return ok && set_system_ca(t);
    /* instead of the system's, not beside them */
    SET(CURLOPT_CAINFO_BLOB, &ca);
    SET(CURLOPT_CAPATH, NULL);
    return ok;
}

/* Always said, or libcurl asks the environment itself. */
static bool set_proxy(struct transfer *t)
{
    bool ok = true;
    const struct proxy *proxy = t->common->proxy;

    SET(CURLOPT_PROXY, t->is_proxied ? proxy->url : "");
    SET(CURLOPT_NOPROXY, "");
    if (!t->is_proxied)
        return ok;
    SET(CURLOPT_PROXYPORT, (long)proxy->port);
    SET(CURLOPT_HTTPPROXYTUNNEL, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* no key for the proxy's eyes */
    SET(CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
    if (proxy->is_tls) /* what waits in its own TLS is not seen, net/reuse.c */
        SET(CURLOPT_FORBID_REUSE, 1L);
    return ok;
}

static bool set_limits(struct transfer *t)
{
    bool ok = true;
    uint32_t connect_ms = t->q.timeout_ms < CONNECT_MS ? t->q.timeout_ms : CONNECT_MS;

    SET(CURLOPT_TIMEOUT_MS, (long)t->q.timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)WIRE_BODY_MAX);
    SET(CURLOPT_MAXAGE_CONN, t->is_get ? IDLE_MAX_S : IDLE_MAX_ORDER_S);
    SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(CURLOPT_QUICK_EXIT, 1L); /* or a name server that is silent holds up all the others */
#endif
    return ok;
}

static bool set_callbacks(struct transfer *t)
{
    bool ok = true;

    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_SHARE, t->common->share);
    SET(CURLOPT_ERRORBUFFER, t->text);
    SET(CURLOPT_PREREQFUNCTION, transfer_ready);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_OPENSOCKETFUNCTION, transfer_socket);
    SET(CURLOPT_OPENSOCKETDATA, t);
    SET(CURLOPT_CLOSESOCKETFUNCTION, sockets_close); /* later than the transfer's end, too */
    SET(CURLOPT_CLOSESOCKETDATA, t->common->sockets);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, transfer_tick);
    SET(CURLOPT_XFERINFODATA, t);
    SET(CURLOPT_HEADERFUNCTION, transfer_head);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, transfer_body);
    SET(CURLOPT_WRITEDATA, t);
    return ok;
}

static bool set_connect_to(struct transfer *t)
{
    char text[600];

    if (t->q.connect_to.n == 0)
        return true;
    return text_copy(text, sizeof(text), t->q.connect_to) && add_line(&t->connect_to, text) &&
           curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to) == CURLE_OK;
}

static bool refuse(struct transfer *t, enum wire_fault fault, const char *why)
{
    t->fault = fault;
    t->why = why;
    return false;
}

bool transfer_prepare(struct transfer *t)
{
    const struct proxy *proxy = t->common->proxy;
    const char *why = check_request(&t->q, &t->goal);

    if (why)
        return refuse(t, FAULT_REFUSED_HERE, why);
    t->is_proxied = proxy_is_for(proxy, t->goal.host);
    if (t->is_proxied && proxy->bad)
        return refuse(t, FAULT_PROXY, proxy->bad);
    t->easy = curl_easy_init();
    if (t->easy && set_callbacks(t) && set_request(t) && set_tls(t) && set_proxy(t) &&
        set_limits(t) && set_connect_to(t))
        return true;
    return refuse(t, FAULT_INTERNAL, "libcurl takes not all that is set");
}

bool transfer_renew(struct transfer *t)
{
    bool ok = true;

    if (!t->wants_fresh || t->is_fresh)
        return false;
    t->wants_fresh = false;
    t->is_fresh = true;
    t->text[0] = 0;
    SET(CURLOPT_FRESH_CONNECT, 1L);
    return ok;
}
