/* SPDX-License-Identifier: Apache-2.0 */
/* The talk with a running coffer-net, our own or the agent's: frames out, frames in, and what is
 * said when it ends. */
#include "agent/courier.h"

#include "agent/courier_start.h"
#include "agent/courier_talk.h"
#include "base/env.h"
#include "base/wipe.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SILENCE_MS 5000u /* beyond the longest time limit: then it hangs */
#define READ_STEP 65536u
#define WAITING_MAX (512u * 1024 * 1024) /* replies that nobody has taken yet */
#define END_MS 1000

int courier_new(int fd, pid_t pid, struct courier **out, struct err *e)
{
    struct courier *c = wipe_malloc(sizeof(*c));

    if (!c) {
        close(fd);
        if (pid > 0) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
        return err_set(e, ERR_MEMORY, "out of memory");
    }
    *c = (struct courier){.fd = fd, .pid = pid, .in = BUF_INIT(WAITING_MAX)};
    *out = c;
    return OK;
}

/* Up to END_MS for a process that was told to end. Without a pidfd (before Linux 5.3) in steps. */
static pid_t wait_end(pid_t pid, int *status)
{
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    pid_t got = 0;

    if (end.fd >= 0) {
        poll(&end, 1, END_MS);
        close(end.fd);
        return waitpid(pid, status, WNOHANG);
    }
    for (int i = 0; i < END_MS && got == 0; i++) {
        got = waitpid(pid, status, WNOHANG);
        if (got == 0)
            poll(NULL, 0, 1);
    }
    return got;
}

/* Waits for its end, and makes it when it does not come. false: nobody knows its status. */
static bool reap(struct courier *c, int *status)
{
    pid_t got = wait_end(c->pid, status);

    if (got == 0) {
        kill(c->pid, SIGKILL);
        do {
            got = waitpid(c->pid, status, 0);
        } while (got < 0 && errno == EINTR);
    }
    c->pid = -1;
    return got > 0;
}

void courier_free(struct courier *c)
{
    int status;

    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd);
    if (c->pid > 0)
        (void)reap(c, &status);
    buf_free(&c->in);
    wipe_free(c);
}

void courier_freep(struct courier **c)
{
    courier_free(*c);
    *c = NULL;
}

static int say_gone(const struct courier *c, struct err *e)
{
    *e = c->why;
    return e->code;
}

/* Our own: it ended, or is made to end because what it says is of no use. */
static void say_end(struct courier *c, const char *because)
{
    int status = 0;

    if (because)
        kill(c->pid, SIGKILL);
    bool is_known = reap(c, &status);
    if (because)
        err_set(&c->why, ERR_FAILED, "coffer-net %s, and was stopped", because);
    else if (is_known && WIFEXITED(status))
        err_set(&c->why, ERR_FAILED, "coffer-net ended with exit status %d", WEXITSTATUS(status));
    else if (is_known && WIFSIGNALED(status))
        err_set(&c->why, ERR_FAILED, "coffer-net was ended by signal %d (%s)", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else
        err_set(&c->why, ERR_FAILED, "coffer-net has ended");
}

static int lose(struct courier *c, const char *because, struct err *e)
{
    close(c->fd);
    c->fd = -1;
    if (c->pid > 0)
        say_end(c, because);
    else
        err_set(&c->why, ERR_FAILED, "the agent's proxy %s",
                because ? because : "has closed the connection");
    if (c->n_open > 0)
        err_hint(&c->why, "%zu request%s under way: whether %s arrived is unknown", c->n_open,
                 c->n_open == 1 ? " was" : "s were", c->n_open == 1 ? "it" : "they");
    c->is_gone = true;
    return say_gone(c, e);
}

/* -- reading -- */

/* What is there now; OK when nothing is. */
static int take_in(struct courier *c, struct err *e)
{
    if (c->n_taken > c->in.n / 2) {
        size_t rest = c->in.n - c->n_taken;
        memmove(c->in.p, c->in.p + c->n_taken, rest);
        buf_cut(&c->in, rest);
        c->n_taken = 0;
    }
    size_t before = c->in.n;
    uint8_t *at = buf_extend(&c->in, READ_STEP);
    if (!at)
        return lose(c, "sent more than fits into memory", e);
    ssize_t n = recv(c->fd, at, READ_STEP, MSG_DONTWAIT);
    int err_no = errno;
    buf_cut(&c->in, before + (n > 0 ? (size_t)n : 0));
    if (n > 0 || (n < 0 && (err_no == EAGAIN || err_no == EINTR)))
        return OK;
    return lose(c, NULL, e);
}

static int next_frame(struct courier *c, size_t *n, struct err *e)
{
    return wire_frame(bytes_of(c->in.p + c->n_taken, c->in.n - c->n_taken), n, e);
}

/* -- writing -- */

static void set_deadline(struct courier *c)
{
    c->deadline_ms = ticks_ms() + c->longest_ms + SILENCE_MS;
}

static int wait_for(struct courier *c, short events, struct err *e)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    uint64_t now = ticks_ms();
    int n = poll(&p, 1, c->deadline_ms > now ? (int)(c->deadline_ms - now) : 0);

    if (n == 0)
        return lose(c, "does not answer", e);
    if (n < 0 && errno != EINTR)
        return err_sys(e, errno, "wait for coffer-net");
    /* EOF and errors show when reading */
    return n > 0 && (p.revents & (POLLIN | POLLHUP | POLLERR)) ? take_in(c, e) : OK;
}

