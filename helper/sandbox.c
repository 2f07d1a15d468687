/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of what coffer-token may do, one row for each kind of driver; how they are applied is
 * base/sandbox*.c. A path is looked up when the process starts: what is made later is in a folder
 * that is listed, or cannot be opened. */
#include "helper/sandbox.h"

#include "base/env.h"
#include "base/sandbox.h"
#include "helper/places.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* -- files -- */

/* Every driver is a library, and so is what it loads. Of /etc only what follows. */
static const char *const readable[] = {
    SANDBOX_LIBRARIES,
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/openssl.cnf",
    "/etc/crypto-policies",
    "/etc/localtime",
    "/etc/pkcs11",
    "/dev/urandom",
    "/dev/random",
    "/sys/devices/system/cpu",
#if IS_SANITIZED
    "/proc",
#endif
};

static const char *const for_names[] = {
    "/etc/resolv.conf", "/etc/hosts",    "/etc/host.conf",       "/etc/nsswitch.conf",
    "/etc/gai.conf",    "/etc/services", "/run/systemd/resolve", "/run/resolvconf",
    "/etc/ssl/certs",   "/etc/pki",      "/etc/ca-certificates", NULL,
};
static const char *const for_card[] = {
    "/etc/opensc", "/etc/opensc.conf", "/etc/eToken.conf", "/run/pcscd", NULL,
};
static const char *const for_server[] = {
    "/opt/nfast",
    "/etc/opencryptoki",
    "/run/p11-kit",
    NULL,
};
/* Makers' own folders of configuration and certificates. */
static const char *const for_network[] = {
    "/etc/Chrystoki.conf",
    "/usr/safenet",
    "/opt/cloudhsm",
    "/etc/utimaco",
    "/etc/primus",
    "/opt",
    "/etc/yubihsm_pkcs11.conf",
    "/etc/nitrokey",
    NULL,
};
static const char *const for_tpm[] = {"/etc/tpm2_pkcs11", "/etc/tpm2-tss", "/run/dbus", NULL};
static const char *const for_unknown[] = {"/opt", "/etc/opensc", "/run/pcscd", NULL};

static const char *const writable_tpm[] = {"/dev/tpmrm0", "/dev/tpm0", "/run/tpm2-tss",
                                           "/var/lib/tpm2-tss", NULL};
static const char *const writable_server[] = {"/var/lock/opencryptoki", "/run/opencryptoki",
                                              "/var/lib/opencryptoki", NULL};

static const struct row {
    const char *const *readable, *const *writable;
    bool is_writer; /* its files may be changed by system calls too */
} kinds[DRIVER_KINDS] = {
    [DRIVER_UNKNOWN] = {for_unknown, NULL, true},
    [DRIVER_FILES] = {NULL, NULL, true},
    [DRIVER_CARD] = {for_card, NULL, false},
    [DRIVER_TPM] = {for_tpm, writable_tpm, true},
    [DRIVER_SERVER] = {for_server, writable_server, true},
    [DRIVER_NETWORK] = {for_network, NULL, false},
};

#define PATHS_MAX 96u
/* a sanitizer runs a symbolizer */
#define READ (SANDBOX_READ | (IS_SANITIZED ? SANDBOX_EXECUTE : 0))

struct list {
    struct sandbox_path v[PATHS_MAX];
    size_t n;
};

static void add(struct list *l, const char *path, unsigned access)
{
    if (path[0] && l->n < PATHS_MAX)
        l->v[l->n++] = (struct sandbox_path){path, access};
}

static void add_all(struct list *l, const char *const *paths, unsigned access)
{
    for (size_t i = 0; paths && paths[i]; i++)
        add(l, paths[i], access);
}

static int confine_files(const struct options *o, const struct places *p, struct err *e)
{
    const struct row *row = &kinds[o->needs.kind];
    struct list l = {.n = 0};
    unsigned ports[DRIVER_PORTS_MAX + 1];
    struct sandbox_files files = {l.v, 0, ports, 0};

    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        add(&l, readable[i], READ);
    add(&l, "/dev/null", SANDBOX_READ | SANDBOX_WRITE);
    add_all(&l, row->readable, READ);
    add_all(&l, row->writable, SANDBOX_READ | SANDBOX_WRITE);
    if (o->needs.n_ports > 0)
        add_all(&l, for_names, READ);
    for (size_t i = 0; i < p->n; i++)
        add(&l, p->v[i].path, READ | (p->v[i].is_written ? SANDBOX_WRITE : 0));
    files.n_paths = l.n;
    for (size_t i = 0; i < o->needs.n_ports; i++)
        ports[files.n_ports++] = o->needs.ports[i];
    if (o->needs.has_names)
        ports[files.n_ports++] = 53;
    return sandbox_landlock(&files, NULL, e);
}

/* -- system calls -- */

/* Protocols, by the numbers of IANA: the header of addresses is not for this folder. */
#define TCP 6u
#define UDP 17u

#define READER                                                                                     \
    "dup2 dup3 umask getppid getresuid getresgid getgroups getrusage times sched_getparam",        \
        "sched_getscheduler membarrier fstatfs statfs fadvise64"
static const char *const allowed[] = {READER, NULL};
/* Which files may be changed is landlock's; without landlock it is the file's owner's. */
static const char *const allowed_writer[] = {
    READER,
    "open openat mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 fsync fdatasync",
    "ftruncate ftruncate64 fallocate flock chmod fchmod fchmodat pwrite64 utimensat",
    "msync sync_file_range", NULL};

