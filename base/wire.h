/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer and coffer-net say to each other over their socketpair: whole requests one way, whole
 * replies the other. A frame is u32be length of the rest, one byte kind, then the members of its
 * struct in order: integers big end first, byte strings as u32be length and bytes, lists as u32be
 * count and members. Both ends are the same version of one program pair; still either end checks
 * every length, because coffer-net talks to strangers. */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

#define WIRE_FD 3                                 /* coffer-net finds its end of the pair here */
#define WIRE_HEADERS_MAX 128u
#define WIRE_HOSTS_MAX 32u
#define WIRE_BODY_MAX (4u * 1024u * 1024u)        /* of a reply; of a request 1 MiB */
#define WIRE_FRAME_MAX (WIRE_BODY_MAX + 1024u * 1024u)

struct wire_header {
    struct bytes name, value;
};

/* All borrowed: from the caller when it is put, from the frame when it is got. */
struct wire_request {
    uint32_t id;                                  /* chosen by coffer, comes back in the reply */
    uint32_t timeout_ms;                          /* for all of it, 1 to 60,000 */
    struct bytes method, url, body;               /* url: https://host[:port]/path?query, as is */
    struct wire_header headers[WIRE_HEADERS_MAX];
    uint32_t n_headers;
    struct bytes hosts[WIRE_HOSTS_MAX];           /* the only hosts: "name" or "name:port" */
    uint32_t n_hosts;
    struct bytes ca;                              /* PEM; empty: the system's */
    struct bytes connect_to;                      /* as curl's --connect-to; empty: none */
};

/* What became of a request. */
enum wire_result {
    WIRE_REPLIED,  /* status, headers and body are there */
    WIRE_NOT_SENT, /* nothing of it reached the exchange */
    WIRE_UNKNOWN   /* it may have reached the exchange, or did; no whole reply came */
};

/* Why there is no reply. The words for a person are in agent/courier.c. */
enum wire_fault {
    FAULT_NONE,
    FAULT_REFUSED_HERE,    /* not one of the hosts, not https, a request that cannot be sent */
    FAULT_DNS,             /* the name does not resolve */
    FAULT_CONNECT,         /* refused, unreachable */
    FAULT_PROXY,           /* the HTTP proxy refused or cannot be reached */
    FAULT_TLS,             /* handshake failed: version, cipher, garbage */
    FAULT_CERTIFICATE,     /* not signed by a CA that is trusted */
    FAULT_CERTIFICATE_NAME,/* for another host */
    FAULT_CERTIFICATE_TIME,/* expired or not yet valid */
    FAULT_TIMEOUT_CONNECT, FAULT_TIMEOUT,
    FAULT_CLOSED,          /* the connection ended before the reply was whole */
    FAULT_TOO_LARGE,       /* reply over the limits */
    FAULT_GARBAGE,         /* not HTTP */
    FAULT_INTERNAL,        /* memory, descriptors, a bug */
    FAULT_COUNT
};

struct wire_reply {
    uint32_t id;
    uint8_t result, fault;                        /* enum wire_result, enum wire_fault */
    uint16_t status;                              /* 0 without a reply */
    uint64_t sent_us, answered_us;                /* unix time: request gone, first byte; or 0 */
    struct bytes detail;                          /* one line from the TLS or socket layer, or "" */
    struct wire_header headers[WIRE_HEADERS_MAX]; /* of the final response only */
    uint32_t n_headers;
    struct bytes body;
};

/* -- with the agent: coffer-net as proxy -- */

/* A client's request as it came, for the agent to judge: from coffer-net, or from a command of
 * coffer that asks the proxy (then uid and pid are what the proxy found, whatever it was told). */
struct wire_ask {
    uint32_t id;
    uint32_t uid, pid;                            /* of the client; on TCP both UINT32_MAX */
    uint8_t is_tcp;
    struct bytes record;                          /* its name, as the client wrote it */
    struct bytes bearer;                          /* from the path; empty: none there */
    struct bytes method, url, body;               /* url: https://host/path?query, decoded once */
    struct wire_header headers[WIRE_HEADERS_MAX]; /* less hop-by-hop ones and Host */
    uint32_t n_headers;
};

/* The agent's yes: what is to be sent. request.id is the ask's. */
struct wire_permit {
    struct wire_request request;
    uint8_t is_order;           /* it changes something at the exchange: never said to be unsent
                                 * unless that is known */
    struct bytes session_token; /* "listenKey", "result.token": the member of the reply that the
                                 * client gets an opaque value of; empty: none */
};

/* The agent's no, or coffer-net's own. */
struct wire_refusal {
    uint32_t id;
    uint16_t status; /* for an HTTP client: 401, 422, 429, 502, 503, 504 */
    struct err err;  /* code, message, hints */
};

/* What became of a permitted request. */
struct wire_done {
    uint32_t id;
    uint8_t result, fault;
    uint16_t status; /* 0 without a reply */
};

enum wire_kind {
    WIRE_REQUEST = 1,
    WIRE_REPLY = 2,
    WIRE_ASK = 3,
    WIRE_PERMIT = 4,
    WIRE_REFUSAL = 5,
    WIRE_DONE = 6
};

int wire_put_ask(struct buf *out, const struct wire_ask *a, struct err *e) MUST_USE;
int wire_put_permit(struct buf *out, const struct wire_permit *p, struct err *e) MUST_USE;
int wire_put_refusal(struct buf *out, const struct wire_refusal *r, struct err *e) MUST_USE;
int wire_put_done(struct buf *out, const struct wire_done *d, struct err *e) MUST_USE;
/* All borrow from the frame. */
int wire_get_ask(struct bytes frame, struct wire_ask *out, struct err *e) MUST_USE;
int wire_get_permit(struct bytes frame, struct wire_permit *out, struct err *e) MUST_USE;
int wire_get_refusal(struct bytes frame, struct wire_refusal *out, struct err *e) MUST_USE;
int wire_get_done(struct bytes frame, struct wire_done *out, struct err *e) MUST_USE;
/* The kind of a whole frame; 0: none that is known. */
unsigned wire_kind(struct bytes frame);

/* Append a whole frame to out. ERR_LIMIT when something is longer or more than allowed. */
int wire_put_request(struct buf *out, const struct wire_request *r, struct err *e) MUST_USE;
int wire_put_reply(struct buf *out, const struct wire_reply *r, struct err *e) MUST_USE;

/* Looks at the start of what was received: *n = size of the first whole frame, 0 when more must
 * come. ERR_FORMAT, ERR_LIMIT: the stream is of no more use. */
int wire_frame(struct bytes in, size_t *n, struct err *e) MUST_USE;
/* Reads one whole frame; ERR_FORMAT for another kind, bytes left over, wrong lengths or values. */
int wire_get_request(struct bytes frame, struct wire_request *out, struct err *e) MUST_USE;
int wire_get_reply(struct bytes frame, struct wire_reply *out, struct err *e) MUST_USE;

#endif
