/* SPDX-License-Identifier: Apache-2.0 */
/* coffer-agent: started by `coffer agent`. coffer-agent VERSION --vault DIR [--OPTION [VALUE]]...:
 * the options of that command, each by its full name and its value in the next word. */
#include "agent/spawn.h"
#include "base/env.h"
#include "base/text.h"
#include "base/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DAY_MS (UINT64_C(24) * 60 * 60 * 1000)

struct start {
    struct agent_options options;
    const char *vault;
};

static bool take_path(char out[WHERE_MAX], const char *v)
{
    return v[0] == '/' && text_copy(out, WHERE_MAX, bytes_str(v));
}

static bool take_uid(struct agent_options *o, const char *v)
{
    uint64_t uid;

    if (o->n_proxy_uids == AGENT_UIDS_MAX || !text_u64(bytes_str(v), UINT32_MAX - 1, &uid))
        return false;
    o->proxy_uids[o->n_proxy_uids++] = (uid_t)uid;
    return true;
}

static bool take_port(struct agent_options *o, const char *v)
{
    uint64_t port;

    if (o->n_token_ports == AGENT_PORTS_MAX || !text_u64(bytes_str(v), 65535, &port) || port == 0)
        return false;
    o->token_ports[o->n_token_ports++] = (unsigned)port;
    return true;
}

/* A descriptor that is ours, and nobody's whom we start. */
static bool take_fd(int *out, const char *v)
{
    uint64_t fd;

    if (!text_u64(bytes_str(v), INT_MAX, &fd) || fd <= STDERR_FILENO ||
        fcntl((int)fd, F_SETFD, FD_CLOEXEC))
        return false;
    *out = (int)fd;
    return true;
}

/* NULL value: there is no next word. 0: not understood; else the words that it took. */
static int take(struct start *s, const char *name, const char *v)
{
    struct agent_options *o = &s->options;

    if (strcmp(name, "--foreground") == 0) {
        o->is_foreground = true;
        return 1;
    }
    if (strcmp(name, "--no-proxy") == 0) {
        o->has_no_proxy = true;
        return 1;
    }
    if (!v)
        return 0;
    if (strcmp(name, "--vault") == 0)
        return (s->vault = v)[0] == '/' ? 2 : 0;
    if (strcmp(name, "--listen") == 0)
        return text_copy(o->listen, sizeof(o->listen), bytes_str(v)) ? 2 : 0;
    if (strcmp(name, "--proxy-socket") == 0)
        return take_path(o->proxy_socket, v) ? 2 : 0;
    if (strcmp(name, "--pin-file") == 0)
        return take_path(o->pin_file, v) ? 2 : 0;
    if (strcmp(name, "--proxy-uid") == 0)
        return take_uid(o, v) ? 2 : 0;
    if (strcmp(name, "--token-port") == 0)
        return take_port(o, v) ? 2 : 0;
    if (strcmp(name, "--lock-after-ms") == 0)
        return text_u64(bytes_str(v), 365 * DAY_MS, &o->lock_after_ms) ? 2 : 0;
    if (strcmp(name, "--ready-fd") == 0)
        return take_fd(&o->ready_fd, v) ? 2 : 0;
    if (strcmp(name, "--lifeline-fd") == 0)
        return take_fd(&o->lifeline_fd, v) ? 2 : 0;
    return 0;
}

static int read_words(int argc, char **argv, struct start *s, struct err *e)
{
    int n = 0;

    if (argc < 2) {
        err_set(e, ERR_USAGE, "this program is started by coffer, not by hand");
        return err_hint(e, "'coffer agent' starts it");
    }
    bool is_partner = strcmp(argv[1], VERSION) == 0;
    for (int i = 2; i < argc; i += n) {
        n = take(s, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        if (n == 0 && is_partner)
            return err_set(e, ERR_USAGE, "'%s' is not understood, or its value is not", argv[i]);
        if (n == 0)
            break;
    }
    if (is_partner)
        return OK;
    err_set(e, ERR_USAGE, "this is version '%s', but coffer is '%s'", VERSION, argv[1]);
    return err_hint(e, "coffer and coffer-agent are installed together: install both again");
}

static int begin(int argc, char **argv, struct start *s, struct where *w, struct err *e)
{
    if (process_harden(e) || wipe_install(e) || read_words(argc, argv, s, e) ||
        where_find(s->vault, w, e))
        return e->code;
    /* no directory of somebody's is kept busy */
    return chdir("/") ? err_sys(e, errno, "leave the directory") : OK;
}

int main(int argc, char **argv)
{
    static struct start s;
    static struct where w;
    struct err e = {.code = OK};

    if (begin(argc, argv, &s, &w, &e)) {
        spawner_report(&s.options, &e);
        return err_exit(e.code);
    }
    return spawner_run(&s.options, &w, &env_real, &e);
}
