/* SPDX-License-Identifier: Apache-2.0 */
/* coffer-net: started by coffer, with its end of a socketpair as descriptor 3; sends requests that
 * are ready, and returns the replies. coffer-net VERSION PORT...: whose partner it is, and the only
 * TCP ports that it may connect to. */
#include "base/env.h"
#include "base/text.h"
#include "base/wire.h"
#include "net/memory.h"
#include "net/proxy.h"
#include "net/sandbox.h"
#include "net/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_MAX 128u
#define PORT_DNS 53u

struct ports {
    unsigned v[PORTS_MAX];
    size_t n;
};

static int check_start(int argc, char **argv, struct err *e)
{
    int type = 0;
    socklen_t n = sizeof(type);

    if (argc < 2 || getsockopt(WIRE_FD, SOL_SOCKET, SO_TYPE, &type, &n) || type != SOCK_STREAM) {
        err_set(e, ERR_USAGE, "this program is started by coffer, not by hand");
        return err_hint(e, "'coffer help' lists what can be done");
    }
    if (strcmp(argv[1], VERSION) != 0) {
        err_set(e, ERR_USAGE, "this is version '%s', but coffer is '%s'", VERSION, argv[1]);
        return err_hint(e, "coffer and coffer-net are installed together: install both again");
    }
    return OK;
}

static int read_ports(int argc, char **argv, const struct proxy *proxy, struct ports *out,
                      struct err *e)
{
    out->v[out->n++] = PORT_DNS;
    if (proxy->url[0] && !proxy->bad)
        out->v[out->n++] = proxy->port;
    for (int i = 2; i < argc; i++) {
        uint64_t port;
        if (!text_u64(bytes_str(argv[i]), 65535, &port) || port == 0 || out->n == PORTS_MAX)
            return err_set(e, ERR_USAGE, "'%s' is no port, or one too many", argv[i]);
        out->v[out->n++] = (unsigned)port;
    }
    return OK;
}

/* These are for coffer, which may have something to finish; with it we end. */
static int ignore_signals(struct err *e)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGHUP};
    struct sigaction a = {.sa_handler = SIG_IGN};

    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        if (sigaction(ignored[i], &a, NULL))
            return err_set(e, ERR_FAILED, "cannot ignore signals");
    return OK;
}

static int confine(const struct ports *ports, struct err *e)
{
    return sandbox_landlock(ports->v, ports->n, e) ? e->code : sandbox_seccomp(e);
}

/* What coffer prints its errors to is mostly the terminal, which can be read through the same
 * descriptor: the PIN that is typed there is not for this process. *errors goes on being ours until
 * the sandbox stands. */
static int shut_in(const struct ports *ports, int *errors, struct err *e)
{
    if (IS_SANITIZED) /* a sanitizer's findings are printed */
        return confine(ports, e);
    int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, WIRE_FD + 1);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (kept < 0 || null < 0 || dup2(null, STDERR_FILENO) < 0)
        return err_sys(e, errno, "leave the terminal");
    close(null);
    *errors = kept;
    if (confine(ports, e))
        return e->code;
    close(kept);
    *errors = STDERR_FILENO;
    return OK;
}

static int run(int argc, char **argv, int *errors, struct err *e)
{
    static struct proxy proxy;
    struct ports ports = {.n = 0};

    if (process_harden(e) || check_start(argc, argv, e) || ignore_signals(e))
        return e->code;
    proxy_from_environment(&proxy);
    if (read_ports(argc, argv, &proxy, &ports, e) || memory_install(e) ||
        shut_in(&ports, errors, e))
        return e->code;
    return serve(WIRE_FD, &proxy, &env_real, e);
}

int main(int argc, char **argv)
{
    struct err e = {.code = OK};
    int errors = STDERR_FILENO;

    if (run(argc, argv, &errors, &e) == OK)
        return 0;
    dprintf(errors, "coffer-net: %s\n", e.msg);
    for (unsigned i = 0; i < e.n_hints; i++)
        dprintf(errors, "hint: %s\n", e.hints[i]);
    return err_exit(e.code) == 2 ? 2 : 1;
}
