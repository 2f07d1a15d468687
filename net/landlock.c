/* SPDX-License-Identifier: Apache-2.0 */
/* Files and ports, by landlock. The kernel's header may be older than the kernel, so what is needed
 * of it stands here (include/uapi/linux/landlock.h, ABI 1 to 6). */
#include "net/sandbox.h"

#include "base/env.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/x509.h>
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

/* Of /etc only what follows: there are private keys and passwords in it. Some are links. */
static const char *const readable[] = {
    /* libraries, which a name service may still load */
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    /* names */
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    /* certificate authorities, besides those that libcurl and OpenSSL name */
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/var/lib/ca-certificates",
#if IS_SANITIZED
    "/proc",
#endif
};

static int allow_path(int set, const char *path, struct err *e)
{
    struct path_rule rule = {.access = FS_READ_FILE};
    struct stat st;

    rule.fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;
    if (rule.fd < 0)
        return OK; /* a place that this system does not have */
    int rc = OK;
    if (fstat(rule.fd, &st) == 0 && S_ISDIR(st.st_mode))
        rule.access |= FS_READ_DIR | (IS_SANITIZED ? FS_EXECUTE : 0); /* a symbolizer */
    if (syscall(SYS_landlock_add_rule, set, RULE_PATH, &rule, 0u))
        rc = err_sys(e, errno, "allow '%s'", path);
    close(rule.fd);
    return rc;
}

/* A rule is for what a link leads to, not for the directories on the way. */
static int allow_files(int set, struct err *e)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    const char *const authorities[] = {curl->cainfo, curl->capath, X509_get_default_cert_file(),
                                       X509_get_default_cert_dir()};

    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        if (allow_path(set, readable[i], e))
            return e->code;
    for (size_t i = 0; i < ARRAY_LEN(authorities); i++)
        if (allow_path(set, authorities[i], e))
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

    /* the last: what a container's filter says of calls that it does not know */
    if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM))
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
