/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/stream.c over a socketpair: what comes in parts, limits, descriptors, pauses. */
#include "tests/harness.h"
#include "tests/stream_side.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_parts(void)
{
    struct side t;

    side_begin(&t, 0);
    side_turn(&t);
    EQ_INT(t.n_input, 0);
    side_say(&t, "ab");
    side_say(&t, "cde");
    EQ_INT(t.n_input, 2);
    EQ_MEM(stream_in(t.s), BYTES_LIT("abcde"));
    side_turn(&t);
    EQ_INT(t.n_input, 2); /* not again for what is left */
    stream_took(t.s, 3);
    EQ_MEM(stream_in(t.s), BYTES_LIT("de"));
    side_say(&t, "f");
    EQ_MEM(stream_in(t.s), BYTES_LIT("def"));
    stream_took(t.s, 3);
    EQ_INT(stream_in(t.s).n, 0);
    EQ_INT(t.n_ended, 0);
    side_finish(&t);
}

/* The front is taken and the end grows, over many moves and sizes. */
static void test_long(void)
{
    struct side t;
    char part[701];
    size_t sent = 0, taken = 0;
    bool same = true;

    side_begin(&t, 0);
    for (unsigned round = 0; round < 400; round++) {
        size_t n = 1 + round * 37 % 700;
        for (size_t i = 0; i < n; i++)
            part[i] = (char)((sent + i) % 251);
        CHECK(send(t.far, part, n, MSG_NOSIGNAL) == (ssize_t)n);
        sent += n;
        side_turn(&t);
        struct bytes in = stream_in(t.s);
        EQ_INT(in.n, sent - taken);
        for (size_t i = 0; i < in.n; i++)
            same = same && in.p[i] == (taken + i) % 251;
        size_t take = in.n > 3000 ? in.n - 11 : in.n / 3;
        stream_took(t.s, take);
        taken += take;
    }
    CHECK(same);
    side_finish(&t);
}

static void test_limit_in(void)
{
    struct side t;
    char part[IN_MAX + 100];

    memset(part, 'x', sizeof(part));
    side_begin(&t, 0);
    CHECK(send(t.far, part, IN_MAX - 1, MSG_NOSIGNAL) == IN_MAX - 1);
    for (int i = 0; i < 9; i++)
        side_turn(&t);
    EQ_INT(t.seen, IN_MAX - 1);
    EQ_INT(t.n_ended, 0);
    CHECK(send(t.far, part, 100, MSG_NOSIGNAL) == 100);
    for (int i = 0; i < 9; i++)
        side_turn(&t);
    EQ_INT(t.seen, IN_MAX); /* never more than that */
    EQ_INT(t.n_ended, 1);
    side_finish(&t);

    side_begin(&t, 0);
    t.takes_all = true;
    CHECK(send(t.far, part, sizeof(part), MSG_NOSIGNAL) == sizeof(part));
    for (int i = 0; i < 9; i++)
        side_turn(&t);
    EQ_INT(t.n_ended, 0);
    EQ_INT(stream_in(t.s).n, 0);
    side_finish(&t);
}

static void test_out(void)
{
    static uint8_t much[OUT_MAX];
    struct side t;
    struct err e;
    char got[32];
    size_t n = 0;

    side_begin(&t, 0);
    OK_CALL(stream_put(t.s, BYTES_LIT("at once"), &e), &e);
    EQ_INT(side_hear(&t, got, sizeof(got)), 7);
    EQ_STR(got, "at once");
    EQ_INT(t.n_drained, 0); /* nothing had to wait */

    OK_CALL(stream_put(t.s, BYTES_ARR(much), &e), &e);
    CHECK(stream_waiting(t.s) > 0);
    OK_CALL(stream_put(t.s, BYTES_LIT("the end"), &e), &e);
    EQ_INT(stream_put(t.s, BYTES_ARR(much), &e), ERR_LIMIT);
    for (int i = 0; i < 99 && stream_waiting(t.s) > 0; i++) {
        n += side_hear(&t, got, 0);
        side_turn(&t);
    }
    n += side_hear(&t, got, 0);
    EQ_INT(n, OUT_MAX + 7);
    EQ_INT(t.n_drained, 1);
    EQ_INT(t.n_ended, 0);
    uint8_t over[1] = {0};
    OK_CALL(stream_put(t.s, BYTES_ARR(over), &e), &e);
    side_finish(&t);
}

