/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way: from the frame that asked for it to the reply, which is kept whole until
 * it goes back in a frame, or is handed on as it comes. */
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

struct transfer;
struct pool;

/* Who gets a reply as it comes, from within libcurl. false: it is wanted no more. */
struct sink {
    bool (*head)(void *owner, struct transfer *t); /* the final one: status, head, spans */
    bool (*body)(void *owner, struct transfer *t, struct bytes v);
};

/* What all transfers have in common. */
struct common {
    const struct proxy *proxy;
    const struct env *env;
    CURLSH *share;
    struct sockets *sockets;
    int fd;                  /* to coffer: nobody waits for a reply once it is hung up; -1: none */
    const struct sink *sink; /* NULL: replies are kept whole, up to WIRE_BODY_MAX */
};

struct span {
    size_t name, n_name, value, n_value; /* offsets into head */
};

/* What a handle is set for as long as it lives. */
struct place {
    struct buf origin, ca, connect_to; /* origin: "https://host:port", as in the url */
    CURLU *url;
    bool is_proxied;
    long connect_ms, idle_s; /* as last set; 0: not yet */
};

struct transfer {
    struct transfer *next;
    const struct common *common;
    struct pool *pool; /* once it was begun (net/upstream.c) */
    CURL *easy;
    struct place place;
    struct curl_slist *connect_to;
    void *owner; /* for the sink */
    /* the request */
    struct wire_request q; /* points into frame */
    struct bytes session_token;
    struct buf frame;
    struct goal goal;
    bool is_get, is_proxied; /* the first: it may go twice, and changes nothing */
    bool keeps_encoding;     /* the reply may be compressed, as the request says */
    struct buf lines;        /* of its headers, each with a NUL */
    struct curl_slist nodes[WIRE_HEADERS_MAX + 3];
    /* what was seen of it */
    uint64_t begun_ms, looked_ms; /* by ticks_ms; the second: in its callback */
    bool is_spoiled;              /* its handle is not used again */
    bool is_cancelled;            /* never goes out any more, and ends when libcurl asks */
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

/* An empty one. NULL: out of memory. */
struct transfer *transfer_new(const struct common *common);
void transfer_free(struct transfer *t); /* takes NULL; out of the multi before */
/* Takes a copy of frame, from which p was read. */
int transfer_load(struct transfer *t, struct bytes frame, const struct wire_permit *p,
                  struct err *e) MUST_USE;
/* Wipes the request and its reply, so that another can be loaded. Its handle stays as it is set for
 * the place, when nothing went wrong with it. */
void transfer_clear(struct transfer *t);
/* Whether its handle is set for where this request goes. */
bool transfer_suits(const struct transfer *t, const struct wire_request *q);
/* Sets its handle. false: it will not be sent, and the reply says why. */
bool transfer_prepare(struct transfer *t) MUST_USE;
/* Once, when it asked for a fresh connection. false: that cannot be. */
bool transfer_renew(struct transfer *t) MUST_USE;
struct wire_header transfer_header(const struct transfer *t, uint32_t i); /* of n_spans */

/* A handle of its own, for t->q's place (net/handle.c). */
bool handle_make(struct transfer *t) MUST_USE;
void handle_drop(struct transfer *t); /* if it has one */

/* code is how libcurl ended, CURLE_OK when it never began. */
bool transfer_is_whole(const struct transfer *t, CURLcode code);
/* What the end means when the reply is not whole, and in words. */
enum wire_fault transfer_fault(const struct transfer *t, CURLcode code);
const char *transfer_detail(const struct transfer *t, CURLcode code);
/* Appends the reply's frame. */
int transfer_reply(const struct transfer *t, CURLcode code, struct buf *out,
                   struct err *e) MUST_USE;

/* libcurl's callbacks (net/receive.c) */
int transfer_ready(void *t, char *remote, char *local, int remote_port, int local_port);
int transfer_tick(void *t, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up);
curl_socket_t transfer_socket(void *t, curlsocktype purpose, struct curl_sockaddr *address);
size_t transfer_head(char *p, size_t size, size_t n, void *t);
size_t transfer_body(char *p, size_t size, size_t n, void *t);

#endif
