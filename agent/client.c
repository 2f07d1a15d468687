/* SPDX-License-Identifier: Apache-2.0 */
/* Lines to the agent and lines from it, for commands, which may wait. What the lines say is
 * agent/PROTOCOL.md. */
#include "agent/client.h"

#include "agent/agent.h"
#include "agent/client_line.h"
#include "agent/dial.h"
#include "base/env.h"
#include "base/wipe.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (8u * 1024u * 1024u)
#define EVENTS_MAX (256u * 1024u) /* that came while an answer was waited for */
#define READ_STEP 16384u
#define HELLO_MS 10000u /* it may just be starting */
#define FOREVER UINT64_MAX

struct agent_client {
    int fd;
    struct buf in;     /* what came */
    size_t n_line;     /* of it, the line that was given out last, with its LF */
    struct buf events; /* lines */
    size_t n_event;
};

void agent_client_free(struct agent_client *c)
{
    if (!c)
        return;
    close(c->fd);
    buf_free(&c->in);
    buf_free(&c->events);
    wipe_free(c);
}

void agent_client_freep(struct agent_client **c)
{
    agent_client_free(*c);
    *c = NULL;
}

int agent_client_fd(const struct agent_client *c)
{
    return c->fd;
}

/* -- waiting -- */

static uint64_t deadline(unsigned timeout_ms)
{
    return timeout_ms ? ticks_ms() + timeout_ms : FOREVER;
}

static int ms_left(uint64_t until)
{
    uint64_t now = ticks_ms();

    if (until == FOREVER)
        return -1;
    return until <= now ? 0 : until - now > INT_MAX ? INT_MAX : (int)(until - now);
}

static struct {
    int fd;
    bool (*what)(void *ctx);
    void *ctx;
} beside = {.fd = -1};

void agent_client_beside(int fd, bool (*what)(void *ctx), void *ctx)
{
    beside.fd = fd;
    beside.what = what;
    beside.ctx = ctx;
}

/* ERR_NOT_FOUND: the time is over. */
static int wait_for(const struct agent_client *c, short events, uint64_t until, struct err *e)
{
    struct pollfd p[] = {{.fd = c->fd, .events = events}, {.fd = beside.fd, .events = POLLIN}};

    for (;;) {
        int n = poll(p, ARRAY_LEN(p), ms_left(until));
        if (n > 0 && p[1].revents && beside.what(beside.ctx))
            return err_set(e, ERR_FAILED, "the agent is waited for no longer");
        if (n > 0 && p[0].revents)
            return OK;
        if (n > 0)
            continue;
        if (n == 0)
            return err_set(e, ERR_NOT_FOUND, "nothing came in time");
        if (errno != EINTR)
            return err_sys(e, errno, "wait for the agent");
    }
}

static int gone(struct err *e)
{
    err_set(e, ERR_FAILED, "the agent has closed the connection");
    return err_hint(e, "it may have been stopped, or started again: run the command again");
}

/* -- out -- */

/* As much as the kernel takes; the descriptor goes with the first byte. */
static ssize_t send_some(const struct agent_client *c, struct bytes v, int fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } u = {.room = {0}};
    struct iovec iov = {.iov_len = v.n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    memcpy(&iov.iov_base, &v.p, sizeof(v.p)); /* sendmsg does not write to it */
    if (fd >= 0) {
        m.msg_control = u.room;
        m.msg_controllen = sizeof(u.room);
        u.head.cmsg_level = SOL_SOCKET;
        u.head.cmsg_type = SCM_RIGHTS;
        u.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&u.head), &fd, sizeof(fd));
    }
    return sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int send_all(const struct agent_client *c, struct bytes v, int fd, uint64_t until,
                    struct err *e)
{
    while (v.n > 0) {
        ssize_t n = send_some(c, v, fd);
        if (n > 0) {
            v = bytes_of(v.p + n, v.n - (size_t)n);
            fd = -1;
        } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return errno == EPIPE || errno == ECONNRESET ? gone(e)
                                                         : err_sys(e, errno, "ask the agent");
        } else if (wait_for(c, POLLOUT, until, e)) {
            return e->code == ERR_NOT_FOUND ? err_set(e, ERR_FAILED, "the agent does not read")
                                            : e->code;
        }
    }
    return OK;
}

/* -- in -- */

static void drop_line(struct buf *b, size_t *n)
{
    if (*n > 0)
        memmove(b->p, b->p + *n, b->n - *n);
    buf_cut(b, b->n - *n);
    *n = 0;
}

static int read_more(struct agent_client *c, uint64_t until, struct err *e)
{
    size_t before = c->in.n;

    if (wait_for(c, POLLIN, until, e))
        return e->code;
    uint8_t *at = buf_extend(&c->in, READ_STEP);
    if (!at)
        return buf_check(&c->in, "the agent's answer", e);
    ssize_t n = recv(c->fd, at, READ_STEP, MSG_DONTWAIT);
    int why = errno;
    buf_cut(&c->in, before + (n > 0 ? (size_t)n : 0));
    if (n == 0)
        return gone(e);
    if (n < 0 && why != EAGAIN && why != EINTR)
        return why == ECONNRESET ? gone(e) : err_sys(e, why, "hear the agent");
    return OK;
}

