/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP connection as net/http*.c see it: net/http.c its life, net/http_hub.c all of them,
 * net/http_request.c what is asked, net/http_reply.c what is answered. */
#ifndef NET_HTTP_PARTS_H
#define NET_HTTP_PARTS_H

#include "base/buf.h"
#include "base/stream.h"
#include "net/head.h"
#include "net/http.h"
#include "net/job.h"

#include <sys/queue.h>

struct event;

#define HTTP_OUT_MAX ((1024u + 256u) * 1024u)

enum http_state {
    HTTP_IDLE,    /* nothing of a request has come */
    HTTP_HEAD,    /* a part of a head */
    HTTP_BODY,    /* the head, and a part of the body */
    HTTP_BUSY,    /* a request is in work; what comes meanwhile waits */
    HTTP_SENDING, /* it is answered, and the client has not read it all */
    HTTP_LEAVING  /* all is said; what comes is thrown away until the client closes too */
};

enum http_framing { FRAMED_NOT, FRAMED_BY_LENGTH, FRAMED_BY_CHUNKS, FRAMED_BY_END };

struct http {
    TAILQ_ENTRY(http) link;
    struct http_hub *hub;
    struct stream *stream;
    struct job *job;
    struct http_peer peer;
    enum http_state state;
    uint64_t due_ms; /* of this state */
    size_t seen;     /* by head_is_due */
    size_t need;     /* bytes of head and body */
    uint64_t booked; /* of its side's bodies_n */
    /* of the request in work */
    bool is_close, is_old, is_head;
    enum http_framing framing;
    uint64_t left;  /* FRAMED_BY_LENGTH: still to come */
    bool has_asked; /* ever */
    bool is_known;  /* a request of it was permitted: over TCP it has shown a good bearer */
    bool is_paused; /* its input */
    bool is_held;   /* its job */
    bool is_lost;   /* nothing can be sent any more: only its end is awaited */
    size_t stuck_n; /* bytes that the client did not read since stuck_ms */
    uint64_t stuck_ms;
};

TAILQ_HEAD(http_line, http);

/* Unix sockets, or TCP: neither takes room from the other. */
struct http_side {
    struct http_line fresh; /* in the order in which they came */
    struct http_line known; /* in the order in which they were last ready for a request */
    size_t n;
    uint64_t bodies_n; /* bytes announced by heads whose bodies have not come */
};

struct http_hub {
    struct event_base *loop;
    struct gate *gate;
    struct http_side sides[2]; /* by is_tcp */
    uint64_t now_ms;
    bool is_finishing; /* each connection ends with the request that it is at */
    /* Replies are put together here and go out once in a turn of the loop; one at a time. */
    struct buf out;
    struct http *owner; /* whose reply it is */
    struct event *later;
    uint8_t url[HEAD_BYTES_MAX]; /* of the request that is just looked at */
};

void http_free(struct http *c);
/* Its time limits. */
void http_tick_one(struct http *c, uint64_t now_ms);
/* Now it waits for its body, and n bytes of it are kept: where there is no room, an older one that
 * waits so is told off. */
void http_book(struct http *c, uint64_t n);
void http_unbook(struct http *c);
/* A request of it was permitted. */
void http_know(struct http *c);
/* Where it stands among those that could make room. */
void http_enlist(struct http *c);
void http_delist(struct http *c);
/* The request in work is answered, and all of it sent or dropped. */
void http_ready(struct http *c);

/* What is wrong with a whole head's request, or NULL and *route filled. */
int http_judge(struct http *c, const struct head *h, struct route *route, struct err *e) MUST_USE;
/* head and body are the first `whole` bytes of what came. */
void http_begin(struct http *c, const struct head *h, struct bytes body, size_t whole);

/* An answer of our own. */
void http_answer(struct http *c, unsigned status, const struct err *e);
/* 422, and the connection closes. */
void http_refuse(struct http *c, const char *why);
void http_flush(struct http_hub *hub);
void http_put(struct http *c, struct bytes v);
extern const struct job_calls http_job_calls;

#endif
