/* SPDX-License-Identifier: Apache-2.0 */
/* Files and ports, by landlock. The kernel's header may be older than the kernel, so what is needed
 * of it stands here (include/uapi/linux/landlock.h, ABI 1 to 6). */
#include "net/sandbox.h"

#include "base/env.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* the same numbers on every architecture that has them */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define VERSION_QUERY 1u
#define RULE_PATH 1u
#define RULE_PORT 2u
#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_OF_ABI_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)     /* ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_BIND_TCP UINT64_C(1)         /* ABI 4 */
#define NET_CONNECT_TCP UINT64_C(2)
#define SCOPE_ABSTRACT_SOCKET UINT64_C(1) /* ABI 6 */
#define SCOPE_SIGNAL UINT64_C(2)

struct ruleset {
    uint64_t fs, net, scoped;
};
struct path_rule {
    uint64_t access;
    int32_t fd;
} __attribute__((packed));
struct port_rule {
    uint64_t access, port;
};

static const char *const readable[] = {
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
#if IS_SANITIZED
    "/proc",
#endif
};

/* Often a link to somewhere else. */
static const char *const files[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"};

static int allow_path(int set, const char *path, struct err *e)
{
    struct path_rule rule = {.access = FS_READ_FILE};
    struct stat st;

    rule.fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.fd < 0)
        return OK; /* a place that this system does not have */
    int rc = OK;
    if (fstat(rule.fd, &st) == 0 && S_ISDIR(st.st_mode))
        rule.access |= FS_EXECUTE | FS_READ_DIR;
    if (syscall(SYS_landlock_add_rule, set, RULE_PATH, &rule, 0u))
        rc = err_sys(e, errno, "allow '%s'", path);
    close(rule.fd);
    return rc;
}

static int allow_files(int set, struct err *e)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        if (allow_path(set, readable[i], e))
            return e->code;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (realpath(files[i], path) && allow_path(set, path, e))
            return e->code;
    return OK;
}

static int allow_ports(int set, const unsigned *ports, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct port_rule rule = {NET_CONNECT_TCP, ports[i]};
        if (syscall(SYS_landlock_add_rule, set, RULE_PORT, &rule, 0u))
            return err_sys(e, errno, "allow port %u", ports[i]);
    }
    return OK;
}

int sandbox_landlock(const unsigned *ports, size_t n, struct err *e)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0u, VERSION_QUERY);

    if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
        return OK;
    if (abi < 0)
        return err_sys(e, errno, "ask for landlock");
    struct ruleset all = {
        .fs = FS_OF_ABI_1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
              (abi >= 5 ? FS_IOCTL_DEV : 0),
        .net = abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
        .scoped = abi >= 6 ? SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL : 0,
    };
    size_t size = abi >= 6   ? sizeof(all)
                  : abi >= 4 ? sizeof(all) - sizeof(all.scoped)
                             : sizeof(all.fs);
    int set = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0u);
    if (set < 0)
        return err_sys(e, errno, "make a landlock ruleset");
    int rc = allow_files(set, e);
    if (!rc && abi >= 4)
        rc = allow_ports(set, ports, n, e);
    if (!rc && syscall(SYS_landlock_restrict_self, set, 0u))
        rc = err_sys(e, errno, "restrict this process");
    close(set);
    return rc;
}