/* The next whole line, without its LF; valid until the next call. */
static int next_line(struct agent_client *c, uint64_t until, struct bytes *line, struct err *e)
{
    size_t looked = 0;

    drop_line(&c->in, &c->n_line);
    for (;;) {
        const uint8_t *at =
            c->in.n > looked ? memchr(c->in.p + looked, '\n', c->in.n - looked) : NULL;
        if (at) {
            *line = bytes_of(c->in.p, (size_t)(at - c->in.p));
            c->n_line = line->n + 1;
            return OK;
        }
        looked = c->in.n;
        if (read_more(c, until, e))
            return e->code;
    }
}

/* Kept for agent_event. Too many: the oldest that nobody took are worth more than the newest. */
static void keep_event(struct agent_client *c, struct bytes line)
{
    drop_line(&c->events, &c->n_event);
    if (c->events.n + line.n + 1 > EVENTS_MAX)
        return;
    buf_add(&c->events, line);
    buf_addc(&c->events, '\n');
}

static int next_answer(struct agent_client *c, uint64_t until, struct json *result, struct err *e)
{
    struct bytes line;

    for (;;) {
        if (next_line(c, until, &line, e))
            return e->code == ERR_NOT_FOUND ? err_set(e, ERR_FAILED, "the agent does not answer")
                                            : e->code;
        if (!client_line_is_event(line))
            return client_line_answer(line, result, e);
        keep_event(c, line);
    }
}

int agent_call(struct agent_client *c, struct bytes line, int fd, unsigned timeout_ms,
               struct json *result, struct err *e)
{
    uint64_t until = deadline(timeout_ms);
    AUTO_BUF out = BUF_INIT(AGENT_LINE_MAX + 1);

    *result = (struct json){.type = JSON_NULL};
    assert(!memchr(line.p, '\n', line.n));
    buf_add(&out, line);
    buf_addc(&out, '\n');
    if (buf_check(&out, "the request to the agent", e) ||
        send_all(c, buf_bytes(&out), fd, until, e))
        return e->code;
    return next_answer(c, until, result, e);
}

int agent_event(struct agent_client *c, unsigned timeout_ms, struct json *event, struct err *e)
{
    uint64_t until = ticks_ms() + timeout_ms;
    struct bytes line;

    drop_line(&c->events, &c->n_event);
    if (c->events.n > 0) {
        const uint8_t *at = memchr(c->events.p, '\n', c->events.n);
        line = bytes_of(c->events.p, (size_t)(at - c->events.p));
        c->n_event = line.n + 1;
    } else if (next_line(c, until, &line, e)) {
        return e->code;
    }
    return client_line_event(line, event, e);
}

/* -- hello -- */

static int hello(struct agent_client *c, const uint8_t *vault_id, struct err *e)
{
    static const char text[] = "{\"op\":\"hello\",\"protocol\":1}";
    char hex[VAULT_ID_HEX];
    struct json r, v;
    uint64_t protocol = 0;

    if (agent_call(c, bytes_str(text), -1, HELLO_MS, &r, e))
        return err_wrap(e, "greet the agent");
    if (!json_get(r, "protocol", &v) || !json_u64(v, UINT32_MAX, &protocol) ||
        protocol != AGENT_PROTOCOL) {
        err_set(e, ERR_FAILED, "the agent speaks another protocol than this coffer");
        return err_hint(e, "stop it ('coffer agent --stop'), and start the one of this version");
    }
    if (!vault_id)
        return OK;
    where_id_hex(vault_id, hex);
    if (json_get(r, "vault_id", &v) && json_str_eq(v, hex))
        return OK;
    err_set(e, ERR_NOT_FOUND, "the agent that runs has another vault");
    return err_hint(e, "an agent per vault: give each its own XDG_RUNTIME_DIR");
}

int agent_connect(const struct where *w, const uint8_t *vault_id, struct agent_client **out,
                  struct err *e)
{
    struct agent_client *c;
    int fd;

    if (dial(w->run, "agent.sock", DIAL_PRIVATE, &fd, e))
        return e->code;
    c = wipe_malloc(sizeof(*c));
    if (!c) {
        close(fd);
        return err_set(e, ERR_MEMORY, "no memory to talk to the agent");
    }
    *c =
        (struct agent_client){.fd = fd, .in = BUF_INIT(ANSWER_MAX), .events = BUF_INIT(EVENTS_MAX)};
    if (hello(c, vault_id, e)) {
        agent_client_free(c);
        return e->code;
    }
    *out = c;
    return OK;
}
