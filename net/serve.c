/* SPDX-License-Identifier: Apache-2.0 */
/* One thread: frames in, transfers beside each other, frames out. (libcurl resolves names in
 * threads of its own.) */
#include "net/serve.h"

#include "base/wipe.h"
#include "net/transfer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ACTIVE_MAX 64u
#define READ_STEP 65536u
#define IN_MAX (2u * WIRE_FRAME_MAX)
#define OUT_MAX ((ACTIVE_MAX + 4u) * WIRE_FRAME_MAX)
#define HELD_FULL (8u * 1024 * 1024) /* of replies: over this nothing new is begun */
#define TICK_MS 1000

struct server {
    struct common common;
    struct sockets sockets;
    CURLM *multi;
    struct transfer *active;
    size_t n_active;
    struct buf in, out;
    size_t n_given; /* of out */
    bool is_over;
};

static int server_init(struct server *s, struct err *e)
{
    s->multi = curl_multi_init();
    CURLSH *share = s->common.share = curl_share_init();
    if (!s->multi || !share ||
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK ||
        curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK ||
        curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)ACTIVE_MAX) != CURLM_OK)
        return err_set(e, ERR_FAILED, "libcurl does not start");
    return OK;
}

static void server_free(struct server *s)
{
    while (s->active) {
        struct transfer *t = s->active;
        s->active = t->next;
        curl_multi_remove_handle(s->multi, t->easy);
        transfer_free(t);
    }
    curl_multi_cleanup(s->multi);
    curl_share_cleanup(s->common.share);
    buf_free(&s->in);
    buf_free(&s->out);
}

/* -- transfers -- */

static int answer(struct server *s, struct transfer *t, CURLcode code, struct err *e)
{
    int rc = transfer_reply(t, code, &s->out, e);

    transfer_free(t);
    wipe_stack(); /* requests passed over it on their way to OpenSSL */
    return rc;
}

static int start(struct server *s, struct transfer *t, struct err *e)
{
    if (curl_multi_add_handle(s->multi, t->easy) != CURLM_OK)
        return answer(s, t, CURLE_FAILED_INIT, e);
    t->next = s->active;
    s->active = t;
    s->n_active++;
    return OK;
}

static int begin(struct server *s, struct bytes frame, struct err *e)
{
    struct wire_permit p = {.is_order = false};

    if (wire_get_request(frame, &p.request, e))
        return e->code;
    struct transfer *t = transfer_new(&s->common);
    if (!t)
        return err_set(e, ERR_MEMORY, "out of memory");
    if (transfer_load(t, frame, &p, e)) {
        transfer_free(t);
        return e->code;
    }
    if (!transfer_prepare(t))
        return answer(s, t, CURLE_OK, e);
    return start(s, t, e);
}

static int end(struct server *s, CURL *easy, CURLcode code, struct err *e)
{
    struct transfer **at = &s->active;

    while (*at && (*at)->easy != easy)
        at = &(*at)->next;
    struct transfer *t = *at;
    if (!t)
        return OK;
    *at = t->next;
    s->n_active--;
    curl_multi_remove_handle(s->multi, easy);
    return transfer_renew(t) ? start(s, t, e) : answer(s, t, code, e);
}

static int perform(struct server *s, struct err *e)
{
    int n = 0;
    CURLMsg *m;

    if (curl_multi_perform(s->multi, &n) != CURLM_OK)
        return err_set(e, ERR_FAILED, "libcurl gave up");
    while ((m = curl_multi_info_read(s->multi, &n)) != NULL)
        if (m->msg == CURLMSG_DONE && end(s, m->easy_handle, m->data.result, e))
            return e->code;
    return OK;
}

/* -- the other end -- */

static bool has_room(const struct server *s)
{
    size_t held = s->out.n - s->n_given;

    for (const struct transfer *t = s->active; t; t = t->next)
        held += t->body.n;
    return s->n_active < ACTIVE_MAX && held < HELD_FULL;
}

static int take_frames(struct server *s, struct err *e)
{
    size_t n = 0, at = 0;
    int rc = OK;

    while (!rc && has_room(s)) {
        rc = wire_frame(bytes_of(s->in.p + at, s->in.n - at), &n, e);
        if (rc || n == 0)
            break;
        rc = begin(s, bytes_of(s->in.p + at, n), e);
        at += n;
    }
    if (at > 0) {
        memmove(s->in.p, s->in.p + at, s->in.n - at);
        buf_cut(&s->in, s->in.n - at);
    }
    return rc;
}

static int receive(struct server *s, struct err *e)
{
    size_t before = s->in.n;
    uint8_t *at = buf_extend(&s->in, READ_STEP);

    if (!at)
        return buf_check(&s->in, "what is waiting", e);
    ssize_t n = recv(s->common.fd, at, READ_STEP, MSG_DONTWAIT);
    int err_no = errno;
    buf_cut(&s->in, before + (n > 0 ? (size_t)n : 0));
    if (n == 0 || (n < 0 && err_no != EAGAIN && err_no != EINTR))
        s->is_over = true;
    return OK;
}

static void give(struct server *s)
{
    while (s->n_given < s->out.n) {
        ssize_t n = send(s->common.fd, s->out.p + s->n_given, s->out.n - s->n_given,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0) {
            s->is_over = s->is_over || (errno != EAGAIN && errno != EINTR);
            return;
        }
        s->n_given += (size_t)n;
    }
    buf_reset(&s->out);
    s->n_given = 0;
}

static bool wants_input(const struct server *s)
{
    return has_room(s) && s->in.n < WIRE_FRAME_MAX;
}

/* Sleeps until something happens. curl_multi_poll does not tell of a hang-up, so the descriptor is
 * looked at again. */
static int rest(struct server *s, struct err *e)
{
    bool in = wants_input(s), out = s->n_given < s->out.n;
    struct curl_waitfd w = {
        .fd = s->common.fd,
        .events = (short)((in ? CURL_WAIT_POLLIN : 0) | (out ? CURL_WAIT_POLLOUT : 0))};
    struct pollfd p = {.fd = s->common.fd, .events = (short)(in ? POLLIN | POLLRDHUP : POLLRDHUP)};

    if (curl_multi_poll(s->multi, &w, 1, TICK_MS, NULL) != CURLM_OK)
        return err_set(e, ERR_FAILED, "libcurl gave up");
    if (poll(&p, 1, 0) < 0)
        return errno == EINTR ? OK : err_sys(e, errno, "wait");
    if (p.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL))
        s->is_over = true;
    else if (p.revents & POLLIN)
        return receive(s, e);
    return OK;
}

int serve(int fd, const struct proxy *proxy, const struct env *env, struct err *e)
{
    struct server s = {.common = {.proxy = proxy, .env = env, .fd = fd},
                       .in = BUF_INIT(IN_MAX),
                       .out = BUF_INIT(OUT_MAX)};
    s.common.sockets = &s.sockets;
    int rc = server_init(&s, e);

    while (!rc && !s.is_over) {
        rc = take_frames(&s, e);
        if (!rc)
            rc = perform(&s, e);
        if (!rc) {
            give(&s);
            rc = rest(&s, e);
        }
    }
    server_free(&s);
    return rc;
}
