/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of what coffer-net may do; how they are applied is base/sandbox*.c. */
#include "net/sandbox.h"

#include "base/env.h"
#include "base/sandbox.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509.h>
#include <sched.h>
#include <sys/socket.h>

/* Of /etc only what follows: there are private keys and passwords in it. Some are links. */
static const char *const readable[] = {
    /* libraries, which a name service may still load */
    SANDBOX_LIBRARIES,
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

#define AUTHORITIES 4u
/* a sanitizer runs a symbolizer */
#define ACCESS (SANDBOX_READ | (IS_SANITIZED ? SANDBOX_EXECUTE : 0))

int net_landlock(const unsigned *ports, size_t n, struct err *e)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    const char *const authorities[AUTHORITIES] = {
        curl->cainfo, curl->capath, X509_get_default_cert_file(), X509_get_default_cert_dir()};
    struct sandbox_path paths[ARRAY_LEN(readable) + AUTHORITIES];
    const struct sandbox_files files = {paths, ARRAY_LEN(paths), ports, n};

    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        paths[i] = (struct sandbox_path){readable[i], ACCESS};
    for (size_t i = 0; i < AUTHORITIES; i++)
        paths[ARRAY_LEN(readable) + i] = (struct sandbox_path){authorities[i], ACCESS};
    return sandbox_landlock(&files, NULL, e);
}

/* Connections outward; bind, without listen, for the C libraries that ask name servers and the
 * kernel from a bound socket. */
static const char *const allowed[] = {"connect bind", NULL};
/* A kernel never lacks it: a denial is the truth. */
static const char *const denied[] = {"listen", NULL};

static const struct sandbox_rule rules[] = {
    SANDBOX_OPEN_TO_READ,
    SANDBOX_THREADS, /* they resolve names */
    {"setsockopt", SANDBOX_IS(1, SOL_SOCKET)},
    {NULL, {0}},
};

/* TCP and UDP, not the protocols of the same family that landlock does not take for TCP (MPTCP,
 * SCTP), nor raw sockets; which addresses this machine has; a pair that can only be a pair. */
static int add_sockets(scmp_filter_ctx c)
{
    static const unsigned families[] = {AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM},
                          protocols[] = {0, IPPROTO_TCP, IPPROTO_UDP};
    const struct scmp_arg_cmp netlink[] = {SANDBOX_IS(0, AF_NETLINK), SANDBOX_IS(2, 0)},
                              local = SANDBOX_IS(0, AF_UNIX),
                              pair[] = {SANDBOX_IS(0, AF_UNIX),
                                        SANDBOX_HAS(1, SANDBOX_SOCKET_TYPE, SOCK_STREAM)};
    int rc = sandbox_call(c, SCMP_ACT_ALLOW, "socket", 2, netlink);

    if (rc == 0)
        rc = sandbox_call(c, SCMP_ACT_ALLOW, "socketpair", 2, pair);
    if (rc == 0)
        rc = sandbox_call(c, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, &local);
    for (size_t i = 0; rc == 0 && i < 2 * 2 * ARRAY_LEN(protocols); i++) {
        const struct scmp_arg_cmp args[] = {
            SANDBOX_IS(0, families[i & 1]),
            SANDBOX_HAS(1, SANDBOX_SOCKET_TYPE, types[i >> 1 & 1]),
            SANDBOX_IS(2, protocols[i >> 2]),
        };
        rc = sandbox_call(c, SCMP_ACT_ALLOW, "socket", ARRAY_LEN(args), args);
    }
    return rc;
}

/* Of IP no packet filter's, of TCP none that makes another protocol of it. */
static int add_options(scmp_filter_ctx c)
{
    static const int tcp[] = {TCP_NODELAY, TCP_MAXSEG,   TCP_KEEPIDLE,    TCP_KEEPINTVL,
                              TCP_KEEPCNT, TCP_QUICKACK, TCP_USER_TIMEOUT};
    const struct scmp_arg_cmp ip[] = {SANDBOX_IS(1, IPPROTO_IP), {2, SCMP_CMP_LT, 64, 0}},
                              ipv6[] = {SANDBOX_IS(1, IPPROTO_IPV6), {2, SCMP_CMP_LT, 64, 0}};
    int rc = sandbox_call(c, SCMP_ACT_ALLOW, "setsockopt", ARRAY_LEN(ip), ip);

    if (rc == 0)
        rc = sandbox_call(c, SCMP_ACT_ALLOW, "setsockopt", ARRAY_LEN(ipv6), ipv6);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(tcp); i++) {
        const struct scmp_arg_cmp args[] = {SANDBOX_IS(1, IPPROTO_TCP), SANDBOX_IS(2, tcp[i])};
        rc = sandbox_call(c, SCMP_ACT_ALLOW, "setsockopt", ARRAY_LEN(args), args);
    }
    return rc;
}

static int add_both(scmp_filter_ctx c)
{
    int rc = add_sockets(c);

    return rc == 0 ? add_options(c) : rc;
}

static int add_carry(scmp_filter_ctx c)
{
    int rc = add_both(c);

    return rc == 0 ? sandbox_line(c, SCMP_ACT_ERRNO(EPERM), "accept accept4") : rc;
}

static int add_proxy(scmp_filter_ctx c)
{
    int rc = add_both(c);

    return rc == 0 ? sandbox_line(c, SCMP_ACT_ALLOW, "accept accept4") : rc;
}

int net_seccomp(enum net_role role, struct err *e)
{
    const struct sandbox_calls calls = {allowed, denied, rules,
                                        role == NET_PROXY ? add_proxy : add_carry};

    return sandbox_seccomp(&calls, e);
}
