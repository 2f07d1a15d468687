/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the server in this process, for its tests: it speaks, the loop turns, it hears. */
#ifndef TESTS_AGENT_TALK_H
#define TESTS_AGENT_TALK_H

#include "tests/fake_agent.h"

#include "agent/server_client.h"
#include "base/json.h"

#include <fcntl.h>
#include <poll.h>

/* A request that is signed; id as "\"id\":1," or nothing. */
#define SIGN(id, url)                                                                              \
    "{" id "\"op\":\"sign\",\"name\":\"main\",\"request\":{\"method\":\"GET\",\"url\":\"" url      \
    "\",\"clock\":{\"timestamp_ms\":5}}}"

static inline void turn(void)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(fake.a.loop, EVLOOP_NONBLOCK);
}

static inline int come(void)
{
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    AUTO(fd_closep) int at = -1;
    struct err e;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    OK_CALL(dir_open(fake.a.where.run, 0, &at, &e), &e);
    snprintf(u.sun_path, sizeof(u.sun_path), "/proc/self/fd/%d/agent.sock", at);
    CHECK(connect(fd, (const struct sockaddr *)&u, sizeof(u)) == 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    turn();
    return fd;
}

/* All of it, with turns of the loop between. */
static inline void say_bytes(int fd, struct bytes v)
{
    for (int idle = 0; v.n > 0 && idle < 100;) {
        ssize_t n = send(fd, v.p, v.n, MSG_NOSIGNAL);
        if (n > 0)
            v = bytes_of(v.p + n, v.n - (size_t)n);
        idle = n > 0 ? 0 : idle + 1;
        turn();
    }
    CHECK(v.n == 0);
}

static inline void say(int fd, const char *line)
{
    say_bytes(fd, bytes_str(line));
    say_bytes(fd, BYTES_LIT("\n"));
    turn();
}

/* The next line; "" when none is there, "EOF" when the connection has ended. */
static inline const char *hear(int fd)
{
    static char line[65536];

    for (int idle = 0; idle < 20; idle++) {
        ssize_t n = recv(fd, line, sizeof(line) - 1, MSG_PEEK);
        const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
        if (n == 0)
            return "EOF";
        if (end) {
            size_t len = (size_t)(end - line);
            CHECK(recv(fd, line, len + 1, 0) == (ssize_t)len + 1);
            line[len] = 0;
            return line;
        }
        turn();
    }
    return "";
}

static inline bool has(const char *text, const char *part)
{
    return harness_ok(strstr(text, part) != NULL, __FILE__, __LINE__, "'%s' in '%.300s'", part,
                      text);
}

static inline void ends(int fd)
{
    EQ_STR(hear(fd), "EOF");
    close(fd);
}

#endif
