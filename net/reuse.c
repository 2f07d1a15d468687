/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl tells no callback which socket a connection has; the ports do. */
#include "net/reuse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static void forget(struct sockets *s, int fd)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].fd == fd) {
            s->v[i] = s->v[--s->n];
            return;
        }
}

bool sockets_has(const struct sockets *s, int fd)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].fd == fd)
            return true;
    return false;
}

curl_socket_t sockets_open(struct sockets *s, const struct curl_sockaddr *address)
{
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    if (fd < 0)
        return CURL_SOCKET_BAD;
    forget(s, fd);
    if (s->n < SOCKETS_MAX) {
        s->v[s->n].fd = fd;
        s->v[s->n].local = s->v[s->n].remote = 0;
        s->n++;
    }
    return fd;
}

int sockets_close(void *sockets, curl_socket_t fd)
{
    struct sockets *s = sockets;

    forget(s, fd);
    if (s->closing)
        s->closing(s->ctx, fd);
    return close(fd);
}

typedef int (*name_fn)(int fd, struct sockaddr *address, socklen_t *n);

static int port_of(int fd, name_fn name)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {0};
    socklen_t n = sizeof(a);

    if (name(fd, &a.any, &n))
        return -1;
    switch (a.any.sa_family) {
    case AF_INET:
        return ntohs(a.v4.sin_port);
    case AF_INET6:
        return ntohs(a.v6.sin6_port);
    default:
        return -1;
    }
}

static bool is_silent(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};

    return poll(&p, 1, 0) == 0;
}

/* Bytes that OpenSSL has taken from the socket: the rest of a record whose first part was read. */
static bool has_rest(CURL *easy)
{
    struct curl_tlssessioninfo *info = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info ||
        info->backend != CURLSSLBACKEND_OPENSSL || !info->internals)
        return true;
    return SSL_has_pending(info->internals) == 1;
}

/* Whether it may be the one with these ports. */
static bool has_ports(struct sockets *s, size_t i, int local, int remote)
{
    int fd = s->v[i].fd, peer;

    if (s->v[i].remote > 0) /* once it is connected they stay */
        return s->v[i].local == local && s->v[i].remote == remote;
    if (port_of(fd, getsockname) != local)
        return false;
    /* without a peer it is one that has ended, and may be this one */
    peer = port_of(fd, getpeername);
    if (peer > 0) {
        s->v[i].local = local;
        s->v[i].remote = peer;
    }
    return peer < 0 || peer == remote;
}

bool reuse_is_safe(struct sockets *s, CURL *easy, int local_port, int remote_port)
{
    bool is_found = false;

    /* two with both ports alike lead to different addresses: then both must be silent */
    for (size_t i = 0; i < s->n; i++) {
        if (!has_ports(s, i, local_port, remote_port))
            continue;
        if (!is_silent(s->v[i].fd))
            return false;
        is_found = true;
    }
    return is_found && !has_rest(easy);
}
