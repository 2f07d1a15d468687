/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/dial.c: what lies at the path of the agent's socket and is not the agent's. */
#include "tests/fake_agent.h"

#include "agent/client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static struct where w;
static char run[WHERE_MAX + 16];

static void start(const char *name)
{
    memset(&w, 0, sizeof(w));
    snprintf(w.run, sizeof(w.run), "%.400s/%s", harness_dir(), name);
    snprintf(run, sizeof(run), "%s/agent.sock", w.run);
}

static int try_connect(struct err *e)
{
    struct agent_client *c = NULL;
    int rc = agent_connect(&w, NULL, &c, e);

    CHECK((rc == OK) == (c != NULL));
    agent_client_free(c);
    return rc;
}

static void test_nobody(void)
{
    struct err e;

    start("nobody");
    EQ_INT(try_connect(&e), ERR_NOT_FOUND);
    CHECK(mkdir(w.run, 0700) == 0);
    EQ_INT(try_connect(&e), ERR_NOT_FOUND);
    EQ_STR(e.msg, "no agent runs");
    EQ_STR(e.hints[0], "'coffer agent' starts one");
    close(fake_listen(w.run, "agent.sock")); /* of one that was killed */
    CHECK(access(run, F_OK) == 0);
    EQ_INT(try_connect(&e), ERR_NOT_FOUND);
    EQ_STR(e.msg, "no agent runs");
}

/* An agent that stands still, and whose queue others have filled. */
static void test_full(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int all[512];
    size_t n = 0;
    struct err e;

    start("full");
    CHECK(mkdir(w.run, 0700) == 0);
    int listener = fake_listen(w.run, "agent.sock"), dir = open(w.run, O_PATH | O_CLOEXEC);
    snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/agent.sock", dir);
    for (bool is_full = false; !is_full && n < ARRAY_LEN(all); n++) {
        all[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        is_full = connect(all[n], (const struct sockaddr *)&at, sizeof(at)) != 0;
        if (is_full)
            EQ_INT(errno, EAGAIN);
    }
    CHECK(n < ARRAY_LEN(all));
    uint64_t start_ms = ticks_ms();
    EQ_INT(try_connect(&e), ERR_LIMIT);
    EQ_STR(e.msg, "the agent has too many clients that wait");
    CHECK(ticks_ms() - start_ms < 10000);
    while (n > 0)
        close(all[--n]);
    close(dir);
    close(listener);
}

/* Nothing is ever accepted here: the listener's queue stays empty. */
static void nothing_came(int listener)
{
    struct pollfd p = {.fd = listener, .events = POLLIN};

    EQ_INT(poll(&p, 1, 0), 0);
}

static void test_bad_socket(void)
{
    char other[WHERE_MAX + 32];
    struct err e;

    start("bad");
    int s = fake_listen(w.run, "agent.sock");
    CHECK(chmod(run, 0660) == 0);
    EQ_INT(try_connect(&e), ERR_TRUST);
    CHECK(strstr(e.msg, "others can write to it") != NULL);
    CHECK(chmod(run, 0602) == 0);
    EQ_INT(try_connect(&e), ERR_TRUST);
    CHECK(chmod(run, 0600) == 0 && chmod(w.run, 0750) == 0);
    EQ_INT(try_connect(&e), ERR_TRUST);
    CHECK(chmod(w.run, 0700) == 0);
    snprintf(other, sizeof(other), "%s/other", w.run);
    CHECK(rename(run, other) == 0 && symlink("other", run) == 0);
    EQ_INT(try_connect(&e), ERR_TRUST);
    CHECK(strstr(e.msg, "it is a symbolic link") != NULL);
    unlink(run);
    close(open(run, O_CREAT | O_WRONLY, 0600));
    EQ_INT(try_connect(&e), ERR_TRUST);
    CHECK(strstr(e.msg, "it is no socket") != NULL);
    unlink(run);
    CHECK(mkfifo(run, 0600) == 0);
    EQ_INT(try_connect(&e), ERR_TRUST);
    unlink(run);
    /* the directory is a link */
    CHECK(rename(other, run) == 0);
    snprintf(other, sizeof(other), "%s-real", w.run);
    CHECK(rename(w.run, other) == 0 && symlink(other, w.run) == 0);
    EQ_INT(try_connect(&e), ERR_TRUST);
    nothing_came(s);
    close(s);
}

static void test_other_owner(void)
{
    struct err e;

    if (geteuid() != 0) {
        harness_skip("only root can give files away");
        return;
    }
    start("owner");
    int s = fake_listen(w.run, "agent.sock");
    CHECK(chown(run, 65534, 65534) == 0);
    EQ_INT(try_connect(&e), ERR_TRUST);
    CHECK(strstr(e.msg, "it belongs to another user") != NULL);
    CHECK(chown(run, 0, 0) == 0 && chown(w.run, 65534, 65534) == 0);
    EQ_INT(try_connect(&e), ERR_TRUST);
    nothing_came(s);
    close(s);
}

/* Path, owner and mode are right, but somebody else listens: it hears nothing. As another user,
 * because root at the other end is believed. */
static int heard_by_other(void)
{
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];
    int at = open(w.run, O_RDONLY | O_DIRECTORY);
    struct err e;
    char got;

    snprintf(u.sun_path, sizeof(u.sun_path), "agent.sock");
    umask(0177);
    if (fchdir(at) || bind(s, (struct sockaddr *)&u, sizeof(u)) || pipe(pair))
        return 9;
    if (chown("agent.sock", 65533, 65533) || chown(".", 65533, 65533))
        return 8;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20); /* whatever becomes of the one that should knock */
        if (setuid(65534) || listen(s, 5))
            _exit(1);
        (void)!write(pair[1], "r", 1);
        int c = accept(s, NULL, NULL);
        struct pollfd p = {.fd = c, .events = POLLIN};
        poll(&p, 1, 5000);
        _exit(recv(c, &got, 1, MSG_DONTWAIT) > 0 ? 7 : 0);
    }
    int status = 0;
    if (read(pair[0], &got, 1) != 1 || setuid(65533))
        return 6;
    struct agent_client *c = NULL;
    if (access(w.run, X_OK)) { /* a directory above it is closed to others */
        kill(pid, SIGKILL);
        return 5;
    }
    int rc = agent_connect(&w, NULL, &c, &e);
    if (rc != ERR_TRUST || !strstr(e.msg, "another user listens at it")) {
        kill(pid, SIGKILL);
        return 3;
    }
    while (wait(&status) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

static void test_other_listener(void)
{
    int status = -1;

    if (geteuid() != 0) {
        harness_skip("only root can be two others");
        return;
    }
    start("listener");
    CHECK(mkdir(w.run, 0700) == 0 && chmod(harness_dir(), 0711) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(heard_by_other());
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 5) {
        harness_skip("nobody else may enter %s", harness_dir());
        return;
    }
    CHECK(WIFEXITED(status));
    EQ_INT(WEXITSTATUS(status), 0);
}

int main(void)
{
    RUN(test_nobody);
    RUN(test_full);
    RUN(test_bad_socket);
    RUN(test_other_owner);
    RUN(test_other_listener);
    return harness_end();
}
