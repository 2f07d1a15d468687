/* SPDX-License-Identifier: Apache-2.0 */
/* coffer-net: started by coffer or coffer-agent, with its end of a pair of sockets as descriptor 3.
 * coffer-net VERSION PORT...: whose partner it is, and the only TCP ports that it may connect to;
 * carries the requests of one command. coffer-net VERSION proxy [unix=FD]... [tcp=FD:PORT]...
 * [uid=UID]... PORT...: the agent's proxy, with its listeners and who may come in besides us. */
#include "base/env.h"
#include "base/partner.h"
#include "base/text.h"
#include "base/wire.h"
#include "net/memory.h"
#include "net/proxy.h"
#include "net/sandbox.h"
#include "net/serve.h"
#include "net/serve_proxy.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_MAX 128u
#define PORT_DNS 53u

#define FILES 2048u

struct start {
    bool is_proxy;
    unsigned ports[PORTS_MAX];
    size_t n_ports;
    struct listener_config doors;
};

static int check_start(int argc, char **argv, struct start *s, struct err *e)
{
    int type = 0;
    socklen_t n = sizeof(type);

    s->is_proxy = argc > 2 && strcmp(argv[2], "proxy") == 0;
    if (argc < 2 || getsockopt(WIRE_FD, SOL_SOCKET, SO_TYPE, &type, &n) ||
        type != (s->is_proxy ? SOCK_SEQPACKET : SOCK_STREAM)) {
        err_set(e, ERR_USAGE, "this program is started by coffer, not by hand");
        return err_hint(e, "'coffer help' lists what can be done");
    }
    if (strcmp(argv[1], VERSION) != 0) {
        err_set(e, ERR_USAGE, "this is version '%s', but coffer is '%s'", VERSION, argv[1]);
        return err_hint(e, "coffer and coffer-net are installed together: install both again");
    }
    return OK;
}

static bool add_door(struct listener_config *c, struct bytes fd, struct bytes port, bool is_tcp)
{
    uint64_t fd_n, port_n = 0;

    if (c->n_doors == LISTENER_DOORS_MAX || !text_u64(fd, 1023, &fd_n) || fd_n <= WIRE_FD ||
        (is_tcp && (!text_u64(port, 65535, &port_n) || port_n == 0)))
        return false;
    c->doors[c->n_doors++] = (struct door){(int)fd_n, (unsigned)port_n};
    return true;
}

/* "unix=4", "tcp=5:8080", "uid=1000". */
static bool read_setting(struct listener_config *c, struct bytes word)
{
    struct bytes name, value, fd, port;
    uint64_t uid;

    if (!text_cut(word, '=', &name, &value))
        return false;
    if (bytes_eq_str(name, "unix"))
        return add_door(c, value, value, false);
    if (bytes_eq_str(name, "tcp"))
        return text_cut(value, ':', &fd, &port) && add_door(c, fd, port, true);
    if (!bytes_eq_str(name, "uid") || c->n_uids == LISTENER_UIDS_MAX ||
        !text_u64(value, UINT32_MAX - 1, &uid))
        return false;
    c->uids[c->n_uids++] = (uint32_t)uid;
    return true;
}

static bool read_port(struct start *s, struct bytes word)
{
    uint64_t port;

    if (s->n_ports == PORTS_MAX || !text_u64(word, 65535, &port) || port == 0)
        return false;
    s->ports[s->n_ports++] = (unsigned)port;
    return true;
}

static int read_words(int argc, char **argv, const struct proxy *proxy, struct start *s,
                      struct err *e)
{
    s->ports[s->n_ports++] = PORT_DNS;
    if (proxy->url[0] && !proxy->bad)
        s->ports[s->n_ports++] = proxy->port;
    for (int i = s->is_proxy ? 3 : 2; i < argc; i++) {
        struct bytes word = bytes_str(argv[i]);
        if (!(s->is_proxy && read_setting(&s->doors, word)) && !read_port(s, word))
            return err_set(e, ERR_USAGE, "'%s' is no port, or one too many", argv[i]);
    }
    return OK;
}

/* Each client is a descriptor. */
static void allow_files(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= FILES)
        return;
    r.rlim_cur = r.rlim_max < FILES ? r.rlim_max : FILES;
    (void)setrlimit(RLIMIT_NOFILE, &r); /* with fewer it serves fewer */
}

static int confine(const struct start *s, struct err *e)
{
    return net_landlock(s->ports, s->n_ports, e)
               ? e->code
               : net_seccomp(s->is_proxy ? NET_PROXY : NET_CARRY, e);
}

/* What coffer prints its errors to is mostly the terminal, which can be read through the same
 * descriptor: the PIN that is typed there is not for this process. *errors goes on being ours until
 * the sandbox stands. */
static int shut_in(const struct start *s, int *errors, struct err *e)
{
    if (IS_SANITIZED) /* a sanitizer's findings are printed */
        return confine(s, e);
    if (partner_leave_terminal(STDERR_FILENO, WIRE_FD, errors, e) || confine(s, e))
        return e->code;
    partner_hushed(errors);
    return OK;
}

static int run(int argc, char **argv, int *errors, struct err *e)
{
    static struct proxy proxy;
    struct start s = {.is_proxy = false};

    if (process_harden(e) || check_start(argc, argv, &s, e) || partner_ignore_signals(e))
        return e->code;
    proxy_from_environment(&proxy);
    if (s.is_proxy)
        allow_files();
    if (read_words(argc, argv, &proxy, &s, e) || memory_install(e) || shut_in(&s, errors, e))
        return e->code;
    return s.is_proxy ? serve_proxy(WIRE_FD, &s.doors, &proxy, &env_real, e)
                      : serve(WIRE_FD, &proxy, &env_real, e);
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
