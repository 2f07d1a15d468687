/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way: from the frame that asked for it to the reply that goes back. */
#ifndef NET_TRANSFER_H
#define NET_TRANSFER_H

#include "base/buf.h"
#include "base/env.h"
#include "base/wire.h"
#include "net/check.h"
#include "net/proxy.h"
#include "net/reuse.h"

#include <curl/curl.h>

#define HEAD_MAX 65536u
#define CONNECT_MS 5000u

/* What all transfers have in common. */
struct common {
    const struct proxy *proxy;
    const struct env *env;
    CURLSH *share;
    struct sockets *sockets;
    int fd; /* to coffer: nobody waits for a reply once it is hung up */
};

struct span {
    size_t name, n_name, value, n_value; /* offsets into head */
};

struct transfer {
    struct transfer *next;
    struct wire_request q; /* points into frame */
    struct buf frame;
    struct goal goal;
    bool is_get, is_proxied;
    const struct common *common;
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    /* what was seen of it */
    uint64_t begun_ms, looked_ms; /* by ticks_ms; the second: in its callback */
    bool has_opened;              /* a connection was made for it; else it was given a kept one */
    bool wants_fresh, is_fresh;   /* a kept one would not do: before, and after it is begun anew */
    unsigned n_sent;              /* times it was about to go out on a ready connection */
    uint64_t sent_us, answered_us;
    unsigned status;
    bool head_is_done;          /* of the final response; what follows is the body, or trailers */
    bool has_end;               /* its head says where the body ends */
    size_t n_heads, n_trailers; /* bytes of all heads, informational ones too; of trailers */
    struct buf head, body;
    struct span spans[WIRE_HEADERS_MAX];
    uint32_t n_spans;
    enum wire_fault fault; /* one of ours, when a callback gave up */
    const char *why;
    char text[CURL_ERROR_SIZE];
};

/* Reads the frame. ERR_FORMAT: the stream is of no more use. Freed by transfer_free. */
int transfer_new(struct bytes frame, const struct common *common, struct transfer **out,
                 struct err *e) MUST_USE;
void transfer_free(struct transfer *t); /* takes NULL; out of the multi before */
/* Makes its handle. false: it will not be sent, and the reply says why. */
bool transfer_prepare(struct transfer *t) MUST_USE;
/* Once, when it asked for a fresh connection. false: that cannot be. */
bool transfer_renew(struct transfer *t) MUST_USE;
/* Appends the reply; code is how libcurl ended, CURLE_OK when it never began. */
int transfer_reply(const struct transfer *t, CURLcode code, struct buf *out,
                   struct err *e) MUST_USE;
/* What the end means when there is no reply. */
enum wire_fault transfer_fault(const struct transfer *t, CURLcode code);

/* libcurl's callbacks (net/receive.c) */
int transfer_ready(void *t, char *remote, char *local, int remote_port, int local_port);
int transfer_tick(void *t, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up);
curl_socket_t transfer_socket(void *t, curlsocktype purpose, struct curl_sockaddr *address);
size_t transfer_head(char *p, size_t size, size_t n, void *t);
size_t transfer_body(char *p, size_t size, size_t n, void *t);

#endif
