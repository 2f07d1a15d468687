/* SPDX-License-Identifier: Apache-2.0 */
/* Starting coffer-token and talking with it, as the spawner and the core do. */
#include "tests/token_link.h"

#include "base/env.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MS 60000

static ssize_t send_with(int to, struct bytes v, int fd)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ancillary = {{0}};
    union {
        const uint8_t *from;
        void *to;
    } p = {v.p}; /* sendmsg has no const */
    struct iovec part = {p.to, v.n};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        m.msg_control = ancillary.space;
        m.msg_controllen = sizeof(ancillary.space);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
    }
    return sendmsg(to, &m, MSG_NOSIGNAL);
}

static void replace(int *fd, int now)
{
    if (*fd >= 0)
        close(*fd);
    *fd = now;
}

int link_channel(struct token_link *l, struct err *e)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return err_sys(e, errno, "socketpair");
    bool is_sent = send_with(l->control, BYTES_LIT("C"), pair[1]) == 1;
    close(pair[1]);
    replace(&l->channel, pair[0]);
    buf_reset(&l->in);
    if (!is_sent)
        return err_set(e, ERR_FAILED, "coffer-token is gone");
    return link_await(l, TOKENWIRE_STATE, NULL, e);
}

int link_start(struct token_link *l, char **argv, struct err *e)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return err_sys(e, errno, "socketpair");
    l->pid = fork();
    if (l->pid == 0) {
        if (dup2(pair[1], 3) == 3)
            execv(argv[0], argv);
        _exit(127);
    }
    close(pair[1]);
    replace(&l->control, pair[0]);
    return link_channel(l, e);
}

int link_send(struct token_link *l, int fd, struct err *e)
{
    if (send_with(l->channel, buf_bytes(&l->out), fd) != (ssize_t)l->out.n)
        return err_set(e, ERR_FAILED, "coffer-token is gone");
    return OK;
}

static int receive(struct token_link *l, uint64_t until, struct err *e)
{
    struct pollfd p = {l->channel, POLLIN, 0};
    uint64_t now = ticks_ms();
    size_t before = l->in.n;

    if (now >= until || poll(&p, 1, (int)(until - now)) <= 0)
        return err_set(e, ERR_FAILED, "no answer in time");
    uint8_t *at = buf_extend(&l->in, TOKENWIRE_MAX);
    ssize_t got = at ? recv(l->channel, at, TOKENWIRE_MAX, 0) : -1;
    buf_cut(&l->in, before + (got > 0 ? (size_t)got : 0));
    return got > 0 ? OK : err_set(e, ERR_FAILED, "coffer-token has hung up");
}

static int take(struct token_link *l, struct bytes frame, enum tokenwire_kind kind,
                struct tokenwire_done *done, struct err *e)
{
    uint32_t id;

    if (kind == TOKENWIRE_STATE)
        return tokenwire_get_state(frame, &l->state, e);
    if (kind == TOKENWIRE_DONE && done)
        return tokenwire_get_done(frame, done, e);
    l->n_waits += kind == TOKENWIRE_WAITING;
    return kind == TOKENWIRE_WAITING ? tokenwire_get_waiting(frame, &id, e) : OK;
}

int link_await(struct token_link *l, enum tokenwire_kind want, struct tokenwire_done *done,
               struct err *e)
{
    uint64_t until = ticks_ms() + ANSWER_MS;

    for (;;) {
        enum tokenwire_kind kind = 0;
        size_t n = 0;
        if (tokenwire_frame(buf_bytes(&l->in), &n, &kind, e))
            return e->code;
        if (n == 0) {
            if (receive(l, until, e))
                return e->code;
            continue;
        }
        int rc = take(l, bytes_of(l->in.p, n), kind, done, e);
        memmove(l->in.p, l->in.p + n, l->in.n - n);
        buf_cut(&l->in, l->in.n - n);
        if (rc || (kind == want && (kind != TOKENWIRE_DONE || done->id == l->id)))
            return rc;
    }
}

int link_end(struct token_link *l, bool with_kill, int *status, struct err *e)
{
    if (l->pid <= 0)
        return err_set(e, ERR_FAILED, "no process");
    if (with_kill)
        kill(l->pid, SIGKILL);
    replace(&l->control, -1);
    replace(&l->channel, -1);
    pid_t pid = l->pid;
    l->pid = -1;
    return waitpid(pid, status, 0) == pid ? OK : err_sys(e, errno, "wait for coffer-token");
}