static bool is_same_file(int a, int b)
{
    struct stat x, y;

    return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void send_fds(int to, const int *fds, unsigned n)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(8 * sizeof(int))];
    } control = {.room = {0}};
    char byte = 'C';
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    CHECK(sendmsg(to, &m, 0) == 1);
}

/* Whether the other ends of a pipe are all closed. */
static bool is_pipe_closed(int reader)
{
    char c;

    return read(reader, &c, 1) == 0;
}

static void test_fds(void)
{
    struct side t;
    int a[2], b[2], c[2];

    CHECK(pipe2(a, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2(b, O_CLOEXEC | O_NONBLOCK) == 0 &&
          pipe2(c, O_CLOEXEC | O_NONBLOCK) == 0);
    side_begin(&t, 2);
    send_fds(t.far, (int[]){a[1], b[1], c[1]}, 3);
    side_turn(&t);
    EQ_INT(t.n_input, 1);
    int first = stream_take_fd(t.s);
    CHECK(first >= 0 && is_same_file(first, a[0]));
    CHECK((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
    close(first);
    close(a[1]);
    close(b[1]);
    close(c[1]);
    CHECK(is_pipe_closed(c[0])); /* there was no room for it */
    CHECK(!is_pipe_closed(b[0]));
    side_finish(&t);
    CHECK(is_pipe_closed(b[0])); /* not taken: closed with the stream */
    close(a[0]);
    close(b[0]);
    close(c[0]);

    CHECK(pipe2(a, O_CLOEXEC | O_NONBLOCK) == 0);
    side_begin(&t, 0);
    send_fds(t.far, &a[1], 1);
    side_turn(&t);
    EQ_INT(t.n_input, 1);
    EQ_INT(stream_take_fd(t.s), -1);
    close(a[1]);
    CHECK(is_pipe_closed(a[0]));
    close(a[0]);
    side_finish(&t);
}

static void test_pause(void)
{
    struct side t;

    side_begin(&t, 0);
    t.pauses_at = 1;
    side_say(&t, "one");
    EQ_INT(t.n_input, 1);
    side_say(&t, "two");
    close(t.far);
    t.far = -1;
    side_turn(&t);
    EQ_INT(t.n_input, 1);
    EQ_INT(t.n_ended, 0); /* not while it is paused */
    EQ_MEM(stream_in(t.s), BYTES_LIT("one"));
    t.pauses_at = 0;
    stream_pause(t.s, false);
    EQ_INT(t.n_input, 1); /* not from within the call */
    for (int i = 0; i < 4; i++)
        side_turn(&t);
    EQ_INT(t.n_input, 3); /* what waited, and what came meanwhile */
    EQ_MEM(stream_in(t.s), BYTES_LIT("onetwo"));
    EQ_INT(t.n_ended, 1);
    side_finish(&t);
}

static void test_pause_at_limit(void)
{
    struct side t;
    char part[IN_MAX];

    memset(part, 'x', sizeof(part));
    side_begin(&t, 0);
    t.pauses_at = IN_MAX;
    CHECK(send(t.far, part, sizeof(part), MSG_NOSIGNAL) == sizeof(part));
    for (int i = 0; i < 9; i++) {
        side_turn(&t);
        stream_pause(t.s, false);
        side_turn(&t);
    }
    EQ_INT(stream_in(t.s).n, IN_MAX);
    EQ_INT(t.n_ended, 0); /* its owner holds it up, and may yet take */
    t.pauses_at = 0;
    t.takes_all = true;
    stream_pause(t.s, false);
    side_turn(&t);
    EQ_INT(stream_in(t.s).n, 0);
    EQ_INT(t.n_ended, 0);
    side_finish(&t);
}

int main(void)
{
    RUN(test_parts);
    RUN(test_long);
    RUN(test_limit_in);
    RUN(test_out);
    RUN(test_fds);
    RUN(test_pause);
    RUN(test_pause_at_limit);
    return harness_end();
}