/* Replies are taken in meanwhile: else it could wait for us while we wait for it. */
static int write_all(struct courier *c, struct bytes v, struct err *e)
{
    while (v.n > 0) {
        ssize_t n = send(c->fd, v.p, v.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            v.p += n;
            v.n -= (size_t)n;
        } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return lose(c, NULL, e);
        } else if (wait_for(c, POLLIN | POLLOUT, e)) {
            return e->code;
        }
    }
    return OK;
}

int courier_put(struct courier *c, struct bytes frame, unsigned timeout_ms, struct err *e)
{
    unsigned ms = timeout_ms ? timeout_ms : COURIER_TIMEOUT_MS;

    if (ms > c->longest_ms)
        c->longest_ms = ms;
    c->n_open++;
    set_deadline(c);
    return write_all(c, frame, e);
}

int courier_send(struct courier *c, uint32_t id, const struct request *r,
                 const struct record_info *rec, unsigned timeout_ms, struct err *e)
{
    struct wire_request q = {.id = id, .timeout_ms = timeout_ms ? timeout_ms : COURIER_TIMEOUT_MS};
    struct buf out = BUF_INIT(WIRE_FRAME_MAX);

    if (c->is_gone)
        return say_gone(c, e);
    assert(c->pid > 0); /* to the agent's goes nothing that is signed */
    int rc = courier_fill(&q, r, rec, e);
    if (!rc)
        rc = wire_put_request(&out, &q, e);
    if (!rc)
        rc = courier_put(c, buf_bytes(&out), q.timeout_ms, e);
    buf_free(&out);
    return rc;
}

/* -- answers -- */

void answer_init(struct answer *a)
{
    *a = (struct answer){.frame = BUF_INIT(WIRE_FRAME_MAX)};
}

void answer_free(struct answer *a)
{
    buf_free(&a->frame);
    answer_init(a);
}

void answer_reply(const struct answer *a, struct reply *out)
{
    *out = (struct reply){
        .status = a->status,
        .is_unknown = a->result == WIRE_UNKNOWN,
        .headers = a->headers,
        .n_headers = a->n_headers,
        .body = a->body,
        .sent_us = a->sent_us,
        .answered_us = a->answered_us,
    };
}

static int read_reply(struct answer *a, struct bytes frame, struct err *e)
{
    struct wire_reply y;

    buf_add(&a->frame, frame);
    if (buf_check(&a->frame, "the answer", e) || wire_get_reply(buf_bytes(&a->frame), &y, e))
        return e->code;
    a->id = y.id;
    a->result = (enum wire_result)y.result;
    a->fault = (enum wire_fault)y.fault;
    a->status = y.status;
    a->sent_us = y.sent_us;
    a->answered_us = y.answered_us;
    a->body = y.body;
    a->n_headers = y.n_headers;
    for (uint32_t i = 0; i < y.n_headers; i++)
        a->headers[i] = (struct header){y.headers[i].name, y.headers[i].value};
    snprintf(a->detail, sizeof(a->detail), "%.*s", (int)y.detail.n, (const char *)y.detail.p);
    return OK;
}

static int read_answer(const struct courier *c, struct answer *a, struct bytes frame,
                       struct err *e)
{
    answer_free(a);
    if (c->pid < 0 && wire_kind(frame) == WIRE_REFUSAL)
        return answer_read_refusal(a, frame, e);
    return read_reply(a, frame, e);
}

int courier_wait(struct courier *c, struct answer *a, struct err *e)
{
    size_t n = 0;

    if (c->is_gone)
        return say_gone(c, e);
    if (c->n_open == 0)
        return err_set(e, ERR_FAILED, "no answer is due");
    set_deadline(c);
    for (;;) {
        if (next_frame(c, &n, e))
            return lose(c, "sent what is no frame", e);
        if (n > 0)
            break;
        if (wait_for(c, POLLIN, e))
            return e->code;
    }
    int rc = read_answer(c, a, bytes_of(c->in.p + c->n_taken, n), e);
    c->n_taken += n;
    if (c->n_taken == c->in.n) {
        buf_reset(&c->in);
        c->n_taken = 0;
    }
    if (rc)
        return rc == ERR_MEMORY ? rc : lose(c, "sent what is no reply", e);
    c->n_open--;
    return OK;
}
