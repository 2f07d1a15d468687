/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a kept connection may carry another request. libcurl would take what waits there for the
 * answer to it, though it was sent before the question, perhaps about another key. */
#ifndef NET_REUSE_H
#define NET_REUSE_H

#include "base/attr.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* The sockets that libcurl has open. One that finds no room is open all the same. */
#define SOCKETS_MAX 256u
struct sockets {
    struct {
        int fd, local, remote; /* the ports; 0: not known yet */
    } v[SOCKETS_MAX];
    size_t n;
    void (*closing)(void *ctx, int fd); /* NULL: nobody else cares */
    void *ctx;
};

curl_socket_t sockets_open(struct sockets *s, const struct curl_sockaddr *address);
int sockets_close(void *sockets, curl_socket_t fd); /* CURLOPT_CLOSESOCKETFUNCTION */
bool sockets_has(const struct sockets *s, int fd);

/* In the callback before a request is sent. false: something waits to be read on the connection, a
 * farewell too, or it is not known which socket it has. */
bool reuse_is_safe(struct sockets *s, CURL *easy, int local_port, int remote_port);

#endif
