/* SPDX-License-Identifier: Apache-2.0 */
/* Files and ports, by landlock. The kernel's header may be older than the kernel, so what is needed
 * of it stands here (include/uapi/linux/landlock.h, ABI 1 to 6). */
#include "base/sandbox.h"

#include "base/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* the same numbers on every architecture that has them */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define RULE_PATH 1u
#define RULE_PORT 2u
#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
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

/* What is asked for, in the kernel's words; a rule for a file may not speak of folders. */
static uint64_t rights(unsigned access, bool is_dir)
{
    uint64_t r = 0;

    if (access & SANDBOX_READ)
        r |= FS_READ_FILE | (is_dir ? FS_READ_DIR : 0);
    if (access & SANDBOX_EXECUTE)
        r |= FS_EXECUTE;
    if (access & SANDBOX_WRITE)
        r |= FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV |
             (is_dir ? FS_MAKE_REG | FS_MAKE_DIR | FS_REMOVE_FILE | FS_REMOVE_DIR : 0);
    return r;
}

/* A rule is for what a link leads to, not for the directories on the way. */
static int allow_path(int set, const struct ruleset *all, const struct sandbox_path *p,
                      struct err *e)
{
    struct path_rule rule = {.fd = -1};
    struct stat st;
    int rc = OK;

    if (p->path && p->path[0])
        rule.fd = open(p->path, O_PATH | O_CLOEXEC);
    if (rule.fd < 0)
        return OK; /* a place that this system does not have */
    if (fstat(rule.fd, &st))
        rc = err_sys(e, errno, "look at '%s'", p->path);
    else
        rule.access = rights(p->access, S_ISDIR(st.st_mode)) & all->fs;
    if (!rc && rule.access && syscall(SYS_landlock_add_rule, set, RULE_PATH, &rule, 0u))
        rc = err_sys(e, errno, "allow '%s'", p->path);
    close(rule.fd);
    return rc;
}

static int allow_all(int set, const struct ruleset *all, const struct sandbox_files *f,
                     struct err *e)
{
    for (size_t i = 0; i < f->n_paths; i++)
        if (allow_path(set, all, &f->paths[i], e))
            return e->code;
    for (size_t i = 0; all->net && i < f->n_ports; i++) {
        struct port_rule rule = {NET_CONNECT_TCP, f->ports[i]};
        if (syscall(SYS_landlock_add_rule, set, RULE_PORT, &rule, 0u))
            return err_sys(e, errno, "allow port %u", f->ports[i]);
    }
    return OK;
}

static int restrict_to(long abi, const struct sandbox_files *f, struct err *e)
{
    struct ruleset all = {
        .fs = FS_OF_ABI_1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
              (abi >= 5 ? FS_IOCTL_DEV : 0),
        .net = abi >= LANDLOCK_PORTS ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
        .scoped = abi >= 6 ? SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL : 0,
    };
    size_t size = abi >= 6                ? sizeof(all)
                  : abi >= LANDLOCK_PORTS ? sizeof(all) - sizeof(all.scoped)
                                          : sizeof(all.fs);
    int set = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0u);
    if (set < 0)
        return err_sys(e, errno, "make a landlock ruleset");
    int rc = allow_all(set, &all, f, e);
    if (!rc && syscall(SYS_landlock_restrict_self, set, 0u))
        rc = err_sys(e, errno, "restrict this process");
    close(set);
    return rc;
}

int sandbox_landlock(const struct sandbox_files *f, long *abi, struct err *e)
{
    long version = landlock_version();

    if (version < 0)
        return err_sys(e, (int)-version, "ask for landlock");
    if (version > 0 && restrict_to(version, f, e))
        return e->code;
    if (abi)
        *abi = version;
    return OK;
}
