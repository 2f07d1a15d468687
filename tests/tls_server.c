/* SPDX-License-Identifier: Apache-2.0 */
/* The server of tls_server.h. Paths: /ok, /close (reads, then hangs up), /silent (never answers),
 * /cut (half of what it announces), /big (16 MiB in chunks), /zip (bytes said to be compressed),
 * /garbage, /keep-then-close (answers; hangs up on the next request), /say?STATUS=BODY, and
 * /fapi/v1/listenKey (shows its target again: status 400 with "fail" in it). */
#include "tests/tls_server.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 65536u
#define CONNECTIONS_MAX 64u
#define CHUNKS 256u
#define CHUNK 65536u

struct tls_server {
    SSL_CTX *tls;
    int fd, stop[2];
    unsigned port;
    char *ca;
    pthread_t listener, threads[CONNECTIONS_MAX];
    pthread_mutex_t lock;
    unsigned n_connections, n_requests;
    char last[REQUEST_MAX];
};

struct connection {
    struct tls_server *server;
    int fd;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "tls_server: %s\n", what);
    exit(1);
}

/* -- the certificate -- */

static void add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX c;

    X509V3_set_ctx_nodb(&c);
    X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    must(e && X509_add_ext(x, e, -1), "an extension");
    X509_EXTENSION_free(e);
}

static void certify(struct tls_server *s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *out = BIO_new(BIO_s_mem());
    char *text;

    must(key && x && out, "a key");
    must(X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) &&
             X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
             X509_gmtime_adj(X509_getm_notAfter(x), 3600) && X509_set_pubkey(x, key) &&
             X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                        (const unsigned char *)"api.test", -1, -1, 0) &&
             X509_set_issuer_name(x, X509_get_subject_name(x)),
         "a certificate");
    add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(x, NID_subject_alt_name, "DNS:api.test,DNS:other.test");
    must(X509_sign(x, key, EVP_sha256()) > 0 && PEM_write_bio_X509(out, x), "a signature");
    long n = BIO_get_mem_data(out, &text);
    s->ca = strndup(text, (size_t)n);
    must(SSL_CTX_use_certificate(s->tls, x) == 1 && SSL_CTX_use_PrivateKey(s->tls, key) == 1,
         "a context");
    BIO_free(out);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* -- one connection -- */

static bool put(SSL *tls, const char *p, size_t n)
{
    return SSL_write(tls, p, (int)n) == (int)n;
}

static bool puts_all(SSL *tls, const char *text)
{
    return put(tls, text, strlen(text));
}

static bool answer(SSL *tls, const char *status, const char *more, const char *body)
{
    char head[2048];

    snprintf(
        head, sizeof(head),
        "HTTP/1.1 %s OK\r\nContent-Length: %zu\r\nX-Weight: 7\r\nConnection: keep-alive, X-Hop\r\n"
        "X-Hop: 1\r\nConnection: X-Hop-Two\r\nX-Hop-Two: 2\r\n%s\r\n",
        status, strlen(body), more);
    return puts_all(tls, head) && puts_all(tls, body);
}

