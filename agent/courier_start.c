/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and starts coffer-net, and says where it may go. The only place that starts it. */
#include "agent/courier_start.h"

#include "agent/program.h"
#include "base/env.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTPS_PORT 443u

/* -- where it may go -- */

static bool is_host_of(const struct record_info *rec, const struct connector *k,
                       enum environment env, const struct host *h)
{
    const char *region = rec->region[0] ? rec->region : k->regions ? k->regions[0] : NULL;

    if (h->is_ws || h->env != env)
        return false;
    if (h->region && (!region || strcmp(h->region, region) != 0))
        return false;
    for (size_t i = 0; i < rec->n_hosts; i++)
        if (text_eq_nocase(bytes_str(rec->hosts[i]), bytes_str(h->name)))
            return true;
    return rec->n_hosts == 0;
}

int courier_hosts(const struct record_info *rec, struct bytes out[WIRE_HOSTS_MAX], uint32_t *n,
                  struct err *e)
{
    const struct connector *k = connector_find(rec->connector);
    enum environment env;
    uint32_t found = 0;

    if (!k || !environment_by_name(bytes_str(rec->environment), &env))
        return err_set(e, ERR_FAILED, "'%s' (%s) is not an exchange that this version knows",
                       rec->connector, rec->environment);
    for (const struct host *h = k->hosts; h->name && found < WIRE_HOSTS_MAX; h++)
        if (is_host_of(rec, k, env, h))
            out[found++] = bytes_str(h->name);
    if (found == 0)
        return err_set(e, ERR_FAILED, "'%s' has no host that requests may go to", rec->name);
    *n = found;
    return OK;
}

static int add_port(struct ports *p, unsigned port, struct err *e)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i] == port)
            return OK;
    if (p->n == COURIER_PORTS_MAX)
        return err_set(e, ERR_LIMIT, "the keys lead to over %u different ports", COURIER_PORTS_MAX);
    p->v[p->n++] = port;
    return OK;
}

static int add_record(struct ports *p, const struct record_info *rec, struct err *e)
{
    struct bytes hosts[WIRE_HOSTS_MAX], name, digits;
    uint32_t n = 0;
    unsigned port;
    struct err ignored;

    /* A record of an exchange that is not known here: its own requests say so. */
    if (courier_hosts(rec, hosts, &n, &ignored))
        n = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t v = HTTPS_PORT;
        if (text_cut(hosts[i], ':', &name, &digits) && (!text_u64(digits, 65535, &v) || v == 0))
            continue;
        if (add_port(p, (unsigned)v, e))
            return e->code;
    }
    if (rec->connect_to[0] == 0 || connect_to_check(rec->connect_to, &port, &ignored))
        return OK;
    return add_port(p, port, e);
}

int courier_ports(const struct record_info *const *records, size_t n, struct ports *out,
                  struct err *e)
{
    struct ports p = {.v = {HTTPS_PORT}, .n = 1};

    for (size_t i = 0; i < n; i++)
        if (records[i] && add_record(&p, records[i], e))
            return e->code;
    *out = p;
    return OK;
}

/* -- how it starts -- */

struct launch {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    char words[COURIER_PORTS_MAX][8];
    char *argv[COURIER_PORTS_MAX + 3];
    char *envp[ENV_NET_MAX + 1];
};

/* Its end of the pair, nothing to read, nowhere to print, errors at its start to where ours go; no
 * descriptor else, whoever opened it. */
static int set_files(struct launch *l, int theirs)
{
    int rc = posix_spawn_file_actions_adddup2(&l->files, theirs, WIRE_FD);

    if (!rc)
        rc = posix_spawn_file_actions_addopen(&l->files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_addopen(&l->files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    if (!rc)
        rc = posix_spawn_file_actions_addclosefrom_np(&l->files, WIRE_FD + 1);
#endif
    return rc;
}

static void set_words(struct launch *l, const struct ports *ports)
{
    static char name[] = "coffer-net", version[] = VERSION;
    size_t n = 0;

    l->argv[n++] = name;
    l->argv[n++] = version;
    for (size_t i = 0; i < ports->n; i++) {
        snprintf(l->words[i], sizeof(l->words[i]), "%u", ports->v[i]);
        l->argv[n++] = l->words[i];
    }
    l->argv[n] = NULL;
    environment_net(l->envp);
}

static int spawn(const char *program, const struct ports *ports, int theirs, pid_t *pid,
                 struct err *e)
{
    struct launch l;

    if (access(program, X_OK)) {
        err_sys(e, errno, "start '%s'", program);
        e->code = ERR_FAILED;
        return e->code;
    }
    if (posix_spawn_file_actions_init(&l.files))
        return err_set(e, ERR_MEMORY, "out of memory to start coffer-net");
    int rc = posix_spawnattr_init(&l.attr);
    if (!rc) {
        set_words(&l, ports);
        rc = set_files(&l, theirs);
        if (!rc)
            rc = program_attributes(&l.attr, true);
        if (!rc)
            rc = posix_spawn(pid, program, &l.files, &l.attr, l.argv, l.envp);
        posix_spawnattr_destroy(&l.attr);
    }
    posix_spawn_file_actions_destroy(&l.files);
    if (!rc)
        return OK;
    err_sys(e, rc, "start '%s'", program);
    e->code = ERR_FAILED;
    return e->code;
}

int courier_start_at(const char *program, const struct record_info *const *records, size_t n,
                     struct courier **out, struct err *e)
{
    struct ports ports;
    int pair[2];
    pid_t pid = -1;

    if (courier_ports(records, n, &ports, e))
        return e->code;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return err_sys(e, errno, "make the way to coffer-net");
    int rc = spawn(program, &ports, pair[1], &pid, e);
    close(pair[1]);
    if (!rc)
        return courier_new(pair[0], pid, out, e);
    close(pair[0]);
    return rc;
}

int courier_start(const struct record_info *const *records, size_t n, struct courier **out,
                  struct err *e)
{
    char program[PATH_MAX];

    if (program_find("coffer-net", program, e))
        return e->code;
    return courier_start_at(program, records, n, out, e);
}
