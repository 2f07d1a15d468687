/* SPDX-License-Identifier: Apache-2.0 */
/* One easy handle of libcurl: everything that is set on it for all requests to one place, and why.
 * What differs from request to request: net/transfer.c. */
#include "net/transfer.h"

#include "base/text.h"

#include <fcntl.h>
#include <unistd.h>

#define SEND_ROOM 16384L /* libcurl's least: it is wiped after each request */

/* Any failure of a setopt is sticky in ok. */
#define SET(option, value) (ok = ok && curl_easy_setopt(t->easy, (option), (value)) == CURLE_OK)

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

static bool set_http(struct transfer *t)
{
    bool ok = true;

    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_NONE);
    /* the bytes that were signed, not libcurl's reading of them */
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)(t->common->sink ? 0 : WIRE_BODY_MAX));
    SET(CURLOPT_UPLOAD_BUFFERSIZE, SEND_ROOM);
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
    /* libcurl's own timers do, but for a proxy's answer that does not end, and a hang-up */
    SET(CURLOPT_NOPROGRESS, t->is_proxied || t->common->fd >= 0 ? 0L : 1L);
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
    if (!text_copy(text, sizeof(text), t->q.connect_to))
        return false;
    t->connect_to = curl_slist_append(NULL, text);
    return t->connect_to &&
           curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to) == CURLE_OK;
}

/* Path and query are in none of the handle's copies of the url, and it is parsed once. */
static bool set_url(struct transfer *t)
{
    struct buf url = BUF_INIT(512);

    t->place.url = curl_url();
    buf_add(&url, buf_bytes(&t->place.origin));
    buf_addc(&url, '/');
    bool ok = t->place.url && !url.failed &&
              curl_url_set(t->place.url, CURLUPART_URL, buf_str(&url), 0) == CURLUE_OK &&
              curl_easy_setopt(t->easy, CURLOPT_CURLU, t->place.url) == CURLE_OK;
    buf_free(&url);
    return ok;
}

static bool note_place(struct transfer *t)
{
    struct place *p = &t->place;

    buf_reset(&p->origin);
    buf_reset(&p->ca);
    buf_reset(&p->connect_to);
    buf_add(&p->origin, bytes_of(t->q.url.p, (size_t)(t->goal.target.p - t->q.url.p)));
    buf_add(&p->ca, t->q.ca);
    buf_add(&p->connect_to, t->q.connect_to);
    p->is_proxied = t->is_proxied;
    p->connect_ms = p->idle_s = 0;
    return !p->origin.failed && !p->ca.failed && !p->connect_to.failed;
}

void handle_drop(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->connect_to);
    curl_url_cleanup(t->place.url);
    t->easy = NULL;
    t->connect_to = NULL;
    t->place.url = NULL;
}

bool handle_make(struct transfer *t)
{
    handle_drop(t);
    t->easy = curl_easy_init();
    return t->easy && note_place(t) && set_url(t) && set_callbacks(t) && set_http(t) &&
           set_tls(t) && set_proxy(t) && set_connect_to(t);
}
