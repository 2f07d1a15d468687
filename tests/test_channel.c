/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of helper/channel.c: frames and the descriptors that come along, taken and not. */
#include "tests/harness.h"

#include "helper/channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct channel c;
static int core;

static void begin(void)
{
    int pair[2];

    EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    core = pair[0];
    channel_init(&c);
    channel_open(&c, pair[1]);
}

static void end(void)
{
    close(core);
    channel_close(&c);
}

static void put(struct buf *b, enum tokenwire_kind kind)
{
    struct err e;

    if (kind == TOKENWIRE_UNLOCK)
        OK_CALL(tokenwire_put_unlock(b, 7, 0, &e), &e);
    else if (kind == TOKENWIRE_DECAP)
        OK_CALL(tokenwire_put_decap(b, 8, BYTES_LIT("ciphertext"), &e), &e);
    else
        OK_CALL(tokenwire_put_look(b, &e), &e);
}

/* fd: goes along; -1: none does. */
static void send_it(struct bytes v, int fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } u = {.room = {0}};
    uint8_t copy[TOKENWIRE_MAX];
    struct iovec part = {copy, v.n};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

    memcpy(copy, v.p, v.n);
    if (fd >= 0) {
        m.msg_control = u.room;
        m.msg_controllen = sizeof(u.room);
        u.head.cmsg_level = SOL_SOCKET;
        u.head.cmsg_type = SCM_RIGHTS;
        u.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&u.head), &fd, sizeof(fd));
    }
    EQ_INT(sendmsg(core, &m, MSG_NOSIGNAL), v.n);
}

static void send_frame(enum tokenwire_kind kind, int fd)
{
    AUTO_BUF b = BUF_INIT(TOKENWIRE_MAX);

    put(&b, kind);
    send_it(buf_bytes(&b), fd);
}

/* Reads once, as serve.c does; the descriptor that an unlock took, or -1. */
static int serve_once(unsigned *n_frames)
{
    enum tokenwire_kind kind = TOKENWIRE_STATE;
    struct bytes frame = {NULL, 0};
    struct err e;
    int fd = -1;

    OK_CALL(channel_receive(&c, &e), &e);
    for (*n_frames = 0; OK_CALL(channel_frame(&c, &frame, &kind, &e), &e) && frame.n > 0;
         ++*n_frames) {
        if (kind == TOKENWIRE_UNLOCK)
            fd = channel_take_fd(&c);
        channel_took(&c, frame.n);
    }
    return fd;
}

static void test_taken(void)
{
    unsigned n;

    begin();
    send_frame(TOKENWIRE_UNLOCK, core);
    int fd = serve_once(&n);
    CHECK(fd >= 0 && n == 1);
    close(fd);
    /* behind one that wants none, read in one piece */
    send_frame(TOKENWIRE_LOOK, -1);
    send_frame(TOKENWIRE_UNLOCK, core);
    fd = serve_once(&n);
    CHECK(fd >= 0 && n == 2);
    close(fd);
    end();
}

/* One that came with anything else is not read as the PIN of a later unlock. */
static void test_not_taken(void)
{
    unsigned n;

    begin();
    int next = dup(core);
    close(next);
    send_frame(TOKENWIRE_DECAP, core);
    EQ_INT(serve_once(&n), -1);
    EQ_INT(n, 1);
    EQ_INT(c.passed, -1);
    EQ_INT(fcntl(next, F_GETFD), -1);
    send_frame(TOKENWIRE_UNLOCK, -1);
    EQ_INT(serve_once(&n), -1);
    EQ_INT(n, 1);
    end();
}

/* A frame that is not whole yet keeps what came with its beginning. */
static void test_in_pieces(void)
{
    AUTO_BUF b = BUF_INIT(TOKENWIRE_MAX);
    unsigned n;

    begin();
    put(&b, TOKENWIRE_UNLOCK);
    send_it(bytes_of(b.p, 3), core);
    EQ_INT(serve_once(&n), -1);
    EQ_INT(n, 0);
    send_it(bytes_of(b.p + 3, b.n - 3), -1);
    int fd = serve_once(&n);
    CHECK(fd >= 0 && n == 1);
    close(fd);
    end();
}

int main(void)
{
    RUN(test_taken);
    RUN(test_not_taken);
    RUN(test_in_pieces);
    return harness_end();
}
