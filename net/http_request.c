/* SPDX-License-Identifier: Apache-2.0 */
/* From a whole request to the job that is done for it. */
#include "net/http_parts.h"

static int no_route(const char *why, struct err *e)
{
    err_set(e, ERR_USAGE, "%s", why);
    err_hint(e, "a url of this proxy is /NAME/https://HOST/PATH, or /NAME~BEARER/https://HOST/PATH,"
                " where NAME is a record's name");
    return err_hint(e, "'coffer proxy --show curl NAME' prints one that works");
}

int http_judge(struct http *c, const struct head *h, struct route *route, struct err *e)
{
    const char *why = head_check_origin(h, c->peer.port);

    if (why) {
        err_set(e, ERR_POLICY, "the request is refused: %s", why);
        return err_hint(e, "this proxy is for programs on this machine, not for web pages");
    }
    why = route_read(h->target, route, c->hub->url, sizeof(c->hub->url));
    if (why)
        return no_route(why, e);
    if (route->is_ws) {
        err_set(e, ERR_USAGE, "this proxy does not carry WebSockets");
        return err_hint(e, "connect to the exchange's public streams directly, and ask for the rest"
                           " over https");
    }
    return OK;
}

/* Of each Connection header there may be. */
static bool is_kept(const struct head *h, struct bytes name)
{
    for (uint32_t i = 0; i < h->n_headers; i++)
        if (h->headers[i].name.n == sizeof("connection") - 1 &&
            (h->headers[i].name.p[0] | 0x20) == 'c' &&
            !head_is_end_to_end(h->headers[i].name, bytes_of(NULL, 0)) &&
            !head_is_end_to_end(name, h->headers[i].value))
            return false;
    return head_is_end_to_end(name, bytes_of(NULL, 0));
}

static void fill(struct wire_ask *ask, const struct http *c, const struct head *h,
                 const struct route *route, struct bytes body)
{
    ask->id = 0;
    ask->uid = c->peer.uid;
    ask->pid = c->peer.pid;
    ask->is_tcp = c->peer.port != 0;
    ask->record = route->name;
    ask->bearer = route->bearer;
    ask->method = h->method;
    ask->url = route->url;
    ask->body = body;
    ask->n_headers = 0;
    for (uint32_t i = 0; i < h->n_headers; i++)
        if (is_kept(h, h->headers[i].name))
            ask->headers[ask->n_headers++] = h->headers[i];
}

void http_begin(struct http *c, const struct head *h, struct bytes body, size_t whole)
{
    struct wire_ask ask;
    struct route route;
    struct err e;

    c->state = HTTP_BUSY;
    c->has_asked = true;
    unsigned status = 0;
    if (http_judge(c, h, &route, &e)) {
        status = 422;
    } else {
        fill(&ask, c, h, &route, body);
        c->job = job_begin(c->hub->gate, &ask, &http_job_calls, c, &e);
        if (!c->job)
            status = 429;
    }
    stream_took(c->stream, whole);
    if (status) {
        http_answer(c, status, &e);
    } else if (stream_in(c->stream).n > 0) {
        c->is_paused = true;
        stream_pause(c->stream, true);
    }
}
