/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1.1 request (RFC 9112), read strictly: what two readers could take in two
 * ways is refused. And where a request of the proxy leads. Pure: no I/O. */
#ifndef NET_HEAD_H
#define NET_HEAD_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define HEAD_BYTES_MAX 32768u
#define HEAD_BODY_MAX (1024u * 1024u)

struct head {
    struct bytes method, target; /* point into the bytes read */
    struct wire_header headers[WIRE_HEADERS_MAX];
    uint32_t n_headers;
    struct bytes host;   /* value of Host; there is exactly one */
    uint64_t body_n;     /* Content-Length; 0 without */
    bool is_close;       /* Connection: close, or HTTP/1.0 */
    bool is_old;         /* HTTP/1.0: a reply is not chunked */
    bool wants_continue; /* Expect: 100-continue */
};

enum head_result { HEAD_WHOLE, HEAD_MORE, HEAD_BAD };
/* in: what came. HEAD_WHOLE: *n bytes are the head, with its empty line. HEAD_BAD: *why says what
 * is wrong, in a few words, and nothing of the input; the connection is of no more use. Else *out
 * is of no use. Reads from the start each time: when more came, head_is_due is asked before. */
enum head_result head_read(struct bytes in, struct head *out, size_t *n, const char **why);
/* Whether head_read has something new to say about a head that was HEAD_MORE: it is whole, or it
 * is known that it never will be. *seen: 0 at first; how far this has looked. */
bool head_is_due(struct bytes in, size_t *seen);

/* Where it leads: /NAME/https://host/path?query or /NAME~BEARER/..., the target percent-encoded
 * once when it starts with https%3A. NULL, or what is wrong. scratch: cap bytes for the decoded
 * url, at least the target's length. */
struct route {
    struct bytes name, bearer, url;
    bool is_ws; /* wss:// */
};
const char *route_read(struct bytes target, struct route *out, uint8_t *scratch, size_t cap);

/* Whether a browser made it, or one that was led here under another name: Host is none of ours,
 * Origin is there and not "*", Sec-Fetch-* (but Sec-Fetch-Mode alone: Node's fetch sends it, a
 * browser sends Sec-Fetch-Site too). NULL, or what is wrong. port: 0 for a Unix socket. */
const char *head_check_origin(const struct head *h, unsigned port);
/* Whether a header goes on to the agent: not hop-by-hop ones, Host, Content-Length, Origin, Cookie,
 * Proxy-*, Forwarded and X-Forwarded-*, Expect, Sec-Fetch-*. connection: the value of Connection,
 * whose names stay behind too. */
bool head_is_end_to_end(struct bytes name, struct bytes connection);

#endif
