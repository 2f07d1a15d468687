/* SPDX-License-Identifier: Apache-2.0 */
/* Wishes in, answers out. A channel that breaks is the core's end; the spawner brings the next. */
#include "helper/serve.h"

#include "base/wipe.h"
#include "helper/channel.h"
#include "helper/pin.h"
#include "helper/work.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

struct server {
    struct channel channel;
    struct work work;
    struct tokenwire_state told; /* as the core knows it; has_told: at all, on this channel */
    bool has_told;
    uint32_t id; /* of the wish under way */
};

/* -- out -- */

static int send_buf(struct server *s, struct buf *b, struct err *e)
{
    return buf_check(b, "a frame", e) ? e->code : channel_send(&s->channel, buf_bytes(b), e);
}

/* From the driver's other thread, while the first is in a call. */
static void tell_waiting(void *ctx)
{
    struct server *s = ctx;
    AUTO_BUF out = BUF_INIT(TOKENWIRE_MAX);
    struct err ignored;

    if (tokenwire_put_waiting(&out, s->id, &ignored) == OK)
        (void)!send_buf(s, &out, &ignored);
}

static int tell_state(struct server *s, struct err *e)
{
    AUTO_BUF out = BUF_INIT(TOKENWIRE_MAX);

    if (s->has_told && memcmp(&s->told, &s->work.state, sizeof(s->told)) == 0)
        return OK;
    if (tokenwire_put_state(&out, &s->work.state, e) || send_buf(s, &out, e))
        return e->code;
    s->told = s->work.state;
    s->has_told = true;
    return OK;
}

static int tell_done(struct server *s, struct tokenwire_done *d, struct err *e)
{
    AUTO_SECRET out = {0};

    d->recoveries = s->work.n_recoveries;
    if (s->work.token)
        d->recoveries += token_recoveries(s->work.token);
    if (secret_new(&out, TOKENWIRE_MAX, e) || tokenwire_put_done(&out, d, e))
        return e->code;
    return channel_send(&s->channel, secret_bytes(&out), e);
}

/* -- in -- */

static void unlock(struct server *s, uint32_t flags, struct tokenwire_done *d)
{
    AUTO_SECRET pin = {0};
    int fd = channel_take_fd(&s->channel);
    bool is_given = fd >= 0;

    if (is_given) {
        int rc = pin_receive(fd, &pin, &d->err);
        close(fd);
        if (rc)
            return;
    }
    work_unlock(&s->work, is_given ? &pin : NULL, (flags & TOKENWIRE_USE_LAST_TRY) != 0, d);
}

static int act(struct server *s, struct bytes frame, enum tokenwire_kind kind, struct err *e)
{
    struct tokenwire_done d = {.err = {.code = OK}};
    uint32_t flags = 0;
    struct bytes ct;
    int rc = OK;

    if (kind == TOKENWIRE_RELEASE) {
        work_release(&s->work);
        return tell_state(s, e);
    }
    if (kind == TOKENWIRE_LOOK) {
        work_look(&s->work);
        s->has_told = false;
        return tell_state(s, e);
    }
    if (kind == TOKENWIRE_UNLOCK)
        rc = tokenwire_get_unlock(frame, &d.id, &flags, e);
    else if (kind == TOKENWIRE_DECAP)
        rc = tokenwire_get_decap(frame, &d.id, &ct, e);
    else
        rc = err_set(e, ERR_FORMAT, "a frame that is not for this end");
    if (rc)
        return rc;
    s->id = d.id;
    if (kind == TOKENWIRE_UNLOCK)
        unlock(s, flags, &d);
    else
        work_decap(&s->work, ct, &d);
    wipe_stack(); /* the driver and its libraries had the PIN or the shared value on it */
    rc = tell_state(s, e);
    if (!rc)
        rc = tell_done(s, &d, e);
    secret_free(&d.z);
    return rc;
}

static int take_frames(struct server *s, struct err *e)
{
    struct bytes frame = {NULL, 0};
    enum tokenwire_kind kind;

    if (channel_receive(&s->channel, e))
        return e->code;
    for (;;) {
        if (channel_frame(&s->channel, &frame, &kind, e))
            return e->code;
        if (frame.n == 0)
            return OK;
        size_t n = frame.n;
        if (act(s, frame, kind, e))
            return e->code;
        channel_took(&s->channel, n);
        if (token_driver_is_stuck())
            return OK;
    }
}

/* -- the loop -- */

/* The first channel is when the driver is loaded. */
static void begin(struct server *s, int fd)
{
    struct err ignored;

    channel_open(&s->channel, fd);
    s->has_told = false;
    work_look(&s->work);
    if (tell_state(s, &ignored))
        channel_close(&s->channel);
}

static int turn(struct server *s, bool *is_over, struct err *e)
{
    struct pollfd p[] = {{CONTROL_FD, POLLIN, 0}, {s->channel.fd, POLLIN, 0}};
    struct err gone;
    int fd = -1;

    if (poll(p, ARRAY_LEN(p), -1) < 0)
        return errno == EINTR ? OK : err_sys(e, errno, "wait");
    if (p[0].revents && control_receive(CONTROL_FD, &fd, &gone)) {
        *is_over = true;
        return OK;
    }
    if (fd >= 0)
        begin(s, fd);
    else if (p[1].revents && take_frames(s, &gone))
        channel_close(&s->channel);
    *is_over = token_driver_is_stuck();
    return OK;
}

int serve(const struct options *o, struct err *e)
{
    static struct server s; /* large, and its padding is told apart by memcmp */
    bool is_over = false;
    int rc = OK;

    channel_init(&s.channel);
    s.work.options = o;
    s.work.waiting = tell_waiting;
    s.work.ctx = &s;
    while (!rc && !is_over)
        rc = turn(&s, &is_over, e);
    work_end(&s.work);
    channel_close(&s.channel);
    return rc;
}