#define LOCKS(name)                                                                                \
    {(name), SANDBOX_IS(1, F_GETLK)}, {(name), SANDBOX_IS(1, F_SETLK)},                            \
        {(name), SANDBOX_IS(1, F_SETLKW)}, {(name), SANDBOX_IS(1, F_OFD_SETLK)},                   \
    {                                                                                              \
        (name), SANDBOX_IS(1, F_OFD_GETLK)                                                         \
    }

static const struct sandbox_rule rules_writer[] = {
    SANDBOX_THREADS, LOCKS("fcntl"), LOCKS("fcntl64"), {NULL, {0}}};
static const struct sandbox_rule rules[] = {
    SANDBOX_OPEN_TO_READ, SANDBOX_THREADS, LOCKS("fcntl"), LOCKS("fcntl64"), {NULL, {0}}};

static int allow_socket(scmp_filter_ctx c, unsigned family, unsigned type)
{
    const struct scmp_arg_cmp args[] = {SANDBOX_IS(0, family),
                                        SANDBOX_HAS(1, SANDBOX_SOCKET_TYPE, type)};

    return sandbox_call(c, SCMP_ACT_ALLOW, "socket", ARRAY_LEN(args), args);
}

/* A family that is not there is what a library expects of a small system. */
static int refuse_family(scmp_filter_ctx c, unsigned family)
{
    const struct scmp_arg_cmp arg = SANDBOX_IS(0, family);

    return sandbox_call(c, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, &arg);
}

static int local_sockets(scmp_filter_ctx c, bool are_allowed)
{
    const struct scmp_arg_cmp pair = SANDBOX_IS(0, AF_UNIX);
    int rc = sandbox_call(c, SCMP_ACT_ALLOW, "socketpair", 1, &pair);

    if (rc == 0 && !are_allowed)
        return refuse_family(c, AF_UNIX);
    return rc == 0 ? allow_socket(c, AF_UNIX, SOCK_STREAM) : rc;
}

/* TCP, and UDP to ask name servers; TCP's other protocols (MPTCP, SCTP) pass landlock by. */
static int inet_sockets(scmp_filter_ctx c, bool are_allowed)
{
    static const unsigned families[] = {AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM},
                          protocols[] = {0, TCP, UDP};
    const struct scmp_arg_cmp netlink[] = {SANDBOX_IS(0, AF_NETLINK), SANDBOX_IS(2, 0)};
    int rc = 0;

    for (size_t i = 0; !are_allowed && rc == 0 && i < ARRAY_LEN(families); i++)
        rc = refuse_family(c, families[i]);
    if (!are_allowed || rc)
        return rc;
    for (size_t i = 0; rc == 0 && i < 2 * 2 * ARRAY_LEN(protocols); i++) {
        const struct scmp_arg_cmp args[] = {
            SANDBOX_IS(0, families[i & 1]),
            SANDBOX_HAS(1, SANDBOX_SOCKET_TYPE, types[i >> 1 & 1]),
            SANDBOX_IS(2, protocols[i >> 2]),
        };
        rc = sandbox_call(c, SCMP_ACT_ALLOW, "socket", ARRAY_LEN(args), args);
    }
    return rc == 0 ? sandbox_call(c, SCMP_ACT_ALLOW, "socket", 2, netlink) : rc;
}

static int add_sockets(scmp_filter_ctx c, bool local, bool inet)
{
    const struct scmp_arg_cmp level[] = {SANDBOX_IS(1, SOL_SOCKET), SANDBOX_IS(1, TCP)};
    int rc = local_sockets(c, local);

    if (rc == 0)
        rc = inet_sockets(c, inet);
    if (rc == 0 && (local || inet))
        rc = sandbox_line(c, SCMP_ACT_ALLOW, "connect");
    if (rc == 0 && inet)
        rc = sandbox_line(c, SCMP_ACT_ALLOW, "bind");
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(level); i++)
        rc = sandbox_call(c, SCMP_ACT_ALLOW, "setsockopt", 1, &level[i]);
    return rc == 0 ? sandbox_line(c, SCMP_ACT_ERRNO(EPERM), "listen accept accept4") : rc;
}

static int no_sockets(scmp_filter_ctx c)
{
    return add_sockets(c, false, false);
}
static int only_local(scmp_filter_ctx c)
{
    return add_sockets(c, true, false);
}
static int only_inet(scmp_filter_ctx c)
{
    return add_sockets(c, false, true);
}
static int all_sockets(scmp_filter_ctx c)
{
    return add_sockets(c, true, true);
}

static int confine_calls(const struct options *o, struct err *e)
{
    bool is_writer = kinds[o->needs.kind].is_writer, local = o->needs.has_local_sockets,
         inet = o->needs.n_ports > 0;
    const struct sandbox_calls calls = {
        .allowed = is_writer ? allowed_writer : allowed,
        .rules = is_writer ? rules_writer : rules,
        .more = local ? (inet ? all_sockets : only_local) : (inet ? only_inet : no_sockets),
    };

    return sandbox_seccomp(&calls, e);
}

int helper_confine(const struct options *o, struct err *e)
{
    static struct places places;

    places_find(o, &places);
    return confine_files(o, &places, e) ? e->code : confine_calls(o, e);
}
