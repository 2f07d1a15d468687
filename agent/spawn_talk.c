/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between the spawner and the core, and what both say to people. */
#include "agent/spawn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SAY_MAX 800u

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int))];
};

int spawn_send(int control, const struct spawn_message *m, int fd, struct err *e)
{
    union control with = {.room = {0}};
    struct spawn_message copy = *m;
    struct iovec v = {&copy, sizeof(copy)};
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};

    if (fd >= 0) {
        h.msg_control = &with;
        h.msg_controllen = sizeof(with);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    if (sendmsg(control, &h, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(copy))
        return OK;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return err_set(e, ERR_FAILED, "the agent's other process is gone");
    return err_set(e, ERR_LIMIT, "the agent's other process does not listen");
}

/* One, or none, into *fd; NULL: none. More (the padding has room for two) are closed: false. */
static bool take_fds(struct msghdr *h, int *fd)
{
    bool is_one = true;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
            int one;
            memcpy(&one, CMSG_DATA(c) + at, sizeof(one));
            if (fd && *fd < 0) {
                *fd = one;
                continue;
            }
            is_one = false;
            close(one);
        }
    }
    return is_one;
}

int spawn_receive(int control, struct spawn_message *m, int *fd)
{
    union control with;
    struct spawn_message got;
    struct iovec v = {&got, sizeof(got)};
    struct msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &with, .msg_controllen = sizeof(with)};
    ssize_t n = recvmsg(control, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int passed = -1;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : SPAWN_ENDED;
    bool is_right = take_fds(&h, fd ? &passed : NULL);
    if (n == 0 && is_right && passed < 0)
        return SPAWN_ENDED;
    if (!is_right || n != (ssize_t)sizeof(got) || h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        if (passed >= 0)
            close(passed);
        return SPAWN_GARBAGE;
    }
    *m = got;
    if (fd)
        *fd = passed;
    return 1;
}

void spawner_say(const char *fmt, ...)
{
    char line[SAY_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    dprintf(STDERR_FILENO, "coffer-agent: %s\n", line);
}

void spawner_report(const struct agent_options *o, const struct err *e)
{
    if (o->ready_fd <= 0 && e->code == OK)
        return;
    if (o->ready_fd <= 0) {
        spawner_say("%s", e->msg);
        for (unsigned i = 0; i < e->n_hints; i++)
            dprintf(STDERR_FILENO, "hint: %s\n", e->hints[i]);
        return;
    }
    if (e->code == OK) {
        /* who waited may be gone: no reason to end */
        if (write(o->ready_fd, "", 1) != 1)
            return;
        return;
    }
    dprintf(o->ready_fd, "%d\n%s\n", (int)e->code, e->msg);
    for (unsigned i = 0; i < e->n_hints; i++)
        dprintf(o->ready_fd, "%s\n", e->hints[i]);
}