static bool big(SSL *tls)
{
    static char chunk[CHUNK];
    bool ok = puts_all(tls, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");

    for (unsigned i = 0; ok && i < CHUNKS; i++)
        ok = puts_all(tls, "10000\r\n") && put(tls, chunk, sizeof(chunk)) && puts_all(tls, "\r\n");
    return ok && puts_all(tls, "0\r\n\r\n");
}

static bool waits(struct tls_server *s, int ms)
{
    struct pollfd p = {.fd = s->stop[0], .events = POLLIN};

    (void)poll(&p, 1, ms);
    return false;
}

static bool say(SSL *tls, char *request)
{
    char *status = strchr(request, '?') + 1, *body = strchr(status, '=') + 1;

    body[-1] = 0;
    *strstr(body, " HTTP/") = 0;
    return answer(tls, status, "Content-Type: application/json\r\n", body);
}

static bool show(SSL *tls, char *request)
{
    char *target = strchr(request, ' ') + 1, body[1024], more[1024];

    *strchr(target, ' ') = 0;
    snprintf(body, sizeof(body), "{\"msg\":\"%s\"}", target);
    snprintf(more, sizeof(more), "Location: %s\r\n", target);
    return answer(tls, strstr(target, "fail") ? "400" : "200", more, body);
}

static bool starts(const char *request, const char *path)
{
    const char *at = strchr(request, ' ');

    return at && strncmp(at + 1, path, strlen(path)) == 0;
}

/* false: the connection ends. */
static bool reply(struct tls_server *s, SSL *tls, char *request, unsigned n_before)
{
    if (starts(request, "/keep-then-close"))
        return n_before == 0 && answer(tls, "200", "", "kept");
    if (starts(request, "/close"))
        return false;
    if (starts(request, "/silent"))
        return waits(s, 60000);
    if (starts(request, "/cut")) {
        (void)puts_all(tls, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        return false;
    }
    if (starts(request, "/big"))
        return big(tls);
    if (starts(request, "/zip"))
        return answer(tls, "200", "Content-Encoding: gzip\r\n", "not really gzip");
    if (starts(request, "/garbage")) {
        (void)puts_all(tls, "hello there\r\n\r\n");
        return false;
    }
    if (starts(request, "/fapi/v1/listenKey"))
        return show(tls, request);
    return starts(request, "/say") ? say(tls, request) : answer(tls, "200", "", "hello");
}

/* Head and body; 0: no more. */
static size_t receive(SSL *tls, char *room)
{
    size_t n = 0, want = 0;

    while (n < REQUEST_MAX - 1) {
        int got = SSL_read(tls, room + n, (int)(REQUEST_MAX - 1 - n));
        if (got <= 0)
            return 0;
        n += (size_t)got;
        room[n] = 0;
        const char *end = strstr(room, "\r\n\r\n"), *length = strcasestr(room, "content-length: ");
        if (!end)
            continue;
        want = (size_t)(end + 4 - room);
        if (length && length < end)
            want += strtoul(length + strlen("content-length: "), NULL, 10);
        if (n >= want)
            return n;
    }
    return 0;
}

static void *talk(void *arg)
{
    struct connection *c = arg;
    struct tls_server *s = c->server;
    SSL *tls = SSL_new(s->tls);
    char *request = calloc(1, REQUEST_MAX);
    unsigned n = 0;
    bool goes_on = tls && request && SSL_set_fd(tls, c->fd) && SSL_accept(tls) == 1;

    while (goes_on && receive(tls, request) > 0) {
        pthread_mutex_lock(&s->lock);
        s->n_requests++;
        memcpy(s->last, request, REQUEST_MAX);
        pthread_mutex_unlock(&s->lock);
        goes_on = reply(s, tls, request, n++);
    }
    SSL_free(tls);
    free(request);
    close(c->fd);
    free(c);
    return NULL;
}

static void *serve(void *arg)
{
    struct tls_server *s = arg;
    struct pollfd p[2] = {{.fd = s->fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};

    while (poll(p, 2, -1) > 0 && !p[1].revents) {
        struct connection *c = calloc(1, sizeof(*c));
        must(c != NULL, "memory");
        *c = (struct connection){s, accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)};
        pthread_mutex_lock(&s->lock);
        unsigned i = s->n_connections++;
        pthread_mutex_unlock(&s->lock);
        must(i < CONNECTIONS_MAX && pthread_create(&s->threads[i], NULL, talk, c) == 0, "a thread");
    }
    return NULL;
}

struct tls_server *tls_server_new(void)
{
    struct tls_server *s = calloc(1, sizeof(*s));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);

    must(s != NULL, "memory");
    pthread_mutex_init(&s->lock, NULL);
    s->tls = SSL_CTX_new(TLS_server_method());
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(s->tls && s->fd >= 0 && pipe(s->stop) == 0, "a socket");
    must(bind(s->fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(s->fd, 64) == 0 &&
             getsockname(s->fd, (struct sockaddr *)&a, &n) == 0,
         "a port");
    s->port = ntohs(a.sin_port);
    certify(s);
    must(pthread_create(&s->listener, NULL, serve, s) == 0, "a thread");
    return s;
}

/* Its clients have hung up. */
void tls_server_free(struct tls_server *s)
{
    must(write(s->stop[1], "x", 1) == 1, "the end");
    pthread_join(s->listener, NULL);
    for (unsigned i = 0; i < s->n_connections; i++)
        pthread_join(s->threads[i], NULL);
    close(s->fd);
    close(s->stop[0]);
    close(s->stop[1]);
    SSL_CTX_free(s->tls);
    free(s->ca);
    free(s);
}

unsigned tls_server_port(const struct tls_server *s)
{
    return s->port;
}

const char *tls_server_ca(const struct tls_server *s)
{
    return s->ca;
}

static unsigned look(struct tls_server *s, const unsigned *n)
{
    pthread_mutex_lock(&s->lock);
    unsigned v = *n;
    pthread_mutex_unlock(&s->lock);
    return v;
}

unsigned tls_server_connections(struct tls_server *s)
{
    return look(s, &s->n_connections);
}

unsigned tls_server_requests(struct tls_server *s)
{
    return look(s, &s->n_requests);
}

void tls_server_last(struct tls_server *s, char *out, size_t cap)
{
    pthread_mutex_lock(&s->lock);
    snprintf(out, cap, "%s", s->last);
    pthread_mutex_unlock(&s->lock);
}
