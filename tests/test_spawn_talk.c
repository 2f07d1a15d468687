/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/spawn_talk.c and of what the core keeps in agent/core_link.c: messages between the
 * agent's first process and its core, descriptors that come along, garbage, and an end that does
 * not read. */
#include "tests/harness.h"

#include "agent/core.h"
#include "agent/spawn.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define WHOLE sizeof(struct spawn_message)

static int ours, theirs;

static void begin(void)
{
    int pair[2];

    EQ_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    ours = pair[0];
    theirs = pair[1];
}

static void end(void)
{
    close(ours);
    close(theirs);
}

static unsigned n_open(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* As whoever has been taken over might: any bytes, and n descriptors. */
static void send_odd(size_t n_bytes, size_t n_fds)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } with = {.room = {0}};
    char bytes[64] = "";
    struct iovec v = {bytes, n_bytes};
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
    int fds[4] = {ours, ours, ours, ours};

    if (n_fds > 0) {
        h.msg_control = &with;
        h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
    }
    EQ_INT(sendmsg(ours, &h, MSG_NOSIGNAL), n_bytes);
}

static void test_messages(void)
{
    const struct spawn_message m = {SPAWN_GONE, 3, -7, {1, 2}};
    struct spawn_message got = {0};
    struct err e;
    int fd = -1;

    begin();
    EQ_INT(spawn_receive(theirs, &got, &fd), 0);
    OK_CALL(spawn_send(ours, &m, -1, &e), &e);
    OK_CALL(spawn_send(ours, &m, ours, &e), &e);
    EQ_INT(spawn_receive(theirs, &got, &fd), 1);
    CHECK(fd == -1 && got.kind == SPAWN_GONE && got.place == 3 && got.value == -7);
    CHECK(memcmp(got.rid, m.rid, RID_LEN) == 0);
    EQ_INT(spawn_receive(theirs, &got, &fd), 1);
    CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
    close(fd);
    OK_CALL(spawn_send(ours, &m, -1, &e), &e);
    EQ_INT(spawn_receive(theirs, &got, NULL), 1);
    EQ_INT(spawn_receive(theirs, &got, NULL), 0);
    close(ours);
    EQ_INT(spawn_receive(theirs, &got, NULL), SPAWN_ENDED);
    EQ_INT(spawn_send(theirs, &m, -1, &e), ERR_FAILED);
    close(theirs);
}

/* Nothing of it stays open. */
static void test_garbage(void)
{
    static const struct {
        size_t n_bytes, n_fds;
        bool may_come;
    } bad[] = {{WHOLE, 1, false},    {WHOLE, 2, true},     {WHOLE, 4, true},
               {WHOLE - 1, 0, true}, {WHOLE - 1, 1, true}, {WHOLE + 1, 0, true},
               {WHOLE + 1, 1, true}, {1, 0, false},        {WHOLE + 20, 3, false}};
    struct spawn_message got;

    begin();
    EQ_INT(sizeof(got), 44);
    unsigned n = n_open();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int fd = -1;
        send_odd(bad[i].n_bytes, bad[i].n_fds);
        EQ_INT(spawn_receive(theirs, &got, bad[i].may_come ? &fd : NULL), SPAWN_GARBAGE);
        EQ_INT(fd, -1);
        EQ_INT(n_open(), n);
    }
    EQ_INT(spawn_receive(theirs, &got, NULL), 0);
    end();
}

static unsigned fill(void)
{
    const struct spawn_message m = {.kind = SPAWN_SIGNAL, .value = 1};
    struct err e = {.code = OK};
    unsigned n = 0;

    while (n < 100000 && spawn_send(ours, &m, -1, &e) == OK)
        n++;
    EQ_INT(e.code, ERR_LIMIT);
    return n;
}

static void test_full(void)
{
    struct spawn_message got;
    unsigned n = 0;

    begin();
    unsigned n_sent = fill();
    CHECK(n_sent > 8);
    while (spawn_receive(theirs, &got, NULL) == 1)
        n++;
    EQ_INT(n, n_sent);
    CHECK(fill() > 8);
    end();
}

static void turns(struct agent *a)
{
    for (int i = 0; i < 10; i++)
        (void)event_base_loop(a->loop, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* What the core asks while the spawner does not read comes when it does, whole and in order. */
static void test_kept(void)
{
    static struct agent a;
    struct spawn_message got;
    uint32_t n_asked = 0, n = 0;
    struct err e = {.code = OK};

    begin();
    unsigned n_sent = fill();
    a.loop = event_base_new();
    OK_CALL(spawn_link_new(&a, ours, &e), &e);
    while (n_asked < 1000 && spawn_ask(a.spawner, SPAWN_START, n_asked, &e) == OK)
        n_asked++;
    EQ_INT(e.code, ERR_LIMIT);
    CHECK(n_asked >= 16 && n_asked < 1000);
    turns(&a);
    CHECK(!a.is_ending);
    for (unsigned i = 0; i < n_sent; i++)
        CHECK(spawn_receive(theirs, &got, NULL) == 1 && got.kind == SPAWN_SIGNAL);
    turns(&a);
    OK_CALL(spawn_ask(a.spawner, SPAWN_START, n_asked, &e), &e);
    turns(&a);
    for (; spawn_receive(theirs, &got, NULL) == 1; n++)
        CHECK(got.kind == SPAWN_START && got.place == n);
    EQ_INT(n, n_asked + 1);
    close(theirs);
    turns(&a);
    CHECK(a.is_ending);
    spawn_link_free(&a);
    event_base_free(a.loop);
}

int main(void)
{
    RUN(test_messages);
    RUN(test_garbage);
    RUN(test_full);
    RUN(test_kept);
    return harness_end();
}
