/* SPDX-License-Identifier: Apache-2.0 */
/* The last requests of HTTP connections, when this process ends. */
#include "net/last.h"

#include "net/http_parts.h"

#include <poll.h>

/* What lies in the socket was sent before its client could see that it is closed. */
static bool has_sent(const struct http *c)
{
    struct pollfd p = {.fd = stream_fd(c->stream), .events = POLLIN | POLLRDHUP};

    return stream_in(c->stream).n > 0 ||
           (poll(&p, 1, 0) > 0 && (p.revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR)) == POLLIN);
}

static bool is_over(const struct http *c, enum last which)
{
    switch (c->state) {
    case HTTP_IDLE:
        return which != LAST_CALL && !has_sent(c);
    case HTTP_HEAD:
    case HTTP_BODY:
        return which == LAST_REPLY;
    default:
        return false;
    }
}

static void finish(struct http_line *line, enum last which)
{
    struct http *c, *next;

    for (c = TAILQ_FIRST(line); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (is_over(c, which))
            http_free(c);
    }
}

bool http_finish(struct http_hub *hub, enum last which)
{
    hub->is_finishing = true;
    for (size_t i = 0; i < ARRAY_LEN(hub->sides); i++) {
        finish(&hub->sides[i].fresh, which);
        finish(&hub->sides[i].known, which);
    }
    return http_count(hub) == 0;
}
